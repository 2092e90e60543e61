"""Binary decision trees as plain arrays, converted from scikit-learn's tree ensembles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack

# Rows times trees per block of a prediction.
_BLOCK = 300_000
# Levels to descend between two checks of which rows have reached a leaf.
_STRIDE = 4
# Long chains of nodes make predictions slow. They occur in damaged bundles and with heavy tails.
DEEPEST = 48
_LARGEST = 1e30


@dataclass(frozen=True)
class Forest:
    """A sum of binary trees.

    A node sends a row left if the row's value is at most the node's limit. The nodes of all trees
    are in one array, parents before their children.

    Attributes
    ----------
    sources : ndarray of shape (n_nodes,), int32
        The column that a node reads; -1 for a leaf.
    limits : ndarray of shape (n_nodes,), float32
        The largest value that goes left.
    lefts, rights : ndarray of shape (n_nodes,), int32
        The children of a node. Both are the index in ``values`` for a leaf.
    roots : ndarray of shape (n_trees,), int32
        The root of each tree.
    values : ndarray of shape (n_leaves, n_values), float32
        What a leaf adds to all outputs. A single value is added to one output, and the trees take
        turns with the outputs.
    """

    sources: NDArray[np.int32]
    limits: NDArray[np.float32]
    lefts: NDArray[np.int32]
    rights: NDArray[np.int32]
    roots: NDArray[np.int32]
    values: NDArray[np.float32]

    def transform(self, x: NDArray[np.float32], n_outputs: int) -> NDArray[np.float64]:
        """Sums over all trees (n_rows, n_outputs) for rows (n_rows, n_columns).

        Trees are added one by one, in the same order for any batch.
        """
        total = np.zeros((len(x), n_outputs))
        step = max(1, _BLOCK // len(self.roots))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            leaves = self._find_leaves(x[rows])
            for i, leaf in enumerate(leaves):
                if self.values.shape[1] == n_outputs:
                    total[rows] += self.values[leaf]
                else:
                    total[rows, i % n_outputs] += self.values[leaf, 0]
        return total

    def _find_leaves(self, x: NDArray[np.float32]) -> NDArray[np.int32]:
        """Indices in ``values`` (n_trees, n_rows) of the leaves that rows reach."""
        n_trees, n_rows = len(self.roots), len(x)
        nodes = np.repeat(self.roots.astype(np.int64), n_rows)
        active = np.arange(len(nodes))
        while len(active):
            at, rows = nodes[active], active % n_rows
            for _ in range(_STRIDE):
                source = self.sources[at]
                goes_left = x[rows, source] <= self.limits[at]
                further = np.where(goes_left, self.lefts[at], self.rights[at])
                at = np.where(source < 0, at, further)
            nodes[active] = at
            active = active[self.sources[at] >= 0]
        return self.lefts[nodes].reshape(n_trees, n_rows)

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {name: pack(values) for name, values in vars(self).items()}

    @classmethod
    def unpack(cls, fields: BundleFields, n_columns: int, n_outputs: int) -> "Forest":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        sources = fields.array("sources", "<i4", None)
        n_nodes = len(sources)
        fits = n_nodes > 0 and bool(((sources >= -1) & (sources < n_columns)).all())
        fields.require(fits, "sources", f"columns, 0 to {n_columns - 1}, or -1")
        limits = fields.array("limits", "<f4", n_nodes)
        lefts = fields.array("lefts", "<i4", n_nodes)
        rights = fields.array("rights", "<i4", n_nodes)
        roots = fields.array("roots", "<i4", None)
        fits = len(roots) > 0 and bool(((roots >= 0) & (roots < n_nodes)).all())
        fits = fits and bool((np.diff(roots) > 0).all())
        fields.require(fits, "roots", f"ascending nodes, 0 to {n_nodes - 1}")
        values = fields.array("values", "<f4", None, None)
        fits = values.shape[1] in (1, n_outputs) and bool((np.abs(values) <= _LARGEST).all())
        fields.require(fits, "values", f"small numbers, 1 or {n_outputs} for each leaf")
        is_leaf, places = sources < 0, np.arange(n_nodes)
        for name, children in (("lefts", lefts), ("rights", rights)):
            inside = (children > places) & (children < n_nodes)
            fits = bool((inside | is_leaf).all())
            fields.require(fits, name, "nodes that come after their parents")
            fits = bool(((children >= 0) & (children < len(values)))[is_leaf].all())
            fields.require(fits, name, f"in leaves, indices of values, 0 to {len(values) - 1}")
        forest = cls(sources, limits, lefts, rights, roots, values)
        fields.require(forest.depth <= DEEPEST, "lefts", f"nodes of at most {DEEPEST} levels")
        return forest

    @property
    def depth(self) -> int:
        """Number of levels below the root of the deepest tree, counted up to ``DEEPEST + 1``."""
        nodes, depth = np.unique(self.roots), 0
        while depth <= DEEPEST:
            nodes = nodes[self.sources[nodes] >= 0]
            if not len(nodes):
                break
            nodes = np.unique(np.concatenate([self.lefts[nodes], self.rights[nodes]]))
            depth += 1
        return depth


def join_trees(trees: Sequence[tuple[NDArray[Any], ...]]) -> Forest:
    """Join separate trees into a forest.

    Parameters
    ----------
    trees : sequence of tuple
        The arrays of each tree: ``sources``, -1 in leaves, ``limits`` in float64, ``lefts`` and
        ``rights``, all of shape (n_nodes,), and ``values`` of shape (n_nodes, n_values).
    """
    parts: list[tuple[NDArray[Any], ...]] = []
    roots, values = [], []
    n_nodes = n_leaves = 0
    for sources, limits, lefts, rights, node_values in trees:
        is_leaf = sources < 0
        leaves = n_leaves + np.cumsum(is_leaf) - 1
        left, right = (np.where(is_leaf, leaves, n_nodes + child) for child in (lefts, rights))
        parts.append((sources, _round_down(limits), left, right))
        roots.append(n_nodes)
        values.append(node_values[is_leaf])
        n_nodes, n_leaves = n_nodes + len(sources), n_leaves + int(is_leaf.sum())
    sources, limits, lefts, rights = map(np.concatenate, zip(*parts))
    return Forest(
        sources.astype(np.int32),
        limits,
        lefts.astype(np.int32),
        rights.astype(np.int32),
        np.array(roots, np.int32),
        np.concatenate(values).astype(np.float32),
    )


def _round_down(limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round limits down to float32, where they split float32 numbers in the same way."""
    largest = float(np.finfo(np.float32).max)
    rounded = np.clip(limits, -largest, largest).astype(np.float32)
    with np.errstate(over="ignore"):  # the number below the smallest is -inf
        below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > limits, below, rounded)
