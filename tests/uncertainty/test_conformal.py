"""Distributions of residuals: what they are, and how often they hold."""

import numpy as np
import pytest

from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._errors import BundleError
from sklearn_mitra._uncertainty.conformal import Conformal


def draw(n_rows, seed=0, spread=lambda x: np.ones(len(x))):
    """Encoded columns, scaled targets, and what two members say of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 3)).astype(np.float32)
    centre = 0.5 + 0.1 * x[:, 0]
    answers = np.column_stack([centre - 0.01, centre + 0.01]).astype(np.float64)
    return x, centre + 0.1 * spread(x) * rng.normal(size=n_rows), answers


def test_quantiles_are_order_statistics_of_residuals():
    x, y, answers = draw(19)  # too few for trees: all scales are 1
    conformal = Conformal.fit(x, y, answers, 0)
    assert conformal.trees is None
    residuals = np.sort(y - answers.mean(axis=1))
    x, _, answers = draw(4, seed=1)
    distribution = conformal.predict(x, answers)
    for k in range(1, 20):  # the k-th of n is exceeded by a further one with probability 1-k/(n+1)
        expected = answers.mean(axis=1) + residuals[k - 1]
        np.testing.assert_allclose(distribution.quantile(k / 20), expected, rtol=1e-12)
    for level, end in ((0, 0), (0.01, 0), (0.99, -1), (1, -1)):
        expected = answers.mean(axis=1) + residuals[end]
        np.testing.assert_allclose(distribution.quantile(level), expected, rtol=1e-12)


def test_mode_is_the_middle_of_the_shortest_half():
    x, _, answers = draw(9)
    residuals = np.array([-9, -5, -1, 0, 0.5, 1, 1.5, 4, 8])
    conformal = Conformal.fit(x, answers.mean(axis=1) + residuals, answers, 0)
    assert conformal.mode == pytest.approx(0.25)  # of -1 to 1.5


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "n_draws"), [(15, 100), (60, 12)], ids=["alone", "trees"])
def test_intervals_hold_as_often_as_they_say_on_average(n_rows, n_draws):
    """Over many draws of the rows."""
    # 15 rows can tell no level below 1 / 16
    levels, inside = [0.1, 0.25, 0.5, 0.75, 0.9], []
    for seed in range(n_draws):
        conformal = Conformal.fit(*draw(n_rows, seed), seed)
        x, y, answers = draw(500, 1000 + seed)
        quantiles = conformal.predict(x, answers).quantile(levels)
        inside.append((y[:, None] <= quantiles).mean(axis=0))
    np.testing.assert_allclose(np.mean(inside, axis=0), levels, atol=0.03)


def test_intervals_are_wider_where_residuals_are_larger():
    def spread(x):
        return np.where(x[:, 1] > 0, 3.0, 0.3)

    conformal = Conformal.fit(*draw(200, spread=spread), 0)
    x, y, answers = draw(2000, 5, spread)
    low, high = conformal.predict(x, answers).quantile([0.05, 0.95]).T
    wide = x[:, 1] > 0
    assert np.mean((high - low)[wide]) > 1.5 * np.mean((high - low)[~wide])
    assert abs(np.mean((low <= y) & (y <= high)) - 0.9) < 0.05


@pytest.mark.slow
def test_many_residuals_are_thinned_to_their_quantiles():
    x, y, answers = draw(2000)
    conformal = Conformal.fit(x, y, answers, 0)
    assert len(conformal.residuals) == 1000
    x, y, answers = draw(5000, seed=3)
    cdf = conformal.predict(x, answers).cdf(y)
    for level in (0.1, 0.5, 0.9):
        assert abs(np.mean(cdf <= level) - level) < 0.02


def test_predictions_without_error_are_certain():
    x, _, answers = draw(50)
    conformal = Conformal.fit(x, answers.mean(axis=1), answers, 0)
    distribution = conformal.predict(x, answers)
    np.testing.assert_allclose(distribution.std(), 0, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_far_target_overflows_nothing():
    x, y, answers = draw(60)
    y[3] = np.inf  # an outlier that a transform clips, in units of a small range
    distribution = Conformal.fit(x, y, answers, 0).predict(x, answers)
    assert np.isfinite(distribution.quantile([0, 0.5, 1])).all()


@pytest.mark.parametrize("n_rows", [12, 80])
def test_a_row_has_the_same_bits_alone(n_rows):
    conformal = Conformal.fit(*draw(n_rows), 0)
    x, _, answers = draw(33, seed=2)
    whole = conformal.predict(x, answers)
    for i in range(33):
        alone = conformal.predict(x[i : i + 1], answers[i : i + 1])
        np.testing.assert_array_equal(alone.quantile([0.1, 0.7]), whole[i].quantile([0.1, 0.7]))


@pytest.fixture(scope="module")
def fitted():
    return Conformal.fit(*draw(80), 0)


def fields(conformal, **changed):
    return BundleFields({**conformal.pack(), **changed}, "test")


@pytest.mark.parametrize("n_rows", [12, 80])
def test_it_survives_a_bundle_to_the_bit(n_rows):
    conformal = Conformal.fit(*draw(n_rows), 0)
    again = Conformal.unpack(fields(conformal), 3)
    assert again.pack() == conformal.pack()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("residuals", None),
        ("residuals", [0.5, 0.1]),
        ("residuals", [0.5]),
        ("residuals", [0.0] * 1001),
        ("residuals", [-1e300, 0]),
        ("mode", 7.0),
        ("mode", "0"),
        ("mode", None),
        ("trees", 3),
        ("trees", {}),
    ],
)
def test_damage_is_named(fitted, field, value):
    if isinstance(value, list):
        value = pack(value)
    with pytest.raises(BundleError, match=f"'{field}'|'values' in 'trees'"):
        Conformal.unpack(fields(fitted, **{field: value}), 3)


def test_trees_that_read_columns_beyond_the_table_are_refused(fitted):
    with pytest.raises(BundleError, match="'sources' in 'trees'"):
        Conformal.unpack(fields(fitted), 1)
