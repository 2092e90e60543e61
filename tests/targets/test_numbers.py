"""Targets scaled to 0..1 and back, against exact fractions, up to the limits of float64."""

import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.estimators import REGRESSOR, Stored
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._targets.numbers import NumberTarget, check_numbers

KINDS = ["none", "clip", "asinh"]
LARGEST = np.finfo(np.float64).max


def draw(n_rows=60, seed=0):
    """Targets with two outliers."""
    y = np.random.default_rng(seed).normal(size=n_rows)
    y[[3, 4]] = 50, -80
    return y


# ---- what is learned -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_the_range_is_that_of_the_targets(dtype):
    y = np.array([1, 0, 1, 0, 0]).astype(dtype)
    target, targets = NumberTarget.fit(y, "none")
    assert (target.low, target.high, target.is_constant) == (0, 1, False)
    np.testing.assert_array_equal(targets, y.astype(np.float64), strict=True)
    assert target.n_classes == 0


def test_the_range_may_be_that_of_some_targets():
    target, y = NumberTarget.fit(draw(), "none")
    some = target.scaled_by(y[10:20])
    assert (some.low, some.high) == (y[10:20].min(), y[10:20].max())
    assert (target.low, target.high) == (-80, 50)
    assert target.without(y[:3]) == target  # a fold keeps the range of all


def test_strings_of_numbers_are_numbers():
    target, y = NumberTarget.fit(np.array(["1", "-2.5"]), "none")
    np.testing.assert_array_equal(y, [1, -2.5], strict=True)
    assert target.high == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_targets_that_are_not_finite_are_refused(value):
    with pytest.raises(
        ValueError, match=f"missing values, such as .*{value}.*. Leave out the rows"
    ):
        NumberTarget.fit(np.array(["1", value]), "none")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["auto", *KINDS])
def test_a_range_beyond_float64_is_refused(kind):
    message = r"too large for float64: -1.7e\+308 to 1.7e\+308. Scale it, .*Transformed"
    with pytest.raises(ValueError, match=message):
        NumberTarget.fit(np.array([-1.7e308, 1.7e308]), kind)


@pytest.mark.parametrize("value", [0.0, -7.25, 1e300])
def test_a_constant_target_is_always_predicted(value):
    target, y = NumberTarget.fit(np.full(5, value), "none")
    assert target.is_constant
    np.testing.assert_array_equal(target.constant_answers(3), [value] * 3, strict=True)
    np.testing.assert_array_equal(target.transform(y), np.zeros(5, np.float32), strict=True)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["low", "1"], "needs numeric targets. Got 'low'. For classes, use Mitra"),
        ([1, None], "missing values, such as None. Leave out"),
        (pd.Series([pd.NA, 1], dtype=object), "missing values, such as <NA>"),
    ],
    ids=["strings", "None", "NA"],
)
def test_targets_that_are_not_numbers_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        check_numbers(y)


@pytest.mark.parametrize(
    "y", [[1, 2.5], ["1", "-2.5e3"], [True], pd.Series([1.0]), 3, None], ids=str
)
def test_numbers_are_accepted(y):
    check_numbers(y)


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_targets_range_from_zero_to_one_and_come_back(kind):
    target, y = NumberTarget.fit(draw(), kind)
    before = y.copy()
    scaled = target.transform(y)
    assert scaled.dtype == np.float32 and (scaled.min(), scaled.max()) == (0, 1)
    expected = np.delete(y, [3, 4]) if kind == "clip" else y
    back = target.inverse_transform(target.transform(expected).astype(np.float64))
    np.testing.assert_allclose(back, expected, rtol=1e-5, atol=1e-4)
    order = np.argsort(y, kind="stable")
    assert (np.diff(scaled[order]) >= 0).all()
    np.testing.assert_array_equal(y, before)


def test_outliers_are_clipped_for_the_network_and_not_in_the_scale():
    target, y = NumberTarget.fit(draw(), "clip")
    kept = np.delete(y, [3, 4])
    assert target.transform(y)[[3, 4]].tolist() == [1, 0]
    scale = target.scale(y)
    np.testing.assert_allclose(scale, (y - kept.min()) / np.ptp(kept), rtol=1e-12)
    assert scale[3] > 10 and scale[4] < -10
    # the public range is that of all targets
    assert (target.low, target.high) == (-80, 50)


@pytest.mark.parametrize("kind", ["none", "asinh"])
def test_the_scale_is_what_the_network_sees_but_in_float64(kind):
    target, y = NumberTarget.fit(draw(), kind)
    assert target.scale(y).dtype == np.float64
    np.testing.assert_array_equal(target.scale(y).astype(np.float32), target.transform(y))
    np.testing.assert_allclose(target.inverse_transform(target.scale(y)), y, rtol=1e-10)


@pytest.mark.parametrize("shape", [(), (6,), (2, 3)], ids=str)
def test_scaled_targets_of_any_shape_come_back(shape):
    target, _ = NumberTarget.fit(draw(), "none")
    found = target.inverse_transform(np.full(shape, 0.5))
    assert np.shape(found) == shape
    np.testing.assert_array_equal(found, np.full(shape, -15.0))


def test_asinh_keeps_predictions_in_the_range():
    target, _ = NumberTarget.fit(draw(), "asinh")
    found = target.inverse_transform(np.array([-0.5, 0, 1, 1.5]))
    np.testing.assert_allclose(found, [-80, -80, 50, 50], rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_targets_far_outside_the_range_of_the_support_do_not_overflow():
    target, y = NumberTarget.fit(np.array([0, 1e-300, 1e308]), "none")
    scaled = target.scaled_by(y[:2]).transform(y)
    np.testing.assert_array_equal(scaled, np.array([0, 1, np.inf], np.float32), strict=True)


LIMITS = [(-8.9e307, 8.9e307), (0, 1.79e308), (-1.7e308, -1e308), (-1e-308, 3e-308), (-2.5, 7.0)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("low", "high"), LIMITS)
def test_targets_at_the_limits_of_float64(low, high):
    """Also beyond their range; predictions beyond float64 are its largest numbers."""
    target, y = NumberTarget.fit(np.array([low, high, low + (high - low) / 3]), "none")
    np.testing.assert_allclose(target.transform(y), [0, 1, 1 / 3], rtol=1e-6)
    scaled = np.array([-1.5, -0.01, 0, 0.3, 1, 1.02, 2, 3e38])
    exact = [Fraction(s) * Fraction(high - low) + Fraction(low) for s in scaled]
    expected = [float(np.clip(value, -Fraction(LARGEST), Fraction(LARGEST))) for value in exact]
    with np.errstate(over="raise", invalid="raise"):
        found = target.inverse_transform(scaled)
    tolerance = 1e-15 * max(abs(low), abs(high))
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=tolerance)


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(packed, y):
    stored = Stored(REGRESSOR, np.zeros((len(y), 1), np.float32), y.astype(np.float32), None, None)
    return NumberTarget.unpack(BundleFields(json.loads(json.dumps(packed)), "a bundle"), stored)


@pytest.mark.parametrize("kind", KINDS)
def test_number_targets_come_back_from_json(kind):
    target, y = NumberTarget.fit(draw(), kind)
    support = y[:10]
    again, targets = unpack(target.pack(support), support)
    assert again == target
    np.testing.assert_array_equal(targets, support, strict=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("range", pack([50.0, -80.0])),
        ("range", pack([-1.7e308, 1.7e308])),
        ("range", pack([0.0])),
        ("targets", pack(np.full(10, 99.0))),
        ("targets", pack(np.zeros(9))),
        ("targets", pack(np.zeros(10))),
        ("transform", {"kind": "clip", "values": pack([60.0, 70.0])}),
        ("transform", None),
    ],
    ids=[
        *("descending", "beyond float64", "one number"),
        *("beyond the range", "too few", "not those of the support"),
        *("one that leaves nothing", "none"),
    ],
)
def test_inconsistent_fields_are_named(field, value):
    target, y = NumberTarget.fit(draw(), "none")
    packed = {**target.pack(y[:10]), field: value}
    with pytest.raises(BundleError, match=f"'{field}'"):
        unpack(packed, y[:10])
