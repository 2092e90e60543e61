"""What the classifier and the regressor share."""

import datetime
import enum
import os
import pickle
import random
import re
import shutil
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_tools import packed_members
from estimators import ESTIMATORS, TASKS, both, outputs, same, small, with_value
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from tables import make_table
from wlearn._capabilities import estimator_capabilities

from sklearn_mitra import CheckpointError, DisposedError, MitraClassifier
from sklearn_mitra._network.checkpoint import resolve_checkpoint

# --------------------------------------------------------------------------------------------
# Parameters
# --------------------------------------------------------------------------------------------

WRONG = [
    ("model", 5),
    ("model", None),
    ("max_support", 0),
    ("max_support", -1),
    ("max_support", 1.5),
    ("max_support", "10"),
    ("n_estimators", 0),
    ("n_estimators", 2.0),
    ("n_estimators", "auto"),
    ("random_state", -1),
    ("random_state", 2**32),
    ("random_state", 0.5),
    ("random_state", "seed"),
    ("n_jobs", 0),
    ("n_jobs", 1.5),
    ("n_jobs", "all"),
    ("providers", "CPUExecutionProvider"),
    ("providers", 5),
    ("verbose", -1),
    ("verbose", "yes"),
    ("verbose", None),
]
WRONG_FOR_CLASSIFIER = [
    ("support_sampling", "uniform"),
    ("support_sampling", None),
    ("softmax_temperature", 0),
    ("softmax_temperature", -1.0),
    ("softmax_temperature", float("nan")),
    ("softmax_temperature", float("inf")),
    ("softmax_temperature", "1"),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((cls, name, value) for cls in ESTIMATORS for name, value in WRONG),
        *((MitraClassifier, name, value) for name, value in WRONG_FOR_CLASSIFIER),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_invalid_parameters_are_refused_before_anything_else(cls, name, value):
    message = rf"The '{name}' parameter of {cls.__name__} must be .* Got {value!r} instead"
    estimator = cls(**{name: value})
    with pytest.raises(InvalidParameterError, match=message):
        estimator.fit(None, None)
    assert vars(estimator) == cls(**{name: value}).get_params()


@both
def test_constructor_and_set_params_keep_values_as_they_are(cls):
    wrong = {"max_support": -1, "random_state": "seed"}
    assert wrong.items() <= cls(**wrong).get_params().items()
    assert wrong.items() <= cls().set_params(**wrong).get_params().items()


@both
def test_an_unknown_provider_is_named_beside_the_available_ones(cls):
    message = "providers .*CPUExecutionProvider.* has, or pairs .* Got .*'NoSuchExecutionProvider'"
    with pytest.raises(ValueError, match=message):
        cls(providers=["CPUExecutionProvider", "NoSuchExecutionProvider"]).fit(None, None)


@both
def test_naming_the_cpu_provider_changes_nothing(cls):
    X, y = make_table()
    default = small(cls).fit(X, y)
    named = small(cls, providers=("CPUExecutionProvider",)).fit(X, y)
    same(outputs(named, X), outputs(default, X))


@both
def test_the_number_of_threads_changes_no_bit(cls):
    X, y = make_table()
    predictions = [outputs(small(cls, n_jobs=n).fit(X, y), X[:20]) for n in (1, 2, -1, None)]
    for other in predictions[1:]:
        same(other, predictions[0])


@both
def test_n_estimators_none_is_the_number_that_the_checkpoint_recommends(cls, tmp_path):
    X, _ = table = make_table()
    embedded = Path(resolve_checkpoint("mini", TASKS[cls]).weights_file).parent
    copy = shutil.copytree(embedded, tmp_path / "copy")
    by_default = small(cls, n_estimators=None).fit(*table)
    X = X[:9]
    same(outputs(by_default, X), outputs(small(cls, n_estimators=4).fit(*table), X))
    assert len(packed_members(by_default)) == 4
    by_default = small(cls, n_estimators=None, model=copy).fit(*table)
    same(outputs(by_default, X), outputs(small(cls, n_estimators=1).fit(*table), X))
    assert len(packed_members(by_default)) == 1


@both
@pytest.mark.parametrize("model", ["no such checkpoint", "./nowhere", Path("nowhere")], ids=str)
def test_a_missing_checkpoint_is_an_error_of_fit(cls, model):
    X, y = make_table()
    estimator = cls(model=model)
    with pytest.raises(CheckpointError, match=re.escape(str(model).strip("./"))):
        estimator.fit(X, y)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


@both
def test_a_checkpoint_for_the_other_task_is_refused(cls, tmp_path):
    X, y = make_table()
    (other,) = {*TASKS.values()} - {TASKS[cls]}
    directory = Path(resolve_checkpoint("mini", other).weights_file).parent
    with pytest.raises(CheckpointError, match=f"is for {other}, but was asked for {TASKS[cls]}"):
        cls(model=directory).fit(X, y)


@both
def test_a_checkpoint_that_changes_between_fit_and_prediction_is_refused(cls, tmp_path):
    X, y = make_table()
    embedded = Path(resolve_checkpoint("mini", TASKS[cls]).weights_file).parent
    copy = shutil.copytree(embedded, tmp_path / "copy")
    estimator = small(cls, model=str(copy)).fit(X, y)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointError, match="not those of the fit"):
        estimator.predict(X)


# --------------------------------------------------------------------------------------------
# Seeds, and what fit and predict leave alone
# --------------------------------------------------------------------------------------------


@both
def test_an_int_as_random_state_gives_the_same_bits_again(cls):
    X, y = make_table()
    first, again = (small(cls, n_estimators=2, random_state=3).fit(X, y) for _ in range(2))
    same(again.support_indices_, first.support_indices_)
    same(outputs(again, X), outputs(first, X))
    other = small(cls, n_estimators=2, random_state=4).fit(X, y)
    assert not np.array_equal(other.support_indices_, first.support_indices_)


@both
def test_random_state_none_draws_a_new_support_each_time(cls):
    X, y = make_table()
    first, again = (small(cls, random_state=None).fit(X, y) for _ in range(2))
    assert not np.array_equal(again.support_indices_, first.support_indices_)


@both
def test_a_random_state_instance_is_drawn_from(cls):
    X, y = make_table()
    generator = np.random.RandomState(5)
    first = small(cls, random_state=generator).fit(X, y).support_indices_
    second = small(cls, random_state=generator).fit(X, y).support_indices_
    again = small(cls, random_state=np.random.RandomState(5)).fit(X, y).support_indices_
    same(again, first)
    assert not np.array_equal(second, first)


def global_state():
    generators = np.random.get_state(), random.getstate()  # noqa: NPY002, to see it untouched
    return *generators, dict(os.environ)


@both
@pytest.mark.parametrize("random_state", [42, None, np.random.RandomState(0)], ids=str)
def test_global_generators_and_environment_stay_as_they_are(cls, random_state):
    X, y = make_table()
    before = global_state()
    small(cls, n_estimators=2, random_state=random_state).fit(X, y).predict(X)
    np.testing.assert_equal(global_state(), before)


@both
@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "object", "frame", "list"])
def test_tables_and_targets_are_not_modified(cls, kind):
    X, y = make_table()
    X = np.round(X * 4)
    if kind in ("float64", "float32"):
        X[::7, 1] = np.nan
    if kind == "frame":
        X = pd.DataFrame(X, columns=list("abcd")).astype({"b": "category"})
        X.loc[3, "a"] = np.nan
        y = pd.Series(y)
    elif kind == "list":
        X, y = X.tolist(), y.tolist()
    else:
        X = X.astype(kind)
        X.flags.writeable = y.flags.writeable = False
    X_before, y_before = (pd.DataFrame(X).copy(), pd.Series(y).copy())
    small(cls).fit(X, y).predict(X)
    pd.testing.assert_frame_equal(pd.DataFrame(X), X_before)
    pd.testing.assert_series_equal(pd.Series(y), y_before)


@both
def test_changes_to_the_callers_arrays_after_fit_change_nothing(cls):
    X, y = make_table(30)
    query, _ = make_table(10, seed=1)
    estimator = small(cls).fit(X, y)  # all 30 rows: no selection that would copy them
    expected = outputs(small(cls).fit(X.copy(), y.copy()), query)
    X[:], y[:] = 0, 0
    same(outputs(estimator, query), expected)


# --------------------------------------------------------------------------------------------
# What fit learns
# --------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("n_rows", "n_support"), [(80, 40), (41, 40), (40, 40), (7, 7)])
def test_the_support_is_training_rows_in_order(cls, n_rows, n_support):
    X, y = make_table(n_rows)
    estimator = small(cls)
    assert estimator.fit(X, y) is estimator
    rows = estimator.support_indices_
    assert rows.dtype == np.int64 and len(rows) == n_support and (np.diff(rows) > 0).all()
    same(estimator.X_support_, X[rows].astype(np.float32))
    dtype = np.int64 if cls is MitraClassifier else np.float64
    same(estimator.y_support_, y[rows].astype(dtype))
    assert estimator.n_features_in_ == 4
    assert not hasattr(estimator, "feature_names_in_")
    assert estimator.checkpoint_["name"] == "mini"
    assert re.fullmatch("[0-9a-f]{64}", estimator.checkpoint_["sha256"])


@both
def test_frames_lists_and_arrays_of_the_same_numbers_give_the_same_bits(cls):
    X, y = make_table()
    expected = outputs(small(cls).fit(X, y), X)
    frame = pd.DataFrame(X, columns=list("abcd"))
    estimator = small(cls).fit(frame, pd.Series(y))
    same(outputs(estimator, frame), expected)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    same(outputs(small(cls).fit(X.tolist(), y.tolist()), X.tolist()), expected)
    same(outputs(small(cls).fit(np.asfortranarray(X), y), X.astype(object)), expected)


@both
def test_categories_are_encoded_as_their_ranks(cls):
    X, y = make_table()
    ranks = np.digitize(X[:, 1], [-0.5, 0.5])
    levels = ["small", "medium", "large"]
    words = pd.Categorical.from_codes(ranks, [*levels, "unused"])
    frame = pd.DataFrame({"a": X[:, 0], "b": words})
    numbers = np.column_stack([X[:, 0], ranks])
    same(outputs(small(cls).fit(frame, y), frame), outputs(small(cls).fit(numbers, y), numbers))


class Size(str, enum.Enum):
    SMALL = "s"
    LARGE = "l"


@both
def test_string_enums_are_the_categories_that_they_equal(cls):
    X, y = make_table()
    names = np.where(X[:, 0] > 0, "s", "l").astype(object)
    sizes = np.array([Size(name) for name in names], dtype=object)
    frame, plain = (pd.DataFrame({"a": X[:, 1], "b": column}) for column in (sizes, names))
    same(outputs(small(cls).fit(frame, y), frame), outputs(small(cls).fit(plain, y), plain))


@both
def test_a_refit_forgets_the_previous_table(cls):
    X, y = make_table()
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    estimator = small(cls).fit(frame, y)
    estimator.predict(frame)
    estimator.fit(X, y)
    assert estimator.n_features_in_ == 4 and not hasattr(estimator, "feature_names_in_")
    same(outputs(estimator, X), outputs(small(cls).fit(X, y), X))


# --------------------------------------------------------------------------------------------
# Rows
# --------------------------------------------------------------------------------------------


@both
def test_a_row_gets_the_same_bits_alone_in_any_batch_and_in_any_order(cls):
    X, y = make_table()
    query, _ = make_table(24, seed=1)
    estimator = small(cls, n_estimators=2).fit(X, y)
    expected = outputs(estimator, query)
    for size in (1, 2, 3, 7, 17, 23):
        parts = [outputs(estimator, query[i : i + size]) for i in range(0, 24, size)]
        same(np.concatenate(parts), expected)
    order = np.random.default_rng(0).permutation(24)
    same(outputs(estimator, query[order]), expected[order])
    same(outputs(estimator, query.repeat(3, axis=0)), expected.repeat(3, axis=0))


# --------------------------------------------------------------------------------------------
# Odd tables
# --------------------------------------------------------------------------------------------


@both
def test_missing_values_count_as_the_mean_of_the_training_column(cls):
    X, y = make_table()
    X[::5, 2] = np.nan
    mean = np.nanmean(X[:, 2])
    filled = np.where(np.isnan(X), mean, X)
    estimator = small(cls).fit(X, y)
    same(estimator.X_support_, filled[estimator.support_indices_].astype(np.float32))
    same(outputs(estimator, X), outputs(estimator, filled))
    same(outputs(estimator, np.full((1, 4), np.nan)), outputs(estimator, [np.nanmean(X, axis=0)]))


@both
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
def test_every_kind_of_missing_value_is_the_same(cls, missing):
    X, y = make_table()
    numbers = X.copy()
    numbers[::5, 2] = np.nan
    objects = X.astype(object)
    objects[::5, 2] = missing
    estimator = small(cls).fit(objects, y)
    same(outputs(estimator, objects), outputs(small(cls).fit(numbers, y), numbers))


@both
def test_columns_constant_in_training_change_no_bit(cls):
    X, y = make_table()
    wide = np.column_stack([np.full(80, 3.0), X, np.full(80, np.nan)])
    estimator = small(cls, n_estimators=2).fit(wide, y)
    query = wide.copy()
    query[:, 0] = np.arange(80)
    expected = outputs(small(cls, n_estimators=2).fit(X, y), X)
    same(outputs(estimator, query), expected)


@both
@pytest.mark.parametrize("value", [0.0, 3.0, np.nan], ids=str)
@pytest.mark.parametrize("n_features", [1, 3])
def test_constant_columns_alone_give_the_same_finite_answer_for_every_row(cls, value, n_features):
    y = np.arange(20) % 2
    estimator = small(cls).fit(np.full((20, n_features), value), y)
    query, _ = make_table(5, n_features)
    predictions = outputs(estimator, query)
    assert np.isfinite(predictions).all()
    same(predictions, np.repeat(predictions[:1], 5, axis=0))


@both
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_few_training_rows_are_enough(cls, n_rows):
    X, _ = make_table(n_rows)
    estimator = cls().fit(X, np.arange(n_rows))
    query, _ = make_table(5)
    assert np.isfinite(outputs(estimator, query)).all()


@pytest.mark.filterwarnings("ignore:In column 1, the values differ by 1.8e-300:UserWarning")
@both
@pytest.mark.parametrize("value", [1.6e38, -1.6e38, 1e-300, 5e-324], ids=str)
def test_predictions_for_large_and_tiny_numbers_are_finite(cls, value):
    X, y = make_table()
    X[:, 1] *= value / np.abs(X[:, 1]).max()
    assert np.isfinite(outputs(small(cls).fit(X, y), X)).all()


# --------------------------------------------------------------------------------------------
# Errors about X
# --------------------------------------------------------------------------------------------

BAD_TABLES = {
    "1-d": (np.ones(80), ValueError, "Expected 2D array, got 1D array instead"),
    "3-d": (np.ones((80, 4, 1)), ValueError, "Found array with dim 3"),
    "scalar": (3.0, ValueError, "Expected 2D array, got scalar array instead"),
    "no rows": (np.ones((0, 4)), ValueError, r"Found array with 0 sample\(s\)"),
    "no columns": (np.ones((80, 0)), ValueError, r"0 feature\(s\)"),
    "infinity": (with_value(np.inf), ValueError, "infinity or a value too large .* column 1"),
    "-infinity": (with_value(-np.inf), ValueError, "infinity or a value too large .* column 1"),
    "too large": (with_value(1e39), ValueError, "infinity or a value too large .* column 1"),
    "integer beyond float64": (
        np.array([[1, 2, 3, 4], [1, 10**400, 3, 4]] * 40, dtype=object),
        ValueError,
        "infinity or a value too large .* column 1",
    ),
    "complex": (np.ones((80, 4)) + 1j, ValueError, "Complex data not supported"),
    "times of day": (
        pd.DataFrame({"a": range(80), "b": [datetime.time(12)] * 80, "c": 0.0, "d": 1.0}),
        TypeError,
        "column ('b'|1), the argument must be all strings or all numbers.* Got time",
    ),
    "numbers beside strings": (
        np.array([[1, 2, 3, 4], [1, "two", 3, 4]] * 40, dtype=object),
        TypeError,
        "column 1, the argument must be all strings or all numbers",
    ),
    "lists in cells": (
        pd.DataFrame({"a": range(80), "b": [[1]] * 80, "c": 0.0, "d": 1.0}),
        TypeError,
        "column ('b'|1), the argument must be all strings or all numbers.* Got list",
    ),
}


@both
@pytest.mark.parametrize(("X", "error", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names, but")
def test_invalid_tables_are_refused_in_fit_and_in_prediction(cls, X, error, message):
    good, y = make_table()
    estimator = small(cls)
    with pytest.raises(error, match=message):
        estimator.fit(X, y)
    estimator.fit(good, y)
    with pytest.raises(error, match=message):
        estimator.predict(X)


def public_methods(cls):
    """Names of the methods that this package adds to scikit-learn's."""
    methods = {name: getattr(cls, name) for name in dir(cls) if not name.startswith("_")}
    return [
        name
        for name, method in methods.items()
        if callable(method) and method.__module__.startswith("sklearn_mitra.")
    ]


@both
def test_errors_about_arguments_name_no_private_class(cls):
    methods = public_methods(cls)
    assert {"fit", "predict", "save", "load", "estimate_cost", "set_params"} <= {*methods}
    for name in methods:
        with pytest.raises(TypeError, match=rf"^({cls.__name__}\.)?{name}\(\) takes"):
            getattr(small(cls), name)(*range(9))


@both
def test_a_subclass_of_a_user_keeps_its_names(cls):
    subclass = type("Own", (cls,), {"score": lambda self: 1, "__module__": __name__})
    for name in ("fit", "predict"):
        assert getattr(subclass, name).__qualname__ == f"{cls.__name__}.{name}"
    with pytest.raises(TypeError, match=r"<lambda>\(\) takes 1 positional"):
        subclass().score(1)


@both
@pytest.mark.parametrize("weights", [None, [1.0]])
def test_sample_weight_is_refused_with_what_to_do_instead(cls, weights):
    X, y = make_table()
    told = "repeat rows" if cls is MitraClassifier else "Repeat rows"
    told = rf"{cls.__name__}.fit\(\) got an unexpected .*'sample_weight'.*{told}"
    with pytest.raises(TypeError, match=told) as caught:
        cls().fit(X, y, sample_weight=weights)
    assert ("class_weight" in str(caught.value)) == (cls is MitraClassifier)


@both
def test_max_support_none_takes_all_rows(cls):
    X, y = make_table(520)  # more than the default
    estimator = small(cls, max_support=None).fit(X, y)
    same(estimator.support_indices_, np.arange(520))
    same(outputs(estimator, X[:9]), outputs(small(cls, max_support=520).fit(X, y), X[:9]))


@both
def test_integral_floats_are_refused_as_by_scikit_learn(cls):
    X, y = make_table()
    for estimator in (cls(max_support=1e1), RandomForestClassifier(n_estimators=1e1)):
        with pytest.raises(InvalidParameterError, match="must be an int .* Got 10.0 instead"):
            estimator.fit(X, y)


@both
def test_another_number_of_columns_is_refused(cls):
    X, y = make_table()
    estimator = small(cls).fit(X, y)
    message = f"X has 3 features, but {cls.__name__} is expecting 4 features as input"
    with pytest.raises(ValueError, match=message):
        estimator.predict(X[:, :3])


@both
def test_columns_need_the_names_and_the_order_of_training(cls):
    X, y = make_table()
    frame = pd.DataFrame(X, columns=list("abcd"))
    estimator = small(cls).fit(frame, y)
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        estimator.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- z"):
        estimator.predict(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing:\n- d"):
        estimator.predict(frame[["a", "b", "c"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        same(outputs(estimator, X), outputs(estimator, frame))


@both
def test_strings_for_numbers_and_numbers_for_strings_are_refused_in_prediction(cls):
    X, y = make_table()
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "x", "y")})
    estimator = small(cls).fit(frame, y)
    with pytest.raises(TypeError, match="column 'b', training held categories such as 'x'"):
        estimator.predict(frame.assign(b=1.5))
    with pytest.raises(TypeError, match="column 'a', the argument must be all strings or all num"):
        estimator.predict(frame.assign(a="x"))


@both
def test_table_and_target_need_the_same_length(cls):
    X, y = make_table()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[80, 79\]"):
        cls().fit(X, y[:-1])


@both
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.zeros((80, 2)), "y should be a 1d array|got an array of shape \\(80, 2\\)"),
        (np.full(80, np.nan), "Input y contains NaN"),
        (np.full(80, np.inf), "Input y contains infinity"),
    ],
    ids=["None", "two columns", "NaN", "infinity"],
)
def test_invalid_targets_are_refused(cls, y, message):
    X, _ = make_table()
    with pytest.raises(ValueError, match=message):
        cls().fit(X, y)


# --------------------------------------------------------------------------------------------
# A failed fit, and the end
# --------------------------------------------------------------------------------------------

GOOD, TARGET = make_table()
FAILING = {
    "NaN in y": ({}, GOOD, np.full(80, np.nan)),
    "no y": ({}, GOOD, None),
    "infinity in X": ({}, with_value(np.inf), TARGET),
    "times among other columns": (
        {},
        pd.DataFrame({"a": range(80), "b": [datetime.time(12)] * 80}),
        TARGET,
    ),
    "too few y for more columns": ({}, np.ones((80, 7)), TARGET[:-1]),
    "infinity in fewer columns": ({}, with_value(np.inf)[:, :2], TARGET),
    "wrong parameter": ({"max_support": 0}, GOOD, TARGET),
    "missing checkpoint": ({"model": "./nowhere"}, GOOD, TARGET),
    "missing checkpoint for other columns": ({"model": "./nowhere"}, np.ones((80, 7)), TARGET),
    "missing provider": ({"providers": ["NoSuchExecutionProvider"]}, GOOD, TARGET),
}


@both
@pytest.mark.parametrize("named", [False, True], ids=["array", "frame"])
@pytest.mark.parametrize("failing", FAILING)
def test_a_failed_refit_leaves_the_previous_fit(cls, named, failing):
    X, y = make_table()
    X = pd.DataFrame(X, columns=list("abcd")) if named else X
    estimator = small(cls).fit(X, y)
    expected, learned = outputs(estimator, X[:9]), set(vars(estimator))
    params, bad_X, bad_y = FAILING[failing]
    before = estimator.get_params()
    estimator.set_params(**params)
    with pytest.raises((ValueError, TypeError)):
        estimator.fit(bad_X, bad_y)
    estimator.set_params(**before)
    assert set(vars(estimator)) == learned
    same(outputs(estimator, X[:9]), expected)


@both
@pytest.mark.parametrize("method", ["predict", "predict_proba", "save"])
def test_nothing_is_predicted_or_saved_before_fit(cls, method):
    if not hasattr(cls, method):
        method = "predict"
    arguments = () if method == "save" else (np.ones((2, 4)),)
    with pytest.raises(
        NotFittedError, match=f"This {cls.__name__} instance is not fitted yet"
    ) as e:
        getattr(cls(), method)(*arguments)
    assert not isinstance(e.value, DisposedError)


@both
def test_dispose_drops_what_fit_learned_and_frees_its_memory(cls):
    X, y = make_table()
    estimator = small(cls).fit(X, y)
    estimator.predict(X)
    dropped = [weakref.ref(estimator._model.context), weakref.ref(estimator.X_support_)]
    estimator.dispose()
    assert [reference() for reference in dropped] == [None, None]
    assert not [name for name in vars(estimator) if name.endswith("_")]
    assert estimator.get_params() == small(cls).get_params()
    assert clone(estimator).get_params() == estimator.get_params()


@both
def test_dispose_keeps_requests_for_metadata(cls):
    X, y = make_table()
    with config_context(enable_metadata_routing=True):
        estimator = small(cls).set_score_request(sample_weight=True).fit(X, y)
        estimator.dispose()
        assert estimator.get_metadata_routing().score.requests == {"sample_weight": True}


@both
def test_learned_attributes_exist_from_fit_to_dispose(cls):
    X, y = make_table()
    table = pd.DataFrame(X, columns=list("abcd"))
    names = re.findall(r"^    (\w+_) : ", cls.__doc__, re.MULTILINE)
    assert {"X_support_", "checkpoint_", "n_features_in_", "feature_names_in_"} < {*names}
    estimator = small(cls)
    if cls is MitraClassifier:
        estimator.softmax_temperature = "auto"
    assert not [name for name in names if hasattr(estimator, name)]
    estimator.fit(table, y).predict(table)
    assert [name for name in names if hasattr(estimator, name)] == names
    assert [name for name in names if hasattr(pickle.loads(pickle.dumps(estimator)), name)] == [
        name for name in names if name != "context_nbytes_"
    ]
    estimator.dispose()
    assert not [name for name in names if hasattr(estimator, name)]


@both
def test_disposed_estimators_raise_until_the_next_fit(cls):
    X, y = make_table()
    estimator = small(cls).fit(X, y)
    expected = outputs(estimator, X)
    estimator.dispose()
    estimator.dispose()
    methods = [estimator.predict, lambda X: estimator.save()]
    if cls is MitraClassifier:
        methods.append(estimator.predict_proba)
    for method in methods:
        with pytest.raises(DisposedError, match="has no support set any more. Call 'fit'") as e:
            method(X)
        assert isinstance(e.value, NotFittedError)
    same(outputs(estimator.fit(X, y), X), expected)


@both
def test_unfitted_estimators_can_be_disposed_of(cls):
    X, y = make_table()
    estimator = small(cls)
    estimator.dispose()
    with pytest.raises(DisposedError):
        estimator.predict(X)
    estimator.fit(X, y).predict(X)


@both
def test_capabilities_are_wlearns(cls):
    is_classifier = cls is MitraClassifier
    expected = estimator_capabilities(
        classifier=is_classifier, regressor=not is_classifier, predict_proba=is_classifier
    )
    assert cls().capabilities == expected


@both
@pytest.mark.parametrize(
    "params", [{"n_jobs": 0}, {"verbose": -1}, {"providers": "CPU"}], ids=lambda p: next(iter(p))
)
def test_parameters_set_after_fit_are_checked_before_they_take_effect(cls, params):
    X, y = make_table()
    estimator = small(cls).fit(X, y).set_params(**params)
    for use in (lambda: estimator.predict(X), estimator.save):
        with pytest.raises(InvalidParameterError, match=next(iter(params))):
            use()


@both
def test_a_model_set_after_fit_does_not_replace_the_fitted_one(cls):
    X, y = make_table()
    estimator = small(cls).fit(X, y)
    bundle = estimator.save()
    assert estimator.set_params(model="no/such").save() == bundle
