"""The encoded training table, from which members and their models are built."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .class_tree import ClassNode


class TrainingTable(NamedTuple):
    """An encoded table, its target, and the indices of the support rows.

    Attributes
    ----------
    x : ndarray of shape (n_rows, n_features), float32
        Encoded columns of all training rows.
    y : ndarray of shape (n_rows,), int64 or float32
        Class ids, or targets scaled to 0..1.
    support : ndarray of shape (n_support,), int64
        Indices of the support rows.
    columns : ndarray of int64
        The columns to show to the network.
    n_categories : sequence of int, of length n_features
        Number of categories of each column; 0 for a column of numbers.
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
        """The table with further columns of numbers, which are shown in place of ``sources``.

        ``x`` has the table's own columns, followed by the further ones.
        """
        n_columns, n_all = self.x.shape[1], x.shape[1]
        others = np.setdiff1d(self.columns, sources)
        columns = np.concatenate([others, np.arange(n_columns, n_all)])
        n_categories = [*self.n_categories, *[0] * (n_all - n_columns)]
        return self._replace(x=x, columns=columns, n_categories=n_categories)

    def at(self, node: ClassNode) -> "TrainingTable":
        """The rows that reach a node of a class tree, with the groups that it tells apart."""
        here = node.find(self.y)
        support = np.searchsorted(here, self.support[node.find(self.y[self.support])])
        y = node.groups[self.y[here]]
        return self._replace(x=self.x[here], y=y, support=support, n_classes=node.n_groups)
