"""What an ensemble answers for support rows that it isn't shown.

The support is cut into folds. Every member predicts each of them from the others, through the
same networks as any prediction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._network.context import Context
from ._network.runtime import Runtime
from ._views import View

N_FOLDS = 5

Table = tuple[NDArray[np.float32], NDArray[Any]]


def cut_folds(y: NDArray[Any], n_folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Cut rows into folds that have about the same targets each.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    n_folds : int
        Of fewer rows, there are as many folds as rows.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, and all rows together; each ascending.
    """
    shuffled = np.random.RandomState(seed).permutation(len(y))
    by_target = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(by_target[i::n_folds]) for i in range(min(n_folds, len(y)))]


def predict_held_out(
    views: Sequence[View],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    folds: Sequence[NDArray[np.int64]],
    new_context: Callable[[list[Table]], Context],
    runtime: Runtime,
) -> NDArray[np.float64]:
    """Predict each fold of a regressor's support from the others.

    What a view learned of the training table (a trend, the scores of a simple model, the means of
    levels) has values of the support rows that haven't seen them, and these are used.

    Parameters
    ----------
    views : sequence of View
    x : ndarray of shape (n_support, n_features), float32
        The support as views get it.
    y : ndarray of shape (n_support,), float32
        Its scaled targets.
    folds : sequence of ndarray of int64
        Each without some of any view's rows.
    new_context : callable
        Makes the context of the views' tables.
    runtime : Runtime

    Returns
    -------
    answers : ndarray of shape (n_support, n_views), float64
        Scaled targets.
    """
    answers = np.empty((len(x), len(views)))
    for fold in folds:
        held_out = [view.held_out(fold, x, y) for view in views]
        context = new_context([view.table for view in held_out])
        # nothing is kept: these tables and their rows go through the network once
        plan, members = context.prepare(runtime, False)
        for j, (view, member) in enumerate(zip(held_out, members)):
            step = plan.chunk_rows
            parts = [view.query[i : i + step] for i in range(0, len(fold), step)]
            answers[fold, j] = view.restore(np.concatenate([member.outputs(p) for p in parts]))
    return answers
