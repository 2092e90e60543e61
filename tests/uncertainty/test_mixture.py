"""Mixtures of the members' binned densities against a slow reference."""

import math

import numpy as np
import pytest
from linear_functions import make_linear
from tables import make_encoded_rows as make_table

from sklearn_mitra._members.functions import Rows
from sklearn_mitra._members.target_views import Baseline, NumberView
from sklearn_mitra._network.bins import bin_edges, outputs_to_targets
from sklearn_mitra._uncertainty.mixture import BinnedMember, mix


def draw_logits(n_rows=5, n_bins=12, seed=0):
    rng = np.random.default_rng(seed)
    return (2 * rng.normal(size=(n_rows, n_bins))).astype(np.float32)


def slow_pieces(logits, mirror=False, scale=1.0, shift=0.0):
    """A row's bins as (low, high, probability), in units of the scaled target."""
    weights = [math.exp(logit - max(logits)) for logit in logits]
    edges = bin_edges(len(logits)).tolist()
    for k, weight in enumerate(weights):
        low, high = edges[k], edges[k + 1]
        if mirror:
            low, high = 1 - high, 1 - low
        yield scale * low + shift, scale * high + shift, weight / math.fsum(weights)


def slow_cdf(pieces, y):
    total = 0
    for low, high, mass in pieces:
        total += mass * min(max((y - low) / (high - low), 0), 1)
    return total


SETTINGS = {
    "one": [{}],
    "mirrored": [{}, {"mirror": True}, {}],
    "residual": [{}, {"scale": 0.2, "shift": [-0.3, 0.1, 0.4, 0.75, 1.2]}],
    "two residual": [
        {"scale": 0.2, "shift": [0.3, 0.1, 0.4, 0.75, 1.2]},
        {"scale": 0.7, "shift": [0.0, 0.1, 0.2, 0.3, 0.4]},
    ],
}


def make(settings):
    """Members, and the reference's pieces for each row."""
    members, rows = [], [[] for _ in range(5)]
    for i, own in enumerate(settings):
        logits = draw_logits(seed=i)
        shifts = None if "shift" not in own else np.array(own["shift"])
        scale, mirror = own.get("scale", 1.0), own.get("mirror", False)
        members.append(BinnedMember(logits, mirror, scale, shifts))
        for row, pieces in enumerate(rows):
            shift = 0.0 if shifts is None else shifts[row]
            pieces.append(list(slow_pieces(logits[row].tolist(), mirror, scale, shift)))
    return members, rows


every = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@every
def test_cdf_is_the_average_of_the_members(settings):
    members, rows = make(settings)
    distribution = mix(members)
    for y in np.linspace(-1.5, 3, 97):
        expected = [np.mean([slow_cdf(pieces, y) for pieces in row]) for row in rows]
        np.testing.assert_allclose(distribution.cdf(y), expected, atol=1e-6)


@every
def test_mean_is_the_average_of_the_members(settings):
    members, rows = make(settings)
    expected = [
        np.mean([math.fsum(m * (low + high) / 2 for low, high, m in pieces) for pieces in row])
        for row in rows
    ]
    np.testing.assert_allclose(mix(members).mean(), expected, atol=1e-6)


@every
def test_mode_is_where_the_density_is_highest(settings):
    members, rows = make(settings)
    for mode, row in zip(mix(members).mode(), rows):

        def density(y, row=row):
            return np.mean(
                [sum(m / (high - low) for low, high, m in p if low < y < high) for p in row]
            )

        most = max(density(y) for y in np.linspace(-1.5, 3, 4001))
        assert density(mode) >= most - 1e-6


def test_mean_of_one_member_is_its_prediction():
    logits = draw_logits(50, 1000)
    distribution = mix([BinnedMember(logits, False)])
    np.testing.assert_allclose(distribution.mean(), outputs_to_targets(logits), atol=1e-12)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("share", [None, 1.0, 0.2], ids=["plain", "whole", "a fifth"])
def test_the_mean_of_a_members_density_is_its_answer(mirror, share):
    rows, logits = Rows(make_table(5)), draw_logits()
    baseline = None if share is None else Baseline(make_linear(1), -0.5, 1.25, share)
    view = NumberView(mirror, baseline)
    density = BinnedMember.of(view, logits, rows)
    expected = view.inverse_transform(logits, rows)
    np.testing.assert_allclose(mix([density]).mean(), expected, rtol=0, atol=1e-6)
    width = 1.0 if share is None else 1.75 * share
    knots = density.knots()
    np.testing.assert_allclose(knots[:, -1] - knots[:, 0], width * np.ptp(bin_edges(12)), rtol=1e-6)


def test_a_baseline_that_leaves_nothing_is_the_prediction():
    shifts = np.array([-0.3, 0.1, 0.4, 0.75, 1.2])
    distribution = mix([BinnedMember(draw_logits(), False, 0.0, shifts)])
    for level in (0.01, 0.5, 0.99):
        np.testing.assert_allclose(distribution.quantile(level), shifts, atol=1e-11)


@every
def test_rows_do_not_depend_on_their_batch(settings):
    members, _ = make(settings)
    whole = mix(members)
    for rows in ([0], [4, 1], [3, 2, 0]):
        parts = []
        for i, own in enumerate(settings):
            shifts = None if "shift" not in own else np.array(own["shift"])[rows]
            scale, mirror = own.get("scale", 1.0), own.get("mirror", False)
            parts.append(BinnedMember(draw_logits(seed=i)[rows], mirror, scale, shifts))
        levels = [0.05, 0.5, 0.9]
        np.testing.assert_array_equal(mix(parts).quantile(levels), whole.quantile(levels)[rows])
        np.testing.assert_array_equal(mix(parts).mode(), whole.mode()[rows])
