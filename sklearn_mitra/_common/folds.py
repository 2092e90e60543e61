"""Stratified folds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stratified_folds(
    shuffled: NDArray[np.int64], y: NDArray[Any], n_folds: int
) -> list[NDArray[np.int64]]:
    """Divide shuffled rows among folds that have about the same targets each.

    Parameters
    ----------
    shuffled : ndarray of int64
        The rows, in random order: it decides among equal targets.
    y : ndarray of shape (n_samples,)
        Targets of all rows.
    n_folds : int
        Of fewer rows, there are as many folds as rows.

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, and all of the rows together; each ascending.
    """
    by_target = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(by_target[i::n_folds]) for i in range(min(n_folds, len(shuffled)))]
