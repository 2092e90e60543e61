"""Target bins against PyTorch.

PyTorch's edges are those of a CPU with fused multiply-add (x86-64 with AVX2, ARM64).
"""

import numpy as np
import pytest
import torch

from sklearn_mitra._network.bins import bin_edges, targets_to_bins

N_BINS = [2, 10, 100, 999, 1000]


def torch_edges(n_bins):
    return torch.linspace(-0.5, 1.5, n_bins + 1)


@pytest.mark.parametrize("n_bins", [*N_BINS, 1, 3, 7, 50, 256, 5000])
def test_edges_are_those_of_torch_to_the_bit(n_bins):
    edges = bin_edges(n_bins)
    assert edges.dtype == np.float32
    np.testing.assert_array_equal(edges, torch_edges(n_bins).numpy())


@pytest.mark.parametrize("n_bins", N_BINS)
def test_bins_are_those_of_torch(n_bins):
    edges = torch_edges(n_bins).numpy()
    y = np.concatenate(
        [
            edges,
            np.nextafter(edges, np.float32(-9)),
            np.nextafter(edges, np.float32(9)),
            np.random.default_rng(0).random(10_000, np.float32),
            np.float32([0, 1, 0.5, -0.5, 1.5, -3, 3, 1e30]),
        ]
    )
    expected = torch.clamp(torch.bucketize(torch.tensor(y), torch_edges(n_bins)) - 1, 0, n_bins - 1)
    bins = targets_to_bins(y, n_bins)
    assert bins.dtype == np.int64
    np.testing.assert_array_equal(bins, expected.numpy())
