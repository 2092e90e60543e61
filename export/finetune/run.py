"""Fine-tuning as one function: from an estimator and a table to a fitted estimator."""

import os
import time
import warnings
from numbers import Integral

from sklearn.base import clone

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._network.checkpoint import CHECKPOINTS, expand_user
from sklearn_mitra._network.interchange import SUFFIX
from sklearn_mitra._network.resolve import resolve_network
from sklearn_mitra._preprocessing.support import draw_seed

from ..pretrain.lock import locked
from .arguments import describe
from .history import HISTORY
from .settings import STATE, Settings
from .task import Task, split


def finetune(
    estimator,
    X,
    y,
    *,
    directory,
    X_val=None,
    y_val=None,
    validation_fraction=0.2,
    seconds=300.0,
    n_steps=None,
    learning_rate=Settings.lr,
    weight_decay=Settings.weight_decay,
    support_size=Settings.n_support,
    query_size=Settings.n_query,
    patience=None,
    device="auto",
    random_state=0,
    resume=False,
    verbose=0,
):
    """Tune the weights of an estimator's checkpoint to a table.

    Every step splits training rows at random into a support set and queries, shows them as one of
    the estimator's ensemble members would, and takes a step towards the queries' labels. The
    weights that predict the validation rows best are kept; those before the first step are among
    them, so the result is never worse on these rows than the checkpoint was.

    Parameters
    ----------
    estimator : MitraClassifier or MitraRegressor
        Its ``model`` is the checkpoint to start from, its other parameters are those of the
        result. It isn't changed, and needn't be fitted.
    X : array-like or DataFrame of shape (n_samples, n_features)
        As ``fit`` takes it.
    y : array-like of shape (n_samples,)
    directory : str or PathLike
        Made if it doesn't exist. Gets the tuned checkpoint, ``config.json`` and
        ``model.safetensors``, and the history of its losses. A ``~`` at its start is expanded, as
        in ``model``.
    X_val, y_val : array-like, default=None
        Rows to validate with. None takes some of ``X`` and ``y``.
    validation_fraction : float, default=0.2
        Part of the rows to validate with, 1000 rows at most. They are among the training rows of
        the result again.
    seconds : float, default=300
        Length of the run: preparation, steps and validations. A step that would end later is not
        begun. The fit at the end, to all rows, is not counted.
    n_steps : int, default=None
        Length in steps instead. Two such runs with the same seed on one machine have the same
        result to the bit.
    learning_rate : float, default=1e-4
        It rises to this and falls to 0.
    weight_decay : float, default=0.01
    support_size, query_size : int, default=384 and 256
        Most rows of a step. Fewer are taken if they don't fit the memory.
    patience : int, default=None
        Number of validations without a better score that end the run. None is no end.
    device : {"auto", "cpu", "cuda"}, default="auto"
        "auto" is "cuda" if there is one.
    random_state : int, RandomState instance or None, default=0
        Draws the validation rows and the steps. Only a run with an int can be resumed.
    resume : bool, default=False
        Go on with the run in ``directory``, which was interrupted. The data and all parameters
        but ``seconds``, ``n_steps``, ``patience``, ``device`` and ``verbose`` must be the same, and
        so must the estimator's but ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.
    verbose : int, default=0
        1 shows a progress bar with the losses.

    Returns
    -------
    tuned : MitraClassifier or MitraRegressor
        A clone with ``model=directory``, fitted to ``X`` and ``y``.

    Raises
    ------
    CheckpointError
        If ``estimator.model`` can't be found, downloaded or used for the task.
    TypeError, ValueError
        If a parameter, ``X`` or ``y`` is not of a kind described here, if ``directory`` holds
        a checkpoint already or another run is using it, or if a run can't be resumed.
    MemoryError
        If the smallest step doesn't fit the memory.
    FloatingPointError
        If the gradients of many steps in a row are not finite: the learning rate is too large. The
        best weights so far have been written.
    KeyboardInterrupt
        Once the best weights so far have been written, and what ``resume`` needs.

    Warns
    -----
    UserWarning
        If there was time for fewer than 20 steps.

    Notes
    -----
    The recipe is that of AutoGluon's Mitra [1]_ with differences that ``docs/finetuning.md``
    lists. PyTorch is needed for the tuning only: the result is a checkpoint as any other.

    References
    ----------
    .. [1] ``autogluon/tabular/models/mitra/_internal/core/trainer_finetune.py`` in AutoGluon 1.6.3.
    """
    start = time.monotonic()
    settings = Settings(
        seconds,
        n_steps,
        learning_rate,
        weight_decay,
        support_size,
        query_size,
        patience,
        draw_seed(random_state),
    )
    _check_estimator(estimator)
    _check_device(device)
    directory = _as_model(directory)
    if resume and not isinstance(random_state, Integral):
        raise ValueError(
            "An int 'random_state' is needed to resume, that of the interrupted run. "
            f"Got {random_state!r} instead."
        )
    with locked(directory):
        _check_unused(directory, resume)
        network = resolve_network(estimator.model, estimator._task)
        train, validation = split(estimator, X, y, X_val, y_val, validation_fraction, settings.seed)
        task = Task.fit(estimator, network, train, validation)
        arguments = describe(
            estimator, task, network.file, settings, validation_fraction, X, y, X_val, y_val
        )

        from .tuner import tune  # brings in torch

        shortage = tune(
            network.file, task, arguments, settings, directory, device, resume, verbose, start
        )
    if shortage:
        warnings.warn(shortage, stacklevel=2)
    return clone(estimator).set_params(model=directory).fit(X, y)


def _check_estimator(estimator):
    """Raise an error unless it is an estimator of ours with a checkpoint that can be tuned."""
    if not isinstance(estimator, (MitraClassifier, MitraRegressor)):
        raise TypeError(
            f"'estimator' must be a MitraClassifier or MitraRegressor. Got {estimator!r} instead. "
            "Tune the estimator alone, with the columns as it gets them, and put the result into a "
            "Pipeline or search."
        )
    estimator._check_params()
    if os.fsdecode(estimator.model).endswith(SUFFIX):
        raise ValueError(
            f"The model {estimator.model!r} is an interchange file, whose weights can't be tuned. "
            "Pass the checkpoint that it was made of."
        )


def _check_device(device):
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"'device' must be 'auto', 'cpu' or 'cuda'. Got {device!r} instead.")


def _as_model(directory):
    """The directory as a str that means it as the parameter ``model``, too."""
    if not isinstance(directory, (str, os.PathLike)):
        raise TypeError(f"'directory' must be a str or PathLike. Got {directory!r} instead.")
    name = os.fsdecode(directory)
    if not name:
        raise ValueError("'directory' must not be empty. Pass the path of a new directory.")
    if name.endswith(SUFFIX):
        raise ValueError(
            f"directory={name!r} would be taken for an interchange file when it is used as a "
            f"model. Pass a name that doesn't end in {SUFFIX!r}."
        )
    if name in CHECKPOINTS:
        if isinstance(directory, str):
            raise ValueError(f"directory={name!r} is the name of a checkpoint. Pass './{name}'.")
        name = os.path.join(os.curdir, name)
    name = expand_user(name)
    if os.path.lexists(name) and not os.path.isdir(name):
        raise ValueError(f"'directory' must be a directory or new. {name!r} is neither.")
    return name


def _check_unused(directory, resume):
    """Raise an error if there is a run in the directory or, to resume, is none."""
    has_state = os.path.exists(os.path.join(directory, STATE))
    if resume and not has_state:
        raise ValueError(
            f"There is no interrupted run in {directory!r}: it has no {STATE}. Leave out resume."
        )
    for name in () if resume else (STATE, HISTORY, "config.json", "model.safetensors"):
        if os.path.exists(os.path.join(directory, name)):
            hint = "Pass resume=True to go on with the run that was interrupted, or another"
            raise ValueError(
                f"{directory!r} holds {name} already. {hint if has_state else 'Pass another'} "
                "directory."
            )
