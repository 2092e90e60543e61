"""Training rows with the out-of-fold values of an ensemble's models."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .baseline import LinearModels
from .class_tree import ClassNode
from .functions import Linear, Rows
from .training_table import TrainingTable


class _Known(NamedTuple):
    """Out-of-fold values of a function for some of the training rows, ascending."""

    function: Linear
    rows: NDArray[np.int64]
    values: NDArray[np.float64]


class TrainingRows:
    """A training table, with the out-of-fold predictions of an ensemble's models.

    Parameters
    ----------
    table : TrainingTable
        With the out-of-fold target encoding, if there is one.
    """

    def __init__(self, table: TrainingTable) -> None:
        self.table = table
        self._known: list[_Known] = []

    def add(self, models: LinearModels, node: ClassNode | None) -> None:
        """Add the out-of-fold predictions of models, which may belong to a class tree's node."""
        rows = models.rows if node is None else node.find(self.table.y)[models.rows]
        for function, values in models.out_of_fold():
            self._known.append(_Known(function, rows, values))

    def take(self, indices: NDArray[np.int64]) -> Rows:
        """Return some of the rows as query rows.

        Parameters
        ----------
        indices : ndarray of int64
            Ascending.
        """
        rows = Rows(self.table.x[indices])
        for function, known, values in self._known:
            common, places, at = np.intersect1d(
                indices, known, assume_unique=True, return_indices=True
            )
            if len(common):
                rows.replace(function, places, values[at])
        return rows
