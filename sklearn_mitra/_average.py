"""Averages over ensemble members whose bits don't depend on the number of rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def average(arrays: Sequence[NDArray[Any]] | NDArray[Any]) -> NDArray[np.float64]:
    """The mean of arrays of the same shape, added up one by one.

    NumPy's own order of summation depends on the number of rows.
    """
    total = np.zeros(arrays[0].shape)
    for array in arrays:
        total += array
    return total / len(arrays)
