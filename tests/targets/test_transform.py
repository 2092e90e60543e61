"""Targets with extreme ranges: how they are transformed, and how well they are predicted."""

import warnings

import numpy as np
import pytest
from bundle_tools import assert_survives, changed, opened
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from tables import make_targets

from sklearn_mitra import BundleError, MitraRegressor, load
from sklearn_mitra._targets.transform import TargetTransform

KINDS = ["none", "clip", "asinh"]


def fit(y, **params):
    X, _ = make_targets(len(y))
    return MitraRegressor(**{"n_estimators": 1, "max_support": 60, **params}).fit(X, y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "draw", ["normal", "uniform", "exponential", "lognormal", "poisson", "gumbel"]
)
def test_ordinary_targets_are_not_transformed(draw, seed):
    y = getattr(np.random.default_rng(seed), draw)(size=300).astype(float)
    if draw == "lognormal":
        y = np.sqrt(y)
    assert TargetTransform.fit(y, "auto").kind == "none"


@pytest.mark.filterwarnings("error")
def test_few_or_tied_targets_are_not_transformed():
    few, alike = np.arange(19.0), np.zeros(100)
    few[0], alike[:20] = 1e6, np.arange(20) * 100
    for y in (few, alike, np.zeros(50)):
        assert TargetTransform.fit(y, "auto").kind == "none"


def test_a_few_outliers_are_clipped_to_the_other_targets():
    y = np.linspace(0, 1, 200)
    y[[7, 70]] = 1e4, -50
    others = np.delete(y, [7, 70])
    with pytest.warns(UserWarning, match=r"range from -50 to 10000, .* 2 of 200 .* are clipped"):
        transform = TargetTransform.fit(y, "auto")
    np.testing.assert_array_equal(transform.transform(y)[[7, 70]], [others.max(), others.min()])
    np.testing.assert_array_equal(np.delete(transform.transform(y), [7, 70]), others)


def test_heavy_tails_are_transformed():
    y = np.exp(2 * np.random.default_rng(0).normal(size=300))
    with pytest.warns(UserWarning, match="far out, so all are transformed by asinh. Check"):
        transform = TargetTransform.fit(y, "auto")
    shown = transform.transform(y)
    assert np.ptp(shown) < 12 * np.subtract(*np.quantile(shown, [0.75, 0.25]))
    np.testing.assert_allclose(transform.inverse_transform(shown), y, rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [np.zeros(3), np.arange(5.0), np.r_[np.zeros(9), 1], np.ones(1)])
def test_requested_transforms_take_any_targets(y):
    for kind in KINDS:
        transform = TargetTransform.fit(y, kind)
        assert transform.kind == kind
        np.testing.assert_allclose(
            transform.inverse_transform(transform.transform(y)), y, rtol=1e-12, atol=1e-15
        )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "y",
    [
        np.r_[np.linspace(1e-310, 5e-310, 50), np.full(10, 1e300)],
        -np.r_[np.linspace(1e-310, 5e-310, 50), np.full(10, 1e300)],
        np.r_[np.zeros(50), np.full(10, 1e200)],  # whose variance is beyond float64
        np.r_[np.zeros(50), np.linspace(-8.9e307, 8.9e307, 10)],
    ],
    ids=["narrow", "negative", "no width", "limits"],
)
def test_asinh_of_any_range_can_be_computed(y):
    X, _ = make_targets(60)
    transform = TargetTransform.fit(y, "asinh")
    shown = transform.transform(y)
    assert np.isfinite(shown).all() and transform.fits(y.min(), y.max())
    far = np.abs(y) > 1
    np.testing.assert_allclose(transform.inverse_transform(shown)[far], y[far], rtol=1e-12)
    predictions = fit(y, target_transform="asinh").predict(X)
    assert np.isfinite(predictions).all() and np.abs(predictions).max() <= np.abs(y).max() * 1.001


# ---- in the regressor ----------------------------------------------------------------------------


def test_clipped_targets_count_in_the_learned_range():
    X, y = make_targets()
    y[3] = 1e5
    with pytest.warns(UserWarning, match="Check them for mistakes"):
        reg = MitraRegressor().fit(X, y)
    assert reg.target_transform_ == "clip" and reg.target_max_ == 1e5


@pytest.mark.filterwarnings("error")
def test_without_extremes_auto_changes_no_bit():
    _, y = make_targets()
    X, _ = make_targets()
    reg = fit(y)
    assert reg.target_transform_ == "none"
    params = {"target_transform": "none", "n_estimators": 2}  # the second is not plain
    expected = fit(y, **params).predict(X)
    np.testing.assert_array_equal(fit(y, n_estimators=2).predict(X), expected)
    y[3] = 1e5
    assert fit(y, target_transform="none").target_transform_ == "none"


@pytest.mark.slow
def test_one_typo_costs_little():
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    X_test, y_test = X_test[:100], y_test[:100]
    members = {"members": ["residual", "plain"], "max_support": 200}
    clean = MitraRegressor(**members).fit(X, y).predict(X_test)
    y = y.copy()
    y[10] = 100_000
    with pytest.warns(UserWarning, match="1 of 265 targets are outliers"):
        spoilt = MitraRegressor(**members).fit(X, y).predict(X_test)
    assert spearmanr(spoilt, y_test)[0] >= 0.6
    assert mean_absolute_error(y_test, spoilt) <= 1.2 * mean_absolute_error(y_test, clean)


@pytest.mark.slow
def test_heavy_tails_are_predicted():
    X, y = make_targets(200)
    y = np.exp(2 * y)
    with pytest.warns(UserWarning, match="asinh"):
        by_default = MitraRegressor(max_support=100).fit(X[:120], y[:120])
    raw = MitraRegressor(max_support=100, target_transform="none").fit(X[:120], y[:120])
    ours, without = (spearmanr(r.predict(X[120:]), y[120:])[0] for r in (by_default, raw))
    assert ours > 0.88 and ours > without + 0.02
    predictions = by_default.predict(X[120:])
    assert predictions.min() >= y[:120].min() - 1e-9 and predictions.max() <= y[:120].max() + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_transforms_survive_saving(kind):
    X, y = make_targets()
    y[[3, 4]] = 500, -800
    assert_survives(fit(y, target_transform=kind), X)


def test_transforms_from_bundles_are_checked():
    _, y = make_targets()
    bundle = fit(y, target_transform="asinh").save()
    packed = opened(bundle)[1]["sklearn_mitra"]["transform"]
    wide = TargetTransform("asinh", (0.0, -1.0)).pack()["values"]
    for wrong, name in [
        ({"kind": "log"}, "kind"),
        ({"kind": 3}, "kind"),
        ({"values": wide}, "values"),
    ]:
        with pytest.raises(BundleError, match=f"'{name}' in 'transform'"):
            load(changed(bundle, "sklearn_mitra", transform={**packed, **wrong}))


def test_unknown_transforms_are_refused():
    _, y = make_targets()
    with warnings.catch_warnings(), pytest.raises(ValueError, match="'target_transform' parameter"):
        fit(y, target_transform="log")
