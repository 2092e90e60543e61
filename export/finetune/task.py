"""What is to be learned: training and validation rows as an estimator shows them."""

import dataclasses
from numbers import Real

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d

from sklearn_mitra._fit import member_kinds
from sklearn_mitra._members.kinds import MODELS
from sklearn_mitra._preprocessing.table import as_array, check_table

_FEWEST_ROWS = 20
# More validation rows than these make the choice of the best weights hardly better.
_MOST_VALIDATION_ROWS = 1000
# More training rows than these are too many for the simple models of ensemble members.
_MOST_ROWS = 20_000


@dataclasses.dataclass(frozen=True)
class Task:
    """Rows to learn from and to validate with.

    Attributes
    ----------
    served : MitraClassifier or MitraRegressor
        Fitted to the training rows; the network is to make its predictions.
    learner : MitraClassifier or MitraRegressor
        The same with all training rows as its support, 20,000 at most.
    x : ndarray of shape (n_validation_rows, n_encoded), float32
        The validation rows.
    y : ndarray of shape (n_validation_rows,), int64 or float64
        Their class ids, or targets.
    """

    served: object
    learner: object
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def fit(cls, estimator, network, train, validation):
        """Fit the estimators.

        Parameters
        ----------
        estimator : MitraClassifier or MitraRegressor
        network : sklearn_mitra._network.network.Network
            That of the estimator's ``model``.
        train, validation : tuple of array-like
            Tables and targets.

        Raises
        ------
        TypeError, ValueError
            If some of it can't be learned from.
        """
        has_classes = is_classifier(estimator)
        # the network's members alone, which the old weights don't choose the weights of
        natural = {"member_weights": "equal", "members": _of_network(estimator.members)}
        if has_classes:  # as the rows are, and no temperature that is chosen by the old weights
            natural |= {"class_weight": None, "prior_correction": True}
            if estimator.softmax_temperature == "auto":
                natural["softmax_temperature"] = None
        served = clone(estimator).set_params(**natural).fit(*train)
        if has_classes:  # an error of these weights would else come after the tuning
            served._model.target.weights(estimator.class_weight)
        model = served._model
        if model.target.is_constant:
            raise ValueError("All training rows have the same target. There is nothing to tune.")
        x = model.encoder.transform(check_table(served, as_array(validation[0]), reset=False))
        y = _encode_target(served, validation[1])
        check_consistent_length(x, y)
        is_sample = len(model.support.y) < len(train[1])
        kinds = member_kinds(
            model.encoder,
            model.target,
            served._settings(),
            network,
            len(train[1]),
            is_sample=is_sample,
        ).network
        learner = clone(served).set_params(max_support=_MOST_ROWS, members=kinds, n_estimators=None)
        if has_classes:
            learner.set_params(support_sampling="stratified")
        return cls(served, learner.fit(*train), x, y)

    @property
    def sampling(self):
        """How the estimator chooses its support, str."""
        return getattr(self.served, "support_sampling", "random")


def split(estimator, X, y, X_val, y_val, fraction, seed):
    """Training and validation rows.

    Parameters
    ----------
    estimator : MitraClassifier or MitraRegressor
    X, y : array-like
    X_val, y_val : array-like or None
        Given, they are the validation rows.
    fraction : float
    seed : int

    Returns
    -------
    train, validation : tuple of a table and targets

    Raises
    ------
    TypeError, ValueError
        If there are too few rows, or tables and targets differ in length.
    """
    if (X_val is None) != (y_val is None):
        raise ValueError("Pass both 'X_val' and 'y_val', or none of them.")
    y = column_or_1d(estimator._check_target(y))
    X = as_array(X)
    check_consistent_length(X, y)
    if len(y) < _FEWEST_ROWS:
        raise ValueError(f"Tuning takes {_FEWEST_ROWS} rows or more. Got {len(y)}.")
    if X_val is not None:
        return (X, y), (X_val, column_or_1d(estimator._check_target(y_val)))
    if not isinstance(fraction, Real) or not 0 < fraction < 1:
        raise ValueError(
            f"'validation_fraction' must be a number between 0 and 1. Got {fraction!r} instead."
        )
    rows, has_classes = np.arange(len(y)), is_classifier(estimator)
    counts = _count_equal(y) if has_classes else np.zeros(len(y))
    single, others = rows[counts == 1], rows[counts != 1]  # a single row is to be learned
    if len(others) < 2:
        raise ValueError("No class has two rows, one to learn from and one to validate with.")
    n_validation = min(max(1, round(fraction * len(y))), len(others) - 1, _MOST_VALIDATION_ROWS)
    n_classes = len(np.unique(y[others])) if has_classes else 0
    fits = n_classes <= min(n_validation, len(others) - n_validation)
    train, validation = train_test_split(
        others,
        test_size=n_validation,
        random_state=seed,
        stratify=y[others] if has_classes and fits else None,
    )
    if has_classes:
        train = np.concatenate([train, single])
        validation = validation[np.isin(y[validation], y[train])]
    train, validation = np.sort(train), np.sort(validation)
    return tuple((_safe_indexing(X, part), y[part]) for part in (train, validation))


def _of_network(members):
    """The kinds of members that the network answers for."""
    if isinstance(members, str):
        return members
    kinds = [kind for kind in members if kind not in MODELS]
    if not kinds:
        raise ValueError(f"The network has no part in the members {[*members]}. Name others, too.")
    return kinds


def _count_equal(y):
    """How many rows have the class of each row."""
    _, ids, counts = np.unique(y, return_inverse=True, return_counts=True)
    return counts[ids]


def _encode_target(estimator, y):
    """Targets as class ids, or float64."""
    if not is_classifier(estimator):
        y = np.asarray(y, np.float64)
        n_wrong = np.count_nonzero(~np.isfinite(y))
        if n_wrong:
            raise ValueError(
                f"'y_val' has NaN, None or infinity in {n_wrong} rows. Leave out these rows."
            )
        return y
    unknown = np.setdiff1d(y, estimator.classes_)
    if len(unknown):
        raise ValueError(
            f"'y_val' has classes that 'y' lacks: {unknown[:5].tolist()}. Leave out their rows."
        )
    return np.searchsorted(estimator.classes_, y)
