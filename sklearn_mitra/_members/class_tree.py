"""Class trees: classification with more classes than the network has outputs.

The root tells groups of similar classes apart. A node for each group then tells its classes apart,
with the rows of the group as its support set. The probability of a class is the product of the
probabilities along its path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.means import log_softmax

# A bundle with a larger logit is damaged.
_LARGEST = 1e6


@dataclass(frozen=True)
class ClassNode:
    """A node of a class tree, with the classes or groups of classes that it tells apart.

    Attributes
    ----------
    groups : ndarray of shape (n_classes,), int64
        Class ``k`` belongs to group ``groups[k]`` of the node; -1 if its rows don't reach the node.
    n_nodes : int
        Number of nodes of the tree. The logits of all nodes must be summed, but those of members
        are averaged, so each node multiplies its logits by this.
    other : float
        Logit of a class whose rows don't reach the node. It is 0 except at the root, where such a
        class has no support rows at all.
    """

    groups: NDArray[np.int64]
    n_nodes: int
    other: float = 0.0

    @property
    def n_groups(self) -> int:
        """Number of groups that the network tells apart at this node."""
        return int(self.groups.max()) + 1

    def find(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the rows, given by their class ids (n_rows,), that reach this node."""
        return np.flatnonzero(self.groups[y] >= 0)

    def spread(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Convert logits (n_rows, n_groups) to this node's part of the logits of all classes."""
        parts = np.full((len(logits), len(self.groups)), self.other)
        is_here = self.groups >= 0
        parts[:, is_here] = log_softmax(logits)[:, self.groups[is_here]]
        return self.n_nodes * parts

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {"groups": pack(self.groups), "nNodes": self.n_nodes, "other": self.other}

    @classmethod
    def unpack(cls, fields: BundleFields, n_classes: int) -> "ClassNode":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        groups = fields.array("groups", "<i8", n_classes)
        found = np.unique(groups)
        found = found[found >= 0]
        is_numbered = groups.min() >= -1 and len(found) > 0 and len(found) == groups.max() + 1
        fields.require(bool(is_numbered), "groups", "groups of classes, numbered from 0")
        n_nodes = fields.count("nNodes")
        fields.require(n_nodes < n_classes, "nNodes", f"fewer than the {n_classes} classes")
        other: float = fields.get("other", "a number", float)
        fields.require(abs(other) <= _LARGEST, "other", f"at most {_LARGEST:g} in size")
        return cls(groups, n_nodes, other)


def divide(
    kinds: Sequence[str],
    x: NDArray[np.float32],
    y: NDArray[Any],
    n_classes: int,
    n_outputs: int,
    seed: int,
) -> list[tuple[Sequence[str], ClassNode | None]]:
    """Divide the kinds of members among the nodes of class trees.

    Each pair holds kinds of members and their node. There is one pair, of all kinds and None,
    unless there are more classes than the network has outputs. Then each member has a class tree
    of its own, with a pair for every node. See :func:`grow_tree` for the parameters.
    """
    if n_classes <= n_outputs:
        return [(kinds, None)]
    trees = [grow_tree(x, y, n_classes, n_outputs, seed + i) for i in range(len(kinds))]
    return [([kind], node) for kind, tree in zip(kinds, trees) for node in tree]


def grow_tree(
    x: NDArray[np.float32], y: NDArray[np.int64], n_classes: int, n_outputs: int, seed: int
) -> list[ClassNode]:
    """Divide classes among nodes, each with at most as many groups as the network has outputs.

    Parameters
    ----------
    x : ndarray of shape (n_support, n_columns), float32
        Encoded columns of the support set. Classes with similar means form groups.
    y : ndarray of shape (n_support,), int64
        Class ids of the support set.
    n_classes : int
        More than ``n_outputs``.
    n_outputs : int
        2 or more.
    seed : int
        Seed of random column weights, which make the trees of different seeds differ.

    Returns
    -------
    nodes : list of ClassNode
        The root comes first.
    """
    seen = np.unique(y)
    weights = np.random.RandomState(seed % 2**32).exponential(size=x.shape[1])
    centres = weights * _find_centres(x, y, seen)
    divisions = _divide(np.arange(len(seen)), centres, n_outputs)
    nodes: list[ClassNode] = []
    for parts in divisions:
        groups = np.full(n_classes, -1)
        for i, part in enumerate(parts):
            groups[seen[part]] = i
        # a class without support rows counts as half of one
        other = 0.0 if nodes else float(np.log(0.5 / len(y)))
        nodes.append(ClassNode(groups, len(divisions), other))
    return nodes


def is_tree(nodes: Sequence[ClassNode], y: NDArray[np.int64]) -> bool:
    """Whether nodes form a complete tree that tells all classes of the support set apart.

    Parameters
    ----------
    nodes : sequence of ClassNode
        The root comes first.
    y : ndarray of shape (n_support,), int64
        Class ids of the support set.
    """
    are_all = all(node.n_nodes == len(nodes) for node in nodes)
    paths = np.column_stack([node.groups for node in nodes])
    seen = np.zeros(len(paths), bool)
    seen[y] = True
    is_apart = len(np.unique(paths[seen], axis=0)) == seen.sum()
    return are_all and bool(is_apart and (paths[seen, 0] >= 0).all() and (paths[~seen] < 0).all())


def _find_centres(
    x: NDArray[np.float32], y: NDArray[np.int64], seen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Means of the classes, in units of the standard deviation within classes."""
    means = np.array([x[y == k].mean(axis=0, dtype=np.float64) for k in seen])
    differences = x - means[np.searchsorted(seen, y)]
    deviations = np.sqrt(np.square(differences).mean(axis=0))
    scales = np.where(deviations > 0, deviations, 1)
    return (means - means.mean(axis=0)) / scales


def _divide(
    classes: NDArray[np.int64], centres: NDArray[np.float64], n_outputs: int
) -> list[list[NDArray[np.int64]]]:
    """The parts of each node of a tree of these classes, the root first."""
    if len(classes) <= n_outputs:
        return [[classes[i : i + 1] for i in range(len(classes))]]
    n_parts = min(-(-len(classes) // n_outputs), n_outputs)
    parts = _cut(classes, centres, n_parts)
    below = [_divide(part, centres, n_outputs) for part in parts if len(part) > 1]
    return [parts, *(node for nodes in below for node in nodes)]


def _cut(
    classes: NDArray[np.int64], centres: NDArray[np.float64], n_parts: int
) -> list[NDArray[np.int64]]:
    """Cut classes along their longest axis, recursively, into parts of about the same size."""
    if n_parts == 1:
        return [np.sort(classes)]
    points = centres[classes] - centres[classes].mean(axis=0)
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    axis *= np.sign(axis[np.abs(axis).argmax()])  # otherwise it depends on the machine
    along = classes[np.argsort(points @ axis, kind="stable")]
    n_left = n_parts // 2
    place = len(classes) * n_left // n_parts
    return _cut(along[:place], centres, n_left) + _cut(along[place:], centres, n_parts - n_left)
