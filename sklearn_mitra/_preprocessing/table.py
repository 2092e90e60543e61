"""A table as the user gives it: an array, lists, or a DataFrame."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

# Most bytes of a sparse matrix as an array.
_MOST_BYTES = 2**30


def check_table(estimator: Any, X: Any, reset: bool) -> Any:
    """Check the form of a table as scikit-learn does, but not what is in it.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns the names and the number of columns, or has them.
    X : array-like, sparse matrix or array, or DataFrame of shape (n_rows, n_features)
    reset : bool
        Whether to learn them.

    Returns
    -------
    X : ndarray of any dtype, or DataFrame, of shape (n_rows, n_features)

    Raises
    ------
    TypeError, ValueError
        If it is no table, has no rows or columns, or other columns than the estimator knows; or
        if a sparse one is too large to be made dense.
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
    """A sparse matrix or array as an array, unless that would take too much memory."""
    n_bytes = X.shape[0] * X.shape[1] * X.dtype.itemsize
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"Sparse input is made dense, up to {_MOST_BYTES:,} bytes. X of shape {X.shape} would "
            f"take {n_bytes:,}. Reduce its columns first, for example by TruncatedSVD of "
            "scikit-learn, or pass fewer rows at a time."
        )
    dense: NDArray[Any] = X.toarray()
    return dense


def is_frame(X: Any) -> bool:
    """Whether X is a pandas DataFrame, whose columns have types of their own."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def as_array(X: Any) -> Any:
    """Lists as an array; numbers beside strings stay numbers. Other types pass."""
    if isinstance(X, (list, tuple)):
        array = np.asarray(X)
        return np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    return X


def take_rows(X: Any, start: int, stop: int) -> Any:
    """A view of consecutive rows of an array or DataFrame."""
    return X.iloc[start:stop] if is_frame(X) else X[start:stop]


def is_numeric(X: Any) -> bool:
    """Whether X is an array of numbers or booleans."""
    return not is_frame(X) and X.dtype.kind in "biuf"


def columns_of(X: Any) -> Iterator[Any]:
    """Each column of an array or DataFrame."""
    if is_frame(X):
        return (X.iloc[:, j] for j in range(X.shape[1]))
    return iter(X.T)
