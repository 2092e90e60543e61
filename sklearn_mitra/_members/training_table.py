"""A training table, encoded: what simple models and views are learned of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .class_tree import ClassNode


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
    n_categories : sequence of int, of length n_features
        Number of levels of a category; 0 for a column of numbers.
    n_classes : int
        0 for regression.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    support: NDArray[np.int64]
    columns: NDArray[np.int64]
    n_categories: Sequence[int]
    n_classes: int

    def showing(self, x: NDArray[np.float32], sources: NDArray[np.int64]) -> "TrainingTable":
        """The table with further columns of numbers, shown instead of those in ``sources``.

        ``x`` has the table's own columns first.
        """
        n_columns, n_all = self.x.shape[1], x.shape[1]
        others = np.setdiff1d(self.columns, sources)
        columns = np.concatenate([others, np.arange(n_columns, n_all)])
        n_categories = [*self.n_categories, *[0] * (n_all - n_columns)]
        return self._replace(x=x, columns=columns, n_categories=n_categories)

    def at(self, node: ClassNode) -> "TrainingTable":
        """The rows that get to a node of a class tree, and what it tells apart."""
        here = node.find(self.y)
        support = np.searchsorted(here, self.support[node.find(self.y[self.support])])
        y = node.groups[self.y[here]]
        return self._replace(x=self.x[here], y=y, support=support, n_classes=node.n_groups)
