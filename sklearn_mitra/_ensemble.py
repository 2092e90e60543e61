"""The views of an ensemble: of a training table, or of a bundle's support."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._class_tree import ClassNode, divide
from ._level_means import LevelMeans, fit_level_means
from ._linear import LinearModels
from ._members import PLAIN, make_views
from ._views import View


class TrainingTable(NamedTuple):
    """An encoded table, its target, and which rows are the support.

    Attributes
    ----------
    x : ndarray of shape (n_rows, n_features), float32
        Encoded columns of all training rows.
    y : ndarray of shape (n_rows,), int64 or float32
        Their class ids, or targets scaled to 0..1.
    support : ndarray of shape (n_support,), int64
        Which rows are the support.
    columns : ndarray of int64
        The columns to show.
    n_levels : sequence of int, of length n_features
        Number of levels of a category; 0 for a column of numbers.
    n_classes : int
        0 for regression.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    support: NDArray[np.int64]
    columns: NDArray[np.int64]
    n_levels: Sequence[int]
    n_classes: int

    def with_means(self, means: LevelMeans, x: NDArray[np.float32]) -> "TrainingTable":
        """The table with means of levels, as x, which are shown instead of the levels."""
        others = np.setdiff1d(self.columns, means.sources)
        columns = np.concatenate([others, np.arange(self.x.shape[1], x.shape[1])])
        levels = [*self.n_levels, *[0] * means.n_columns]
        return self._replace(x=x, columns=columns, n_levels=levels)

    def at(self, node: ClassNode) -> "TrainingTable":
        """The rows that get to a node of a class tree, and what it tells apart."""
        here = node.find(self.y)
        support = np.searchsorted(here, self.support[node.find(self.y[self.support])])
        y = node.groups[self.y[here]]
        return self._replace(x=self.x[here], y=y, support=support, n_classes=node.n_groups)


def learn_views(
    kinds: Sequence[str], table: TrainingTable, n_outputs: int, seed: int
) -> tuple[LevelMeans | None, list[View]]:
    """The views of an ensemble's members, and the means of levels that they have in common.

    Parameters
    ----------
    kinds : sequence of str
        Of each member. If all are plain, nothing is learned of the table.
    table : TrainingTable
    n_outputs : int
        Of the network. If there are more classes, each member has a tree of views.
    seed : int

    Returns
    -------
    means : LevelMeans or None
    views : list of View
        Those of one member after the other.
    """
    x, y = table.x[table.support], table.y[table.support]
    is_learned = {*kinds} != {PLAIN}
    shown, means, models = table, None, None
    if is_learned and (fitted := fit_level_means(*table, seed)) is not None:
        means = fitted[0]
        shown = table.with_means(*fitted)
    views: list[View] = []
    for part, node in divide(kinds, x, y, table.n_classes, n_outputs, seed):
        here, rows = shown, np.arange(len(y))
        if node is not None:
            here, rows = shown.at(node), node.find(y)
        if is_learned:
            models = LinearModels(*here, seed)
        rest = here.n_classes, seed, here.columns, node
        views += make_views(part, models, rows, table.columns, *rest)
    return means, views
