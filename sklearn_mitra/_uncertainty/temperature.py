"""The temperature of a classifier's logits, chosen on held-out rows."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .._common.folds import stratified_folds
from .._common.means import log_softmax

N_FOLDS = 3
# Largest number of rows to hold out. A single parameter needs no more.
MOST_ROWS = 384
# Standard deviation of the prior of the log-temperature, centred on the default. Without a prior,
# a choice by few rows is often worse than the default: see benchmarks/README.md.
_SPREAD = 0.2
_LOWEST, _HIGHEST = 0.1, 10.0
# The smallest log-probability that counts. Some .onnx files give classes without support rows a
# logit of minus infinity, which no temperature changes.
_LEAST = -1e3


def cut_folds(y: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Choose rows to hold out, in folds that never contain all rows of a class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), int64
        Class ids.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, ascending, and not empty. If a class has only one row, it is in no fold.
    """
    chosen = np.random.RandomState(seed).permutation(len(y))
    chosen = chosen[(np.bincount(y) > 1)[y[chosen]]][:MOST_ROWS]
    return stratified_folds(chosen, y, N_FOLDS)


def choose_temperature(
    logits: NDArray[np.float64],
    log_correction: NDArray[np.float64],
    y: NDArray[np.int64],
    default: float,
) -> float:
    """Choose the temperature with the lowest log loss, regularised towards the default.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes), float64
        Logits of held-out rows.
    log_correction : ndarray of shape (n_rows, n_classes), float64
        Added to the logits after the division by the temperature.
    y : ndarray of shape (n_rows,), int64
        Class ids.
    default : float

    Returns
    -------
    temperature : float
        From 0.1 to 10. The fewer rows there are, the closer it is to the default.
    """
    rows = np.arange(len(y))

    def loss(log_temperature: float) -> float:
        log_p = log_softmax(logits / np.exp(log_temperature) + log_correction)
        distance = (log_temperature - np.log(default)) / _SPREAD
        return float(distance**2 / 2 - np.maximum(log_p[rows, y], _LEAST).sum())

    bounds = np.log(_LOWEST), np.log(_HIGHEST)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
