"""Raw tables to float32, as AutoGluon's Mitra preprocesses them.

A category becomes the rank of its level, a missing value the mean of the training column;
columns that are constant in training are marked, to be left out.

References
----------
``Preprocessor`` in ``autogluon/tabular/models/mitra/_internal/data/preprocessor.py``
(AutoGluon 1.6.3).
"""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bundles.fields import BundleFields, pack, pack_levels
from ._fields import brief
from ._table import columns_of, is_frame, is_numeric

# Quantiles interpolate between two values, so their difference has to be finite in float32.
LARGEST = float(np.finfo(np.float32).max) / 2
# Fewest numbers of float32 in the range of a column: many more than the network's 999 quantiles.
_STEPS = 2**14
# Values that differ by less, as a share of the largest, may differ by rounding errors alone.
_NOISE = 2.0**-32
_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)


def count_missing(values: NDArray[Any]) -> int:
    """How many of an array's values are None, NaN or NA."""
    if values.dtype == object:
        return sum(map(_is_missing, values.ravel()))
    return np.isnan(values).sum() if values.dtype.kind == "f" else 0


@dataclass(frozen=True)
class Numbers:
    """A column of numbers or booleans.

    Attributes
    ----------
    name : str
        What errors call the column.
    """

    name: str
    levels = None

    def to_floats(self, column: Any) -> NDArray[np.float64]:
        """Values (n_rows,) with NaN for what is missing."""
        values = _read_column(column, self.name)
        if values.dtype != object:
            return values
        present = [value for value in values if value is not None]
        advice = "It held numbers in training: convert it to numbers."
        _check_numbers(present, self.name, advice)
        return np.array([np.nan if v is None else _to_float(v) for v in values], np.float64)


@dataclass(frozen=True)
class Categories:
    """A column of categories or strings; also one without any value in training, if not numeric.

    Attributes
    ----------
    name : str
        What errors call the column.
    levels : list
        In the order of their codes.
    """

    name: str
    levels: list[Any]

    def to_floats(self, column: Any) -> NDArray[np.float64]:
        """Codes of levels (n_rows,) with NaN for missing values and unseen levels."""
        values = _read_column(column, self.name)
        if not self.levels:
            return np.full(len(values), np.nan)
        kinds = {isinstance(level, str) for level in self.levels}
        for value in values:
            if _is_missing(value):
                continue
            if isinstance(value, str) not in kinds or not isinstance(value, Hashable):
                value = value.item() if isinstance(value, np.generic) else value
                raise TypeError(
                    f"In {self.name}, training held categories such as {self.levels[0]!r}; got "
                    f"{brief(value)}. Convert the column to the type that it had in training."
                )
        codes = {level: code for code, level in enumerate(self.levels)}
        return np.array([codes.get(value, np.nan) for value in values], np.float64)


class TableEncoder:
    """The encoding of one training table.

    Attributes
    ----------
    columns : list of (Numbers or Categories), of length n_features
    means : ndarray of shape (n_features,), float64
        Mean of each training column without its missing values; 0 where all are missing.
    offsets : ndarray of shape (n_features,), float64
        What is subtracted before a column is rounded to float32: its mean, if float32 could hardly
        tell its values apart, such as times in seconds since 1970; 0 for all other columns.
    varying : ndarray of shape (n_features,), bool
        Which columns are not constant in training.
    """

    def __init__(
        self,
        columns: list[Numbers | Categories],
        means: NDArray[np.float64],
        offsets: NDArray[np.float64],
        varying: NDArray[np.bool_],
    ) -> None:
        self.columns = columns
        self.means = means
        self.offsets = offsets
        self.varying = varying

    @classmethod
    def fit(
        cls, X: Any, names: Sequence[Any] | None = None
    ) -> "tuple[TableEncoder, NDArray[np.float32]]":
        """Learn the columns of a training table.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_features)
        names : sequence of str, default=None
            Names of the columns of an array, if there are any.

        Returns
        -------
        encoder : TableEncoder
        x : ndarray of shape (n_rows, n_features), float32
            The table, encoded.

        Raises
        ------
        TypeError
            If a column holds neither numbers nor strings, or both.
        ValueError
            If a value is infinite or too large for float32.
        """
        names = X.columns if is_frame(X) else range(X.shape[1]) if names is None else names
        names = [f"column {name!r}" for name in names]
        columns: list[Numbers | Categories]
        if is_numeric(X):
            columns = [Numbers(name) for name in names]
        else:
            columns = [_learn_column(*column) for column in zip(columns_of(X), names)]
        x = _to_floats(X, columns)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any value
            means = np.nan_to_num(np.nanmean(x, axis=0), nan=0.0)
        x = np.where(np.isnan(x), means, x)
        offsets = np.where(_are_crowded(x), means, 0.0)
        varying = x.min(axis=0) != x.max(axis=0)
        return cls(columns, means, offsets, varying), (x - offsets).astype(np.float32)

    @property
    def shown(self) -> NDArray[np.int64]:
        """The columns that the network sees: those not constant, but one at least."""
        varying = np.flatnonzero(self.varying)
        return varying if len(varying) else np.zeros(1, np.int64)

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Encode rows.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_features)

        Returns
        -------
        x : ndarray of shape (n_rows, n_features), float32

        Raises
        ------
        TypeError
            If a column holds numbers where training held strings, or the reverse.
        ValueError
            If a value is infinite or too large for float32.
        """
        x = _to_floats(X, self.columns)
        return (np.where(np.isnan(x), self.means, x) - self.offsets).astype(np.float32)

    def pack(self) -> dict[str, Any]:
        """The encoding as fields of a bundle."""
        return {
            "columns": [column.name for column in self.columns],
            "levels": [pack_levels(column.levels, column.name) for column in self.columns],
            "means": pack(self.means),
            "offsets": pack(self.offsets) if self.offsets.any() else None,
            "varying": pack(self.varying),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, version: int, n_features: int) -> "TableEncoder":
        """Read what :meth:`pack` wrote; what is wrong with it is a BundleError.

        Parameters
        ----------
        fields : BundleFields
        version : {1, 2, 3, 4}
            Format of the bundle. In 1 there are no offsets.
        n_features : int
        """
        names, levels = fields.strings("columns", n_features), fields.levels("levels", n_features)
        means = fields.array("means", "<f8", n_features)
        fields.require((np.abs(means) <= LARGEST).all(), "means", "small enough to compute with")
        offsets = np.zeros(n_features)
        if version > 1 and fields.optional("offsets"):
            offsets = fields.array("offsets", "<f8", n_features)
            is_mean = bool(((offsets == 0) | (offsets == means)).all())
            fields.require(is_mean, "offsets", "0 or the mean of each column")
        columns = [Numbers(n) if ls is None else Categories(n, ls) for n, ls in zip(names, levels)]
        return cls(columns, means, offsets, fields.array("varying", "|b1", n_features))


def _are_crowded(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns float32 would change, and has too few numbers for in their range."""
    largest, spread = np.abs(x).max(axis=0), x.max(axis=0) - x.min(axis=0)
    step = np.spacing(largest.astype(np.float32)).astype(np.float64)
    few = (spread < _STEPS * step) & (spread > _NOISE * largest)
    few[few] = (x[:, few].astype(np.float32) != x[:, few]).any(axis=0)
    return few


def _to_floats(X: Any, columns: Sequence[Numbers | Categories]) -> NDArray[np.float64]:
    """A table with NaN for what is missing."""
    if is_numeric(X) and not any(column.levels for column in columns):
        x = X.astype(np.float64)
    else:
        x = np.empty(X.shape)
        for j, (values, column) in enumerate(zip(columns_of(X), columns)):
            x[:, j] = column.to_floats(values)
    too_large = (np.abs(x) > LARGEST).any(axis=0)
    if too_large.any():
        raise ValueError(
            "Input X contains infinity or a value too large for float32 in "
            f"{columns[int(np.argmax(too_large))].name}. Replace it by NaN if it is missing, or "
            "clip it."
        )
    return x


def _read_column(column: Any, name: str) -> NDArray[Any]:
    """A column as float64 with NaN, or as objects with None, where a value is missing."""
    kind = column.dtype.kind
    if kind in "mM":
        raise _dates_error(name, column.dtype)
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {column.dtype}.")
    if kind in "biuf":
        if hasattr(column, "iloc"):
            return column.to_numpy(np.float64, na_value=np.nan)
        return column.astype(np.float64)
    values = np.array(column, dtype=object)
    values[:] = [None if _is_missing(value) else _plain(value) for value in values]
    return values


def _is_missing(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _plain(value: Any) -> Any:
    """A string of a class of its own, such as an enumeration's, as a str."""
    return str.__str__(value) if isinstance(value, str) else value


def _learn_column(column: Any, name: str) -> Numbers | Categories:
    """The encoding of one training column."""
    values = _read_column(column, name)
    if values.dtype != object:
        return Numbers(name)
    present = [value for value in values if value is not None]
    if hasattr(column, "cat"):
        seen = set(present)
        levels = [level for level in column.cat.categories.tolist() if level in seen]
        for level in levels:
            _check_no_date(level, name)
        return Categories(name, levels)
    if all(isinstance(value, str) for value in present):
        return Categories(name, sorted(set(present)))
    _check_numbers(present, name, "Convert the column, with .astype(str) if it holds categories.")
    return Numbers(name)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf  # which is refused with the name of the column


def _check_numbers(values: Sequence[Any], name: str, advice: str) -> None:
    for value in values:
        _check_no_date(value, name)
        if not isinstance(value, (Real, np.bool_, Decimal)):
            types = sorted({type(value).__name__ for value in values})
            raise TypeError(
                f"In {name}, the argument must be all strings or all numbers. Got "
                f"{', '.join(types)}, for example {brief(value)}. {advice}"
            )


def _check_no_date(value: Any, name: str) -> None:
    if isinstance(value, _DATES) or type(value).__name__ == "Period":
        raise _dates_error(name, type(value).__name__)


def _dates_error(name: str, kind: object) -> TypeError:
    return TypeError(
        f"Dates and times are not supported: {name} is {kind}. Turn it into numbers first, for "
        "example into days since a fixed date, month and weekday."
    )
