"""Boosted regression trees, for the part of a target that linear functions miss.

They are fitted by scikit-learn and kept as plain arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from .._bundles.fields import BundleFields, pack

# Chosen on the tables of benchmarks/accuracy.py.
_N_TREES, _DEPTH, _LEARNING_RATE, _FEWEST_IN_LEAF = 60, 4, 0.15, 5
# Each tree is fitted to half of the rows, and each split chooses among half of the columns, up to:
_MOST_ROWS, _MOST_COLUMNS = 1000, 32
# Rows and trees per block of a prediction, whose memory grows with both.
_BLOCK_ROWS, _BLOCK_TREES = 1000, 300
# A bundle with deeper or more trees is damaged.
_DEEPEST, _MOST_TREES = 10, 10_000
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Trees:
    """A sum of complete binary regression trees, all of the same depth.

    Nodes are numbered level by level, starting from 0 at the root. Node ``i`` sends a row to node
    ``2 * i + 2`` if the row's value is above the node's limit, and otherwise to ``2 * i + 1``.

    Attributes
    ----------
    sources : ndarray of shape (n_trees, 2**depth - 1), int32
        The encoded column that a node reads.
    limits : ndarray of shape (n_trees, 2**depth - 1), float32
        The largest value that goes left.
    values : ndarray of shape (n_trees, 2**depth), float32
        The value that each leaf adds.
    """

    sources: NDArray[np.int32]
    limits: NDArray[np.float32]
    values: NDArray[np.float32]

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sums over all trees (n_rows,) for encoded columns (n_rows, n_features)."""
        total = np.zeros(len(x))
        for i in range(0, len(x), _BLOCK_ROWS):
            rows = slice(i, i + _BLOCK_ROWS)
            for j in range(0, len(self.values), _BLOCK_TREES):
                block = slice(j, j + _BLOCK_TREES)
                trees = Trees(self.sources[block], self.limits[block], self.values[block])
                trees._add(x[rows], total[rows])
        return total

    @property
    def n_steps(self) -> int:
        """Number of nodes and leaves that a row passes in all trees."""
        n_trees, n_leaves = self.values.shape
        return n_trees * n_leaves.bit_length()

    def _add(self, x: NDArray[np.float32], total: NDArray[np.float64]) -> None:
        """Add the values of all trees to a total (n_rows,), in place."""
        n_trees, n_leaves = self.values.shape
        first_nodes = np.arange(n_trees)[:, None] * (n_leaves - 1)
        sources, limits, rows = self.sources.ravel(), self.limits.ravel(), np.arange(len(x))
        nodes = np.zeros((n_trees, len(x)), np.int64)
        for _ in range(n_leaves.bit_length() - 1):
            places = first_nodes + nodes
            nodes = 2 * nodes + 1 + (x[rows, sources[places]] > limits[places])
        leaves = nodes - (n_leaves - 1)
        for values, leaf in zip(self.values, leaves):  # one by one, in the same order for any batch
            total += values[leaf]

    def __mul__(self, factor: float) -> "Trees":
        """The same trees, with their values multiplied by a factor."""
        return Trees(self.sources, self.limits, (self.values * factor).astype(np.float32))

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {name: pack(values) for name, values in vars(self).items()}

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int) -> "Trees":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        values = fields.array("values", "<f4", None, None)
        n_trees, n_leaves = values.shape
        depth = n_leaves.bit_length() - 1
        is_whole = n_trees > 0 and 1 <= depth <= _DEEPEST and n_leaves == 2**depth
        fields.require(is_whole, "values", f"of trees of depth 1 to {_DEEPEST}")
        fields.require(n_trees <= _MOST_TREES, "values", f"of at most {_MOST_TREES} trees")
        sources = fields.array("sources", "<i4", n_trees, n_leaves - 1)
        fits = bool(((sources >= 0) & (sources < n_features)).all())
        fields.require(fits, "sources", f"columns, 0 to {n_features - 1}")
        return cls(sources, fields.array("limits", "<f4", n_trees, n_leaves - 1), values)


def fit_trees(
    x: NDArray[np.float32],
    y: NDArray[np.float64],
    columns: NDArray[np.int64],
    folds: Sequence[NDArray[np.int64]],
    seed: int,
) -> tuple[Trees, NDArray[np.float64]]:
    """Fit boosted trees to the rows outside each fold, and average them.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32
    y : ndarray of shape (n_rows,), float64
    columns : ndarray of int64
        The columns that the trees may read.
    folds : sequence of ndarray of int64
        A partition of the rows.
    seed : int

    Returns
    -------
    trees : Trees
        The average over all folds.
    held_out : ndarray of shape (n_rows,), float64
        Out-of-fold predictions.
    """
    from sklearn.ensemble import GradientBoostingRegressor  # here: it is slow to import

    held_out = np.empty(len(y))
    parts = []
    for fold in folds:
        train = np.setdiff1d(np.arange(len(y)), fold)
        model = GradientBoostingRegressor(
            n_estimators=_N_TREES,
            max_depth=_DEPTH,
            learning_rate=_LEARNING_RATE,
            min_samples_leaf=_FEWEST_IN_LEAF,
            subsample=min(0.5, _MOST_ROWS / len(train)),
            max_features=max(1, min(len(columns) // 2, _MOST_COLUMNS)),
            init="zero",
            random_state=seed,
        )
        # otherwise every tree validates the same parameters, which takes a quarter of the time
        with config_context(skip_parameter_validation=True):
            model.fit(x[np.ix_(train, columns)], y[train] - y[train].mean())
        trees = [_complete(tree.tree_, columns) for tree in model.estimators_[:, 0]]
        sources, limits, values = map(np.stack, zip(*trees))
        values = _LEARNING_RATE * values
        values[0] += y[train].mean()
        part = Trees(sources.astype(np.int32), limits.astype(np.float32), values.astype(np.float32))
        held_out[fold] = part.transform(x[fold])
        parts.append(part * (1 / len(folds)))
    arrays = zip(*(vars(part).values() for part in parts))
    return Trees(*map(np.concatenate, arrays)), held_out


def _complete(
    tree: Any, columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """A scikit-learn tree completed to full depth: nodes below its leaves send all rows left."""
    sources, limits = [], []
    nodes = np.zeros(1, np.int64)
    for _ in range(_DEPTH):
        is_leaf = tree.children_left[nodes] < 0
        sources.append(np.where(is_leaf, 0, columns[np.where(is_leaf, 0, tree.feature[nodes])]))
        limits.append(np.where(is_leaf, _LARGEST, tree.threshold[nodes]))
        children = tree.children_left[nodes], tree.children_right[nodes]
        nodes = np.column_stack([np.where(is_leaf, nodes, child) for child in children]).ravel()
    return np.concatenate(sources), np.concatenate(limits), tree.value[nodes, 0, 0]
