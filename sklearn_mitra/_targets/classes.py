"""Labels of classes, and their ids."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._bundles.estimators import Stored
from .._bundles.fields import BundleFields
from .._common.missing import is_missing
from .._errors import BundleError


def check_labels(y: Any) -> None:
    """Raise an error if labels are missing, or some are strings and others are not."""
    y = np.asarray(y)
    n_missing = _count_missing(y) if y.ndim else 0
    if n_missing:
        raise ValueError(
            f"Input y contains NaN, None or NA in {n_missing} rows. Leave out the rows without "
            "a label."
        )
    if y.dtype == object and len({isinstance(label, str) for label in y.ravel()}) > 1:
        types = ", ".join(sorted({type(label).__name__ for label in y.ravel()}))
        raise TypeError(
            f"Class labels must be all numbers or all strings. Got {types}. Convert them, for "
            "example with .astype(str)."
        )


def keep_integers(y: Any) -> Any:
    """Labels whose pandas dtype is a nullable or pyarrow one of integers or booleans, as NumPy's.

    scikit-learn would make them float64, which large integers share. None may be missing.
    """
    is_column = hasattr(y, "dtypes") and y.ndim == 2 and y.shape[1] == 1
    dtype = y.dtypes.iloc[0] if is_column else getattr(y, "dtype", None)
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    is_kept = numpy_dtype is not None and numpy_dtype.kind in "biu"
    return y.astype(numpy_dtype) if is_kept else y


class Labels(NamedTuple):
    """The labels of a table's rows.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Ascending.
    ids : ndarray of shape (n_rows,), int64
        For each row its place in ``classes``.
    frequencies : ndarray of shape (n_classes,), float64
        Of the classes in training.
    """

    classes: NDArray[Any]
    ids: NDArray[np.int64]
    frequencies: NDArray[np.float64]

    @classmethod
    def of(cls, y: NDArray[Any]) -> "Labels":
        """Those of training rows, with the classes that are there."""
        return cls.among(np.unique(y), y)

    @classmethod
    def among(cls, classes: NDArray[Any], y: NDArray[Any]) -> "Labels":
        """Those of training rows whose classes, ascending, are known."""
        ids = np.searchsorted(classes, y).astype(np.int64)
        return cls(classes, ids, np.bincount(ids, minlength=len(classes)) / len(y))

    @classmethod
    def unpack(cls, learned: BundleFields, stored: Stored) -> "Labels":
        """Those of the support in a bundle of ours; what is wrong with them is a BundleError."""
        classes, y = learned.labels("labels"), stored.y
        if stored.classes is not None:  # integer labels, which become class ids
            ids = np.searchsorted(classes, y).clip(max=len(classes) - 1)
            learned.require(bool((classes[ids] == y).all()), "labels", "those in 'support_y'")
            y = ids
        if y.min() < 0:
            raise BundleError(f"The artifact 'support_y' holds a class id of {y.min()}.")
        learned.require(y.max() < len(classes), "labels", f"of {int(y.max()) + 1} classes or more")
        prior = learned.array("prior", "<f8", len(classes))
        is_seen = np.bincount(y, minlength=len(classes)) > 0
        is_share = (prior >= 0) & (prior <= 1) & ((prior > 0) | ~is_seen)
        frequencies = bool(is_share.all() and np.isclose(prior.sum(), 1))
        learned.require(frequencies, "prior", "frequencies of the classes")
        return cls(classes, y.astype(np.int64), prior)


def _count_missing(values: NDArray[Any]) -> int:
    """How many of an array's values are None, NaN or NA."""
    if values.dtype == object:
        return sum(map(is_missing, values.ravel()))
    return np.isnan(values).sum() if values.dtype.kind == "f" else 0
