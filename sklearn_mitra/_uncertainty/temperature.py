"""The temperature of a classifier's logits: a default, or chosen by rows that were held out."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .._common.folds import stratified_folds
from .._common.means import log_softmax

N_FOLDS = 3
# Most rows to hold out. One parameter needs no more.
MOST_ROWS = 384
# Standard deviation of the logarithm of the temperature about that of the default. Without it, few
# rows often choose worse than the default: see benchmarks/README.md.
_SPREAD = 0.2
_LOWEST, _HIGHEST = 0.1, 10.0
# Of the logarithm of a probability: some .onnx files give classes without support rows a logit of
# minus infinity, which no temperature changes.
_LEAST = -1e3


def cut_folds(y: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Choose rows to hold out, in folds that leave rows of each class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), int64
        Class ids.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, each ascending, none empty. The only row of a class is in none of them.
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
    """The temperature of the least log loss, drawn towards the default.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes), float64
        Of rows held out, by members that haven't seen them.
    log_correction : ndarray of shape (n_rows, n_classes), float64
        Is added to the logits once they are divided by the temperature.
    y : ndarray of shape (n_rows,), int64
        Class ids.
    default : float

    Returns
    -------
    temperature : float
        From 0.1 to 10. The fewer rows, the nearer to the default.
    """
    rows = np.arange(len(y))

    def loss(log_temperature: float) -> float:
        log_p = log_softmax(logits / np.exp(log_temperature) + log_correction)
        distance = (log_temperature - np.log(default)) / _SPREAD
        return float(distance**2 / 2 - np.maximum(log_p[rows, y], _LEAST).sum())

    bounds = np.log(_LOWEST), np.log(_HIGHEST)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
