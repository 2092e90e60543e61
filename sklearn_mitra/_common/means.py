"""Reductions that give a row the same bits in any number of rows and any memory layout.

NumPy's order of summation depends on both. If a batch is stored column by column, as
``x[:, order]`` is, a row is summed in a different order than on its own.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special


def average(arrays: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """The mean of one or more arrays of the same shape, added up in order."""
    arrays = iter(arrays)
    first = next(arrays)
    total, n_arrays = np.zeros(first.shape), 1
    total += first
    for array in arrays:
        total += array
        n_arrays += 1
    return total / n_arrays


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities of each row of logits (n_rows, n_classes), in float64."""
    probabilities: NDArray[np.float64] = special.softmax(_by_rows(logits), axis=1)
    return probabilities


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Log-probabilities of each row of logits, exact even where a probability rounds to 0."""
    log_probabilities: NDArray[np.float64] = special.log_softmax(_by_rows(logits), axis=1)
    return log_probabilities


def _by_rows(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values in float64, stored row by row, so that every row is summed in the same order."""
    return np.ascontiguousarray(values, np.float64)
