"""Tables as users pass them: arrays, lists, sparse matrices or DataFrames."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

# Largest size of a sparse matrix made dense.
_MOST_BYTES = 2**30


def check_table(estimator: Any, X: Any, reset: bool) -> Any:
    """Check a table's shape and column names as scikit-learn does, but not its values.

    Parameters
    ----------
    estimator : BaseEstimator
        Holds the number of columns and their names.
    X : array-like, sparse matrix or array, or DataFrame of shape (n_rows, n_features)
    reset : bool
        Whether to set these on the estimator, or to check X against them.

    Returns
    -------
    X : ndarray of any dtype, or DataFrame, of shape (n_rows, n_features)

    Raises
    ------
    TypeError, ValueError
        If X is not a table, has no rows or no columns, has other columns than those of training,
        or is a sparse matrix too large to be made dense.
    """
    if issparse(X):
        X = validate_data(
            estimator, X, reset=reset, dtype=None, accept_sparse=True, ensure_all_finite=False
        )
        return _as_dense(X)
    if not is_frame(X):
        return validate_data(
            estimator, as_array(X), reset=reset, dtype=None, ensure_all_finite=False
        )
    for size, what in zip(X.shape, ("sample", "feature")):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is "
                f"required by {type(estimator).__name__}."
            )
    return validate_data(estimator, X, reset=reset, skip_check_array=True)


def _as_dense(X: Any) -> NDArray[Any]:
    """A sparse matrix as a dense array, unless that takes too much memory."""
    n_bytes = X.shape[0] * X.shape[1] * X.dtype.itemsize
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"Sparse input is made dense, up to {_MOST_BYTES:,} bytes. X of shape {X.shape} would "
            f"take {n_bytes:,}. Reduce its columns first, for example with scikit-learn's "
            "TruncatedSVD, or pass fewer rows at a time."
        )
    dense: NDArray[Any] = X.toarray()
    return dense


def is_frame(X: Any) -> bool:
    """Whether X is a pandas DataFrame."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def as_array(X: Any) -> Any:
    """Convert lists to an array in which numbers beside strings stay numbers."""
    if isinstance(X, (list, tuple)):
        array = np.asarray(X)
        return np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    return X


def take_rows(X: Any, start: int, stop: int) -> Any:
    """Consecutive rows of an array or DataFrame, as a view."""
    return X.iloc[start:stop] if is_frame(X) else X[start:stop]


def is_numeric(X: Any) -> bool:
    """Whether X is an array of numbers or booleans."""
    return not is_frame(X) and X.dtype.kind in "biuf"


def columns_of(X: Any) -> Iterator[Any]:
    """Each column of an array or DataFrame."""
    if is_frame(X):
        return (X.iloc[:, j] for j in range(X.shape[1]))
    return iter(X.T)
