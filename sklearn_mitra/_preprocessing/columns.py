"""Kinds of columns: numbers, categories and dates, and how their values become floats."""

import re
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
from .._common.warnings import warn_user
from .dates import PARTS, has_zone, is_date, parse_date, split_dates, to_dates

# What a column of numbers held in training, and a column of dates.
NUMBERS, DURATIONS, NOTHING = HELD_BY_NUMBERS = ("numbers", "durations", "nothing")
DATES, ZONED_DATES = HELD_BY_DATES = ("dates", "zoned dates")

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
# Units of timedelta64 below a microsecond, of which a day has so many.
_FINE_UNITS, _DAY = ("ns", "ps", "fs", "as"), 86_400_000_000


class UnseenLevels:
    """Counts values of levels that training didn't have, to warn of columns that are mostly such.

    It also warns of time zones that training didn't have.

    Attributes
    ----------
    counts : dict of str to list
        By column: the number of values that are there, of those unseen, and one of them.
    zones : dict of str to bool
        By column of dates: whether some have a time zone, where those of training had none; or
        the other way round.
    """

    def __init__(self) -> None:
        self.counts: dict[str, list[Any]] = {}
        self.zones: dict[str, bool] = {}

    def add(self, name: str, values: Sequence[Any]) -> None:
        """Count values of a column, with None for those that were seen."""
        counts = self.counts.setdefault(name, [0, 0, None])
        unseen = [value for value in values if value is not None]
        counts[0] += len(values)
        counts[1] += len(unseen)
        counts[2] = unseen[0] if unseen and counts[2] is None else counts[2]

    def warn(self) -> None:
        """Warn once of each column of which more than half is unseen, or with other zones."""
        for name, has_zones in self.zones.items():
            zones = ("no time zone", "one") if has_zones else ("a time zone", "none")
            warn_user(
                f"In {name}, times had {zones[0]} in training, and some have {zones[1]} now. Times "
                "without a zone are taken as UTC. If they are not, convert the column as in "
                "training."
            )
        for name, (n_values, n_unseen, example) in self.counts.items():
            if 2 * n_unseen > n_values:
                warn_user(
                    f"In {name}, {n_unseen} of {n_values} values have levels that training didn't "
                    f"have, such as {brief(example)}. They count as missing. Check that the column "
                    "is written as in training, or leave it out of both."
                )


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, booleans, durations in days, or strings of numbers.

    Attributes
    ----------
    name : str
        What errors call the column.
    held : {"numbers", "durations", "nothing"} or None
        What it held in training; None if that isn't known.
    """

    name: str
    held: str | None = NUMBERS
    levels = None
    n_encoded = 1

    def to_floats(self, column: Any, unseen: UnseenLevels) -> NDArray[np.float64]:
        """Values (n_rows, 1) with NaN for what is missing."""
        values = read_column(column, self.name)
        if values.dtype.kind == "M":
            raise self._make_error(f"{values.dtype}")
        if values.dtype.kind == "m":
            self._check_kind(values[~np.isnat(values)][:1])
            values = _to_days(values)
        elif values.dtype == object:
            present = [v for v in values if v is not None and not _is_missing_string(v)]
            if self.held == NUMBERS or self.held is None:
                advice = "It held numbers in training: convert it to numbers."
                check_numbers(present, self.name, advice)
            self._check_kind(present)
            values = np.array([np.nan if v is None else _to_float(v) for v in values], np.float64)
        else:
            self._check_kind(values[~np.isnan(values)][:1])
        return values[:, None]

    def _check_kind(self, present: Sequence[Any]) -> None:
        """Raise an error if one of the values is of a kind that training didn't have."""
        for value in present:
            if self.held in (NUMBERS, DURATIONS):
                is_right = is_duration(value) == (self.held == DURATIONS)
            else:
                is_right = _is_numeric(value)
            if not is_right:
                raise self._make_error(_shown(value))

    def _make_error(self, got: str) -> TypeError:
        advice = {
            DURATIONS: "Convert the column to durations, for example by pandas.to_timedelta.",
            NOTHING: "So the model can't use it. Leave it empty, or fit again with its values.",
        }
        convert = "Leave the column as it was in training, or convert it to numbers."
        held = "no values" if self.held == NOTHING else self.held or NUMBERS
        return TypeError(
            f"In {self.name}, training held {held}; got {got}. "
            f"{advice.get(self.held or NUMBERS, convert)}"
        )


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
                raise TypeError(
                    f"In {self.name}, training held categories such as {self.levels[0]!r}; got "
                    f"{_shown(value)}. Convert the column to the type that it had in training."
                )
        unseen.add(self.name, [None if value in codes else value for value in present])
        return np.array([codes.get(value, np.nan) for value in values], np.float64)[:, None]


@dataclass(frozen=True)
class Dates:
    """A column of dates, with or without times, or of such strings in ISO 8601.

    Times with a time zone are converted to UTC; those without are taken as UTC.

    Attributes
    ----------
    name : str
        What errors call the column.
    parts : tuple of str
        Some of ``PARTS`` in their order, "days" at least: each is an encoded column.
    held : {"dates", "zoned dates"} or None
        Whether dates had time zones in training; None if some had, or it isn't known.
    """

    name: str
    parts: tuple[str, ...]
    held: str | None = DATES
    levels = None

    @property
    def n_encoded(self) -> int:
        """Number of encoded columns."""
        return len(self.parts)

    def to_floats(self, column: Any, unseen: UnseenLevels) -> NDArray[np.float64]:
        """Parts (n_rows, n_encoded) with NaN for what is missing."""
        values = _without_missing_strings(read_column(column, self.name))
        parts = split_dates(to_dates(values, self.name))
        if self.held is not None:
            for has_zones in _find_zones(column, values) - {self.held == ZONED_DATES}:
                unseen.zones[self.name] = has_zones
        return np.column_stack([parts[part] for part in self.parts])


Column = Numbers | Categories | Dates


def learn_column(column: Any, name: str) -> Column:
    """The encoding of one training column."""
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
        levels = [level for level in column.cat.categories.tolist() if level in seen]
        if not column.cat.ordered and all(map(_is_number, levels)):
            levels = sorted(levels, key=float)
        return Categories(name, levels)
    if all(isinstance(value, str) for value in present):
        return _learn_strings(column, values, present, name)
    check_numbers(present, name, "Convert the column, with .astype(str) if it holds categories.")
    kinds = {is_duration(value) for value in present if not _is_missing_string(value)}
    if len(kinds) > 1:
        raise TypeError(
            f"In {name}, some values are durations, and others numbers. Convert the column to "
            "either, for example by pandas.to_timedelta."
        )
    return Numbers(name, DURATIONS if True in kinds else NUMBERS)


def _learn_strings(column: Any, values: NDArray[Any], present: Sequence[str], name: str) -> Column:
    levels = set(present)
    there = [level for level in levels if not _is_missing_string(level)]
    if there and all(map(_is_number, there)):
        return Numbers(name)
    if there and all(parse_date(level) is not None for level in there):
        return _learn_dates(column, _without_missing_strings(values), name)
    if there and all(_DECIMAL_COMMA.fullmatch(n.strip()) or _is_number(n) for n in there):
        example = next(n for n in there if not _is_number(n))
        warn_user(
            f"In {name}, strings such as {brief(example)} look like numbers with a comma. They "
            "are taken as categories. Convert them, for example by .str.replace(',', '.') and "
            ".astype(float) if it is a decimal comma."
        )
    elif len(present) >= _MANY_VALUES and 2 * len(levels) > len(present):
        _check_no_text(present, name)
        if len(levels) > _MOST_DISTINCT * len(present):
            warn_user(
                f"In {name}, {len(levels)} of {len(present)} values are different, such as "
                f"{brief(present[0])}. They tell nothing about other rows. Leave the column out."
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


def _learn_dates(column: Any, values: NDArray[Any], name: str) -> Dates:
    dates = to_dates(values, name)
    parts = split_dates(dates[~np.isnat(dates)])
    varying = [part for part in PARTS[1:] if len(np.unique(parts[part])) > 1]
    zones = _find_zones(column, values)
    if len(zones) > 1:
        warn_user(
            f"In {name}, some times have a time zone and others don't. Times without a zone are "
            "taken as UTC. If they are not, convert the column."
        )
    held = None if len(zones) != 1 else ZONED_DATES if True in zones else DATES
    return Dates(name, (PARTS[0], *varying), held)


def _find_zones(column: Any, values: NDArray[Any]) -> set[bool]:
    """Whether the dates in a column have time zones: of some dates, both may be true."""
    if values.dtype.kind == "M":
        has_zones = getattr(column.dtype, "tz", None) is not None
        return set() if np.isnat(values).all() else {has_zones}
    return {has_zone(value) for value in values if not is_missing(value)}


def read_column(column: Any, name: str) -> NDArray[Any]:
    """A column as float64 with NaN, as datetime64[us], as timedelta64, or as objects with None."""
    kind = column.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {column.dtype}.")
    if kind in "mM" and not hasattr(column.dtype, "pyarrow_dtype"):  # whose values are objects
        if kind == "m":
            return np.asarray(column)
        if getattr(column, "dt", None) is not None:
            if getattr(column.dtype, "tz", None) is not None:
                column = column.dt.tz_convert("UTC").dt.tz_localize(None)
            column = column.to_numpy("M8[us]", na_value=np.datetime64("NaT", "us"))
        return column.astype("M8[us]")
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
        if not _is_numeric(value):
            types = sorted({type(value).__name__ for value in values})
            raise TypeError(
                f"In {name}, the argument must be all strings or all numbers. Got "
                f"{', '.join(types)}, for example {brief(value)}. {advice}"
            )


def is_duration(value: Any) -> bool:
    """Whether a value is a duration."""
    return isinstance(value, (timedelta, np.timedelta64))


def _is_numeric(value: Any) -> bool:
    """Whether a value is a number, a duration, or a string of a number or of none."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None or _is_missing_string(value)
    return is_duration(value) or isinstance(value, (Real, np.bool_, Decimal))


def _shown(value: Any) -> str:
    """A value in a message."""
    if is_duration(value):
        return f"a duration of {_to_float(value):.6g} days"
    return brief(value.item() if isinstance(value, np.generic) else value)


def _plain(value: Any) -> Any:
    """A string of a class of its own, such as an enumeration's, as a str."""
    return str.__str__(value) if isinstance(value, str) else value


def _is_missing_string(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in _MISSING


def _without_missing_strings(values: NDArray[Any]) -> NDArray[Any]:
    """Values of a column with None for strings such as "" and "NA"."""
    if values.dtype == object:
        values = values.copy()
        values[[_is_missing_string(v) for v in values]] = None
    return values


def _is_number(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    text = text.strip()
    return _NUMBER.fullmatch(text) is not None and _CODE.match(text) is None


def _to_float(value: Any) -> float:
    if _is_missing_string(value):
        return np.nan
    if is_duration(value):  # pandas' Timedelta, too, which knows nanoseconds
        is_fine = hasattr(value, "to_timedelta64")
        return float(_to_days(value.to_timedelta64() if is_fine else np.timedelta64(value)))
    try:
        return float(value)
    except OverflowError:
        return np.inf  # which is refused with the name of the column


def _to_days(durations: Any) -> Any:
    """Durations in days: an array of timedelta64, or one of them."""
    whole = durations.astype("m8[us]")
    days = whole / np.timedelta64(1, "D")
    if np.datetime_data(durations.dtype)[0] in _FINE_UNITS:
        days = days + (durations - whole) / np.timedelta64(1, "us") / _DAY
    return days
