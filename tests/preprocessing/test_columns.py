"""Kinds of columns: what strings and dates are recognised as, and what raises a warning."""

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
    learn_column,
)
from sklearn_mitra._preprocessing.unseen import UnseenCategories

NAN = np.nan


def learn(values):
    """The column, and its training values as floats."""
    values = values if hasattr(values, "dtype") else np.array(values, object)
    column = learn_column(values, "column 'a'")
    return column, column.to_floats(values, UnseenCategories())


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
    floats = column.to_floats(query, UnseenCategories())
    np.testing.assert_array_equal(floats[:, 0], [7, 8.5, NAN, 7])


def test_a_decimal_comma_is_warned_of():
    message = "In column 'a', strings such as '1,5' .* a decimal comma, .* convert them"
    with pytest.warns(UserWarning, match=message):
        column, _ = learn(["1,5", "1,5", "10"])
    assert column.categories == ["1,5", "10"]


def test_categories_that_are_numbers_are_ordered_by_value_unless_an_order_is_given():
    values = ["10", "9", "2"]
    assert learn_column(pd.Series(values, dtype="category"), "a").categories == ["2", "9", "10"]
    ordered = pd.Series(pd.Categorical(values, ["9", "2", "10"], ordered=True))
    assert learn_column(ordered, "a").categories == ["9", "2", "10"]


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
    rows = column.to_floats(np.array([None, "2024-03-01T18:30:00Z"], object), UnseenCategories())
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
    with pytest.raises(ValueError, match="In column 'a', dates must be in the years 1 to 9999"):
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
    assert column == Numbers("column 'a'", "durations")
    assert floats.tolist() == [[1.5], [0.5]]


def test_durations_below_a_microsecond_count():
    durations = np.array([0, 1, 2500, -2500, 10**15 + 7, "NaT"], "m8[ns]")
    days = durations[:-1].astype(np.int64) / 86_400e9
    kinds = [durations, durations.astype("m8[ps]")[:4], pd.Series(durations), [*durations]]
    kinds += [pd.Series(durations).astype(object), pd.Series(durations).astype("category")]
    for values in kinds[:-1]:
        floats = learn(values)[1][:, 0]
        np.testing.assert_allclose(floats[:5], days[: len(floats[:5])], rtol=1e-15)
    assert len(learn(kinds[-1])[0].categories) == 5


def test_other_durations_are_the_same_in_every_unit():
    microseconds = np.random.default_rng(0).integers(-(10**12), 10**12, 1000).astype("m8[us]")
    expected = learn(microseconds)[1]
    for values in (microseconds.astype("m8[ns]"), pd.Series(microseconds).astype(object)):
        np.testing.assert_array_equal(learn(values)[1], expected)
    assert learn(np.array([2, 1], "m8[Y]"))[1].tolist() == [[730.485], [365.2425]]


HOURS = pd.Series(pd.to_timedelta([107, 53, None], unit="h"))
SOME_DURATIONS = {
    "NumPy": HOURS.to_numpy(),
    "pandas": HOURS,
    "objects": HOURS.astype(object),
    "timedelta": [datetime.timedelta(hours=107), datetime.timedelta(hours=53), "NA"],
}
SOME_NUMBERS = {
    "floats": [np.array([8.91, 4.45, NAN]), "8.91"],
    "integers": [np.array([8, 4]), "8.0"],
    "objects": [np.array([8.91, None], object), "8.91"],
    "strings": [np.array(["NA", "4.45"], object), "'4.45'"],
    "text of durations": [np.array(["4 days", None], object), "'4 days'"],
}


@pytest.mark.parametrize("durations", SOME_DURATIONS.values(), ids=SOME_DURATIONS)
@pytest.mark.parametrize(("numbers", "got"), SOME_NUMBERS.values(), ids=SOME_NUMBERS)
def test_numbers_are_no_durations(durations, numbers, got):
    column, _ = learn(durations)
    message = f"In column 'a', training held durations; got {got}. Convert .* pandas.to_timedelta"
    with pytest.raises(TypeError, match=message):
        column.to_floats(numbers, UnseenCategories())


@pytest.mark.parametrize("durations", SOME_DURATIONS.values(), ids=SOME_DURATIONS)
@pytest.mark.parametrize("numbers", [[1.5, 2], ["1", "2"], [True, False]], ids=str)
def test_durations_are_no_numbers(durations, numbers):
    column, _ = learn(numbers)
    durations = durations if hasattr(durations, "dtype") else np.array(durations, object)
    message = (
        r"In column 'a', training held numbers; got a duration of 4\.45833 days. .* to numbers"
    )
    with pytest.raises(TypeError, match=message):
        column.to_floats(durations, UnseenCategories())


def test_durations_beside_numbers_are_refused():
    message = "In column 'a', some values are durations and others are numbers"
    with pytest.raises(TypeError, match=message):
        learn([datetime.timedelta(1), 2.5])


@pytest.mark.parametrize("train", [[1.5, 2], HOURS], ids=["numbers", "durations"])
def test_what_is_missing_may_be_of_any_kind(train):
    column, _ = learn(train)
    for missing in (np.array(["NaT"], "m8[s]"), np.array([NAN]), np.array([None, "NA"], object)):
        assert np.isnan(column.to_floats(missing, UnseenCategories())).all()


@pytest.mark.parametrize(
    "empty", [np.array([NAN, NAN]), np.array(["NaT"], "m8[s]"), pd.Series([pd.NA], dtype="Int64")]
)
def test_a_column_without_values_in_training_takes_no_text(empty):
    column, _ = learn(empty)
    assert column == Numbers("column 'a'", "nothing")
    message = "In column 'a', training held no values; got 'x'. .* Leave it empty, or fit again"
    with pytest.raises(TypeError, match=message):
        column.to_floats(np.array([None, "x"], object), UnseenCategories())
    with pytest.raises(TypeError, match="training held no values; got datetime64"):
        column.to_floats(STAMPS.to_numpy(), UnseenCategories())
    for numbers in (np.array([1.5, NAN]), np.array([36], "m8[h]"), np.array(["1.5", ""], object)):
        assert column.to_floats(numbers, UnseenCategories())[0] == 1.5


# ---- time zones ----------------------------------------------------------------------------------

NAIVE = ["NumPy", "pandas", "Period", "Timestamp", "datetime", "date", "strings", "category"]
ZONED = ["UTC", "another time zone", "datetime with a time zone", "strings with an offset"]


def learn_and_transform(train, query):
    """A column of some dates, and others, which are warned of."""
    column, _ = learn(train)
    unseen = UnseenCategories()
    for _ in range(2):
        query = query if hasattr(query, "dtype") else np.array(query, object)
        column.to_floats(query, unseen)
    unseen.warn()


@pytest.mark.parametrize("naive", NAIVE)
@pytest.mark.parametrize("zoned", ZONED)
def test_other_time_zones_are_warned_of_once(naive, zoned):
    with pytest.warns(UserWarning) as record:
        learn_and_transform(DATES[naive], DATES[zoned])
        learn_and_transform(DATES[zoned], DATES[naive])
    messages = [str(warning.message) for warning in record]
    assert len(messages) == 2
    assert messages[0].startswith("In column 'a', times had no time zone in training, but some ha")
    assert messages[1].startswith("In column 'a', times had a time zone in training, but some have")


def test_the_same_kind_of_times_and_missing_ones_are_not_warned_of():
    nothing = [np.array([None], object), np.array([NAN]), np.array(["NaT"], "M8[s]")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (NAIVE, ZONED):
            for query in [*(DATES[name] for name in names), *nothing]:
                learn_and_transform(DATES[names[0]], query)


def test_times_of_which_some_have_zones_are_warned_of():
    mixed = ["2024-03-01T12:00", "2024-03-02T12:00Z"]
    with pytest.warns(UserWarning, match="In column 'a', some times have a time zone and others"):
        column, _ = learn(mixed)
    assert column.held is None


# ---- strings that are of no use ------------------------------------------------------------------


def test_free_text_is_refused():
    words = ["the", "red", "fox", "jumped", "over", "seven", "lazy", "dogs"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 9)) for _ in range(30)]
    with pytest.raises(ValueError, match="Free text .* column 'a' .* Leave the column out, or"):
        learn(texts)
    assert len(learn(texts[:3] * 10)[0].categories) == 3  # answers of a questionnaire


def test_nearly_unique_categories_raise_a_warning():
    with pytest.warns(UserWarning, match="In column 'a', 30 of 30 values are different, .*'id0'"):
        learn([f"id{i}" for i in range(30)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn([f"id{i % 20}" for i in range(30)])
        learn([f"id{i}" for i in range(10)])
