"""Encoding of raw tables as float32, following the preprocessing of AutoGluon's Mitra.

A category becomes its rank and a missing value the mean of the training column. Columns that are
constant in training are marked and left out later.

References
----------
``Preprocessor`` in ``autogluon/tabular/models/mitra/_internal/data/preprocessor.py``
(AutoGluon 1.6.3).
"""

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack, pack_categories
from .._common.warnings import warn_user
from .._network.quantiles import LARGEST_SHOWN
from .columns import (
    DURATIONS,
    HELD_BY_DATES,
    HELD_BY_NUMBERS,
    NOTHING,
    NUMBERS,
    Categories,
    Column,
    Dates,
    Numbers,
    learn_column,
)
from .dates import PARTS
from .table import columns_of, is_frame, is_numeric
from .unseen import UnseenCategories

# A column's range must hold at least this many float32 numbers: many more than the network's 999
# quantiles.
_STEPS = 2**14
# The least positive number of float32.
_SMALLEST = 2.0**-149
# Smaller differences, relative to the largest value, may be rounding errors.
_NOISE = 2.0**-32
# The valid encodings of dates: days, with any of the other parts in their order.
_PARTS_OF_DATES = [
    [PARTS[0], *others] for n in range(len(PARTS)) for others in combinations(PARTS[1:], n)
]


class TableEncoder:
    """The encoding of one training table.

    Attributes
    ----------
    columns : list of (Numbers, Categories or Dates), of length n_features
        Each becomes one or more encoded columns.
    means : ndarray of shape (n_encoded,), float64
        Mean of each encoded column without its missing values; 0 where all are missing.
    offsets : ndarray of shape (n_encoded,), float64
        Subtracted from each column before it is rounded to float32. This is the column's mean if
        float32 could hardly tell its values apart, such as times in seconds since 1970, and 0
        otherwise.
    varying : ndarray of shape (n_encoded,), bool
        Which encoded columns are not constant in training.
    is_named : bool
        Whether training had a DataFrame whose column names are not strings, such as numbers. Other
        DataFrames must then have the same names. scikit-learn checks names that are strings.
    """

    def __init__(
        self,
        columns: list[Column],
        means: NDArray[np.float64],
        offsets: NDArray[np.float64],
        varying: NDArray[np.bool_],
        is_named: bool = False,
    ) -> None:
        self.columns = columns
        self.means = means
        self.offsets = offsets
        self.varying = varying
        self.is_named = is_named

    @classmethod
    def fit(
        cls, X: Any, names: Sequence[Any] | None = None
    ) -> "tuple[TableEncoder, NDArray[np.float32]]":
        """Learn the columns of a training table.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_features)
        names : sequence of str, default=None
            Column names of an array, if it has any.

        Returns
        -------
        encoder : TableEncoder
        x : ndarray of shape (n_rows, n_encoded), float32
            The table, encoded.

        Raises
        ------
        TypeError
            If a column holds something other than numbers, strings or dates, or mixes them.
        ValueError
            If a value is infinite or too large for float32, or a column holds free text.

        Warns
        -----
        UserWarning
            If a column's values are too close to 0 for float32 to tell them apart.
        """
        is_named = _has_other_names(X)
        names = X.columns if is_frame(X) else range(X.shape[1]) if names is None else names
        names = [f"column {name!r}" for name in names]
        columns: list[Column]
        if is_numeric(X):
            are_empty = np.isnan(X).all(axis=0)
            held = [NOTHING if is_empty else NUMBERS for is_empty in are_empty]
            columns = [Numbers(name, what) for name, what in zip(names, held)]
        else:
            columns = [learn_column(column, name) for column, name in zip(columns_of(X), names)]
        x = _to_floats(X, columns, UnseenCategories())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # for columns without any value
            means = np.nan_to_num(np.nanmean(x, axis=0), nan=0.0)
        x = np.where(np.isnan(x), means, x)
        offsets = np.where(_are_crowded(x), means, 0.0)
        varying = x.min(axis=0) != x.max(axis=0)
        _warn_of_small(x, offsets, columns)
        encoder = cls(columns, means, offsets, varying, is_named)
        return encoder, (x - offsets).astype(np.float32)

    @property
    def shown(self) -> NDArray[np.int64]:
        """The columns shown to the network: all that vary in training, but at least one."""
        varying = np.flatnonzero(self.varying)
        return varying if len(varying) else np.zeros(1, np.int64)

    @property
    def n_categories(self) -> list[int]:
        """Number of categories of each encoded column; 0 for numbers and dates."""
        return [len(c.categories or ()) for c in self.columns for _ in range(c.n_encoded)]

    def transform(self, X: Any, unseen: UnseenCategories | None = None) -> NDArray[np.float32]:
        """Encode rows.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_features)
        unseen : UnseenCategories, default=None
            Counts the unseen categories.

        Returns
        -------
        x : ndarray of shape (n_rows, n_encoded), float32

        Raises
        ------
        TypeError
            If a column holds values of a different kind than in training.
        ValueError
            If a value is infinite or too large for float32, or column names differ.
        """
        if self.is_named and _has_other_names(X):
            self._check_names([f"column {name!r}" for name in X.columns])
        x = _to_floats(X, self.columns, unseen or UnseenCategories())
        return (np.where(np.isnan(x), self.means, x) - self.offsets).astype(np.float32)

    def _check_names(self, names: list[str]) -> None:
        for position, (name, column) in enumerate(zip(names, self.columns)):
            if name != column.name:
                raise ValueError(
                    "X must have the columns of the training table, in the same order. Position "
                    f"{position} must be {column.name}. Got {name} instead."
                )

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        parts = [list(c.parts) if isinstance(c, Dates) else None for c in self.columns]
        return {
            "columns": [column.name for column in self.columns],
            "isNamed": self.is_named,
            "held": [None if isinstance(c, Categories) else c.held for c in self.columns],
            "levels": [pack_categories(column.categories, column.name) for column in self.columns],
            "dates": parts if any(parts) else None,
            "means": pack(self.means),
            "offsets": pack(self.offsets) if self.offsets.any() else None,
            "varying": pack(self.varying),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, n_encoded: int) -> "TableEncoder":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError.

        Parameters
        ----------
        fields : BundleFields
            ``held`` and ``isNamed`` are optional.
        n_encoded : int
        """
        parts = _unpack_dates(fields, n_encoded)
        n_features = len(parts)
        names = fields.strings("columns", n_features)
        categories = fields.categories("levels", n_features)
        means = fields.array("means", "<f8", n_encoded)
        fields.require(
            (np.abs(means) <= LARGEST_SHOWN).all(), "means", "small enough to compute with"
        )
        offsets = np.zeros(n_encoded)
        if fields.optional("offsets"):
            offsets = fields.array("offsets", "<f8", n_encoded)
            is_mean = bool(((offsets == 0) | (offsets == means)).all())
            fields.require(is_mean, "offsets", "0 or the mean of each column")
        held: list[Any] = [None] * n_features
        if "held" in fields:
            held = fields.get("held", "a list", list)
            fields.require(len(held) == n_features, "held", f"a list of length {n_features}")
        columns: list[Column] = []
        for name, column_categories, column_parts, column_held in zip(
            names, categories, parts, held
        ):
            allowed: tuple[str, ...] = ()
            if column_parts is not None:
                fields.require(column_categories is None, "levels", "null for columns of dates")
                columns.append(Dates(name, column_parts, column_held))
                allowed = HELD_BY_DATES
            elif column_categories is not None:
                columns.append(Categories(name, column_categories))
            else:
                columns.append(Numbers(name, column_held))
                allowed = HELD_BY_NUMBERS
            is_known = column_held is None or column_held in allowed
            fields.require(is_known, "held", f"null or one of {[*allowed]} for {name:.100}")
        is_named = "isNamed" in fields and fields.get("isNamed", "true or false", bool)
        return cls(columns, means, offsets, fields.array("varying", "|b1", n_encoded), is_named)


def _unpack_dates(fields: BundleFields, n_encoded: int) -> list[tuple[str, ...] | None]:
    """The parts of dates that each column is encoded as; None if it has no dates."""
    packed = fields.get("dates", "a list or null", list, type(None))
    if packed is None:
        return [None] * n_encoded
    are_parts = all(parts is None or parts in _PARTS_OF_DATES for parts in packed)
    fields.require(are_parts, "dates", f"null or some of {[*PARTS]} for every column")
    n_columns = sum(1 if parts is None else len(parts) for parts in packed)
    fields.require(n_columns == n_encoded, "dates", f"of {n_encoded} encoded columns")
    return [None if parts is None else tuple(parts) for parts in packed]


def _has_other_names(X: Any) -> bool:
    """Whether X is a DataFrame whose column names are not strings."""
    return is_frame(X) and not any(isinstance(name, str) for name in X.columns)


def _are_crowded(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns change in float32 and span too few float32 numbers."""
    largest, spread = np.abs(x).max(axis=0), x.max(axis=0) - x.min(axis=0)
    step = np.spacing(largest.astype(np.float32)).astype(np.float64)
    few = (spread < _STEPS * step) & (spread > _NOISE * largest)
    few[few] = (x[:, few].astype(np.float32) != x[:, few]).any(axis=0)
    return few


def _warn_of_small(
    x: NDArray[np.float64], offsets: NDArray[np.float64], columns: Sequence[Column]
) -> None:
    """Warn of columns whose values are so close to 0 that some coincide in float32."""
    spread = x.max(axis=0) - x.min(axis=0)
    for j in np.flatnonzero((spread > 0) & (spread < _STEPS * _SMALLEST)):
        values = np.unique(x[:, j])
        n_left = len(np.unique((values - offsets[j]).astype(np.float32)))
        if n_left < len(values):
            warn_user(
                f"In {_encoded_names(columns)[j]}, the values differ by {spread[j]:.2g} at most. "
                f"In float32, which the network computes in, {len(values)} distinct values become "
                f"{n_left}. Divide the column by {spread[j]:.1g}, in the tables to predict as well."
            )


def _is_numeric_frame(X: Any) -> bool:
    """Whether X is a DataFrame whose columns all have NumPy's types of numbers or booleans."""
    return is_frame(X) and all(isinstance(d, np.dtype) and d.kind in "biuf" for d in X.dtypes)


def _encoded_names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns for _ in range(column.n_encoded)]


def _to_floats(X: Any, columns: Sequence[Column], unseen: UnseenCategories) -> NDArray[np.float64]:
    """An encoded table (n_rows, n_encoded), with NaN for missing values."""
    if is_numeric(X) and all(isinstance(c, Numbers) and c.held != DURATIONS for c in columns):
        x = X.astype(np.float64)
    elif _is_numeric_frame(X) and all(
        isinstance(c, Numbers) and c.held == NUMBERS for c in columns
    ):
        x = np.ascontiguousarray(X.to_numpy(np.float64))  # as below, but all columns at once
    else:
        parts = [column.to_floats(c, unseen) for c, column in zip(columns_of(X), columns)]
        x = np.hstack(parts)
    too_large = (np.abs(x) > LARGEST_SHOWN).any(axis=0)
    if too_large.any():
        raise ValueError(
            "Input X contains infinity or a value too large for float32 in "
            f"{_encoded_names(columns)[int(np.argmax(too_large))]}. Replace it with NaN if it is "
            "missing, or clip it."
        )
    return x
