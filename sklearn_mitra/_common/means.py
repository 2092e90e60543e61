"""Reductions whose bits depend neither on the number of rows nor on the layout in memory.

NumPy's order of summation depends on both: an array of one row is summed in another order than the
same row in a batch if the batch lies column by column, as ``x[:, order]`` does.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special


def average(arrays: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """The mean of one or more arrays of the same shape, added up one by one."""
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
    """Their logarithms, which stay exact where a probability is rounded to 0."""
    log_probabilities: NDArray[np.float64] = special.log_softmax(_by_rows(logits), axis=1)
    return log_probabilities


def _by_rows(values: NDArray[Any]) -> NDArray[np.float64]:
    """The same in float64, one row after the other in memory: each is summed in its own order."""
    return np.ascontiguousarray(values, np.float64)
