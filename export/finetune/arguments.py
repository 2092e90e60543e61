"""What a run was begun with, which a resumed run must have, too."""

import hashlib

import numpy as np

from sklearn_mitra._params import NOT_STORED
from sklearn_mitra._preprocessing.table import as_array, check_table, columns_of

# Settings by the names that they have in finetune. How long a run takes may change.
_NAMES = {
    "lr": "learning_rate",
    "weight_decay": "weight_decay",
    "n_support": "support_size",
    "n_query": "query_size",
    "seed": "random_state",
}


def describe(estimator, task, checkpoint, settings, validation_fraction, X, y, X_val, y_val):
    """The arguments of a run, each as a text that is the same for the same argument.

    Parameters
    ----------
    estimator, validation_fraction, X, y, X_val, y_val : object
        As ``finetune`` got them.
    task : Task
        Made of them.
    checkpoint : sklearn_mitra._network.checkpoint.Checkpoint
    settings : Settings

    Returns
    -------
    arguments : dict of str to str
        By the name that an error gives to it.
    """
    params = estimator.get_params(deep=False)
    params["random_state"] = task.served._model.seed  # what was drawn, if it is a generator
    values = vars(settings)
    own = {name: values[field] for field, name in _NAMES.items()}
    return {
        "estimator": type(estimator).__name__,
        **{f"estimator.{k}": _text(v) for k, v in params.items() if k not in NOT_STORED},
        "estimator.model": f"SHA-256 {checkpoint.sha256[:16]}",
        "ensemble members": repr(task.learner.members),  # "auto" may choose others
        **{name: _text(value) for name, value in own.items()},
        "validation_fraction": _text(validation_fraction),
        "X": _text_of_table(task, X),
        "y": _text_of_targets(y),
        "X_val": _text_of_table(task, X_val),
        "y_val": _text_of_targets(y_val),
    }


def check_same(begun, arguments, directory):
    """Raise a ValueError unless a run was begun with these arguments.

    Parameters
    ----------
    begun, arguments : dict of str to str
        As :func:`describe` returns them.
    directory : str
        That of the run.
    """
    changed = [
        f"{name} was {begun.get(name)} and is {arguments.get(name)}"
        for name in sorted(begun.keys() | arguments.keys())
        if begun.get(name) != arguments.get(name)
    ]
    if changed:
        raise ValueError(
            f"The run in {directory!r} was begun with other arguments: {'; '.join(changed)}. Pass "
            "the same ones, or another directory."
        )


def _text(value):
    """The same of NumPy's numbers as of Python's."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _text_of_table(task, X):
    if X is None:
        return repr(None)
    X = check_table(task.served, as_array(X), reset=False)
    return _digest(list(getattr(X, "columns", ())), columns_of(X), X.shape)


def _text_of_targets(y):
    return repr(None) if y is None else _digest([], [y], (len(y),))


def _digest(names, columns, shape):
    """A table's shape, and a hash of its names, types and values."""
    digest = hashlib.sha256(repr(names).encode())
    for column in columns:
        values = np.asarray(column)
        # objects by their value, not by where they are in memory
        plain = repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
        digest.update(str(values.dtype).encode() + plain)
    return f"{shape} with SHA-256 {digest.hexdigest()[:16]}"
