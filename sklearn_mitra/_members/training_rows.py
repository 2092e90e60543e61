"""Training rows as an ensemble is to see them in prediction: by models that haven't seen them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .baseline import LinearModels
from .class_tree import ClassNode
from .functions import Linear, Rows
from .training_table import TrainingTable


class _Known(NamedTuple):
    """Out-of-fold values of a function, of some training rows, ascending."""

    function: Linear
    rows: NDArray[np.int64]
    values: NDArray[np.float64]


class TrainingRows:
    """A training table, and what the models of an ensemble predict of its rows out of fold.

    Parameters
    ----------
    table : TrainingTable
        With the target encoding, if there is one; out of fold, too.
    """

    def __init__(self, table: TrainingTable) -> None:
        self.table = table
        self._known: list[_Known] = []

    def add(self, models: LinearModels, node: ClassNode | None) -> None:
        """Take over the predictions of models, which are of a node's rows if there is one."""
        rows = models.rows if node is None else node.find(self.table.y)[models.rows]
        for function, values in models.out_of_fold():
            self._known.append(_Known(function, rows, values))

    def take(self, indices: NDArray[np.int64]) -> Rows:
        """Some of the rows, as query rows.

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
