"""Stratified folds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stratified_folds(
    shuffled: NDArray[np.int64], y: NDArray[Any], n_folds: int
) -> list[NDArray[np.int64]]:
    """Divide shuffled rows among folds with about the same distribution of the target.

    Parameters
    ----------
    shuffled : ndarray of int64
        The rows in random order, which breaks ties between equal targets.
    y : ndarray of shape (n_samples,)
        Targets of all rows.
    n_folds : int
        With fewer rows than this, every row is a fold.

    Returns
    -------
    folds : list of ndarray of int64
        A partition of the rows; each fold is ascending.
    """
    by_target = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(by_target[i::n_folds]) for i in range(min(n_folds, len(shuffled)))]


def fold_sizes(n_rows: int, folds: Sequence[NDArray[np.int64]]) -> list[tuple[int, int]]:
    """The number of rows outside and inside each fold."""
    return [(n_rows - len(fold), len(fold)) for fold in folds]
