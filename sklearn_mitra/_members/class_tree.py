"""More classes than a network has outputs: a tree of problems that it can answer.

The root tells groups of similar classes apart. A node for each group tells its classes apart, with
the group's rows as its support. The probability of a class is the product along its path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.means import log_softmax

# More would be a damaged bundle.
_LARGEST = 1e6


@dataclass(frozen=True)
class ClassNode:
    """A node of the tree: the classes that it tells apart, alone or in groups.

    Attributes
    ----------
    groups : ndarray of shape (n_classes,), int64
        Class ``k`` is class ``groups[k]`` here; -1 if its rows don't get here.
    n_nodes : int
        How many nodes the tree has. Logits of all of them are to be added up; as views' are
        averaged, each is multiplied by this.
    other : float
        Logit of a class whose rows don't get here: 0, but in the root, where such a class has no
        rows in the support at all.
    """

    groups: NDArray[np.int64]
    n_nodes: int
    other: float = 0.0

    @property
    def n_groups(self) -> int:
        """How many classes the network is to tell apart here."""
        return int(self.groups.max()) + 1

    def find(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of these rows, class ids (n_rows,), get here."""
        return np.flatnonzero(self.groups[y] >= 0)

    def spread(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Logits (n_rows, n_groups) as this node's part of those of all classes."""
        parts = np.full((len(logits), len(self.groups)), self.other)
        is_here = self.groups >= 0
        parts[:, is_here] = log_softmax(logits)[:, self.groups[is_here]]
        return self.n_nodes * parts

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {"groups": pack(self.groups), "nNodes": self.n_nodes, "other": self.other}

    @classmethod
    def unpack(cls, fields: BundleFields, n_classes: int) -> "ClassNode":
        """Read what :meth:`pack` wrote."""
        groups = fields.array("groups", "<i8", n_classes)
        found = np.unique(groups)
        found = found[found >= 0]
        is_numbered = groups.min() >= -1 and len(found) > 0 and len(found) == groups.max() + 1
        fields.require(bool(is_numbered), "groups", "groups of classes, numbered from 0")
        n_nodes = fields.count("nNodes")
        fields.require(n_nodes < n_classes, "nNodes", f"fewer than the {n_classes} classes")
        other: float = fields.get("other", "a number", float)
        fields.require(abs(other) <= _LARGEST, "other", "not so large")
        return cls(groups, n_nodes, other)


def divide(
    kinds: Sequence[str],
    x: NDArray[np.float32],
    y: NDArray[Any],
    n_classes: int,
    n_outputs: int,
    seed: int,
) -> list[tuple[Sequence[str], ClassNode | None]]:
    """Kinds of ensemble members, and the node that their views are of.

    All kinds and None, unless there are more classes than the network has outputs. Then each
    member has a tree of its own, and a pair for every node; see :func:`grow_tree` for the
    parameters.
    """
    if n_classes <= n_outputs:
        return [(kinds, None)]
    trees = [grow_tree(x, y, n_classes, n_outputs, seed + i) for i in range(len(kinds))]
    return [([kind], node) for kind, tree in zip(kinds, trees) for node in tree]


def grow_tree(
    x: NDArray[np.float32], y: NDArray[np.int64], n_classes: int, n_outputs: int, seed: int
) -> list[ClassNode]:
    """Divide classes among nodes that a network of so many outputs can answer.

    Parameters
    ----------
    x : ndarray of shape (n_support, n_columns), float32
        Encoded columns of the support. Classes with similar means get into the same groups.
    y : ndarray of shape (n_support,), int64
        Class ids.
    n_classes : int
        More than ``n_outputs``.
    n_outputs : int
        2 or more.
    seed : int
        Columns get random weights, for trees of other seeds to be others.

    Returns
    -------
    nodes : list of ClassNode
        The root first.
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
    """Whether these are all nodes of a tree that tells apart the classes of the support.

    Parameters
    ----------
    nodes : sequence of ClassNode
        The root first.
    y : ndarray of shape (n_support,), int64
        Class ids of the support.
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
    """Means of the classes, in standard deviations within classes."""
    means = np.array([x[y == k].mean(axis=0, dtype=np.float64) for k in seen])
    rest = x - means[np.searchsorted(seen, y)]
    deviations = np.sqrt(np.square(rest).mean(axis=0))
    scales = np.where(deviations > 0, deviations, 1)
    return (means - means.mean(axis=0)) / scales


def _divide(
    classes: NDArray[np.int64], centres: NDArray[np.float64], n_outputs: int
) -> list[list[NDArray[np.int64]]]:
    """The parts of each node below these classes, of their own node first."""
    if len(classes) <= n_outputs:
        return [[classes[i : i + 1] for i in range(len(classes))]]
    n_parts = min(-(-len(classes) // n_outputs), n_outputs)
    parts = _cut(classes, centres, n_parts)
    below = [_divide(part, centres, n_outputs) for part in parts if len(part) > 1]
    return [parts, *(node for nodes in below for node in nodes)]


def _cut(
    classes: NDArray[np.int64], centres: NDArray[np.float64], n_parts: int
) -> list[NDArray[np.int64]]:
    """Cut along the longest axis, and the pieces again, into parts of about the same size."""
    if n_parts == 1:
        return [np.sort(classes)]
    points = centres[classes] - centres[classes].mean(axis=0)
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    axis *= np.sign(axis[np.abs(axis).argmax()])  # which else depends on the machine
    along = classes[np.argsort(points @ axis, kind="stable")]
    n_left = n_parts // 2
    place = len(classes) * n_left // n_parts
    return _cut(along[:place], centres, n_left) + _cut(along[place:], centres, n_parts - n_left)
