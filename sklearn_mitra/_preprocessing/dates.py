"""Dates and times as numbers."""

import re
from datetime import date, datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.fields import brief

PARTS = ("days", "year", "month", "weekday", "hour")
_MISSING = np.datetime64("NaT", "us")
_DAY, _HOUR = 86_400_000_000, 3_600_000_000  # in microseconds
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?)(?:(Z)|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


def is_date(value: Any) -> bool:
    """Whether a value is a date, with or without a time, or a pandas Period."""
    return isinstance(value, (date, np.datetime64)) or type(value).__name__ == "Period"


def has_zone(value: Any) -> bool:
    """Whether a date, or a string that holds one, has a time zone."""
    if isinstance(value, str):
        match = _ISO.fullmatch(value.strip())
        return match is not None and bool(match[2] or match[3])
    return getattr(value, "tzinfo", None) is not None


def parse_date(text: str) -> np.datetime64 | None:
    """Convert an ISO 8601 string to UTC; None if it is not a date.

    Examples are "2024-03-01" and "2024-03-01T12:30:00+01:00".
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    stamp, _, sign, hours, minutes = match.groups()
    try:
        value = np.datetime64(stamp, "us")
    except ValueError:  # such as 2024-02-30
        return None
    if sign:
        offset = np.timedelta64(60 * int(hours) + int(minutes), "m")
        value = value - offset if sign == "+" else value + offset
    return value


def to_dates(values: NDArray[Any], name: str) -> NDArray[np.datetime64]:
    """Convert the values of a column to datetime64[us], with NaT for missing ones.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), datetime64[us], timedelta64, float64 or object
        Objects are dates, strings, or None if missing. Floats must be NaN, durations NaT.
    name : str
        The column's name in error messages.

    Raises
    ------
    TypeError
        If a value is not a date.
    ValueError
        If a date is outside the years 1 to 9999.
    """
    if values.dtype.kind != "M":
        stamps = [_MISSING if v is None or v != v else _to_stamp(v, name) for v in values]
        values = np.array(stamps, "M8[us]")
    years = values[~np.isnat(values)].astype("M8[Y]").astype(np.int64) + 1970
    if ((years < 1) | (years > 9999)).any():
        raise ValueError(f"In {name}, dates must be in the years 1 to 9999.")
    return values


def split_dates(dates: NDArray[np.datetime64]) -> dict[str, NDArray[np.float64]]:
    """Split dates (n_rows,), datetime64[us], into an array (n_rows,) for each of ``PARTS``.

    Days are counted from the start of 1970, weekdays from Monday. Days and hours have a fractional
    part. Missing dates are NaN.
    """
    is_there = ~np.isnat(dates)
    stamps = np.where(is_there, dates, np.datetime64(0, "us")).astype(np.int64)
    months = dates.astype("M8[M]").astype(np.int64)
    parts = {
        "days": stamps / _DAY,
        "year": 1970 + months // 12,
        "month": 1 + months % 12,
        "weekday": (stamps // _DAY + 3) % 7,  # 1970 began on a Thursday
        "hour": stamps % _DAY / _HOUR,
    }
    return {name: np.where(is_there, part, np.nan) for name, part in parts.items()}


def _to_stamp(value: Any, name: str) -> np.datetime64:
    stamp = parse_date(value) if isinstance(value, str) else None
    if not isinstance(value, str) and is_date(value):
        value = getattr(value, "start_time", value)  # a Period's first moment
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        stamp = np.datetime64(value, "us")
    if stamp is None:
        raise _no_date_error(value, name)
    return stamp


def _no_date_error(value: Any, name: str) -> TypeError:
    if isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        value = value.item()
    return TypeError(
        f"In {name}, training held dates; got {brief(value)}. Convert the column to dates, or to "
        "strings such as '2024-03-01' or '2024-03-01T12:30:00'."
    )
