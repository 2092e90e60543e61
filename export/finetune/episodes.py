"""Steps to learn from: rows of the training table, some as the support, the rest as queries."""

from typing import NamedTuple

import numpy as np
import torch

from sklearn_mitra._preprocessing.support import select_rows, select_rows_per_class

from ..pretrain.batches import Batch
from ..pretrain.targets import IGNORED

_FEWEST_ROWS = 8  # of a member's table


class _Table(NamedTuple):
    """A training table as an ensemble member shows it.

    Attributes
    ----------
    x : ndarray of shape (n_rows, n_columns), float32
    y : ndarray of shape (n_rows,), int64 or float32
    n_classes : int
        0 for regression.
    """

    x: np.ndarray
    y: np.ndarray
    n_classes: int


class Episodes:
    """Random splits of a training table, each as one of an estimator's members shows it.

    A step has the rows that the estimator would choose as a support of that size, so classes are as
    frequent as in prediction. Columns and classes are as the member has them in prediction: with
    columns turned over and classes permuted at random, the network learned less.

    Parameters
    ----------
    learner : MitraClassifier or MitraRegressor
        Fitted to the training rows, all of them as its support. What its members show of a support
        row (scores, target encoding, residuals of a baseline) is of models that haven't seen the
        row.
    n_support, n_query : int
        Most rows of a step.
    sampling : str
        How the estimator chooses a support.
    """

    def __init__(self, learner, n_support, n_query, sampling):
        self.n_support, self.n_query, self._sampling = n_support, n_query, sampling
        self._tables = []
        model = learner._model
        for member, shown in zip(model.members, model.tables()):
            n_classes = member.target.n_shown if model.target.n_classes else 0
            table = _Table(*shown, n_classes)
            if len(table.x) >= _FEWEST_ROWS and n_classes != 1:
                self._tables.append(table)
        sizes = np.array([len(table.x) for table in self._tables], float)
        self._shares = sizes / sizes.sum()

    @property
    def most_columns(self):
        """Of a table, int."""
        return max(table.x.shape[1] for table in self._tables)

    @property
    def mean_columns(self):
        """Of a step on average, float."""
        return float(self._shares @ [table.x.shape[1] for table in self._tables])

    def draw(self, generator):
        """A step's tables.

        Parameters
        ----------
        generator : numpy.random.RandomState

        Returns
        -------
        batch : Batch
            Of one table. Queries of classes that the support lacks are ignored.
        """
        table = self._tables[generator.choice(len(self._tables), p=self._shares)]
        rows = self._choose_rows(table, generator)
        n_support, n_query = self.n_support, self.n_query
        if len(rows) < n_support + n_query:
            n_query = min(n_query, len(rows) // 3)
            n_support = min(n_support, len(rows) - n_query)
        rows = generator.permutation(rows)[: n_support + n_query]
        x, y = table.x[rows], table.y[rows]
        y_query = y[n_support:]
        n_classes = weights = None
        if table.n_classes:
            y_query = np.where(np.isin(y_query, y[:n_support]), y_query, IGNORED)
            n_classes = torch.tensor([table.n_classes])
        else:
            weights = torch.ones(1)
        parts = x[:n_support], y[:n_support], x[n_support:], y_query
        return Batch(*(torch.from_numpy(part).unsqueeze(0) for part in parts), n_classes, weights)

    def _choose_rows(self, table, generator):
        """Rows of a step, as the estimator chooses a support of so many."""
        most, seed = self.n_support + self.n_query, int(generator.randint(2**31))
        if self._sampling == "random":
            return select_rows(len(table.y), most, seed)
        return select_rows_per_class(table.y, most, seed, self._sampling)
