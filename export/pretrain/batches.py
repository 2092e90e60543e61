"""Batches of tables of one shape, about as many tokens in each."""

from typing import NamedTuple

import torch

from .damage import damage
from .draws import log_integer
from .priors import sample_tables
from .targets import class_labels, regression_targets

SUPPORT = 14, 640  # fewest and most rows; log-uniform, so half of the tables have under 95
FEATURES = 1, 64
N_QUERY = 96
MOST_CLASSES = 10
#: Tokens that the smallest support with the most features takes: no less will do.
SMALLEST_BUDGET = (SUPPORT[0] + N_QUERY) * (FEATURES[1] + 1)

_MOST_TABLES = 384
# Fused attention kernels on CUDA put the batch on an axis of the launch grid that ends here.
# Attention across features has every row of every table as a batch of its own.
_MOST_ROWS = 65_535


class Shape(NamedTuple):
    """Sizes of a batch."""

    n_tables: int
    n_support: int
    n_features: int


class Batch(NamedTuple):
    """Tables as the network and the loss take them.

    Attributes
    ----------
    x_support : Tensor of shape (b, s, f), float32
    y_support : Tensor of shape (b, s), int64 or float32
        Class ids, or targets in [0, 1].
    x_query : Tensor of shape (b, q, f), float32
    y_query : Tensor of shape (b, q), int64 or float32
        Class ids or ``IGNORED``, or targets.
    n_classes : Tensor of shape (b,), int64, or None in a regression
    weights : Tensor of shape (b,), float32, or None in a classification
        How much a table counts in the loss.
    """

    x_support: torch.Tensor
    y_support: torch.Tensor
    x_query: torch.Tensor
    y_query: torch.Tensor
    n_classes: torch.Tensor | None
    weights: torch.Tensor | None


def draw_shape(budget, generator):
    """Sizes with about ``budget`` tokens, each row having one for every feature and its label.

    Parameters
    ----------
    budget : int
        At least :data:`SMALLEST_BUDGET`.
    generator : torch.Generator

    Returns
    -------
    shape : Shape
    """
    n_features = log_integer(generator, *FEATURES)
    most_rows = budget // (n_features + 1)
    smallest, largest = SUPPORT
    n_support = log_integer(generator, smallest, min(largest, most_rows - N_QUERY))
    n_tables = min(most_rows, _MOST_ROWS) // (n_support + N_QUERY)
    return Shape(min(n_tables, _MOST_TABLES), n_support, n_features)


def draw_batch(config, shape, generator, family=None):
    """Tables for a network.

    Parameters
    ----------
    config : sklearn_mitra._network.config.Config
    shape : Shape
    generator : torch.Generator
        The batch is made on its device.
    family : str, default=None
        See :func:`~sklearn_mitra.export.pretrain.priors.sample_tables`.

    Returns
    -------
    batch : Batch
    """
    is_classification = config.task == "classification"
    n_latents = min(config.dim_output, MOST_CLASSES) if is_classification else 1
    n_tables, s, n_features = shape
    x, latents = sample_tables(n_tables, s + N_QUERY, n_features, n_latents, generator, family)
    x = damage(x, s, generator)
    n_classes = weights = None
    if is_classification:
        y, n_classes = class_labels(latents, s, generator)
    else:
        y, weights = regression_targets(latents[:, :, 0], s, generator)
    return Batch(x[:, :s], y[:, :s], x[:, s:], y[:, s:], n_classes, weights)
