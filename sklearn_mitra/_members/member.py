"""Ensemble members: how each shows a table to the network, and converts the outputs back.

The order of the classes and the direction of a column carry no meaning for the network, but its
answers depend on them a little. Averaging over a few members cancels part of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.config import MOST_ESTIMATORS
from .class_tree import is_tree
from .features import Features
from .functions import Functions, Rows, StoredFunctions
from .target_views import ClassView, NumberView

# Limits on the features of a member and on the columns of each, or one column for each class.
_MOST_FEATURES, _MOST_COLUMNS = 2, 16
# Size of the 999 float32 quantiles that the network stores for each column.
_QUANTILES_NBYTES = 4 * 999


@dataclass(frozen=True)
class EnsembleMember:
    """One way of showing a table to the network: its columns and its target.

    If a classifier has more classes than the network has outputs, a member of its ensemble is a
    class tree, with an instance of this class for every node.

    Attributes
    ----------
    columns : ndarray of shape (n_chosen,), int64
        The encoded columns that are shown.
    signs : ndarray of shape (n_columns,), float32
        Each column is multiplied by 1 or -1, the encoded columns before the features.
    target : ClassView or NumberView
    features : tuple of Features
        Further columns, shown after the encoded ones.
    """

    columns: NDArray[np.int64]
    signs: NDArray[np.float32]
    target: ClassView | NumberView
    features: tuple[Features, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing was learned for it: it has no features, baseline or logit blend."""
        return not self.features and self.target.is_plain

    def support(
        self, x: NDArray[np.float32], y: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """The support set as this member shows it to the network.

        Parameters
        ----------
        x : ndarray of shape (n_support, n_features), float32
            Encoded columns of all support rows.
        y : ndarray of shape (n_support,), int64 or float32
            Class ids, before any grouping, or scaled targets.

        Returns
        -------
        x : ndarray of shape (n_member_rows, n_columns), float32
        y : ndarray of shape (n_member_rows,), int64 or float32
        """
        rows = self.target.find(y)
        x = x[rows]
        shown = self._show(x, [features.support(x) for features in self.features])
        predictions: Any = self.target.support_predictions(x)
        return shown, self.target.transform(y[rows], predictions)

    def training_support(
        self, rows: Rows, y: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Do the same for training rows other than the model's support set.

        Parameters
        ----------
        rows : Rows
            From :meth:`~sklearn_mitra._members.training_rows.TrainingRows.take`.
        y : ndarray of shape (n_rows,), int64 or float32
            Class ids, before any grouping, or scaled targets.
        """
        places = self.target.find(y)
        predictions: Any = self.target.query_predictions(rows)
        if predictions is not None:
            predictions = predictions[places]
        return self.query(rows)[places], self.target.transform(y[places], predictions)

    def query(self, rows: Rows) -> NDArray[np.float32]:
        """Query rows (n_rows, n_columns) as this member shows them to the network."""
        return self._show(rows.x, [features.query(rows) for features in self.features])

    def _show(
        self, x: NDArray[np.float32], features: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        shown = np.hstack([x[:, self.columns], *features])
        shown *= self.signs
        return shown

    def pack(self, y: NDArray[Any], functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle, given the support's targets and the shared functions."""
        rows = self.target.find(y)
        return {
            "rows": None if len(rows) == len(y) else pack(rows),
            "columns": pack(self.columns),
            "signs": pack(self.signs),
            "derived": [features.pack(functions) for features in self.features],
            **self.target.pack(functions),
        }

    @classmethod
    def unpack(
        cls, fields: BundleFields, functions: StoredFunctions, y: NDArray[Any], n_classes: int
    ) -> "EnsembleMember":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError.

        Parameters
        ----------
        fields : BundleFields
        functions : StoredFunctions
            The functions in the bundle.
        y : ndarray of shape (n_support,), int64 or float64
            Class ids or targets of the support set.
        n_classes : int
            Number of classes in the bundle; 0 for regression.
        """
        target: ClassView | NumberView
        if n_classes:
            target = ClassView.unpack(fields, functions, n_classes)
        else:
            target = NumberView.unpack(fields, functions, y)
        rows = target.find(y)
        if fields.optional("rows"):
            are_same = np.array_equal(fields.array("rows", "<i8", None), rows)
            fields.require(are_same, "rows", "the rows whose classes it tells apart")
        else:
            fields.require(len(rows) == len(y), "rows", "the rows whose classes it tells apart")
        fields.require(len(rows) > 0, "rows", "one or more rows")
        columns = _unpack_places(fields, "columns", functions.n_features)
        packed = fields.objects("derived", empty=True)
        fits = len(packed) <= _MOST_FEATURES
        fields.require(fits, "derived", f"a list of at most {_MOST_FEATURES} objects")
        features = tuple(Features.unpack(d, functions, len(rows)) for d in packed)
        most = max(_MOST_COLUMNS, target.n_shown)
        fits = all(f.n_columns <= most for f in features)
        fields.require(fits, "derived", f"functions with at most {most} values")
        n_columns = len(columns) + sum(f.n_columns for f in features)
        fields.require(n_columns > 0, "columns", "one or more, since 'derived' is empty")
        fields.take("columns", _shown_nbytes(len(rows), n_columns))
        signs = fields.array("signs", "<f4", n_columns)
        fields.require((np.abs(signs) == 1).all(), "signs", "1 or -1")
        return cls(columns, signs, target, features)


def _unpack_places(fields: BundleFields, key: str, length: int) -> NDArray[np.int64]:
    """Read indices in 0..length-1, ascending."""
    places = fields.array(key, "<i8", None)
    in_range = bool(((places >= 0) & (places < length)).all())
    fits = in_range and bool((np.diff(places) > 0).all())
    fields.require(fits, key, f"ascending indices, 0 to {length - 1}")
    return places


def _shown_nbytes(n_rows: int, n_columns: int) -> int:
    """Memory of a member's table: float32 columns, a target of up to 8 bytes, and quantiles."""
    return n_rows * (4 * n_columns + 8) + n_columns * _QUANTILES_NBYTES


def unpack_members(
    fields: BundleFields, y: NDArray[Any], n_features: int, n_classes: int
) -> list[EnsembleMember]:
    """Read the members in a bundle. Invalid ones raise a BundleError.

    Parameters
    ----------
    fields : BundleFields
        The artifact ``sklearn_mitra``.
    y : ndarray of shape (n_support,), int64 or float64
        Class ids or targets of the support set.
    n_features, n_classes : int
        Number of columns and classes in the bundle; 0 classes for regression.
    """
    functions = StoredFunctions(fields, n_features)
    packed = fields.objects("views")
    first = EnsembleMember.unpack(packed[0], functions, y, n_classes)
    fits = len(packed) <= MOST_ESTIMATORS * first.target.n_nodes
    fields.require(fits, "views", f"at most {MOST_ESTIMATORS} ensemble members")
    others = [EnsembleMember.unpack(view, functions, y, n_classes) for view in packed[1:]]
    members = [first, *others]
    fields.require(_are_whole(members, y), "views", "complete trees of the support's classes")
    return members


def _are_whole(members: Sequence[EnsembleMember], y: NDArray[Any]) -> bool:
    """Whether the members form complete class trees, or none of them has a node."""
    n_nodes = members[0].target.n_nodes
    for start in range(0, len(members), n_nodes):
        nodes = [member.target.node for member in members[start : start + n_nodes]]
        present = [node for node in nodes if node is not None]
        if present and not (len(present) == n_nodes and is_tree(present, y)):
            return False
        if not present and n_nodes > 1:
            return False
    return True
