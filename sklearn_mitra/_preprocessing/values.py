"""Values of a column: numbers, durations and strings, and which of them are missing."""

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.fields import brief
from .._common.missing import is_missing

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Digits with a leading zero are an identifier, such as a postal code.
_CODE = re.compile(r"[+-]?0\d", re.ASCII)
# In columns of numbers or dates written as strings, these are missing values.
_MISSING = {"", "nan", "na", "n/a", "null", "none", "?"}
# Units of timedelta64 below a microsecond, and the number of microseconds in a day.
_FINE_UNITS, _DAY = ("ns", "ps", "fs", "as"), 86_400_000_000


def read_column(column: Any, name: str) -> NDArray[Any]:
    """A column as float64 with NaN, datetime64[us], timedelta64, or objects with None."""
    kind = column.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {column.dtype}.")
    if kind in "mM" and not hasattr(column.dtype, "pyarrow_dtype"):  # its values are objects
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
    values[:] = [value if type(value) is str else _to_plain(value) for value in values]
    return values


def check_numbers(values: Sequence[Any], name: str, advice: str) -> None:
    """Raise an error unless all values are numbers, durations, or numbers written as strings."""
    for value in values:
        if not is_numeric(value):
            types = sorted({type(value).__name__ for value in values})
            raise TypeError(
                f"In {name}, the argument must be all strings or all numbers. Got "
                f"{', '.join(types)}, for example {brief(value)}. {advice}"
            )


def is_duration(value: Any) -> bool:
    """Whether a value is a duration."""
    return isinstance(value, (timedelta, np.timedelta64))


def is_numeric(value: Any) -> bool:
    """Whether a value is a number, a duration, or a string that holds a number or is missing."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is not None or is_missing_string(value)
    return is_duration(value) or isinstance(value, (Real, np.bool_, Decimal))


def is_number(text: Any) -> bool:
    """Whether a value is a string that holds a number, and not an identifier such as "007"."""
    if not isinstance(text, str):
        return False
    text = text.strip()
    return _NUMBER.fullmatch(text) is not None and _CODE.match(text) is None


def is_missing_string(value: Any) -> bool:
    """Whether a value is a string that means a missing value, such as "" or "NA"."""
    return isinstance(value, str) and value.strip().lower() in _MISSING


def without_missing_strings(values: NDArray[Any]) -> NDArray[Any]:
    """Values of a column, with None in place of strings such as "" and "NA"."""
    if values.dtype == object:
        values = values.copy()
        values[[is_missing_string(v) for v in values]] = None
    return values


def to_float(value: Any) -> float:
    """A number, a numeric string or a duration (in days) as a float; NaN if it is missing."""
    if is_missing_string(value):
        return np.nan
    if is_duration(value):  # also pandas' Timedelta, which has nanoseconds
        is_fine = hasattr(value, "to_timedelta64")
        return float(to_days(value.to_timedelta64() if is_fine else np.timedelta64(value)))
    try:
        return float(value)
    except OverflowError:
        return np.inf  # refused later, in an error that names the column


def to_days(durations: Any) -> Any:
    """Durations in days: an array of timedelta64, or a single one."""
    whole = durations.astype("m8[us]")
    days = whole / np.timedelta64(1, "D")
    if np.datetime_data(durations.dtype)[0] in _FINE_UNITS:
        days = days + (durations - whole) / np.timedelta64(1, "us") / _DAY
    return days


def describe(value: Any) -> str:
    """A value as it is shown in a message."""
    if is_duration(value):
        return f"a duration of {to_float(value):.6g} days"
    return brief(value.item() if isinstance(value, np.generic) else value)


def _to_plain(value: Any) -> Any:
    """None if a value is missing, and a plain str if its class is derived from it."""
    if is_missing(value):
        return None
    return str.__str__(value) if isinstance(value, str) else value
