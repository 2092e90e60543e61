"""Kinds of columns: numbers, categories and dates, and how they become floats."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.fields import brief
from .._common.missing import is_missing
from .._common.warnings import warn_user
from .dates import PARTS, has_zone, is_date, parse_date, split_dates, to_dates
from .unseen import UnseenCategories
from .values import (
    check_numbers,
    describe,
    is_duration,
    is_missing_string,
    is_number,
    is_numeric,
    read_column,
    to_days,
    to_float,
    without_missing_strings,
)

# What a column of numbers or of dates held in training.
NUMBERS, DURATIONS, NOTHING = HELD_BY_NUMBERS = ("numbers", "durations", "nothing")
DATES, ZONED_DATES = HELD_BY_DATES = ("dates", "zoned dates")

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
# Columns with fewer values are not checked for free text or nearly unique categories.
_MANY_VALUES = 20
_MOST_DISTINCT = 0.9
# Strings with this many words and characters on average are free text.
_TEXT_WORDS, _TEXT_LENGTH = 5, 25


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, booleans, durations in days, or numbers written as strings.

    Attributes
    ----------
    name : str
        The column's name in error messages.
    held : {"numbers", "durations", "nothing"} or None
        What it held in training; None if that isn't known.
    """

    name: str
    held: str | None = NUMBERS
    categories = None
    n_encoded = 1

    def to_floats(self, column: Any, unseen: UnseenCategories) -> NDArray[np.float64]:
        """Values (n_rows, 1), with NaN for missing ones."""
        values = read_column(column, self.name)
        if values.dtype.kind == "M":
            raise self._make_error(f"{values.dtype}")
        if values.dtype.kind == "m":
            self._check_kind(values[~np.isnat(values)][:1])
            values = to_days(values)
        elif values.dtype == object:
            present = [v for v in values if v is not None and not is_missing_string(v)]
            if self.held == NUMBERS or self.held is None:
                advice = "It held numbers in training: convert it to numbers."
                check_numbers(present, self.name, advice)
            self._check_kind(present)
            values = np.array([np.nan if v is None else to_float(v) for v in values], np.float64)
        else:
            self._check_kind(values[~np.isnan(values)][:1])
        return values[:, None]

    def _check_kind(self, present: Sequence[Any]) -> None:
        """Raise an error if a value is of another kind than those of training."""
        for value in present:
            if self.held in (NUMBERS, DURATIONS):
                is_right = is_duration(value) == (self.held == DURATIONS)
            else:
                is_right = is_numeric(value)
            if not is_right:
                raise self._make_error(describe(value))

    def _make_error(self, got: str) -> TypeError:
        advice = {
            DURATIONS: "Convert the column to durations, for example with pandas.to_timedelta.",
            NOTHING: "The model can't use the column. Leave it empty, or fit again with values.",
        }
        convert = "Leave the column as it was in training, or convert it to numbers."
        held = "no values" if self.held == NOTHING else self.held or NUMBERS
        return TypeError(
            f"In {self.name}, training held {held}; got {got}. "
            f"{advice.get(self.held or NUMBERS, convert)}"
        )


@dataclass(frozen=True)
class Categories:
    """A column of categories or strings, or a non-numeric one without any value in training.

    Attributes
    ----------
    name : str
        The column's name in error messages.
    categories : list
        The categories seen in training. A category's position is its code.
    """

    name: str
    categories: list[Any]
    n_encoded = 1

    def to_floats(self, column: Any, unseen: UnseenCategories) -> NDArray[np.float64]:
        """Codes (n_rows, 1), with NaN for missing values and unseen categories."""
        if column.dtype.kind in "biu":  # float64 would round large integers
            column = column.astype(object)
        values = read_column(column, self.name)
        if not self.categories:
            return np.full((len(values), 1), np.nan)
        kinds = {isinstance(category, str) for category in self.categories}
        codes: dict[Any, float] = {value: code for code, value in enumerate(self.categories)}
        try:
            found = [codes.get(value) for value in values]
        except TypeError:  # a list or another object without a hash, which is refused below
            found = [None] * len(values)
        missed = [value for value, code in zip(values, found) if code is None]
        others = [value for value in missed if not is_missing(value)]
        for value in others:
            if isinstance(value, str) not in kinds or not isinstance(value, Hashable):
                raise TypeError(
                    f"In {self.name}, training held categories such as {self.categories[0]!r}; got "
                    f"{describe(value)}. Convert the column to the type it had in training."
                )
        unseen.add(self.name, [None] * (len(values) - len(missed)) + others)
        return np.array(found, np.float64)[:, None]


@dataclass(frozen=True)
class Dates:
    """A column of dates, with or without times, or of ISO 8601 strings.

    Times with a time zone are converted to UTC; those without one are taken as UTC.

    Attributes
    ----------
    name : str
        The column's name in error messages.
    parts : tuple of str
        Some of ``PARTS``, in that order and including "days". Each becomes an encoded column.
    held : {"dates", "zoned dates"} or None
        Whether dates had time zones in training; None if only some did, or it isn't known.
    """

    name: str
    parts: tuple[str, ...]
    held: str | None = DATES
    categories = None

    @property
    def n_encoded(self) -> int:
        """Number of encoded columns."""
        return len(self.parts)

    def to_floats(self, column: Any, unseen: UnseenCategories) -> NDArray[np.float64]:
        """Parts of the dates (n_rows, n_encoded), with NaN for missing ones."""
        values = without_missing_strings(read_column(column, self.name))
        parts = split_dates(to_dates(values, self.name))
        if self.held is not None:
            for has_zones in _find_zones(column, values) - {self.held == ZONED_DATES}:
                unseen.zones[self.name] = has_zones
        return np.column_stack([parts[part] for part in self.parts])


Column = Numbers | Categories | Dates


def learn_column(column: Any, name: str) -> Column:
    """Choose the encoding of a training column."""
    values = read_column(column, name)
    if values.dtype.kind == "M":
        return _learn_dates(column, values, name)
    if values.dtype != object:
        held = DURATIONS if values.dtype.kind == "m" else NUMBERS
        return Numbers(name, NOTHING if all(map(is_missing, values)) else held)
    present = [value for value in values if value is not None]
    if present and all(map(is_date, present)):
        return _learn_dates(column, values, name)
    if hasattr(column, "cat"):
        seen = set(present)
        categories = [value for value in column.cat.categories.tolist() if value in seen]
        if not column.cat.ordered and all(map(is_number, categories)):
            categories = sorted(categories, key=float)
        return Categories(name, categories)
    if all(isinstance(value, str) for value in present):
        return _learn_strings(column, values, present, name)
    check_numbers(present, name, "Convert the column, with .astype(str) if it holds categories.")
    kinds = {is_duration(value) for value in present if not is_missing_string(value)}
    if len(kinds) > 1:
        raise TypeError(
            f"In {name}, some values are durations and others are numbers. Convert them all to one "
            "or the other, for example with pandas.to_timedelta."
        )
    return Numbers(name, DURATIONS if True in kinds else NUMBERS)


def _learn_strings(column: Any, values: NDArray[Any], present: Sequence[str], name: str) -> Column:
    distinct = set(present)
    known = [value for value in distinct if not is_missing_string(value)]
    if known and all(map(is_number, known)):
        return Numbers(name)
    if known and all(parse_date(value) is not None for value in known):
        return _learn_dates(column, without_missing_strings(values), name)
    if known and all(_DECIMAL_COMMA.fullmatch(n.strip()) or is_number(n) for n in known):
        example = next(n for n in known if not is_number(n))
        warn_user(
            f"In {name}, strings such as {brief(example)} look like numbers with a decimal comma, "
            "but are taken as categories. If they are numbers, convert them, for example with "
            ".str.replace(',', '.').astype(float)."
        )
    elif len(present) >= _MANY_VALUES and 2 * len(distinct) > len(present):
        _check_no_text(present, name)
        if len(distinct) > _MOST_DISTINCT * len(present):
            warn_user(
                f"In {name}, {len(distinct)} of {len(present)} values are different, such as "
                f"{brief(present[0])}. They say nothing about other rows. Leave the column out."
            )
    return Categories(name, sorted(distinct))


def _check_no_text(present: Sequence[str], name: str) -> None:
    n_words = sum(len(value.split()) for value in present)
    n_characters = sum(map(len, present))
    if n_words >= _TEXT_WORDS * len(present) and n_characters >= _TEXT_LENGTH * len(present):
        raise ValueError(
            f"Free text is not supported: {name} holds texts such as {brief(present[0])}, and most "
            "of them are different. Leave the column out, or turn it into a few numbers first, for "
            "example with scikit-learn's TfidfVectorizer and TruncatedSVD."
        )


def _learn_dates(column: Any, values: NDArray[Any], name: str) -> Dates:
    dates = to_dates(values, name)
    parts = split_dates(dates[~np.isnat(dates)])
    varying = [part for part in PARTS[1:] if len(np.unique(parts[part])) > 1]
    zones = _find_zones(column, values)
    if len(zones) > 1:
        warn_user(
            f"In {name}, some times have a time zone and others don't. Times without a time zone "
            "are taken as UTC. If they are not in UTC, convert the column."
        )
    held = None if len(zones) != 1 else ZONED_DATES if True in zones else DATES
    return Dates(name, (PARTS[0], *varying), held)


def _find_zones(column: Any, values: NDArray[Any]) -> set[bool]:
    """Whether the dates in a column have time zones: {True}, {False}, both, or neither."""
    if values.dtype.kind == "M":
        has_zones = getattr(column.dtype, "tz", None) is not None
        return set() if np.isnat(values).all() else {has_zones}
    return {has_zone(value) for value in values if not is_missing(value)}
