"""Predicted distributions against a slow reference, from their definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mitra import PredictiveDistribution
from sklearn_mitra._uncertainty.distribution import constant, join, transform

LEVELS = [0, 1e-9, 0.1, 0.25, 0.5, 0.73, 0.9, 1]


def draw(n_rows=7, n_knots=9, seed=0, shared=None):
    """Distributions with values that hold probability, gaps without any, and flat ends."""
    rng = np.random.default_rng(seed)
    values = np.sort(np.round(10 * rng.normal(size=(n_rows, n_knots)), 1), axis=1)
    values[:, 3] = values[:, 4]
    steps = rng.random((n_rows, n_knots - 1)) * (rng.random((n_rows, n_knots - 1)) > 0.2)
    steps[:, 3] += 0.3
    cumulated = np.cumsum(steps, axis=1) / steps.sum(axis=1, keepdims=True)
    probabilities = np.hstack([np.zeros((n_rows, 1)), cumulated])
    probabilities[:, -1] = 1
    if shared == "values":
        values = values[0]
    if shared == "probabilities":
        probabilities = probabilities[0]
    return PredictiveDistribution(values, probabilities, values[..., 0] + np.zeros(n_rows))


def knots_of(distribution, row):
    one = distribution[row]
    return np.ravel(one._values).tolist(), np.ravel(one._probabilities).tolist()


def slow_quantile(distribution, row, level):
    """The least value whose probability reaches the level, along the knots."""
    values, probabilities = knots_of(distribution, row)
    for i in range(len(values) - 1):
        low, high = probabilities[i], probabilities[i + 1]
        if level <= high and high > low:
            share = max(0, level - low) / (high - low)
            return values[i] + share * (values[i + 1] - values[i])
    return values[-1]


def slow_cdf(distribution, row, y):
    """Probability up to y, segment by segment."""
    values, probabilities = knots_of(distribution, row)
    total = 0
    for i in range(len(values) - 1):
        mass = probabilities[i + 1] - probabilities[i]
        if values[i + 1] <= y:
            total += mass
        elif values[i] <= y:
            total += mass * (y - values[i]) / (values[i + 1] - values[i])
    return total


def sample(distribution, n=4_000):
    """Values in the middle of each of n equal shares of the probability, (n_rows, n)."""
    return distribution.quantile((np.arange(n) + 0.5) / n)


shapes = pytest.mark.parametrize("shared", [None, "values", "probabilities"])


@shapes
def test_quantiles_are_those_of_the_definition(shared):
    distribution = draw(shared=shared)
    expected = [[slow_quantile(distribution, i, q) for q in LEVELS[1:]] for i in range(7)]
    np.testing.assert_allclose(distribution.quantile(LEVELS[1:]), expected, atol=1e-12)
    np.testing.assert_array_equal(distribution.median(), distribution.quantile(0.5))
    assert distribution.quantile(0.5).shape == (7,)
    assert distribution.quantile([]).shape == (7, 0)


@shapes
def test_cdf_is_that_of_the_definition(shared):
    distribution = draw(shared=shared)
    values = np.broadcast_to(distribution._values, (7, 9))
    for y in [*values.T, *(values.T + 0.013), np.full(7, -1e9), np.full(7, 1e9)]:
        expected = [slow_cdf(distribution, i, t) for i, t in enumerate(y.tolist())]
        np.testing.assert_allclose(distribution.cdf(y), expected, atol=1e-12)
    np.testing.assert_array_equal(distribution.cdf(1.5), distribution.cdf(np.full(7, 1.5)))


@shapes
def test_moments_and_score_are_those_of_a_fine_sample(shared):
    distribution = draw(shared=shared)
    values = sample(distribution)
    np.testing.assert_allclose(distribution.mean(), values.mean(axis=1), atol=5e-3)
    np.testing.assert_allclose(distribution.std(), values.std(axis=1), rtol=1e-3)
    levels = (np.arange(values.shape[1]) + 0.5) / values.shape[1]
    for y in (-25.0, -3.3, 0.0, 4.2, 25.0):
        pinball = np.where(y >= values, levels * (y - values), (levels - 1) * (y - values))
        expected = 2 * pinball.mean(axis=1)
        np.testing.assert_allclose(distribution.crps(y), expected, rtol=2e-3, atol=5e-3)


def test_uniform_and_two_point_distributions_by_hand():
    uniform = PredictiveDistribution(np.array([0.0, 1]), np.array([0.0, 1]), np.array([0.5]))
    assert uniform.mean()[0] == 0.5 and uniform.cdf(0.3)[0] == 0.3
    assert uniform.std()[0] == pytest.approx(math.sqrt(1 / 12))
    assert uniform.crps(0.5)[0] == pytest.approx(1 / 12)  # integral of x^2 up to 1/2, twice
    assert uniform.crps(3)[0] == pytest.approx(2.5 - 1 / 6)
    coin = PredictiveDistribution(
        np.array([0.0, 0, 1, 1]), np.array([0, 0.25, 0.25, 1]), np.array([1.0])
    )
    assert coin.mean()[0] == 0.75 and coin.std()[0] == pytest.approx(math.sqrt(0.1875))
    np.testing.assert_array_equal([coin.cdf(y)[0] for y in (-1, 0, 0.5, 1)], [0, 0.25, 0.25, 1])
    np.testing.assert_array_equal(coin.quantile([0.1, 0.25, 0.26, 1])[0], [0, 0, 1, 1])
    assert coin.crps(1)[0] == pytest.approx(0.25**2)


def test_a_sure_distribution_scores_the_absolute_error():
    sure = constant(2.5, 3)
    assert len(sure) == 3
    for summary in (sure.mean, sure.median, sure.mode):
        np.testing.assert_array_equal(summary(), [2.5] * 3)
    np.testing.assert_array_equal(sure.std(), [0] * 3)
    np.testing.assert_array_equal(sure.crps([2.5, 4, -1]), [0, 1.5, 3.5])
    np.testing.assert_array_equal(sure.cdf([2.4, 2.5, 3]), [0, 1, 1])
    np.testing.assert_array_equal(sure.quantile(LEVELS), [[2.5] * len(LEVELS)] * 3)


@given(st.integers(0, 10_000), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_quantiles_never_cross(seed, levels):
    quantiles = draw(3, seed=seed).quantile(sorted(levels))
    assert (np.diff(quantiles, axis=1) >= 0).all()


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_cdf_and_quantile_are_inverse(seed, level):
    distribution = draw(3, seed=seed)
    assert (distribution.cdf(distribution.quantile(level)) >= level - 1e-9).all()
    before = distribution.quantile(level) - 1e-6
    assert (distribution.cdf(before) <= level + 1e-9).all()


@shapes
def test_a_row_has_the_same_bits_alone_and_in_any_order(shared):
    distribution = draw(40, 1001, shared=shared)
    y = np.linspace(-5, 5, 40)

    def ask(d, targets):
        return np.column_stack(
            [d.mean(), d.std(), d.mode(), d.cdf(targets), d.crps(targets), d.quantile(LEVELS)]
        )

    whole = ask(distribution, y)
    for rows in (slice(3, 17), np.random.default_rng(0).permutation(40), y > 1):
        np.testing.assert_array_equal(ask(distribution[rows], y[rows]), whole[rows])
    for row in range(40):
        np.testing.assert_array_equal(ask(distribution[row], y[row]), whole[row : row + 1])


@shapes
def test_joined_parts_are_the_whole(shared):
    distribution = draw(shared=shared)
    joined = join([distribution[:1], distribution[1:5], distribution[5:]])
    np.testing.assert_array_equal(joined.quantile(LEVELS), distribution.quantile(LEVELS))
    np.testing.assert_array_equal(joined.mode(), distribution.mode())


def test_knots_are_transformed():
    distribution = draw()
    moved = transform(distribution, lambda y: np.sinh(y / 5))
    knots = distribution._probabilities[0]
    expected = np.sinh(distribution[0].quantile(knots) / 5)
    np.testing.assert_allclose(moved[0].quantile(knots), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(moved.mode(), np.sinh(distribution.mode() / 5))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-300, 1e150, 1e300, 1.7e308])
def test_targets_of_any_size(size):
    base = draw()
    scaled = transform(base, lambda y: y / 30 * size)
    largest = np.abs(scaled._values).max()
    assert (np.abs(scaled.quantile(LEVELS)) <= largest).all()
    assert (np.abs(scaled.mean()) <= largest).all() and not np.isnan(scaled.std()).any()
    if size < 1e308:
        np.testing.assert_allclose(scaled.std(), base.std() / 30 * size, rtol=1e-9)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda d: d.quantile(1.1), r"'levels' must be numbers from 0 to 1. Got 1.1 instead"),
        (lambda d: d.quantile([0.1, np.nan]), "'levels' must be numbers from 0 to 1"),
        (lambda d: d.quantile("high"), "'levels' must be numbers from 0 to 1. Got 'high'"),
        (lambda d: d.quantile([[0.1]]), r"at most one axis. Got shape \(1, 1\)"),
        (
            lambda d: d.cdf([1, 2]),
            r"array of shape \(7,\) with a target for each row. Got shape \(2,\)",
        ),
        (lambda d: d.crps([np.nan] * 7), "'y' must be numbers. Got NaN"),
        (lambda d: d.crps(np.inf), "'y' must be finite for a score. Got infinity"),
    ],
)
def test_errors(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(draw())


@pytest.mark.filterwarnings("error")
def test_infinity_has_a_probability():
    np.testing.assert_array_equal(draw().cdf(np.inf), [1] * 7)
    np.testing.assert_array_equal(draw().cdf(-np.inf), [0] * 7)


def test_rows_can_be_gone_through():
    distribution = draw()
    medians = [row.median()[0] for row in distribution]
    np.testing.assert_array_equal(medians, distribution.median())


def test_nothing_handed_out_is_the_distribution_itself():
    distribution = draw()
    before = distribution.mode().copy()
    distribution.mode()[:] = 7
    np.testing.assert_array_equal(distribution.mode(), before)
    assert repr(distribution) == "<PredictiveDistribution of 7 rows>"
