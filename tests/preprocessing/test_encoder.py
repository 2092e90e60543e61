"""The encoding of columns, by example."""

import datetime
import json
import re
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from columns import with_missing

from sklearn_mitra import BundleError, MitraRegressor
from sklearn_mitra._bundles.fields import BundleFields
from sklearn_mitra._preprocessing.encoder import TableEncoder
from sklearn_mitra._preprocessing.table import as_array, take_rows

NAN = np.nan
MISSING = with_missing(np.random.default_rng(0).normal(size=(60, 6)), 0.2, np.random.default_rng(1))


def fit(column, name="a"):
    """The encoder of a one-column DataFrame, and the column encoded."""
    encoder, x = TableEncoder.fit(pd.DataFrame({name: column}))
    return encoder, x[:, 0].tolist()


def transform(encoder, column, name="a"):
    return encoder.transform(pd.DataFrame({name: column}))[:, 0].tolist()


# ---- numbers ------------------------------------------------------------------------------------


def test_frames_of_numbers_are_encoded_as_their_columns_are():
    frame = pd.DataFrame(MISSING, columns=[*"abcdef"]).astype({"b": np.float32})
    frame["g"], frame["h"] = np.arange(60) ** 5, np.arange(60) > 7
    encoder, x = TableEncoder.fit(frame)
    assert x.flags.c_contiguous
    for j, name in enumerate(frame):
        alone, column = TableEncoder.fit(frame[[name]])
        np.testing.assert_array_equal(x[:, [j]], column, strict=True)
    mixed, with_text = TableEncoder.fit(frame.assign(text="a"))
    np.testing.assert_array_equal(with_text[:, :-1], x, strict=True)
    np.testing.assert_array_equal(
        mixed.transform(frame.assign(text="a"))[:, :-1], encoder.transform(frame), strict=True
    )


def test_columns_without_any_value_become_zero():
    table = np.random.default_rng(0).normal(size=(20, 4))
    table[::3, 1] = table[:, 2] = NAN
    encoder, x = TableEncoder.fit(table)
    np.testing.assert_array_equal(x[:, 2], 0)
    np.testing.assert_array_equal(encoder.varying, [True, True, False, True])
    assert np.isfinite(encoder.transform(table)).all()


# ---- kinds of columns ----------------------------------------------------------------------------

# Column in training, its encoding there.
KINDS = {
    "bool": (pd.Series([True, False, True]), [1, 0, 1]),
    "int8": (pd.Series([-5, 3, 3], dtype="int8"), [-5, 3, 3]),
    "float32": (pd.Series([0.5, NAN, 1.5], dtype="float32"), [0.5, 1, 1.5]),
    "Int64 with NA": (pd.Series([1, pd.NA, 5], dtype="Int64"), [1, 3, 5]),
    "Float64 with NA": (pd.Series([0.5, pd.NA, 1.5], dtype="Float64"), [0.5, 1, 1.5]),
    "boolean with NA": (pd.Series([True, pd.NA, False, False], dtype="boolean"), [1, 1 / 3, 0, 0]),
    "strings": (pd.Series(["b", "a", "c", "a"]), [1, 0, 2, 0]),
    "string with NA": (pd.Series(["b", "a", pd.NA], dtype="string"), [1, 0, 0.5]),
    "object of strings": (
        pd.Series(["b", None, "a", NAN, "d", pd.NA], dtype=object),
        [1, 1, 0, 1, 2, 1],
    ),
    "object of numbers": (
        pd.Series([1, None, 2.5, True, pd.NA], dtype=object),
        [1, 1.5, 2.5, 1, 1.5],
    ),
    "object of decimals": (pd.Series([Decimal("0.5"), Decimal(2), None]), [0.5, 2, 1.25]),
    "object of booleans": (pd.Series([True, False, None], dtype=object), [1, 0, 0.5]),
    "object without values": (pd.Series([None, NAN, pd.NA], dtype=object), [0, 0, 0]),
    "category": (pd.Categorical(["low", "high", "low"]), [1, 0, 1]),
    "ordered category": (
        pd.Categorical(["low", "high", None, "mid"], ["low", "mid", "high"], ordered=True),
        [0, 2, 1, 1],
    ),
    "category in the dtype's order": (pd.Categorical(["a", "b", "c"], ["c", "a", "b"]), [1, 2, 0]),
    "category with unused levels": (pd.Categorical(["x", "z"], ["x", "y", "z"]), [0, 1]),
    "category of numbers": (pd.Categorical([30, 10, 30], [30, 20, 10]), [0, 1, 0]),
    "category of mixed levels": (pd.Categorical([1, "a", 1], ["a", 1]), [1, 0, 1]),
    "category without values": (pd.Categorical([None, None], ["x"]), [0, 0]),
    "intervals": (pd.cut([1.0, 9.0, 4.0, NAN], [0, 3, 6, 10]), [0, 2, 1, 1]),
}


@pytest.mark.parametrize(("column", "expected"), KINDS.values(), ids=KINDS)
def test_a_column_of_each_kind(column, expected):
    encoder, x = fit(column)
    np.testing.assert_allclose(x, expected, rtol=1e-7)
    assert transform(encoder, column) == x
    assert encoder.varying.item() == (len(set(x)) > 1)


def test_columns_of_all_kinds_side_by_side():
    encoder, x = TableEncoder.fit(
        pd.DataFrame(
            {
                "number": [1.5, NAN, 2.5],
                "text": ["b", "a", None],
                3: pd.array([1, 2, pd.NA], "Int64"),
                "when": pd.Categorical(["late", "early", "late"], ["early", "late"]),
                "same": ["x", "x", "x"],
            }
        )
    )
    expected = [[1.5, 1, 1, 1, 0], [2, 0, 2, 0, 0], [2.5, 0.5, 1.5, 1, 0]]
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(encoder.varying, [True, True, True, True, False])


def test_columns_of_the_same_name():
    frame = pd.DataFrame([[1.0, "b"], [2.0, "a"]], columns=["a", "a"])
    _, x = TableEncoder.fit(frame)
    np.testing.assert_array_equal(x, [[1, 1], [2, 0]])


@pytest.mark.parametrize("dtype", [object, "U", "T"])
def test_arrays_of_strings(dtype):
    if dtype == "T":
        dtypes = getattr(np, "dtypes", None)  # NumPy 1.25; 2 has the strings
        dtype = getattr(dtypes, "StringDType", lambda: object)()
    X = np.array([["b", "1"], ["a", "10"], ["c", "9"]], dtype=dtype)
    encoder, x = TableEncoder.fit(X)
    np.testing.assert_array_equal(x, [[1, 1], [0, 10], [2, 9]])
    np.testing.assert_array_equal(encoder.transform(X), x)


def test_numbers_beside_strings_in_a_list_stay_numbers():
    rows = [[10, "b", 0.5], [9, "a", 2.5], [100, "b", True]]  # NumPy alone makes strings of all
    X = as_array(rows)
    assert X.dtype == object
    encoder, x = TableEncoder.fit(X)
    np.testing.assert_array_equal(x, [[10, 1, 0.5], [9, 0, 2.5], [100, 1, 1]])
    np.testing.assert_array_equal(encoder.transform(as_array(tuple(rows))), x)


def test_lists_of_numbers_become_numeric_and_other_types_pass():
    assert as_array([[1, 2.5], [True, 3]]).dtype == np.float64
    assert as_array([[1, 2], [3, 4]]).dtype.kind == "i"
    X = np.ones((2, 2))
    assert as_array(X) is X
    frame = pd.DataFrame(X)
    assert as_array(frame) is frame


# ---- rows not of the training table --------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "query"),
    [
        (["a", "b", "b", None], ["z", "B", None, "a"]),
        (pd.Categorical(["x", "y", "y"]), pd.Categorical(["w", "z", None, "x"])),
        (pd.cut([1, 5, 5], [0, 3, 6]), pd.cut([8, 9, NAN, 1], [0, 3, 6, 10])),
    ],
    ids=["strings", "categories", "intervals"],
)
def test_unseen_levels_and_missing_values_become_the_mean(train, query):
    encoder, _ = fit(train)
    mean = np.float32(2 / 3)
    np.testing.assert_array_equal(transform(encoder, query), [mean, mean, mean, 0])


def test_an_unused_level_of_the_dtype_is_unseen():
    encoder, _ = fit(pd.Categorical(["x", "z", "z", "z"], ["x", "y", "z"]))
    assert transform(encoder, pd.Categorical(["y"], ["x", "y", "z"])) == [0.75]


def test_levels_are_found_by_value_in_any_order_and_type_of_column():
    encoder, _ = fit(pd.Categorical(["low", "high"], ["low", "high"]))
    for column in (
        pd.Categorical(["high", "low"], ["high", "low"]),
        ["high", "low"],
        pd.Series(["high", "low"], dtype="string"),
        np.array(["high", "low"], dtype=object),
    ):
        assert transform(encoder, column) == [1, 0]


@pytest.mark.parametrize("dtype", ["int64", "Int64"])
def test_categories_that_are_large_integers_are_told_apart_in_any_type_of_column(dtype):
    ids = 2**60 + np.arange(4)  # as floats they would be equal
    encoder, x = fit(pd.Series(ids, dtype="category"))
    assert transform(encoder, pd.Series(ids, dtype=dtype)) == transform(encoder, ids) == x


@pytest.mark.parametrize(
    "column",
    [
        [1, 0],
        [True, False],
        pd.array([1, pd.NA], "Int64"),
        np.array([1, None], object),
        np.array([Decimal(1), False], object),
    ],
    ids=["int", "bool", "Int64", "objects", "decimals"],
)
def test_a_column_may_change_between_kinds_of_numbers(column):
    encoder, _ = fit([-1.0, 1.0, NAN])
    assert transform(encoder, column) == [1, 0]


def test_a_column_missing_throughout():
    encoder, _ = fit(["a", "b", "b"])
    np.testing.assert_array_equal(transform(encoder, [None, None]), np.float32([2 / 3] * 2))
    encoder, _ = fit([1.0, 3.0])
    assert transform(encoder, [NAN, NAN]) == [2, 2]
    assert transform(encoder, np.array([None, None], object)) == [2, 2]


def mixed_frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "number": with_missing(rng.normal(size=50), 0.2, rng),
            "text": rng.choice(np.array(["a", "b", None], object), 50),
            "group": pd.Categorical(rng.choice(["x", "y", "z"], 50), ["z", "y", "x"]),
            "whole": pd.array(rng.integers(0, 9, 50), "Int64"),
        }
    )


MIXED = {
    "frame": mixed_frame(),
    "objects": mixed_frame().to_numpy(object),
    "numbers": MISSING,
}


@pytest.mark.parametrize("X", MIXED.values(), ids=MIXED)
def test_rows_in_blocks_are_encoded_as_the_whole(X):
    encoder, whole = TableEncoder.fit(X)
    np.testing.assert_array_equal(encoder.transform(X), whole)
    for size in (1, 7, 49):
        blocks = [
            encoder.transform(take_rows(X, start, start + size)) for start in range(0, len(X), size)
        ]
        np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("X", MIXED.values(), ids=MIXED)
def test_input_is_left_alone(X):
    before = X.copy()
    encoder, x = TableEncoder.fit(X)
    x += 1
    transformed = encoder.transform(X)
    transformed += 1
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X, before)
    else:
        assert all(a is b or a == b or a != a for a, b in zip(X.flat, before.flat))


def test_a_read_only_array():
    X = MISSING.copy()
    X.flags.writeable = False
    encoder, x = TableEncoder.fit(X)
    np.testing.assert_array_equal(encoder.transform(X), x)


# ---- columns far from zero -----------------------------------------------------------------------


def seconds_of_five_minutes():
    return 1.7e9 + np.random.default_rng(0).uniform(0, 300, 200)


def test_columns_far_from_zero_keep_their_digits():
    seconds = seconds_of_five_minutes()
    X = np.column_stack([seconds, np.arange(200)])
    encoder, x = TableEncoder.fit(X)
    np.testing.assert_allclose(encoder.offsets, [seconds.mean(), 0], rtol=1e-12)
    assert len(np.unique(X[:, 0].astype(np.float32))) <= 4
    assert len(np.unique(x[:, 0])) == 200
    np.testing.assert_allclose(x[:, 0], seconds - seconds.mean(), atol=1e-4)
    np.testing.assert_array_equal(encoder.transform(X), x)
    np.testing.assert_array_equal(np.argsort(x[:, 0]), np.argsort(seconds))
    missing = encoder.transform(np.array([[NAN, NAN]]))
    np.testing.assert_array_equal(missing, [[0, np.float32(99.5)]])


NEAR = {
    "years": np.array([2019.0, 2020.0] * 20),
    "large integers": np.arange(2**24 - 40, 2**24, dtype=float),
    "seconds of ten years": 1.4e9 + np.random.default_rng(0).uniform(0, 3e8, 200),
    "temperatures": 290 + np.random.default_rng(0).normal(size=200),
    "tiny": np.random.default_rng(0).uniform(0, 1e-40, 20),
}


@pytest.mark.parametrize("column", NEAR.values(), ids=NEAR)
def test_other_columns_are_upstreams_to_the_bit(column):
    encoder, x = TableEncoder.fit(column[:, None])
    assert not encoder.offsets.any()
    np.testing.assert_array_equal(x[:, 0], column.astype(np.float32))


# ---- columns close to zero -----------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-43, 1e-200, 1e-318])
@pytest.mark.parametrize("base", [0, 1])
def test_values_too_small_for_float32_are_warned_of(factor, base):
    x = np.arange(30.0)
    X = pd.DataFrame({"usual": x, "small": factor * (base + x * x / 900)})
    with pytest.warns(UserWarning, match=r"In column 'small', .* float32, .* Divide") as caught:
        reg = MitraRegressor(n_estimators=1).fit(X, x)
    assert len(caught) == 1 and caught[0].filename == __file__
    keeps = len(np.unique(reg.X_support_[:, 1]))
    assert f"In float32, which the network computes in, 30 distinct values become {keeps}" in (
        str(caught[0].message)
    )
    # what the warning says helps
    divisor = float(re.search(r"Divide the column by (\S+),", str(caught[0].message))[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        divided = MitraRegressor(n_estimators=1).fit(X.assign(small=X["small"] / divisor), x)
    assert len(np.unique(divided.X_support_[:, 1])) == 30


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "column", [np.zeros(30), np.full(30, 1e-200), 2.0**-149 * np.arange(30), 1e-38 * np.arange(30)]
)
def test_small_values_that_float32_keeps_apart_are_not(column):
    x = TableEncoder.fit(column[:, None])[1]
    assert len(np.unique(x)) == len(np.unique(column))


# ---- names that are no strings -------------------------------------------------------------------

NAMES = {
    "numbers": [3, 1, 2],
    "numbers from 0 on": [0, 1, 2],
    "tuples": [("a", 1), ("a", 2), ("b", 1)],
    "dates": list(pd.date_range("2024-03-01", periods=3)),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("is_stored", [False, True])
def test_columns_in_another_order_are_refused(names, is_stored):
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3))
    frame.columns = pd.Index(names) if isinstance(names[0], tuple) else names
    encoder, x = TableEncoder.fit(frame)
    if is_stored:
        fields = BundleFields(json.loads(json.dumps(encoder.pack())), "a bundle")
        encoder = TableEncoder.unpack(fields, 3)
    for same in (frame, frame.to_numpy(), frame.set_axis(["a", "b", "c"], axis=1)):
        np.testing.assert_array_equal(encoder.transform(same), x)  # scikit-learn warns of the last
    first, second = (re.escape(repr(names[i])) for i in (0, 1))
    message = f"Position 0 must be column {first}. Got column {second} instead"
    with pytest.raises(ValueError, match=message):
        encoder.transform(frame[[names[1], names[0], names[2]]])
    with pytest.raises(ValueError, match="Position 2 must be column .* Got column 7 instead"):
        encoder.transform(frame.set_axis([*names[:2], 7], axis=1))


def test_an_array_in_training_has_no_names():
    X = np.arange(12.0).reshape(4, 3)
    encoder, x = TableEncoder.fit(X)
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame(X, columns=[5, 3, 1])), x)


# ---- errors --------------------------------------------------------------------------------------

DAYS = pd.to_datetime(["2020-01-01", "2021-01-01"])
MIX = "In column 'a', the argument must be all strings or all numbers.*Got {}, for example"
TOO_LARGE = "infinity or a value too large for float32 in column 'a'. Replace it with NaN"

REFUSED = {
    "times of day": ([datetime.time(12), None], TypeError, MIX.format("time")),
    "dates and numbers": (np.array([DAYS[0], 1], object), TypeError, MIX.format("Timestamp, int")),
    "complex": ([1 + 2j, 0j], ValueError, "Complex data not supported: column 'a' is complex128"),
    "object of complex": (np.array([1 + 2j, 1], object), TypeError, MIX.format("complex, int")),
    "bytes": (np.array([b"x", b"y"], object), TypeError, MIX.format("bytes")),
    "lists": ([[1], [2]], TypeError, MIX.format("list")),
    "infinity": ([1.0, np.inf], ValueError, TOO_LARGE),
    "minus infinity": ([1.0, -np.inf], ValueError, TOO_LARGE),
    "infinity in objects": (np.array([1.0, np.inf], object), ValueError, TOO_LARGE),
    "infinity in Float64": (pd.array([1.0, np.inf], "Float64"), ValueError, TOO_LARGE),
    "too large": ([1.0, 1e39], ValueError, TOO_LARGE),
    "too large an integer": (np.array([1, 10**50], object), ValueError, TOO_LARGE),
    "strings and numbers": (np.array(["x", 1.5], object), TypeError, MIX.format("float, str")),
}


@pytest.mark.parametrize(("column", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_in_training(column, error, message):
    with pytest.raises(error, match=message):
        fit(column)


@pytest.mark.parametrize(("column", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_in_prediction(column, error, message):
    encoder, _ = fit([1.0, 2.0])
    with pytest.raises(error, match=message):
        transform(encoder, column)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.array([[1j], [2]]), ValueError, "Complex data not supported: column 0"),
        (np.array([[b"x"], [b"y"]]), TypeError, "In column 0, .* Got bytes"),
        (np.array([[0, 1], [0, np.inf]]), ValueError, "too large for float32 in column 1"),
        (np.array([[1e39, 1], [0, 1]]), ValueError, "too large for float32 in column 0"),
        (np.array([["x", 1], ["y", "z"]], object), TypeError, "In column 1, .* Got int, str"),
    ],
    ids=["complex", "bytes", "infinity", "too large", "mixed"],
)
def test_what_is_refused_in_arrays(X, error, message):
    with pytest.raises(error, match=message):
        TableEncoder.fit(X)


def test_the_largest_values():
    largest = np.finfo(np.float32).max / 2  # the difference of two is finite
    _, x = TableEncoder.fit(np.array([[-largest], [largest]]))
    np.testing.assert_array_equal(x, [[-largest], [largest]])
    with pytest.raises(ValueError, match="too large for float32 in column 0"):
        TableEncoder.fit(np.array([[largest * 1.001], [0]]))


@pytest.mark.parametrize(
    ("train", "query", "message"),
    [
        (["x", "y"], [1, 2], "In column 'a', training held categories such as 'x'; got .*1"),
        (["x", "y"], np.array(["x", 2.5], object), r"such as 'x'; got 2\.5"),
        (pd.Categorical(["x", "y"]), [0.5, NAN], r"such as 'x'; got .*0\.5"),
        (pd.Categorical([3, 4]), ["3", "4"], "such as 3; got '3'. Convert the column to the type"),
        (
            [1.0, 2.0],
            ["x", "y"],
            "In column 'a', the argument must be all .* convert it to numbers",
        ),
        ([1.0, 2.0], ["1", "1,5"], "In column 'a', .* Got str, for example '1,5'"),
        (["x", "y"], DAYS, "In column 'a', training held categories such as 'x'; got datetime"),
        ([1.0, 2.0], DAYS, "In column 'a', training held numbers; got datetime.*convert it to num"),
        (["1", "2"], ["1", "x"], "In column 'a', .* Got str, for example 'x'.*convert it to numb"),
        (DAYS, [1.0, 2.0], r"In column 'a', training held dates; got 1\.0. Convert the column to"),
        (DAYS, ["2020-01-01", "May"], "In column 'a', training held dates; got 'May'"),
    ],
    ids=[
        "strings to numbers",
        "strings to a mixture",
        "category to numbers",
        "category of numbers to strings",
        "numbers to strings",
        "numbers to a decimal comma",
        "strings to dates",
        "numbers to dates",
        "digits to strings",
        "dates to numbers",
        "dates to strings",
    ],
)
def test_a_type_that_changes_between_fit_and_transform(train, query, message):
    encoder, _ = fit(train)
    with pytest.raises(TypeError, match=message):
        transform(encoder, query)


# ---- several encoded columns of one --------------------------------------------------------------


def dated_frame():
    days = pd.to_datetime(["2023-12-31 06:00", None, "2024-03-01 18:30"])
    return pd.DataFrame({"day": days, "text": ["b", "a", "b"]})


def test_a_column_of_dates_makes_several_encoded_columns():
    encoder, x = TableEncoder.fit(dated_frame())
    assert encoder.columns[0].parts == ("days", "year", "month", "weekday", "hour")
    assert x.shape == (3, 6) and encoder.n_categories == [0, 0, 0, 0, 0, 2]
    np.testing.assert_array_equal(x[[0, 2], 1:5], [[2023, 12, 6, 6], [2024, 3, 4, 18.5]])
    np.testing.assert_array_equal(x[1], encoder.means.astype(np.float32) * [1, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(encoder.transform(dated_frame()), x)


def test_numbers_after_dates_are_named_in_errors():
    frame = dated_frame().assign(number=[1.0, 2.0, np.inf])
    with pytest.raises(ValueError, match="too large for float32 in column 'number'"):
        TableEncoder.fit(frame)


def test_encodings_come_back_from_json():
    for frame in (dated_frame(), dated_frame()[["text"]], mixed_frame()):
        encoder, x = TableEncoder.fit(frame)
        fields = BundleFields(json.loads(json.dumps(encoder.pack())), "a bundle")
        again = TableEncoder.unpack(fields, x.shape[1])
        assert again.columns == encoder.columns
        np.testing.assert_array_equal(again.transform(frame), x)


def frame_of_all_kinds():
    durations = pd.to_timedelta(["1h", "2h", None])
    frame = dated_frame().assign(duration=durations, number=[1, 2, 3], nothing=[NAN] * 3)
    return frame.assign(zoned=frame["day"].dt.tz_localize("UTC"))


def test_what_columns_held_comes_back_from_json():
    frame = frame_of_all_kinds()
    encoder, x = TableEncoder.fit(frame)
    fields = json.loads(json.dumps(encoder.pack()))
    assert fields["held"] == ["dates", None, "durations", "numbers", "nothing", "zoned dates"]
    again = TableEncoder.unpack(BundleFields(fields, "a bundle"), x.shape[1])
    with pytest.raises(TypeError, match="In column 'duration', training held durations; got 1.0"):
        again.transform(frame.assign(duration=[1.0, 2.0, NAN]))


def test_bundles_from_before_take_durations_for_numbers():
    frame = frame_of_all_kinds()
    encoder, x = TableEncoder.fit(frame)
    fields = encoder.pack()
    del fields["held"], fields["isNamed"]
    again = TableEncoder.unpack(BundleFields(fields, "a bundle"), x.shape[1])
    np.testing.assert_array_equal(again.transform(frame), x)
    days = frame["duration"] / pd.Timedelta(1, "D")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = again.transform(frame.assign(duration=days, day=frame["zoned"]))
    np.testing.assert_array_equal(same, x)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("held", ["durations", None]),
        ("held", ["dates", "numbers"]),
        ("held", ["dates", "dates"]),
        ("held", ["dates"]),
        ("held", ["dates", 5]),
        ("held", "dates"),
        ("isNamed", 1),
        ("dates", [["days", "year", "month", "weekday"], None]),
        ("dates", [["year", "days", "month", "weekday", "hour"], None]),
        ("dates", [["days", "days", "month", "weekday", "hour"], None]),
        ("dates", [["days", "minute", "month", "weekday", "hour"], None]),
        ("dates", [[], None]),
        ("dates", [5, None]),
        ("dates", 5),
        ("dates", [None] * 5),
        ("levels", [["a"], ["a", "b"]]),
        ("dates", [["days", "year", "month", "weekday", "hour"], None, None]),
        ("columns", ["day"]),
    ],
)
def test_wrong_dates_in_bundles_are_named(name, value):
    encoder, _ = TableEncoder.fit(dated_frame())
    with pytest.raises(BundleError, match=f"'{name}' in a bundle must be"):
        TableEncoder.unpack(BundleFields({**encoder.pack(), name: value}, "a bundle"), 6)
