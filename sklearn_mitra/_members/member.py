"""Ensemble views: how each member of an ensemble sees the table, and the way back.

The network has no notion of an order of the classes or of a direction of a column, but it
answers a little differently for each. Averaging over a few views cancels part of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.config import MOST_ESTIMATORS
from .class_tree import ClassNode, is_tree
from .features import Derived, Trend, Vote
from .functions import Functions, Rows, StoredFunctions
from .target_views import ClassOrder, Direction

# Most parts of a view with derived columns, and most columns of such a part, or one for each class.
_MOST_DERIVED, _MOST_COLUMNS = 2, 16
# The network keeps 999 quantiles of each column, float32.
_QUANTILES_NBYTES = 4 * 999


@dataclass(frozen=True)
class View:
    """One way of seeing a table: its own support, columns and target.

    Attributes
    ----------
    rows : ndarray of shape (n_view_rows,), int64
        Which of the stored support rows are its support.
    columns : ndarray of shape (n_chosen,), int64
        Which of the encoded columns it shows.
    signs : ndarray of shape (n_view_columns,), float32
        1 or -1: whether a column is turned over, the chosen ones first.
    target : ClassOrder or Direction
    derived : tuple of Derived
        Further columns, after the chosen ones.
    trend : Trend or None
        Taken off a scaled target before ``target`` shows it.
    vote : Vote or None
        Averaged with the logits.
    node : ClassNode or None
        If there are more classes than outputs: the classes that it tells apart, which are those
        of ``target`` and ``vote``, and of ``derived``.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    signs: NDArray[np.float32]
    target: ClassOrder | Direction
    derived: tuple[Derived, ...] = ()
    trend: Trend | None = None
    vote: Vote | None = None
    node: ClassNode | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing was learned for it: no derived columns, no trend, and so no vote."""
        return not self.derived and self.trend is None

    @property
    def n_nodes(self) -> int:
        """How many views, this one included, an ensemble member has."""
        return 1 if self.node is None else self.node.n_nodes

    def support(
        self, x: NDArray[np.float32], y: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """The support that the network is to see.

        Parameters
        ----------
        x : ndarray of shape (n_support, n_features), float32
            Encoded columns of all stored support rows.
        y : ndarray of shape (n_support,), int64 or float32
            Their class ids, of all classes, or scaled targets.

        Returns
        -------
        x : ndarray of shape (n_view_rows, n_view_columns), float32
        y : ndarray of shape (n_view_rows,), int64 or float32
        """
        x, target = x[self.rows], y[self.rows]
        if self.node is not None:
            target = self.node.groups[target]
        if self.trend is not None:
            target = self.trend.remove(target, x)
        shown = self._show(x, [columns.support(x) for columns in self.derived])
        return shown, self.target.show(target)

    def query(self, rows: Rows) -> NDArray[np.float32]:
        """Query rows as the network is to see them.

        Parameters
        ----------
        rows : Rows

        Returns
        -------
        x : ndarray of shape (n_rows, n_view_columns), float32
        """
        return self._show(rows.x, [columns.query(rows) for columns in self.derived])

    def _show(
        self, x: NDArray[np.float32], derived: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        shown = np.hstack([x[:, self.columns], *derived])
        shown *= self.signs
        return shown

    def restore(self, outputs: NDArray[np.float32], rows: Rows) -> NDArray[Any]:
        """The way back from the network's outputs.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_outputs), float32
        rows : Rows
            The query rows as :meth:`query` got them, for the trend or the vote.

        Returns
        -------
        answers : ndarray of shape (n_rows, n_classes) or (n_rows,)
            Logits, or scaled targets.
        """
        answers = self.target.restore(outputs)
        if self.vote is not None:
            answers = self.vote.add(answers, rows)
        if self.node is not None:
            answers = self.node.spread(answers)
        return answers if self.trend is None else self.trend.add(answers, rows)

    def pack(self, n_support: int, functions: Functions) -> dict[str, Any]:
        """The view as an object in a bundle of so many support rows and these functions."""
        return {
            "rows": None if len(self.rows) == n_support else pack(self.rows),  # mostly all
            "columns": pack(self.columns),
            "signs": pack(self.signs),
            "derived": [columns.pack(functions) for columns in self.derived],
            "trend": None if self.trend is None else self.trend.pack(functions),
            "vote": None if self.vote is None else self.vote.pack(functions),
            **({} if self.node is None else {"node": self.node.pack()}),
            **self.target.pack(),
        }

    @classmethod
    def unpack(
        cls,
        fields: BundleFields,
        functions: StoredFunctions,
        all_rows: NDArray[np.int64],
        n_classes: int,
    ) -> "View":
        """Read what :meth:`pack` wrote; what is wrong with it is a BundleError.

        Parameters
        ----------
        fields : BundleFields
        functions : StoredFunctions
            Those of the bundle. In its format 2 there are no derived columns, trends and votes.
        all_rows : ndarray of shape (n_support,), int64
            The places of the support's rows, an array that views share.
        n_classes : int
            Of the table in the bundle; 0 for regression.
        """
        version, n_features = functions.version, functions.n_features
        rows = all_rows
        if fields.optional("rows"):
            rows = _unpack_places(fields, "rows", len(all_rows))
            fields.require(len(rows) > 0, "rows", "one or more rows")
        node = None
        if version > 3 and n_classes and "node" in fields:
            node = ClassNode.unpack(fields.fields("node"), n_classes)
            n_classes = node.n_groups
        columns = _unpack_places(fields, "columns", n_features)
        derived: tuple[Derived, ...] = ()
        trend, vote = None, None
        if version > 2:
            packed = fields.objects("derived", empty=True)
            fits = len(packed) <= _MOST_DERIVED
            fields.require(fits, "derived", f"a list of at most {_MOST_DERIVED} objects")
            derived = tuple(Derived.unpack(d, functions, len(rows)) for d in packed)
            if fields.optional("trend") and not n_classes:
                trend = Trend.unpack(fields.fields("trend"), functions, len(rows))
            if fields.optional("vote") and n_classes:
                vote = Vote.unpack(fields.fields("vote"), functions, n_classes)
            most = max(_MOST_COLUMNS, n_classes)
            fits = all(d.n_columns <= most for d in derived)
            fields.require(fits, "derived", f"functions of at most {most} values")
        n_columns = len(columns) + sum(d.n_columns for d in derived)
        fields.require(n_columns > 0, "columns", "one or more, if none are derived")
        fields.take("columns", _shown_nbytes(len(rows), n_columns))
        signs = fields.array("signs", "<f4", n_columns)
        fields.require((np.abs(signs) == 1).all(), "signs", "1 or -1")
        target = ClassOrder.unpack(fields, n_classes) if n_classes else Direction.unpack(fields)
        return cls(rows, columns, signs, target, derived, trend, vote, node)


def _unpack_places(fields: BundleFields, key: str, length: int) -> NDArray[np.int64]:
    """Places in 0..length-1, ascending."""
    places = fields.array(key, "<i8", None)
    in_range = bool(((places >= 0) & (places < length)).all())
    fits = in_range and bool((np.diff(places) > 0).all())
    fields.require(fits, key, f"ascending places, 0 to {length - 1}")
    return places


def unpack_views(
    fields: BundleFields,
    version: int,
    n_support: int,
    n_features: int,
    n_classes: int,
    columns: NDArray[np.int64],
) -> list[View]:
    """The views in a bundle of ours; what is wrong with them is a BundleError.

    Parameters
    ----------
    fields : BundleFields
        The artifact ``sklearn_mitra``.
    version : {1, 2, 3, 4}
        Its format. In 1 all views have the same rows and columns.
    n_support, n_features, n_classes : int
        Of the table in the bundle; 0 classes for regression.
    columns : ndarray of int64
        Those that all views have in format 1.
    """
    all_rows = np.arange(n_support)
    if version > 1:
        functions = StoredFunctions(fields, version, n_features)
        packed = fields.objects("views")
        rest = functions, all_rows, n_classes
        first = View.unpack(packed[0], *rest)
        fits = len(packed) <= MOST_ESTIMATORS * first.n_nodes
        fields.require(fits, "views", f"those of at most {MOST_ESTIMATORS} ensemble members")
        return [first, *(View.unpack(view, *rest) for view in packed[1:])]
    n_views = fields.count("nViews")
    fields.require(n_views <= MOST_ESTIMATORS, "nViews", f"at most {MOST_ESTIMATORS}")
    fields.take("nViews", n_views * _shown_nbytes(n_support, len(columns)))
    signs = fields.array("signs", "<f4", n_views, len(columns))
    fields.require((np.abs(signs) == 1).all(), "signs", "1 or -1")
    orders = fields.array("permutations", "<i8", n_views, n_classes)
    are_permutations = (np.sort(orders, axis=1) == np.arange(n_classes)).all()
    fields.require(are_permutations, "permutations", "permutations of the classes")
    mirrors = fields.array("mirrors", "|b1", n_views)
    return [
        View(all_rows, columns, s, ClassOrder(o) if n_classes else Direction(bool(m)))
        for s, o, m in zip(signs, orders, mirrors)
    ]


def _shown_nbytes(n_rows: int, n_columns: int) -> int:
    """Size of what a view shows: float32 columns, a target of up to 8 bytes, and quantiles."""
    return n_rows * (4 * n_columns + 8) + n_columns * _QUANTILES_NBYTES


def are_trees(views: Sequence[View], y: NDArray[np.int64]) -> bool:
    """Whether views of a classifier are whole trees, or tell all classes apart without any.

    Parameters
    ----------
    views : sequence of View
    y : ndarray of shape (n_support,), int64
        Class ids of the stored support rows.
    """
    n_nodes = views[0].n_nodes
    for start in range(0, len(views), n_nodes):
        nodes = [view.node for view in views[start : start + n_nodes] if view.node is not None]
        if nodes and not is_tree(nodes, y):
            return False
    return all(
        np.array_equal(view.rows, view.node.find(y)) if view.node else n_nodes == 1
        for view in views
    )
