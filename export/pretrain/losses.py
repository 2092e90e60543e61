"""How far a network's outputs are from the query's labels."""

import torch
from torch.nn.functional import cross_entropy, huber_loss

from sklearn_mitra._network.bins import bin_edges

from .targets import IGNORED

_SMALLEST_SPREAD = 0.03  # of targets in [0, 1]: one outlier in 14 rows or more leaves about that
_HUBER_DELTA = 2.0


def batch_loss(network, batch):
    """The mean loss of a batch.

    Parameters
    ----------
    network : Tab2D
        Or what calls it, with its ``config``.
    batch : Batch

    Returns
    -------
    loss : Tensor of shape (), float32
    """
    config = network.config
    y_support = batch.y_support
    if config.task == "regression" and config.labels_are_classes:
        y_support = to_bins(y_support, config.dim_output)
    padding = torch.zeros(y_support.shape, dtype=torch.bool, device=y_support.device)
    outputs = network(batch.x_support, y_support, batch.x_query, padding).float()
    if config.task == "classification":
        return class_loss(outputs, batch.y_query, batch.n_classes)
    if config.labels_are_classes:
        return bin_loss(outputs, batch.y_query, batch.weights)
    return value_loss(outputs, batch.y_query, batch.y_support, batch.weights)


def class_loss(logits, labels, n_classes):
    """Cross-entropy over the classes that the support has.

    Parameters
    ----------
    logits : Tensor of shape (b, q, c), float32
    labels : Tensor of shape (b, q), int64
    n_classes : Tensor of shape (b,), int64

    Returns
    -------
    loss : Tensor of shape (), float32
        0 if all labels are ignored.
    """
    is_absent = torch.arange(logits.shape[2], device=logits.device) >= n_classes.unsqueeze(1)
    logits = logits.masked_fill(is_absent.unsqueeze(1), -torch.inf)
    total = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)


def value_loss(values, targets, y_support, weights):
    """Huber loss of targets in units of their spread in the support.

    Parameters
    ----------
    values, targets : Tensor of shape (b, q), float32
    y_support : Tensor of shape (b, s), float32
    weights : Tensor of shape (b,), float32

    Returns
    -------
    loss : Tensor of shape (), float32
    """
    spread = y_support.std(dim=1, keepdim=True).clamp(min=_SMALLEST_SPREAD)
    losses = huber_loss(values / spread, targets / spread, reduction="none", delta=_HUBER_DELTA)
    return _weighted(losses, weights)


def bin_loss(logits, targets, weights):
    """Cross-entropy over target bins, a target shared by the two nearest bins.

    The shares are such that the mean over the bins' centres is the target itself, since that
    mean is what the estimators predict.

    Parameters
    ----------
    logits : Tensor of shape (b, q, c), float32
    targets : Tensor of shape (b, q), float32
    weights : Tensor of shape (b,), float32

    Returns
    -------
    loss : Tensor of shape (), float32
    """
    n_bins = logits.shape[2]
    position = ((targets + 0.5) * n_bins / 2 - 0.5).clamp(0, n_bins - 1)
    below = position.floor().clamp(max=n_bins - 2)
    share = (position - below).unsqueeze(2)
    below = below.long().unsqueeze(2)
    log_p = logits.log_softmax(dim=2)
    losses = (share - 1) * log_p.gather(2, below) - share * log_p.gather(2, below + 1)
    return _weighted(losses.squeeze(2), weights)


def to_bins(y, n_bins):
    """The bin of each scaled target, as ``sklearn_mitra._network.bins.targets_to_bins``.

    Parameters
    ----------
    y : Tensor of shape (b, s), float32
    n_bins : int

    Returns
    -------
    bins : Tensor of shape (b, s), int64
    """
    edges = torch.from_numpy(bin_edges(n_bins)).to(y.device)
    return (torch.bucketize(y.contiguous(), edges) - 1).clamp(0, n_bins - 1)


def _weighted(losses, weights):
    """The mean of (b, q), tables weighted by (b,); 0 if all weights are."""
    return (losses.mean(dim=1) * weights).sum() / weights.sum().clamp(min=1)
