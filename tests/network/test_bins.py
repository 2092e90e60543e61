"""Target bins, and predictions from them against a slow reference."""

import math

import numpy as np
import pytest

from sklearn_mitra._network.bins import outputs_to_targets, targets_to_bins


def draw_logits(n_rows, n_bins, scale=3, seed=0):
    rng = np.random.default_rng(seed)
    return (scale * rng.normal(size=(n_rows, n_bins))).astype(np.float32)


# ---- bins ----------------------------------------------------------------------------------------


def test_a_target_on_an_edge_belongs_to_the_bin_below():
    # Edges of 4 bins, -0.5, 0, 0.5, 1, 1.5, are exact.
    y = np.float32([-0.5, -0.1, 0, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 2])
    np.testing.assert_array_equal(targets_to_bins(y, 4), [0, 0, 0, 1, 1, 2, 2, 3, 3, 3])


# ---- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bins", [2, 10, 50, 999, 1000])
@pytest.mark.parametrize("scale", [0, 1, 30])
def test_a_prediction_is_the_mean_over_the_bins_centres(n_bins, scale):
    logits = draw_logits(5, n_bins, scale)
    centres = [-0.5 + 2 * (i + 0.5) / n_bins for i in range(n_bins)]
    expected = []
    for row in logits.tolist():
        weights = [math.exp(logit - max(row)) for logit in row]
        total = math.fsum(weights)
        expected.append(math.fsum(w / total * c for w, c in zip(weights, centres)))
    targets = outputs_to_targets(logits)
    assert targets.dtype == np.float64
    np.testing.assert_allclose(targets, expected, rtol=0, atol=1e-7)  # edges are float32


@pytest.mark.parametrize("n_bins", [10, 1000])
def test_a_certain_prediction_is_the_centre_of_its_bin(n_bins):
    y = np.linspace(0, 1, 300, dtype=np.float32)
    logits = np.where(np.arange(n_bins) == targets_to_bins(y, n_bins)[:, None], 1e4, 0)
    targets = outputs_to_targets(logits.astype(np.float32))
    np.testing.assert_allclose(targets, y, rtol=0, atol=1 / n_bins + 1e-6)


def test_huge_logits_do_not_overflow():
    logits = np.float32([[1e38, -1e38, 0], [-3e38, -3e38, -3e38]])
    np.testing.assert_allclose(outputs_to_targets(logits), [-0.5 + 1 / 3, 0.5], atol=1e-6)


def test_one_output_is_the_target_itself():
    outputs = draw_logits(9, 1)
    targets = outputs_to_targets(outputs)
    assert targets.dtype == np.float64
    np.testing.assert_array_equal(targets, outputs[:, 0])


@pytest.mark.parametrize("n_bins", [1, 2, 50, 999, 1000])
def test_rows_do_not_depend_on_their_batch(n_bins):
    logits = draw_logits(70, n_bins)
    whole = outputs_to_targets(logits)
    for size in range(1, 70):
        rows = np.random.default_rng(size).permutation(70)[:size]
        np.testing.assert_array_equal(outputs_to_targets(logits[rows]), whole[rows])
