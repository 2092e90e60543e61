"""The regressor; test_base.py has what it shares with the classifier."""

import pickle

import numpy as np
import pandas as pd
import pytest
from bundle_tools import changed, opened
from estimators import member_outputs, same
from tables import make_targets

from sklearn_mitra import MitraRegressor, load


def small(**params):
    return MitraRegressor(**{"max_support": 40, "n_estimators": 1, **params})


def test_targets_are_learned():
    X, y = make_targets(300)
    reg = MitraRegressor(max_support=60).fit(X[:200], y[:200])
    predictions = reg.predict(X[200:])
    assert predictions.shape == (100,) and predictions.dtype == np.float64
    assert reg.score(X[200:], y[200:]) > 0.9


def test_predictions_are_the_mean_over_members_in_the_units_of_training():
    X, y = make_targets()
    reg = MitraRegressor(max_support=40, n_estimators=3, members="plain").fit(X, y)
    predictions = reg.predict(X)
    expected = np.zeros(80)
    for i, (member, output) in enumerate(member_outputs(reg, X.astype(np.float32))):
        assert member.target.mirror == (i == 1)
        scaled = output[:, 0].astype(np.float64)
        expected += (1 - scaled if member.target.mirror else scaled) / 3
    expected = y.min() + expected * (y.max() - y.min())
    np.testing.assert_allclose(predictions, expected, rtol=1e-12)


def test_the_range_is_that_of_all_training_rows():
    X, y = make_targets()
    reg = small().fit(X, y)
    assert (reg.target_min_, reg.target_max_) == (y.min(), y.max())
    outside = np.setdiff1d(np.arange(80), reg.support_indices_)[0]
    y[outside] = 10
    assert small().fit(X, y).target_max_ == 10


def outside_target(y, reg, value):
    """The targets, with another value for a row outside the support."""
    y = y.astype(float)
    y[np.setdiff1d(np.arange(len(y)), reg.support_indices_)[0]] = value
    return y


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [10, -1e300])
@pytest.mark.parametrize("params", [{}, {"n_estimators": 3, "members": "plain"}])
def test_plain_members_with_untransformed_targets_depend_on_the_support_alone(params, value):
    X, y = make_targets()
    params = {"max_support": 39, **params}  # from 40 on, intervals take trees, which take longer
    reg = small(target_transform="none", **params).fit(X, y)
    other = small(target_transform="none", **params).fit(X, outside_target(y, reg, value))
    same(other.predict(X), reg.predict(X))
    same(other.predict_interval(X), reg.predict_interval(X))
    support = y[reg.support_indices_]
    assert (other.target_min_, other.target_max_) == (support.min(), support.max())
    # predictions are those of a fit to the support rows alone
    alone = small(**params).fit(X[reg.support_indices_], support)
    same(alone.predict(X), reg.predict(X))
    for loaded in (load(other.save()), pickle.loads(pickle.dumps(other))):
        same(loaded.predict(X), reg.predict(X))
        same(loaded.predict_interval(X), reg.predict_interval(X))


@pytest.mark.parametrize(
    "params",
    [{"n_estimators": 2}, {"members": ["plain", "scores"]}, {"target_transform": "clip"}],
    ids=str,
)
def test_other_fits_keep_the_range_of_all_rows(params):
    X, y = make_targets()
    reg = MitraRegressor(**{"max_support": 40, "target_transform": "none", **params}).fit(X, y)
    y = outside_target(y, reg, 10)
    assert reg.fit(X, y).target_max_ == 10


def test_a_bundle_keeps_the_range_of_all_training_rows():
    """Even if a fit with its parameters would learn another one."""
    X, y = make_targets()
    by_all = small().fit(X, y)
    assert by_all.y_support_.max() < y.max()
    bundle = by_all.save()
    params = opened(bundle)[1]["sklearn_mitra"]["params"]
    loaded = load(changed(bundle, "sklearn_mitra", params={**params, "target_transform": "none"}))
    same(loaded.predict(X), by_all.predict(X))
    assert loaded.target_max_ == y.max() > loaded.fit(X, y).target_max_


def test_a_constant_support_predicts_its_target():
    X, _ = make_targets()
    params = {"target_transform": "none"}
    reg = small(**params).fit(X, np.ones(80))
    reg.fit(X, outside_target(np.ones(80), reg, 5))
    same(reg.predict(X), np.ones(80))
    same(reg.predict_interval(X), np.ones((80, 2)))
    same(load(reg.save()).predict(X), np.ones(80))


@pytest.mark.parametrize(
    "make_y",
    [
        lambda y: y.astype(np.int64),
        lambda y: y.astype(np.int8),
        lambda y: y.astype(np.float32),
        lambda y: y.astype(object),
        list,
        lambda y: y.reshape(-1, 1)[:, 0],
        pd.Series,
        lambda y: pd.Series(y, dtype="Float64"),
        lambda y: pd.Series(y, dtype="Int16"),
    ],
    ids=["int64", "int8", "float32", "object", "list", "strided", "Series", "Float64", "Int16"],
)
def test_targets_come_in_any_type_and_container(make_y):
    X, y = make_targets()
    y = np.round(10 * y)
    same(small().fit(X, make_y(y)).predict(X), small().fit(X, y).predict(X))


def test_bool_targets_are_zero_and_one():
    X, y = make_targets()
    same(small().fit(X, y > 0).predict(X), small().fit(X, (y > 0) * 1.0).predict(X))


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**30, 2.0**500])
def test_other_units_only_scale_predictions(factor):
    X, y = make_targets()
    expected = small(n_estimators=2).fit(X, y).predict(X) * factor
    same(small(n_estimators=2).fit(X, y * factor).predict(X), expected)


@pytest.mark.parametrize("offset", [1e9, -1e9, 1e12])
def test_targets_far_from_zero_keep_the_precision_of_their_range(offset):
    X, y = make_targets()
    near = small().fit(X, y).predict(X)
    far = small().fit(X, y + offset).predict(X) - offset
    # What adding the offset rounds, relative to the range, and the network's float32.
    step = np.spacing(abs(offset)) / np.ptp(y)
    np.testing.assert_allclose(far, near, rtol=0, atol=(1e-5 + 10 * step) * np.ptp(y))


@pytest.mark.parametrize("value", [0.0, -7.25, 1e300, 5])
def test_a_constant_target_is_predicted_exactly(value):
    X, _ = make_targets()
    reg = small().fit(X, np.full(80, value))
    same(reg.predict(X), np.full(80, float(value)))
    with pytest.raises(ValueError, match="infinity"):
        reg.predict(np.full((2, 3), np.inf))


@pytest.mark.parametrize("factor", [1e-300, 1e100, 4e307])
def test_targets_of_any_size_are_predicted_in_their_range(factor):
    X, y = make_targets()
    y /= np.ptp(y)
    predictions = small().fit(X, y * factor).predict(X) / factor
    assert (predictions > y.min() - 0.5).all() and (predictions < y.max() + 0.5).all()


@pytest.mark.parametrize(("low", "high"), [(-8.9e307, 8.9e307), (0, 1.79e308), (-1.7e308, -1e308)])
def test_targets_at_the_limits_of_float64(low, high):
    X, y = make_targets()
    y = low + (y - y.min()) / np.ptp(y) * (high - low)
    y[:2] = low, high
    assert np.isfinite(small().fit(X, y).predict(X)).all()


@pytest.mark.filterwarnings("error")
def test_a_range_beyond_float64_is_an_error_with_advice():
    X, y = make_targets()
    y[:2] = -1.7e308, 1.7e308
    message = r"range of y is too large for float64: -1.7e\+308 to 1.7e\+308. .*Transformed"
    reg = small()
    with pytest.raises(ValueError, match=message):
        reg.fit(X, y)
    assert not hasattr(reg, "target_min_")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            ["low", "high"] * 40,
            "needs numeric targets. Got .low.. For classes, use MitraClassifier",
        ),
        (np.full(80, 1j), "Complex data not supported"),
        (pd.Series([1.0, None] * 40), "Input y contains NaN"),
        ([None, *range(79)], "Input y contains .* missing values, such as None. Leave out"),
        (pd.Series([pd.NA, *range(79)], dtype=object), "missing values, such as <NA>"),
        (["nan", *map(str, range(79))], "Input y contains NaN, infinity .*, such as .*nan"),
        (["inf", *map(str, range(79))], "Input y contains NaN, infinity .*, such as .*inf"),
    ],
    ids=["strings", "complex", "missing", "None", "NA", "string nan", "string inf"],
)
def test_targets_that_are_not_numbers_are_refused(y, message):
    X, _ = make_targets()
    with pytest.raises(ValueError, match=message):
        MitraRegressor().fit(X, y)


def test_with_many_members_and_bins_a_row_alone_has_the_same_bits(make_checkpoint):
    X, y = make_targets()
    model = make_checkpoint(32, 100, 2, 4, "REGRESSION")
    reg = MitraRegressor(model=model, n_estimators=16, max_support=30).fit(X, y)
    together = reg.predict(X[:20])
    alone = np.concatenate([reg.predict(X[i : i + 1]) for i in range(20)])
    np.testing.assert_array_equal(alone, together)
