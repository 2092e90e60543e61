"""Weights of ensemble members, against a search of a grid."""

import json

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members.kinds import Kinds
from sklearn_mitra._uncertainty.weights import (
    Weights,
    choose_class_weights,
    choose_number_weights,
    cut_held_out,
    read_weights,
)

PRIOR = 2.0
ALL = [np.array([i, j, 50 - i - j]) / 50 for i in range(51) for j in range(51 - i)]


def draw_numbers(n_rows, deviations, seed=0):
    """Targets, and what members predict that are off by so much."""
    rng = np.random.default_rng(seed)
    y = rng.random(n_rows)
    return y, [y + deviation * rng.normal(size=n_rows) for deviation in deviations]


def draw_classes(n_rows, n_classes, deviations, seed=0, scale=2.0):
    """Class ids, and log-probabilities by members whose logits are off by so much."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(n_rows, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    noisy = [logits + deviation * rng.normal(size=logits.shape) for deviation in deviations]
    return y, [log_softmax(values, axis=1) for values in noisy]


def parts_of(weights):
    """Of the network together, and of each other member."""
    return np.array([sum(weights.network), *weights.models])


def number_loss(parts, y, answers):
    residuals = np.array(answers) - y
    variance = max(np.square(residuals).mean(axis=1).min(), 1e-12)
    return np.square(parts @ residuals).sum() / (2 * variance) + PRIOR * parts[1:].sum()


def class_loss(parts, y, answers, temperature):
    mixed = np.tensordot(parts, np.array(answers), 1) / temperature
    log_likelihood = mixed[np.arange(len(y)), y] - logsumexp(mixed, axis=1)
    prior = PRIOR * parts[1:].sum() + 0.5 * (np.log(temperature) / 0.2) ** 2
    return prior - log_likelihood.sum()


# ---- against a grid ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1e-3, 1e-5])
@pytest.mark.parametrize("seed", range(8))
def test_no_weights_have_less_squared_error(seed, size):
    rng = np.random.default_rng(seed)
    deviations = size * 10 ** rng.uniform(-2, 1, 3)
    y, answers = draw_numbers(rng.integers(5, 600), deviations, seed)
    weights = choose_number_weights(answers[0], answers[1:], y)
    parts, least = parts_of(weights), min(number_loss(p, y, answers) for p in ALL)
    loss = number_loss(parts, y, answers)
    # tiny weights are none, which may cost a little
    assert loss <= least * 1.05 + 1e-9
    assert ((parts == 0) | (parts > 0.02)).all()
    assert weights.temperature == 1


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(4))
def test_no_weights_and_temperature_have_less_log_loss(seed, n_classes):
    rng = np.random.default_rng(seed)
    y, answers = draw_classes(300, n_classes, rng.uniform(0.3, 4, 3), seed)
    weights = choose_class_weights(answers[0], answers[1:], y)
    temperatures = np.exp(np.linspace(-0.8, 0.8, 17))
    least = min(class_loss(p, y, answers, t) for p in ALL[::3] for t in temperatures)
    assert class_loss(parts_of(weights), y, answers, weights.temperature) <= least + 0.1


def test_weights_of_two_members_are_those_of_a_fine_grid():
    y, answers = draw_numbers(400, [0.2, 0.1])
    weights = parts_of(choose_number_weights(answers[0], answers[1:], y))
    grid = [np.array([1 - share, share]) for share in np.linspace(0, 1, 2001)]
    best = min(grid, key=lambda parts: number_loss(parts, y, answers))
    np.testing.assert_allclose(weights, best, atol=1e-3)
    y, answers = draw_classes(400, 3, [2, 1])
    chosen = choose_class_weights(answers[0], answers[1:], y)
    best = min(grid[::10], key=lambda p: class_loss(p, y, answers, chosen.temperature))
    np.testing.assert_allclose(parts_of(chosen), best, atol=6e-3)


# ---- what gets weight ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1e-4])
def test_a_member_that_is_right_gets_all_weight(size):
    y, answers = draw_numbers(500, [0.3 * size, 0.3 * size, 1e-4 * size])
    np.testing.assert_allclose(
        parts_of(choose_number_weights(answers[0], answers[1:], y)), [0, 0, 1]
    )
    np.testing.assert_allclose(
        parts_of(choose_number_weights(answers[2], answers[:2], y)), [1, 0, 0]
    )
    exact = choose_number_weights(answers[0], [y], y)
    np.testing.assert_allclose(parts_of(exact), [0, 1])
    y, answers = draw_classes(500, 3, [3, 3, 0], scale=4)
    parts = parts_of(choose_class_weights(answers[0], answers[1:], y))
    assert parts[2] > 0.9


def test_a_better_member_gets_more_weight():
    y, answers = draw_numbers(500, [0.2, 0.1])
    shares = parts_of(choose_number_weights(answers[0], answers[1:], y))
    assert 0.6 < shares[1] < 0.9  # about as the inverse variances
    y, answers = draw_classes(500, 3, [2, 0.5])
    assert parts_of(choose_class_weights(answers[0], answers[1:], y))[1] > 0.6


CASES = [
    (lambda n, off, seed: draw_classes(n, 2, [off] * 3, seed), choose_class_weights, 1),
    (lambda n, off, seed: draw_numbers(n, [off] * 3, seed), choose_number_weights, 0.1),
]


def test_few_rows_leave_the_weight_with_the_network():
    for draw, choose, deviation in CASES:
        few, many = [], []
        for seed in range(20):
            for found, n_rows in ((few, 4), (many, 400)):
                y, answers = draw(n_rows, deviation, seed)
                found.append(sum(choose(answers[0], answers[1:], y).network))
        assert np.mean(few) > np.mean(many) + 0.1


def test_members_of_noise_get_no_weight():
    y, (network,) = draw_numbers(500, [0.1])
    noise = 3 * np.random.default_rng(1).random((2, 500))
    assert choose_number_weights(network, [*noise], y).models == (0, 0)
    y, (network,) = draw_classes(500, 3, [0.3])
    noise = log_softmax(np.random.default_rng(1).normal(size=(2, 500, 3)), axis=2)
    # a little makes the mixture less sure, as the temperature does
    assert sum(choose_class_weights(network, [*noise], y).models) < 0.2


def test_of_members_alike_the_network_is_preferred():
    y, (answers,) = draw_numbers(500, [0.1])
    assert choose_number_weights(answers, [answers, answers], y).models == (0, 0)
    y, (answers,) = draw_classes(500, 3, [1])
    assert max(choose_class_weights(answers, [answers, answers], y).models) < 0.02


@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_the_temperature_takes_back_what_members_exaggerate(factor):
    y, (right,) = draw_classes(5000, 3, [0])
    answers = log_softmax(factor * right, axis=1)
    weights = choose_class_weights(answers, [answers], y)
    assert weights.temperature == pytest.approx(factor, rel=0.1)
    assert choose_class_weights(right, [right], y).temperature == pytest.approx(1, rel=0.1)


def test_without_a_network_the_others_share_the_weight():
    y, answers = draw_numbers(300, [0.1, 0.1])
    weights = choose_number_weights(None, answers, y)
    assert weights.network == () and sum(weights.models) == pytest.approx(1)
    assert min(weights.models) > 0.4
    (y, answers), one = draw_classes(300, 3, [1, 1]), (1.0,)
    weights = choose_class_weights(None, answers, y)
    assert weights.network == () and min(weights.models) > 0.3
    assert choose_number_weights(None, [np.zeros(5)], np.arange(5.0)).models == one
    assert choose_class_weights(None, answers[:1], y).models == pytest.approx(one)


def test_members_of_the_network_share_its_weight():
    y, answers = draw_numbers(300, [0.1, 0.1])
    one, four = (choose_number_weights(answers[0], answers[1:], y, n) for n in (1, 4))
    assert four.models == one.models
    assert four.network == pytest.approx([one.network[0] / 4] * 4)
    y, answers = draw_classes(300, 3, [1, 1])
    assert len(choose_class_weights(answers[0], answers[1:], y, 3).network) == 3


@pytest.mark.filterwarnings("error")
def test_answers_far_off_are_no_trouble():
    y, answers = draw_numbers(200, [0.1, 1e6, 1e-9])
    np.testing.assert_allclose(
        parts_of(choose_number_weights(answers[0], answers[1:], y)), [0, 0, 1]
    )
    y, answers = draw_classes(200, 2, [1, 0.5])
    sure = log_softmax(1e4 * answers[0], axis=1)
    weights = choose_class_weights(sure, answers, y)
    assert sum(weights.network) == 0 and 0.2 < weights.temperature < 5


def test_a_few_outliers_do_not_choose_the_weights():
    y, answers = draw_numbers(500, [1, 0.3, 1])
    weights = choose_number_weights(answers[0], answers[1:], y)
    y[:2] += [3000, -2000]
    answers[2][:2] = y[:2] / 2  # the third member has an idea of the outliers
    outlying = choose_number_weights(answers[0], answers[1:], y)
    np.testing.assert_allclose(parts_of(outlying), parts_of(weights), atol=0.15)


def test_little_weight_of_the_network_is_none():
    y, answers = draw_numbers(300, [1, 0.28, 0.28])
    loss = [number_loss(parts, y, answers) for parts in ALL]
    best = ALL[int(np.argmin(loss))]
    assert 0 < best[0] < 0.1
    assert parts_of(choose_number_weights(answers[0], answers[1:], y))[0] == 0
    y, answers = draw_classes(300, 3, [3, 0.5, 0.5])
    assert parts_of(choose_class_weights(answers[0], answers[1:], y))[0] == 0


# ---- rows to hold out ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [2, 3, 4, 999])
def test_of_few_targets_all_are_held_out(n_rows):
    y = np.random.default_rng(0).random(n_rows)
    folds = cut_held_out(y, 5)
    assert len(folds) == min(3, n_rows)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(n_rows))


@pytest.mark.parametrize(("n_rows", "n_held_out"), [(2, 1), (100, 34), (1500, 500)])
def test_of_classes_a_third_is_held_out(n_rows, n_held_out):
    (fold,) = cut_held_out(np.arange(n_rows) % 2, 5)
    assert len(fold) == n_held_out


@pytest.mark.parametrize("n_rows", [1249, 1250, 20_000])
def test_of_many_rows_about_500_are_held_out(n_rows):
    y = np.random.default_rng(0).integers(0, 3, n_rows)
    (fold,) = cut_held_out(y, 5)
    assert 400 <= len(fold) <= 625 and (np.diff(fold) > 0).all()
    assert len(cut_held_out(y.astype(float), 5)) == 1
    np.testing.assert_array_equal(fold, cut_held_out(y, 5)[0])
    assert {*fold} != {*cut_held_out(y, 6)[0]}
    shares = np.bincount(y[fold]) / len(fold)
    np.testing.assert_allclose(shares, np.bincount(y) / n_rows, atol=0.01)


# ---- weights that are given ----------------------------------------------------------------------

KINDS = Kinds(["plain", "scores"], ["boosting"])


@pytest.mark.parametrize("given", [[1, 2, 1], (1.0, 2.0, 1.0), np.array([0.25, 0.5, 0.25])])
def test_given_weights_add_up_to_one(given):
    assert read_weights(given, KINDS) == Weights((0.25, 0.5), (0.25,))


def test_tiny_and_huge_weights_are_as_good():
    for unit in (1e-300, 1e300):
        assert read_weights([unit, unit, 2 * unit], KINDS) == Weights((0.25, 0.25), (0.5,))
    assert read_weights([1e308] * 4, Kinds(["plain"] * 4, [])).network == (0.25,) * 4


def test_weights_by_name():
    assert read_weights("auto", KINDS) is None
    assert read_weights("equal", KINDS) == Weights((1 / 3, 1 / 3), (1 / 3,))
    assert read_weights("equal", Kinds(["plain"] * 2, [])) is None


@pytest.mark.parametrize("given", [[], [1], [1, 1, 1, 1]])
def test_other_numbers_of_weights_are_refused(given):
    message = r"each of the 3 members, \['plain', 'scores', 'boosting'\]. Got {} numbers: "
    with pytest.raises(ValueError, match=message.format(len(given))):
        read_weights(given, KINDS)


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(weights, n_models=None, **changes):
    packed = json.loads(json.dumps({**weights.pack(), **changes}))
    n_models = len(weights.models) if n_models is None else n_models
    return Weights.unpack(BundleFields(packed, "weights"), n_models)


@pytest.mark.parametrize(
    "weights",
    [
        Weights((0.1, 0.2), (0.3, 0.4), 1.25),
        Weights((), (0.25, 0.75)),
        Weights((1.0,), ()),
        Weights((0.0, 0.0), (0.0, 1.0)),
    ],
)
def test_weights_come_back_from_json(weights):
    assert unpack(weights) == weights


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"network": pack(np.array([-0.1, 0.4]))},
            "'network' in weights must be non-negative numbers",
        ),
        (
            {"network": pack(np.array([0.1, 0.1]))},
            "'network' in weights must be non-negative numbers",
        ),
        (
            {"network": pack(np.full(100_000, 3e-6))},
            "'network' in weights must be at most [0-9]+ numbers",
        ),
        ({"network": pack(np.array([np.nan, 0.3]))}, "'data' in 'network'"),
        ({"models": pack(np.array([0.7]))}, "'shape' in 'models'"),
        ({"temperature": 0.0}, "'temperature' in weights must be a number, 0.001 to 1000"),
        ({"temperature": 1e4}, "'temperature' in weights must be a number, 0.001 to 1000"),
        ({"temperature": None}, "'temperature' in weights must be a number"),
    ],
)
def test_damaged_weights_are_named(changes, message):
    with pytest.raises(BundleError, match=message):
        unpack(Weights((0.1, 0.2), (0.3, 0.4)), **changes)
