"""What an ensemble answers for support rows that it isn't shown.

The support is cut into folds. Every member predicts each of them from the others, through the
same networks as any prediction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.folds import deal
from .._members.functions import Rows
from .._members.member import View
from .._network.context import Context
from .._network.runtime import Runtime

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
    return deal(np.random.RandomState(seed).permutation(len(y)), y, n_folds)


class HeldOut:
    """A regressor's view whose support rows are left out and predicted, fold by fold.

    Parameters
    ----------
    view : View
    x : ndarray of shape (n_support, n_features), float32
        The support as views get it.
    y : ndarray of shape (n_support,), float32
        Its scaled targets.
    rows : Rows
        ``x``, for what views have in common to be computed once.

    Attributes
    ----------
    trend : ndarray of shape (n_support,) or None
        The view's trend, of the view's own rows that of models that haven't seen them.
    """

    def __init__(
        self, view: View, x: NDArray[np.float32], y: NDArray[np.float32], rows: Rows
    ) -> None:
        self._view = view
        self._shown, self._target = view.support(x, y)
        self._query = view.query(rows)
        self._query[view.rows] = self._shown
        self.trend: NDArray[Any] | None = None
        if view.trend is not None:
            self.trend = rows.apply(view.trend.function)[:, 0].copy()
            self.trend[view.rows] = view.trend.support(x[view.rows])

    def table(self, fold: NDArray[np.int64]) -> Table:
        """The view's support without these rows."""
        stays = ~np.isin(self._view.rows, fold)
        return self._shown[stays], self._target[stays]

    def query(self, fold: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows as queries. Their derived columns are of models that haven't seen them."""
        return self._query[fold]

    def restore(self, outputs: NDArray[np.float32], fold: NDArray[np.int64]) -> NDArray[Any]:
        """Outputs (n_rows, n_outputs) for the rows as scaled targets (n_rows,)."""
        answers = self._view.target.restore(outputs)
        if self._view.trend is None or self.trend is None:
            return answers
        return self._view.trend.add_to(self.trend[fold], answers)


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
    answers, rows = np.empty((len(x), len(views))), Rows(x)
    held_out = [HeldOut(view, x, y, rows) for view in views]
    for fold in folds:
        context = new_context([view.table(fold) for view in held_out])
        # nothing is kept: these tables and their rows go through the network once
        plan, members = context.prepare(runtime, False)
        step = plan.chunk_rows
        for j, (view, member) in enumerate(zip(held_out, members)):
            query = view.query(fold)
            parts = [member.outputs(query[i : i + step]) for i in range(0, len(fold), step)]
            answers[fold, j] = view.restore(np.concatenate(parts), fold)
    return answers
