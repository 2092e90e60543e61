"""Kinds of columns: numbers, categories and dates, and how their values become floats."""

import re
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.fields import brief
from .._common.missing import is_missing
from .dates import PARTS, is_date, parse_date, split_dates, to_dates

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Digits that name something, such as a postal code, start with a zero.
_CODE = re.compile(r"[+-]?0\d", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
# Among strings of numbers and of dates, these are missing.
_MISSING = {"", "nan", "na", "n/a", "null", "none", "?"}
# From so many values on: whether nearly each has a level of its own, and what free text is.
_MANY_VALUES = 20
_MOST_DISTINCT = 0.9
_TEXT_WORDS, _TEXT_LENGTH = 5, 25


class UnseenLevels:
    """Counts values of levels that training didn't have, to warn of columns that are mostly such.

    Attributes
    ----------
    counts : dict of str to list
        By column: the number of values that are there, of those unseen, and one of them.
    """

    def __init__(self) -> None:
        self.counts: dict[str, list[Any]] = {}

    def add(self, name: str, values: Sequence[Any]) -> None:
        """Count values of a column, with None for those that were seen."""
        counts = self.counts.setdefault(name, [0, 0, None])
        unseen = [value for value in values if value is not None]
        counts[0] += len(values)
        counts[1] += len(unseen)
        counts[2] = unseen[0] if unseen and counts[2] is None else counts[2]

    def warn(self, stacklevel: int) -> None:
        """Warn once of each column of which more than half is unseen."""
        for name, (n_values, n_unseen, example) in self.counts.items():
            if 2 * n_unseen > n_values:
                warnings.warn(
                    f"In {name}, {n_unseen} of {n_values} values have levels that training didn't "
                    f"have, such as {brief(example)}. They count as missing. Check that the column "
                    "is written as in training, or leave it out of both.",
                    UserWarning,
                    stacklevel=stacklevel + 1,
                )


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, booleans, durations in days, or strings of numbers.

    Attributes
    ----------
    name : str
        What errors call the column.
    """

    name: str
    levels = None
    n_encoded = 1

    def to_floats(self, column: Any, unseen: UnseenLevels) -> NDArray[np.float64]:
        """Values (n_rows, 1) with NaN for what is missing."""
        values = read_column(column, self.name)
        if values.dtype.kind == "M":
            raise TypeError(
                f"In {self.name}, training held numbers; got {values.dtype}. Leave the column as "
                "it was in training, or convert it to numbers."
            )
        if values.dtype == object:
            present = [value for value in values if value is not None]
            check_numbers(present, self.name, "It held numbers in training: convert it to numbers.")
            values = np.array([np.nan if v is None else _to_float(v) for v in values], np.float64)
        return values[:, None]


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
    n_encoded = 1

    def to_floats(self, column: Any, unseen: UnseenLevels) -> NDArray[np.float64]:
        """Codes of levels (n_rows, 1) with NaN for missing values and unseen levels."""
        if column.dtype.kind in "biu":  # which float64 would round
            column = column.astype(object)
        values = read_column(column, self.name)
        if not self.levels:
            return np.full((len(values), 1), np.nan)
        kinds = {isinstance(level, str) for level in self.levels}
        codes: dict[Any, float] = {level: code for code, level in enumerate(self.levels)}
        present = [value for value in values if not is_missing(value)]
        for value in present:
            if isinstance(value, str) not in kinds or not isinstance(value, Hashable):
                value = value.item() if isinstance(value, np.generic) else value
                raise TypeError(
                    f"In {self.name}, training held categories such as {self.levels[0]!r}; got "
                    f"{brief(value)}. Convert the column to the type that it had in training."
                )
        unseen.add(self.name, [None if value in codes else value for value in present])
        return np.array([codes.get(value, np.nan) for value in values], np.float64)[:, None]


@dataclass(frozen=True)
class Dates:
    """A column of dates, with or without times, or of such strings in ISO 8601.

    Times with a time zone are converted to UTC.

    Attributes
    ----------
    name : str
        What errors call the column.
    parts : tuple of str
        Some of ``PARTS`` in their order, "days" at least: each is an encoded column.
    """

    name: str
    parts: tuple[str, ...]
    levels = None

    @property
    def n_encoded(self) -> int:
        """Number of encoded columns."""
        return len(self.parts)

    def to_floats(self, column: Any, unseen: UnseenLevels) -> NDArray[np.float64]:
        """Parts (n_rows, n_encoded) with NaN for what is missing."""
        values = _without_missing_strings(read_column(column, self.name))
        parts = split_dates(to_dates(values, self.name))
        return np.column_stack([parts[part] for part in self.parts])


Column = Numbers | Categories | Dates


def learn_column(column: Any, name: str) -> Column:
    """The encoding of one training column."""
    values = read_column(column, name)
    if values.dtype.kind == "M":
        return _learn_dates(values, name)
    if values.dtype != object:
        return Numbers(name)
    present = [value for value in values if value is not None]
    if present and all(map(is_date, present)):
        return _learn_dates(values, name)
    if hasattr(column, "cat"):
        seen = set(present)
        levels = [level for level in column.cat.categories.tolist() if level in seen]
        if not column.cat.ordered and all(map(_is_number, levels)):
            levels = sorted(levels, key=float)
        return Categories(name, levels)
    if all(isinstance(value, str) for value in present):
        return _learn_strings(values, present, name)
    check_numbers(present, name, "Convert the column, with .astype(str) if it holds categories.")
    return Numbers(name)


def _learn_strings(values: NDArray[Any], present: Sequence[str], name: str) -> Column:
    levels = set(present)
    there = [level for level in levels if not _is_missing_string(level)]
    if there and all(map(_is_number, there)):
        return Numbers(name)
    if there and all(parse_date(level) is not None for level in there):
        return _learn_dates(_without_missing_strings(values), name)
    if there and all(_DECIMAL_COMMA.fullmatch(n.strip()) or _is_number(n) for n in there):
        example = next(n for n in there if not _is_number(n))
        warnings.warn(
            f"In {name}, strings such as {brief(example)} look like numbers with a comma. They "
            "are taken as categories. Convert them, for example by .str.replace(',', '.') and "
            ".astype(float) if it is a decimal comma.",
            UserWarning,
            stacklevel=2,
        )
    elif len(present) >= _MANY_VALUES and 2 * len(levels) > len(present):
        _check_no_text(present, name)
        if len(levels) > _MOST_DISTINCT * len(present):
            warnings.warn(
                f"In {name}, {len(levels)} of {len(present)} values are different, such as "
                f"{brief(present[0])}. They tell nothing about other rows. Leave the column out.",
                UserWarning,
                stacklevel=2,
            )
    return Categories(name, sorted(levels))


def _check_no_text(present: Sequence[str], name: str) -> None:
    n_words = sum(len(value.split()) for value in present)
    n_characters = sum(map(len, present))
    if n_words >= _TEXT_WORDS * len(present) and n_characters >= _TEXT_LENGTH * len(present):
        raise ValueError(
            f"Free text is not supported: {name} holds texts such as {brief(present[0])}, most of "
            "them different. Leave the column out, or turn it into a few numbers first, for "
            "example by TfidfVectorizer and TruncatedSVD of scikit-learn."
        )


def _learn_dates(values: NDArray[Any], name: str) -> Dates:
    dates = to_dates(values, name)
    parts = split_dates(dates[~np.isnat(dates)])
    varying = [part for part in PARTS[1:] if len(np.unique(parts[part])) > 1]
    return Dates(name, (PARTS[0], *varying))


def read_column(column: Any, name: str) -> NDArray[Any]:
    """A column as float64 with NaN, as datetime64[us], or as objects with None where missing."""
    kind = column.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {column.dtype}.")
    if kind in "mM" and not hasattr(column.dtype, "pyarrow_dtype"):  # whose values are objects
        if getattr(column, "dt", None) is not None:
            if getattr(column.dtype, "tz", None) is not None:
                column = column.dt.tz_convert("UTC").dt.tz_localize(None)
            column = column.to_numpy(f"{kind}8[us]", na_value=np.array("NaT", f"{kind}8[us]")[()])
        column = column.astype(f"{kind}8[us]")
        return column if kind == "M" else column / np.timedelta64(1, "D")
    if kind in "biuf":
        if hasattr(column, "iloc"):
            return column.to_numpy(np.float64, na_value=np.nan)
        return column.astype(np.float64)
    values = np.array(column, dtype=object)
    values[:] = [None if is_missing(value) else _plain(value) for value in values]
    return values


def check_numbers(values: Sequence[Any], name: str, advice: str) -> None:
    """Raise an error unless all values are numbers, durations, or strings of numbers."""
    for value in values:
        is_number = isinstance(value, (Real, np.bool_, Decimal, timedelta, np.timedelta64))
        if not is_number and not (isinstance(value, str) and _is_number_or_missing(value)):
            types = sorted({type(value).__name__ for value in values})
            raise TypeError(
                f"In {name}, the argument must be all strings or all numbers. Got "
                f"{', '.join(types)}, for example {brief(value)}. {advice}"
            )


def _plain(value: Any) -> Any:
    """A string of a class of its own, such as an enumeration's, as a str."""
    return str.__str__(value) if isinstance(value, str) else value


def _is_missing_string(text: str) -> bool:
    return text.strip().lower() in _MISSING


def _without_missing_strings(values: NDArray[Any]) -> NDArray[Any]:
    """Values of a column with None for strings such as "" and "NA"."""
    if values.dtype == object:
        values = values.copy()
        values[[isinstance(v, str) and _is_missing_string(v) for v in values]] = None
    return values


def _is_number(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    text = text.strip()
    return _NUMBER.fullmatch(text) is not None and _CODE.match(text) is None


def _is_number_or_missing(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None or _is_missing_string(text)


def _to_float(value: Any) -> float:
    if isinstance(value, str) and _is_missing_string(value):
        return np.nan
    if isinstance(value, (timedelta, np.timedelta64)):
        return float(np.timedelta64(value, "us") / np.timedelta64(1, "D"))
    try:
        return float(value)
    except OverflowError:
        return np.inf  # which is refused with the name of the column
