"""Raw tables to float32, as AutoGluon's Mitra preprocesses them.

A category becomes the rank of its level, a missing value the mean of the training column;
columns that are constant in training are marked, to be left out.

References
----------
``Preprocessor`` in ``autogluon/tabular/models/mitra/_internal/data/preprocessor.py``
(AutoGluon 1.6.3).
"""

import warnings
from collections.abc import Hashable
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from reprlib import repr as brief

import numpy as np

# Quantiles interpolate between two values, so their difference has to be finite in float32.
LARGEST = float(np.finfo(np.float32).max) / 2
_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)


def is_frame(X):
    """Whether X is a pandas DataFrame, whose columns have types of their own."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def as_array(X):
    """Lists as an array; numbers beside strings stay numbers. Other types pass."""
    if isinstance(X, (list, tuple)):
        array = np.asarray(X)
        return np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    return X


def take_rows(X, start, stop):
    """A view of consecutive rows of an array or DataFrame."""
    return X.iloc[start:stop] if is_frame(X) else X[start:stop]


def count_missing(values):
    """How many of an array's values are None, NaN or NA."""
    if values.dtype == object:
        return sum(map(_is_missing, values.ravel()))
    return np.isnan(values).sum() if values.dtype.kind == "f" else 0


class ColumnEncoder:
    """The encoding of one training table's columns.

    Attributes
    ----------
    names : list of str
        What errors call the columns.
    levels : list of (list or None), of length n_features
        A categorical column's levels in the order of their codes; None for a numeric column.
        A column without any value in training, if not numeric, has no levels: ``[]``.
    means : ndarray of shape (n_features,), float64
        Mean of each training column without its missing values; 0 where all are missing.
    varying : ndarray of shape (n_features,), bool
        Which columns are not constant in training.
    """

    def __init__(self, names, levels, means, varying):
        self.names = names
        self.levels = levels
        self.means = means
        self.varying = varying

    @classmethod
    def fit(cls, X, names=None):
        """Learn the columns of a training table.

        Parameters
        ----------
        X : ndarray or DataFrame of shape (n_rows, n_features)
        names : sequence of str, default=None
            Names of the columns of an array, if there are any.

        Returns
        -------
        encoder : ColumnEncoder
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
        levels = [None] * X.shape[1]
        if not _is_numeric(X):
            levels = [_find_levels(*column) for column in zip(_columns(X), names)]
        encoder = cls(names, levels, None, None)
        x = encoder._to_floats(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of columns without any value
            encoder.means = np.nan_to_num(np.nanmean(x, axis=0), nan=0.0)
        x = np.where(np.isnan(x), encoder.means, x)
        encoder.varying = x.min(axis=0) != x.max(axis=0)
        return encoder, x.astype(np.float32)

    def transform(self, X):
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
        x = self._to_floats(X)
        return np.where(np.isnan(x), self.means, x).astype(np.float32)

    def _to_floats(self, X):
        """float64 with NaN for what is missing."""
        if _is_numeric(X) and not any(self.levels):
            x = X.astype(np.float64)
        else:
            x = np.empty(X.shape)
            for j, (column, name) in enumerate(zip(_columns(X), self.names)):
                x[:, j] = _encode_column(column, self.levels[j], name)
        too_large = (np.abs(x) > LARGEST).any(axis=0)
        if too_large.any():
            raise ValueError(
                f"Input X contains infinity or a value too large for float32 in "
                f"{self.names[np.argmax(too_large)]}. Replace it by NaN if it is missing, "
                "or clip it."
            )
        return x


def _is_numeric(X):
    return not is_frame(X) and X.dtype.kind in "biuf"


def _columns(X):
    if is_frame(X):
        return (X.iloc[:, j] for j in range(X.shape[1]))
    return iter(X.T)


def _read_column(column, name):
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


def _is_missing(value):
    if isinstance(value, (float, np.floating)):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _plain(value):
    """A string of a class of its own, such as an enumeration's, as a str."""
    return str.__str__(value) if isinstance(value, str) else value


def _find_levels(column, name):
    """The levels of a categorical column in the order of their codes, None for numbers."""
    values = _read_column(column, name)
    if values.dtype != object:
        return None
    present = [value for value in values if value is not None]
    if hasattr(column, "cat"):
        seen = set(present)
        return [level for level in column.cat.categories.tolist() if level in seen]
    if all(isinstance(value, str) for value in present):
        return sorted(set(present))
    _check_numbers(present, name, "Convert the column, with .astype(str) if it holds categories.")
    return None


def _encode_column(column, levels, name):
    """float64 with NaN for missing values and unseen levels."""
    values = _read_column(column, name)
    if levels is None:
        if values.dtype != object:
            return values
        present = [value for value in values if value is not None]
        _check_numbers(present, name, "It held numbers in training: convert it to numbers.")
        return np.array([np.nan if v is None else _to_float(v) for v in values], np.float64)
    if not levels:
        return np.full(len(values), np.nan)
    kinds = {isinstance(level, str) for level in levels}
    for value in values:
        if _is_missing(value):
            continue
        if isinstance(value, str) not in kinds or not isinstance(value, Hashable):
            value = value.item() if isinstance(value, np.generic) else value
            raise TypeError(
                f"In {name}, training held categories such as {levels[0]!r}; got {brief(value)}. "
                "Convert the column to the type that it had in training."
            )
    codes = {level: code for code, level in enumerate(levels)}
    return np.array([codes.get(value, np.nan) for value in values], np.float64)


def _to_float(value):
    try:
        return float(value)
    except OverflowError:
        return np.inf  # which is refused with the name of the column


def _check_numbers(values, name, advice):
    for value in values:
        if isinstance(value, _DATES) or type(value).__name__ == "Period":
            raise _dates_error(name, type(value).__name__)
        if not isinstance(value, (Real, np.bool_, Decimal)):
            types = sorted({type(value).__name__ for value in values})
            raise TypeError(
                f"In {name}, the argument must be all strings or all numbers. Got "
                f"{', '.join(types)}, for example {brief(value)}. {advice}"
            )


def _dates_error(name, kind):
    return TypeError(
        f"Dates and times are not supported: {name} is {kind}. Turn it into numbers first, for "
        "example into days since a fixed date, month and weekday."
    )
