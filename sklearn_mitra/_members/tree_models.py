"""Ensemble members that need no network: boosted trees and extra trees.

scikit-learn fits them to the encoded columns of all training rows, with the target encoding if
there is one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.means import log_softmax
from .._common.thread_limits import limit_threads
from .forest import DEEPEST, Forest, join_trees
from .kinds import BOOSTING, EXTRA_TREES
from .training_table import TrainingTable

# The smallest log-probability of a class, so that a single row can't outweigh all others.
LEAST = -7.0
_N_TREES, _FEWEST_IN_LEAF = 100, 2
# Boosting steps: for classes, each of which takes a tree for every class, and for numbers or more
# rows than this. scikit-learn would hold out a tenth of so many rows to stop early, which lost more
# than it gained on the tables of benchmarks/support.py.
_N_STEPS, _MANY_ROWS, _N_MORE_STEPS = 100, 10_000, 200
# Without this, boosting is too sure of itself on middle tables: log loss was better on 19 of 20.
_L2 = 1.0
# Limits on the rows that extra trees are fitted to, on their leaves and on the numbers in these:
# bundles hold them.
MOST_ROWS, _MOST_LEAVES, _MOST_VALUES = 20_000, 500_000, 2_000_000
# Smaller tables are fitted in one thread: several would wait for each other longer than they work.
# With other processes on the cores, a fit of 0.1 s took a minute with two threads.
_MANY_CELLS = 1_000_000


@dataclass(frozen=True)
class TreeModel:
    """A fitted member that needs no network.

    Attributes
    ----------
    kind : {"boosting", "extra_trees"}
    forest : Forest
    start : ndarray of shape (n_outputs,), float64
        The values that the trees add to: raw scores of the classes (a single one for two classes),
        or a target.
    n_classes : int
        0 for regression.
    scale : float
        Multiplies the sum of regression trees; 1 for classes.
    """

    kind: str
    forest: Forest
    start: NDArray[np.float64]
    n_classes: int
    scale: float = 1.0

    def answers(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-probabilities (n_rows, n_classes) or targets (n_rows,) for encoded rows."""
        total = self.start + self.scale * self.forest.transform(x, len(self.start))
        if not self.n_classes:
            return total[:, 0]
        if self.kind == EXTRA_TREES:
            return np.log(np.maximum(total, np.exp(LEAST)))
        if self.n_classes == 2:
            total = np.hstack([np.zeros_like(total), total])
        return np.maximum(log_softmax(total), LEAST)

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        numbers = {"start": pack(self.start), "scale": self.scale}
        return {"kind": self.kind, **numbers, **self.forest.pack()}

    @classmethod
    def unpack(cls, fields: BundleFields, n_columns: int, n_classes: int) -> "TreeModel":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        known = [BOOSTING, EXTRA_TREES]
        kind = fields.get("kind", f"one of {known}", str)
        fields.require(kind in known, "kind", f"one of {known}")
        n_outputs = count_outputs(kind, n_classes)
        start = fields.array("start", "<f8", n_outputs)
        is_small = not n_classes or bool((np.abs(start) <= 1e30).all())
        fields.require(is_small, "start", "small enough to compute with")
        scale: float = fields.get("scale", "a number of 0 or more", float)
        is_finite = 0 <= scale < np.inf and (scale == 1 or not n_classes)
        fields.require(is_finite, "scale", "finite and 0 or more; 1 for classes")
        return cls(kind, Forest.unpack(fields, n_columns, n_outputs), start, n_classes, scale)


def count_outputs(kind: str, n_classes: int) -> int:
    """Number of outputs that the trees of a kind add to."""
    return 1 if n_classes == 0 or (kind == BOOSTING and n_classes == 2) else n_classes


def count_steps(n_rows: int, n_classes: int) -> int:
    """Number of boosting steps with so many training rows and classes, 0 for regression."""
    return _N_STEPS if n_classes and n_rows <= _MANY_ROWS else _N_MORE_STEPS


def fit_tree_model(
    kind: str,
    table: TrainingTable,
    y: NDArray[Any],
    rows: NDArray[np.int64],
    seed: int,
    n_threads: int,
) -> TreeModel:
    """Fit a member to some rows of a training table.

    Parameters
    ----------
    kind : {"boosting", "extra_trees"}
    table : TrainingTable
    y : ndarray of shape (n_rows,), int64 or float64
        Class ids or untransformed targets of all rows of the table. Trees cope with outliers and
        heavy tails, and a transform would bias the mean.
    rows : ndarray of int64
        The rows to fit to.
    seed : int
    n_threads : int
        Largest number of threads of scikit-learn and of the libraries it uses.
    """
    x, y, unit, middle = table.x[np.ix_(rows, table.columns)], y[rows], 1.0, 0.0
    if table.n_classes:
        counts = np.bincount(y, minlength=table.n_classes)
        fewest = 2 if kind == BOOSTING else 1
        if (counts >= fewest).sum() < 2:
            return _constant(kind, counts / len(y))
    else:
        low, high = float(y.min()), float(y.max())
        unit, middle = high - low, low / 2 + high / 2
        y = (y - middle) / unit if unit else np.zeros(len(y))
    if x.size < _MANY_CELLS:
        n_threads = 1
    fit = _fit_boosting if kind == BOOSTING else _fit_extra_trees
    with limit_threads(n_threads):
        forest, start = fit(x, y, table.n_classes, seed, n_threads)
    is_leaf = forest.sources < 0
    sources = np.where(is_leaf, -1, table.columns[np.where(is_leaf, 0, forest.sources)])
    arrays = {**vars(forest), "sources": sources.astype(np.int32)}
    return TreeModel(kind, Forest(**arrays), middle + unit * start, table.n_classes, unit)


def _constant(kind: str, shares: NDArray[np.float64]) -> TreeModel:
    """A member fitted to too few classes, which answers with the shares of the classes."""
    none = np.zeros(1, np.int32)
    leaf = Forest(none - 1, np.zeros(1, np.float32), none, none, none, np.zeros((1, 1), np.float32))
    start = shares
    if kind == BOOSTING:
        start = np.log(np.maximum(shares, np.exp(LEAST)))
        if len(shares) == 2:
            start = start[1:] - start[:1]
    return TreeModel(kind, leaf, start, len(shares))


def _fit_boosting(
    x: NDArray[np.float32], y: NDArray[Any], n_classes: int, seed: int, n_threads: int
) -> tuple[Forest, NDArray[np.float64]]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    cls = HistGradientBoostingClassifier if n_classes else HistGradientBoostingRegressor
    if n_classes:
        # Classes with a single row are left out, since boosting steps for them do harm: in 3000
        # rows of two classes, one row of a third lowered the accuracy from 1.00 to 0.89.
        has_several = np.bincount(y)[y] > 1
        x, y = x[has_several], y[has_several]
    model = cls(
        max_iter=count_steps(len(x), n_classes),
        l2_regularization=_L2,
        early_stopping=False,
        random_state=seed,
    ).fit(x, y)
    start = np.ravel(model._baseline_prediction).astype(np.float64)
    trees = []
    for predictor in (p for iteration in model._predictors for p in iteration):
        nodes = predictor.nodes
        sources = np.where(nodes["is_leaf"], -1, nodes["feature_idx"].astype(np.int64))
        lefts, rights = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        trees.append((sources, nodes["num_threshold"], lefts, rights, nodes["value"][:, None]))
    forest = join_trees(trees)
    classes = model.classes_ if n_classes else ()
    if n_classes and len(classes) < n_classes:
        return _spread(forest, start, np.asarray(classes), n_classes)
    return forest, start


def _spread(
    forest: Forest, start: NDArray[np.float64], classes: NDArray[np.int64], n_classes: int
) -> tuple[Forest, NDArray[np.float64]]:
    """Extend boosting to classes without rows, whose scores are far below all others."""
    values = np.zeros((len(forest.values), n_classes), np.float32)
    spread = np.full(n_classes, 2 * LEAST + min(0.0, float(start.min())))
    if len(classes) == 2:  # a single score, that of the second class
        values[:, classes[1]] = forest.values[:, 0]
        spread[classes] = 0.0, start[0]
    else:
        tree_of_leaf = np.empty(len(values), np.int64)
        is_leaf = forest.sources < 0
        of_node = np.searchsorted(forest.roots, np.arange(len(is_leaf)), side="right") - 1
        tree_of_leaf[forest.lefts[is_leaf]] = of_node[is_leaf]
        values[np.arange(len(values)), classes[tree_of_leaf % len(classes)]] = forest.values[:, 0]
        spread[classes] = start
    return Forest(**{**vars(forest), "values": values}), spread


def _fit_extra_trees(
    x: NDArray[np.float32], y: NDArray[Any], n_classes: int, seed: int, n_threads: int
) -> tuple[Forest, NDArray[np.float64]]:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    if len(x) > MOST_ROWS:
        chosen = np.random.RandomState(seed).permutation(len(x))[:MOST_ROWS]
        x, y = x[np.sort(chosen)], y[np.sort(chosen)]
    n_outputs = max(1, n_classes)
    most_leaves = max(1, min(_MOST_LEAVES, _MOST_VALUES // n_outputs) // _N_TREES)
    cls = ExtraTreesClassifier if n_classes else ExtraTreesRegressor
    model = cls(
        _N_TREES,
        min_samples_leaf=max(_FEWEST_IN_LEAF, -(-len(x) // most_leaves)),
        max_depth=DEEPEST,
        n_jobs=n_threads,
        random_state=seed,
    ).fit(x, y)
    trees = []
    for tree in (estimator.tree_ for estimator in model.estimators_):
        sources = np.where(tree.children_left < 0, -1, tree.feature)
        values = np.zeros((len(sources), n_outputs))
        if n_classes:
            shares = tree.value[:, 0, :]
            values[:, model.classes_] = shares / shares.sum(axis=1, keepdims=True)
        else:
            values[:] = tree.value[:, 0, :1]
        lefts, rights = tree.children_left, tree.children_right
        trees.append((sources, tree.threshold, lefts, rights, values / len(model.estimators_)))
    return join_trees(trees), np.zeros(n_outputs)
