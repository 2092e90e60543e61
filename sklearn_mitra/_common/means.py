"""Reductions that give a row the same bits in any number of rows and any memory layout.

NumPy's order of summation depends on both. If a batch is stored column by column, as
``x[:, order]`` is, a row is summed in a different order than on its own.
"""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special


def average(
    arrays: Iterable[NDArray[Any]], weights: Iterable[float] | None = None
) -> NDArray[np.float64]:
    """The mean of one or more arrays of the same shape, added up in order.

    Parameters
    ----------
    arrays : iterable of ndarray of any shape
    weights : iterable of float, default=None
        Weight of each array. None gives all the same weight.
    """
    total, whole = np.zeros(()), 0.0
    for array, weight in zip(arrays, repeat(1.0) if weights is None else weights):
        total = total + weight * np.asarray(array, np.float64)
        whole += weight
    return total / whole


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
