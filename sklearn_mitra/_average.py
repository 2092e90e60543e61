"""Averages over ensemble members whose bits don't depend on the number of rows."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def average(arrays: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """The mean of one or more arrays of the same shape, added up one by one.

    NumPy's own order of summation depends on the number of rows.
    """
    arrays = iter(arrays)
    first = next(arrays)
    total, n_arrays = np.zeros(first.shape), 1
    total += first
    for array in arrays:
        total += array
        n_arrays += 1
    return total / n_arrays
