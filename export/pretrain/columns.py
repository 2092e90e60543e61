"""Operations on the columns of a batch of tables that several families share.

Axis letters as in ``priors.py``: b tables, n rows, f features, c latents.
"""

import math

import torch

from .draws import normal, uniform


def standardise(x):
    """(b, n, ...) with mean 0 and deviation 1 over the rows; constant columns are 0."""
    centred = x - x.mean(dim=1, keepdim=True)
    deviation = centred.square().mean(dim=1, keepdim=True).sqrt()
    return centred / deviation.clamp(min=1e-6)


def ranks(x):
    """(b, n, f) as the share of a column's rows that are below; equal values stay equal."""
    columns = x.transpose(1, 2).contiguous()
    below = torch.searchsorted(columns.sort(dim=2).values, columns)
    return below.transpose(1, 2) / x.shape[1]


def importance(n_tables, n_features, generator):
    """(b, f) positive weights of features, in some tables of one size, in others far apart."""
    spread = uniform(generator, n_tables, 1, high=3)
    return (spread * normal(generator, n_tables, n_features)).exp()


def weights(n_tables, n_features, n_latents, generator):
    """(b, f, c) random weights, scaled by one importance of the features for all latents."""
    scale = importance(n_tables, n_features, generator)
    scale = scale / scale.norm(dim=1, keepdim=True)
    return scale.unsqueeze(2) * normal(generator, n_tables, n_features, n_latents)


def mix_columns(x, strength, generator):
    """(b, n, f) with a little of every column added to every other; strength (b, 1, 1)."""
    b, _, f = x.shape
    return x + strength * (x @ normal(generator, b, f, f)) / math.sqrt(f)


def take_rows(x, rows):
    """Rows (b, n) of (b, m, f) as (b, n, f)."""
    return x.gather(1, rows.unsqueeze(2).expand(-1, -1, x.shape[2]))


def choose_columns(x, n_columns, order, generator):
    """Columns of (b, n, f) by ascending ``order`` (b, f).

    When all are used up they come again, with some noise.
    """
    b, n, f = x.shape
    columns = order.argsort(dim=1)[:, torch.arange(n_columns, device=x.device) % f]
    chosen = x.gather(2, columns.unsqueeze(1).expand(-1, n, -1))
    if n_columns > f:
        chosen[:, :, f:] += 0.1 * normal(generator, b, n, n_columns - f)
    return chosen
