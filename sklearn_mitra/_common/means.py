"""Reductions whose bits depend neither on the number of rows nor on the layout in memory.

NumPy's order of summation depends on both: an array of one row is summed in another order than the
same row in a batch if the batch lies column by column, as ``x[:, order]`` does.
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
    """The mean of one or more arrays of the same shape, added up one by one.

    Parameters
    ----------
    arrays : iterable of ndarray of any shape
    weights : iterable of float, default=None
        Those of the arrays; None is the same for all.
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
    """Their logarithms, which stay exact where a probability is rounded to 0."""
    log_probabilities: NDArray[np.float64] = special.log_softmax(_by_rows(logits), axis=1)
    return log_probabilities


def _by_rows(values: NDArray[Any]) -> NDArray[np.float64]:
    """The same in float64, one row after the other in memory: each is summed in its own order."""
    return np.ascontiguousarray(values, np.float64)
