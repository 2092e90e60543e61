"""What makes features look like those of real tables: categories, noise, missing cells."""

import torch

from .columns import ranks
from .draws import is_chosen, log_uniform, normal, permutations, uniform

_MOST_LEVELS = 40
_MOST_NAMED = 12  # levels of a column whose order means nothing


def damage(x, n_support, generator):
    """Round columns to levels, shuffle levels, make columns noise, lose cells; in some tables.

    Parameters
    ----------
    x : Tensor of shape (b, n, f), float32
    n_support : int
        The first rows; missing cells get the mean of these, as in the estimators.
    generator : torch.Generator

    Returns
    -------
    damaged : Tensor of shape (b, n, f), float32
    """
    b, n, f = x.shape
    share = uniform(generator, b, 1) * is_chosen(generator, 0.55, b, 1)
    is_category = is_chosen(generator, share, b, f).unsqueeze(1)
    x = torch.where(is_category, to_levels(x, generator), x)
    is_noise = is_chosen(generator, 0.25, b, 1, 1) & is_chosen(generator, 0.3, b, 1, f)
    other_rows = permutations(generator, b, f, n).transpose(1, 2)
    x = torch.where(is_noise, x.gather(1, other_rows), x)
    share = uniform(generator, b, 1, 1, high=0.3) * is_chosen(generator, 0.15, b, 1, 1)
    return lose_cells(x, is_chosen(generator, share, b, n, f), n_support)


def to_levels(x, generator):
    """Columns as 2 to 40 levels of uneven size, some of them in an order without meaning.

    Parameters
    ----------
    x : Tensor of shape (b, n, f), float32
    generator : torch.Generator

    Returns
    -------
    levels : Tensor of shape (b, n, f), float32
        Whole numbers from 0.
    """
    b, _, f = x.shape
    n_levels = log_uniform(generator, b, 1, f, low=2, high=_MOST_LEVELS + 1).floor()
    skew = (0.6 * normal(generator, b, 1, f)).exp()
    levels = (n_levels * ranks(x).pow(skew)).floor()
    names = permutations(generator, b, f, _MOST_LEVELS).float()
    named = names.gather(2, levels.long().transpose(1, 2)).transpose(1, 2)
    is_named = is_chosen(generator, 0.45, b, 1, f) & (n_levels <= _MOST_NAMED)
    return torch.where(is_named, named, levels)


def lose_cells(x, is_missing, n_support):
    """Missing cells replaced by the mean of the column's others in the support.

    Parameters
    ----------
    x : Tensor of shape (b, n, f), float32
    is_missing : Tensor of shape (b, n, f), bool
    n_support : int

    Returns
    -------
    x : Tensor of shape (b, n, f), float32
        A column without any cell left in the support gets 0.
    """
    is_seen = ~is_missing[:, :n_support]
    total = (x[:, :n_support] * is_seen).sum(dim=1, keepdim=True)
    mean = total / is_seen.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(is_missing, mean, x)
