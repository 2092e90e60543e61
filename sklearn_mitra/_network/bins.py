"""Target bins of regression checkpoints: targets to bins, and outputs to targets."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax


def bin_edges(n_bins: int) -> NDArray[np.float32]:
    """Edges of the target bins of a regression checkpoint, bit for bit as ``torch.linspace``.

    Parameters
    ----------
    n_bins : int

    Returns
    -------
    edges : ndarray of shape (n_bins + 1,), float32
        From -0.5 to 1.5: a scaled target in a query may lie outside the range in training.
    """
    # PyTorch counts from the nearer end, in float32 with a fused multiply-add. The product is
    # exact in float64, so one rounding at the end stands for the fused operation.
    step = np.float64(np.float32(2) / np.float32(n_bins))
    i = np.arange(n_bins + 1)
    edges = np.where(i < (n_bins + 1) // 2, -0.5 + step * i, 1.5 - step * (n_bins - i))
    return edges.astype(np.float32)


def targets_to_bins(y: NDArray[np.float32], n_bins: int) -> NDArray[np.int64]:
    """The bin of each scaled target, as upstream's ``torch.bucketize(y, bins) - 1``.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), float32
    n_bins : int

    Returns
    -------
    bins : ndarray of shape (n_rows,), int64
        0..n_bins-1. A target on an edge belongs to the bin below.
    """
    return np.clip(np.searchsorted(bin_edges(n_bins), y, side="left") - 1, 0, n_bins - 1)


def outputs_to_targets(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scaled targets from the network's outputs.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs), float32
        One column is the target itself; several are the logits of the target's bins.

    Returns
    -------
    y : ndarray of shape (n_rows,), float64
        With bins, the mean of the predicted distribution over the bins' centres.
    """
    if outputs.shape[1] == 1:
        return outputs[:, 0].astype(np.float64)
    edges = bin_edges(outputs.shape[1]).astype(np.float64)
    centres = (edges[:-1] + edges[1:]) / 2
    # A sum along the row, not a matrix product: the same bits however many rows there are.
    return (softmax(outputs.astype(np.float64), axis=1) * centres).sum(axis=1)
