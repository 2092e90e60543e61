"""Values of a column: what counts as a number, and numbers and durations as floats."""

import enum
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from sklearn_mitra._preprocessing.values import (
    check_numbers,
    describe,
    is_missing_string,
    is_number,
    is_numeric,
    read_column,
    to_days,
    to_float,
    without_missing_strings,
)


class Size(str, enum.Enum):
    SMALL = "s"


def test_a_string_with_a_leading_zero_is_an_identifier_but_may_stand_for_a_number():
    assert is_number("-1.5e3") and is_number(" 0.5 ") and is_number("0")
    assert not is_number("007") and not is_number(7)
    assert is_numeric("007") and to_float("007") == 7


@pytest.mark.parametrize("value", [1, 2.5, True, np.bool_(0), Decimal(3), "4", "", timedelta(1)])
def test_numeric_values_pass(value):
    assert is_numeric(value)
    check_numbers([value], "column 'a'", "")


def test_a_value_that_is_not_numeric_is_refused_with_the_types_and_advice():
    message = "In column 'a', .* Got NoneType, int, str, for example 'x'. Convert it."
    with pytest.raises(TypeError, match=message):
        check_numbers([1, "x", None], "column 'a'", "Convert it.")


@pytest.mark.parametrize("text", ["", " ", "nan", "NA", " n/a", "NULL", "None", "?"])
def test_strings_for_missing_values_become_none_in_objects_alone(text):
    assert is_missing_string(text) and np.isnan(to_float(text))
    values = np.array([text, "x"], object)
    assert without_missing_strings(values).tolist() == [None, "x"]
    assert values[0] == text  # the caller's values are as they were
    numbers = np.array([1.5])
    assert without_missing_strings(numbers) is numbers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (timedelta(hours=36), 1.5),
        (np.timedelta64(36, "h"), 1.5),
        (pd.Timedelta(43_200 * 10**9 + 864, "ns"), 0.5 + 1e-11),
        (10**400, np.inf),
        ("1e999", np.inf),
    ],
)
def test_durations_are_days_and_too_large_numbers_infinite(value, expected):
    assert to_float(value) == pytest.approx(expected, rel=1e-15)


def test_units_below_a_microsecond_count():
    durations = np.array([1, 2500, -2500, 10**15 + 7], "m8[ns]")
    expected = durations.astype(np.int64) / 86_400e9
    np.testing.assert_allclose(to_days(durations), expected, rtol=1e-15)


def test_values_in_messages():
    assert describe(timedelta(hours=107)) == "a duration of 4.45833 days"
    assert describe(np.float64(8.5)) == "8.5"
    assert len(describe("x" * 1000)) < 50


def test_columns_are_read_as_floats_dates_durations_or_objects():
    assert read_column(np.array([True, False]), "").tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(read_column(pd.Series([1, None], dtype="Int8"), ""), [1, np.nan])
    dates = read_column(pd.Series(pd.to_datetime(["2024-03-01T12:00+01:00"])), "")
    assert dates.dtype == "M8[us]" and dates[0] == np.datetime64("2024-03-01T11:00")
    assert read_column(np.array([36], "m8[h]"), "").dtype == "m8[h]"
    objects = read_column(np.array([Size.SMALL, np.nan, pd.NA], object), "")
    assert objects.tolist() == ["s", None, None] and type(objects[0]) is str


def test_complex_columns_are_refused():
    with pytest.raises(ValueError, match="Complex data not supported: column 'a' is complex128"):
        read_column(np.array([1j]), "column 'a'")
