"""From latents to class labels or regression targets, as the network gets them."""

import torch

from .columns import ranks, standardise
from .draws import integers, is_chosen, log_uniform, normal, permutations, uniform

IGNORED = -100  # the label of query rows that the loss leaves out; cross_entropy's own default
_MOST_INTERVALS = 24


# ---- classes -------------------------------------------------------------------------------------


def class_labels(latents, n_support, generator):
    """Labels of a classification.

    Parameters
    ----------
    latents : Tensor of shape (b, n, c), float32
        Standardised. c is the largest number of classes.
    n_support : int
        The first rows are the support.
    generator : torch.Generator

    Returns
    -------
    labels : Tensor of shape (b, n), int64
        The classes of a table's support are 0..k-1. A query row of another class has
        :data:`IGNORED`, as have all query rows of a table whose support has one class only.
    n_classes : Tensor of shape (b,), int64
        k of each table.
    """
    b, n, c = latents.shape
    n_classes = integers(generator, 2, c + 1, b, 1)
    n_classes = torch.where(is_chosen(generator, 0.35, b, 1), 2, n_classes)
    noise = log_uniform(generator, b, 1, 1, low=0.008, high=0.7)
    noise = noise * is_chosen(generator, 0.7, b, 1, 1)
    latents = latents + noise * normal(generator, b, n, c)
    labels = torch.where(
        is_chosen(generator, 0.5, b, 1),
        cut(latents[:, :, 0], n_classes, generator),
        largest(latents, n_classes, generator),
    )
    share = uniform(generator, b, 1, high=0.15) * is_chosen(generator, 0.3, b, 1)
    is_wrong = is_chosen(generator, share, b, n)
    labels = torch.where(is_wrong, _random_classes(n_classes, generator, b, n), labels)
    names = permutations(generator, b, c).gather(1, labels)
    labels = torch.where(is_chosen(generator, 0.25, b, 1), labels, names)
    return number_classes(labels, n_support, c)


def cut(latent, n_classes, generator):
    """Classes that are intervals of one latent, or several intervals each.

    Parameters
    ----------
    latent : Tensor of shape (b, n), float32
    n_classes : Tensor of shape (b, 1), int64
    generator : torch.Generator

    Returns
    -------
    labels : Tensor of shape (b, n), int64
    """
    b = len(latent)
    finer = (n_classes * uniform(generator, b, 1, low=1, high=2.5)).ceil().long()
    is_finer = is_chosen(generator, 0.4, b, 1)
    n_intervals = torch.where(is_finer, finer, n_classes).clamp(max=_MOST_INTERVALS)
    interval = torch.arange(_MOST_INTERVALS, device=latent.device).expand(b, -1)
    # From all of one size to very uneven ones.
    size = uniform(generator, b, _MOST_INTERVALS, low=1e-6).log().neg()
    size = size.pow(uniform(generator, b, 1, high=1.5)) * (interval < n_intervals)
    edges = (size / size.sum(dim=1, keepdim=True)).cumsum(dim=1)
    rank = ranks(latent.unsqueeze(2)).squeeze(2)
    found = torch.searchsorted(edges, rank, right=True).minimum(n_intervals - 1)
    mixed = _random_classes(n_classes, generator, b, _MOST_INTERVALS)
    return torch.where(is_finer, mixed, interval).gather(1, found)


def largest(latents, n_classes, generator):
    """Classes that are the largest of as many latents, (b, n, c) to (b, n)."""
    b, _, c = latents.shape
    bias = uniform(generator, b, 1, 1, high=0.8) * normal(generator, b, 1, c)
    is_used = torch.arange(c, device=latents.device) < n_classes  # (b, c)
    return (latents + bias).masked_fill(~is_used.unsqueeze(1), -torch.inf).argmax(dim=2)


def number_classes(labels, n_support, most_classes):
    """Labels of any ids below ``most_classes`` to what :func:`class_labels` returns."""
    b = len(labels)
    is_seen = torch.zeros(b, most_classes, dtype=torch.bool, device=labels.device)
    is_seen = is_seen.scatter(1, labels[:, :n_support], True)
    n_classes = is_seen.sum(dim=1)
    number = torch.where(is_seen, is_seen.long().cumsum(dim=1) - 1, IGNORED)
    labels = number.gather(1, labels)
    labels[:, n_support:].masked_fill_(n_classes.unsqueeze(1) < 2, IGNORED)
    return labels, n_classes


def _random_classes(n_classes, generator, *shape):
    return (uniform(generator, *shape) * n_classes).long().minimum(n_classes - 1)


# ---- numbers -------------------------------------------------------------------------------------


def regression_targets(latent, n_support, generator):
    """Targets of a regression.

    Parameters
    ----------
    latent : Tensor of shape (b, n), float32
        Standardised.
    n_support : int
        The first rows are the support.
    generator : torch.Generator

    Returns
    -------
    targets : Tensor of shape (b, n), float32
        The support's are in [0, 1] and reach both ends; the query's are in [-0.5, 1.5], the
        range that bins can express.
    weights : Tensor of shape (b,), float32
        1, or 0 for a table whose support has one target only.
    """
    b, n = latent.shape
    noise = log_uniform(generator, b, 1, low=0.007, high=0.7) * is_chosen(generator, 0.8, b, 1)
    tail = is_chosen(generator, 0.2, b, 1) * normal(generator, b, n)
    y = latent + noise * normal(generator, b, n) * tail.exp()
    y = bend(standardise(y).clamp(-6, 6), generator)
    steps = log_uniform(generator, b, 1, low=2.7, high=55)
    y = standardise(y)
    y = torch.where(is_chosen(generator, 0.12, b, 1), (y * steps).round() / steps, y)
    return scale(y, n_support)


def bend(y, generator):
    """(b, n) unchanged, exponential (either way up: heavy-tailed), or as a power."""
    b = len(y)
    kind = uniform(generator, b, 1)
    strength = uniform(generator, b, 1, low=0.1, high=1.5)
    exponential = (strength * y).exp()
    power = y.sign() * y.abs().pow(1 + strength)
    y = torch.where(kind < 0.55, y, exponential)
    return torch.where(kind > 0.9, power, torch.where(kind > 0.82, -exponential, y))


def scale(y, n_support):
    """Targets (b, n) to what :func:`regression_targets` returns."""
    low = y[:, :n_support].amin(dim=1, keepdim=True)
    span = y[:, :n_support].amax(dim=1, keepdim=True) - low
    is_varied = span > 1e-4
    y = torch.where(is_varied, (y - low) / torch.where(is_varied, span, 1), 0)
    return y.clamp(-0.5, 1.5), is_varied.squeeze(1).float()
