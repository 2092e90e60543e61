"""Kinds of columns: what is recognised in strings and dates, and what is warned of."""

import datetime
import importlib.util
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mitra._preprocessing.columns import (
    Categories,
    Dates,
    Numbers,
    UnseenLevels,
    learn_column,
)

NAN = np.nan


def learn(values):
    """The column, and its training values as floats."""
    values = values if hasattr(values, "dtype") else np.array(values, object)
    column = learn_column(values, "column 'a'")
    return column, column.to_floats(values, UnseenLevels())


# ---- numbers in strings --------------------------------------------------------------------------

NUMBERS = {
    "integers": (["10", "9", "-1", "+2"], [10, 9, -1, 2]),
    "fractions": (["1.5", ".5", "2.", "0.25", "0"], [1.5, 0.5, 2, 0.25, 0]),
    "exponents": (["1e5", "2E-3", "1.5e+2"], [1e5, 2e-3, 150]),
    "spaces": ([" 12 ", "\t3", "4\n"], [12, 3, 4]),
    "missing": (["1", None, "", " NaN", "NA", "?", "null", "2"], [1, *[NAN] * 6, 2]),
}


@pytest.mark.parametrize(("strings", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_strings_of_numbers_become_numbers(strings, expected):
    column, floats = learn(strings)
    assert column == Numbers("column 'a'")
    np.testing.assert_array_equal(floats[:, 0], expected)


CATEGORIES = {
    "codes with zeros": ["007", "012", "13"],
    "hexadecimal": ["0x1A", "0x2"],
    "digits of other scripts": ["١", "٢"],
    "underscores": ["1_000", "2"],
    "infinity": ["inf", "1"],
    "a word among numbers": ["1", "2", "many"],
    "missing alone": ["nan", "", "?"],
    "percent": ["12%", "3%"],
    "days that don't exist": ["2024-02-30", "2024-02-28"],
    "months": ["2024-02", "2024-03"],
}


@pytest.mark.parametrize("strings", CATEGORIES.values(), ids=CATEGORIES)
def test_other_strings_stay_categories(strings):
    column, _ = learn(strings)
    assert column == Categories("column 'a'", sorted(strings))


def test_too_large_a_number_in_a_string_is_infinite():
    assert learn(["1e999", "2"])[1].tolist() == [[np.inf], [2.0]]  # which the table refuses


@pytest.mark.parametrize("query", [["7", " 8.5", None, "007"], [7.0, 8.5, NAN, 7.0]])
def test_numbers_in_strings_may_become_numbers_in_prediction(query):
    column, _ = learn(["10", "9"])
    query = np.array(query, object)
    np.testing.assert_array_equal(column.to_floats(query, UnseenLevels())[:, 0], [7, 8.5, NAN, 7])


def test_a_decimal_comma_is_warned_of():
    with pytest.warns(UserWarning, match=r"In column 'a', strings such as '1,5' .* a comma.*Conv"):
        column, _ = learn(["1,5", "1,5", "10"])
    assert column.levels == ["1,5", "10"]


def test_levels_that_are_numbers_are_ordered_as_such_unless_the_order_is_given():
    values = ["10", "9", "2"]
    assert learn_column(pd.Series(values, dtype="category"), "a").levels == ["2", "9", "10"]
    ordered = pd.Series(pd.Categorical(values, ["9", "2", "10"], ordered=True))
    assert learn_column(ordered, "a").levels == ["9", "2", "10"]


# ---- dates ---------------------------------------------------------------------------------------

STAMPS = pd.to_datetime(["2023-12-31 06:00", "2024-03-01 18:30"])
DATES = {
    "NumPy": STAMPS.to_numpy(),
    "NumPy, days": STAMPS.to_numpy().astype("M8[D]"),
    "pandas": pd.Series(STAMPS),
    "UTC": pd.Series(STAMPS.tz_localize("UTC")),
    "another time zone": pd.Series(STAMPS.tz_localize("UTC").tz_convert("Asia/Tokyo")),
    "Period": pd.Series(STAMPS.to_period("min")),
    "Timestamp": [*STAMPS],
    "datetime": [stamp.to_pydatetime() for stamp in STAMPS],
    "datetime with a time zone": [*STAMPS.tz_localize("UTC").tz_convert("Asia/Tokyo")],
    "date": [stamp.date() for stamp in STAMPS],
    "datetime64 objects": [*STAMPS.to_numpy()],
    "strings": ["2023-12-31T06:00", "2024-03-01 18:30:00.000"],
    "strings of days": ["2023-12-31", "2024-03-01"],
    "strings with an offset": ["2023-12-31T06:00:00Z", "2024-03-02T03:30+09:00"],
    "category": pd.Series(STAMPS).astype("category"),
}


if importlib.util.find_spec("pyarrow"):
    import pyarrow

    for dtype in (pyarrow.timestamp("us"), pyarrow.timestamp("ns", tz="Asia/Tokyo")):
        stamps = STAMPS.tz_localize("UTC") if dtype.tz else STAMPS
        DATES[f"Arrow's {dtype}"] = pd.Series(stamps).astype(pd.ArrowDtype(dtype))
    dtype = pd.ArrowDtype(pyarrow.date32())
    DATES["Arrow's date32"] = pd.Series([stamp.date() for stamp in STAMPS]).astype(dtype)


def test_among_strings_of_dates_some_say_missing():
    column, floats = learn(["2023-12-31", "", "2024-03-01", "NA", " ?"])
    assert "days" in column.parts
    np.testing.assert_array_equal(floats[:, 0], [19722, NAN, 19783, NAN, NAN])


@pytest.mark.parametrize("values", DATES.values(), ids=DATES)
def test_dates_become_days_year_month_weekday_and_hour(values):
    column, floats = learn(values)
    assert column.parts[:4] == ("days", "year", "month", "weekday")
    np.testing.assert_array_equal(floats[:, 1:4], [[2023, 12, 6], [2024, 3, 4]])
    if column.parts[4:]:
        days = (STAMPS - pd.Timestamp(0)) / pd.Timedelta(1, "D")
        np.testing.assert_array_equal(floats[:, 0], days)
        np.testing.assert_array_equal(floats[:, 4], [6, 18.5])
    else:
        assert (floats[:, 0] == [19722, 19783]).all()  # no times of day
    rows = column.to_floats(np.array([None, "2024-03-01T18:30:00Z"], object), UnseenLevels())
    np.testing.assert_array_equal(rows[0], NAN)
    np.testing.assert_array_equal(rows[1, 1:4], [2024, 3, 4])


@pytest.mark.parametrize(
    ("dates", "parts"),
    [
        (["2024-03-01", "2024-03-08"], ("days",)),
        (["2024-03-01", "2024-03-02"], ("days", "weekday")),
        (["2024-03-01", "2023-03-03"], ("days", "year")),
        (["2024-03-01T12:00", "2024-03-01T12:01", None], ("days", "hour")),
        (["2024-03-01", "2024-03-01"], ("days",)),
    ],
)
def test_parts_that_are_the_same_in_training_are_left_out(dates, parts):
    assert learn(dates)[0] == Dates("column 'a'", parts)


def test_dates_before_1970_and_missing_ones():
    column, floats = learn(np.array(["1969-12-31T23:00", "NaT", "1900-03-01"], "M8[s]"))
    assert column.parts == ("days", "year", "month", "weekday", "hour")
    expected = [[-1 / 24, 1969, 12, 2, 23], [NAN] * 5, [-25508, 1900, 3, 3, 0]]
    np.testing.assert_array_equal(floats, expected)


def test_dates_beyond_the_calendar_are_refused():
    with pytest.raises(ValueError, match="In column 'a', dates must be of the years 1 to 9999"):
        learn(np.array(["20000-01-01"], "M8[D]"))


@pytest.mark.parametrize(
    "values",
    [
        np.array([36, 12], "m8[h]"),
        pd.Series(pd.to_timedelta([36, 12], unit="h")),
        [datetime.timedelta(hours=36), datetime.timedelta(hours=12)],
        [np.timedelta64(36, "h"), np.timedelta64(12, "h")],
    ],
)
def test_durations_become_days(values):
    column, floats = learn(values)
    assert column == Numbers("column 'a'")
    assert floats.tolist() == [[1.5], [0.5]]


# ---- levels that tell little ---------------------------------------------------------------------


def warn_of(train, *queries):
    column, _ = learn(train)
    unseen = UnseenLevels()
    for query in queries:
        column.to_floats(np.array(query, object), unseen)
    unseen.warn(stacklevel=1)


def test_mostly_unseen_levels_are_warned_of_once():
    with pytest.warns(UserWarning, match="In column 'a', 3 of 5 values .* such as 'X'") as record:
        warn_of(["x", "y"], ["X", "x", None], ["Y", "y", "X"])
    assert len(record) == 1


def test_other_levels_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of(["x", "y"], ["X", "x", None, None])
        warn_of(["x", "y"], [None, None])


def test_free_text_is_refused():
    words = ["the", "red", "fox", "jumped", "over", "seven", "lazy", "dogs"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 9)) for _ in range(30)]
    with pytest.raises(ValueError, match="Free text .* column 'a' .* Leave the column out, or"):
        learn(texts)
    assert len(learn(texts[:3] * 10)[0].levels) == 3  # answers of a questionnaire


def test_levels_of_their_own_are_warned_of():
    with pytest.warns(UserWarning, match="In column 'a', 30 of 30 values are different, .*'id0'"):
        learn([f"id{i}" for i in range(30)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn([f"id{i % 20}" for i in range(30)])
        learn([f"id{i}" for i in range(10)])
