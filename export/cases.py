"""Tables on which implementations of the network are compared.

Smooth random tables alone would not show a wrong rule for ties, or a wrong axis: each case here
has caught, or would catch, a mistake of its own.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A batch of tables.

    Attributes
    ----------
    name : str
    x_support : ndarray of shape (n_tables, n_support, n_features), float32
    y_support : ndarray of shape (n_tables, n_support), int64 or float32
        Class ids, or targets whose smallest and largest are 0 and 1 in every table.
    x_query : ndarray of shape (n_tables, n_query, n_features), float32
    padding_obs_support : ndarray of shape (n_tables, n_support), bool
    """

    name: str
    x_support: np.ndarray
    y_support: np.ndarray
    x_query: np.ndarray
    padding_obs_support: np.ndarray


def make_cases(config):
    """The cases, always the same.

    Parameters
    ----------
    config : sklearn_mitra._network.config.Config
        Labels are classes or targets as its ``task`` says, at most ``dim_output`` classes.

    Returns
    -------
    cases : list of Case
    """
    rng = np.random.default_rng(0)
    most = config.dim_output if config.task == "classification" else None

    def case(name, n_support=24, n_query=5, n_features=4, n_tables=1, n_classes=3, change=None):
        shape = n_tables, n_support + n_query, n_features
        x = rng.normal(size=shape)
        if change is not None:
            x = change(x)
        x = x.astype(np.float32)
        y = rng.random((n_tables, n_support), np.float32)
        y[:, :2] = [0, 1]
        if most is not None:
            n_classes = min(n_classes, most)
            y = np.arange(n_support) % n_classes + np.zeros((n_tables, 1), int)
            y = rng.permuted(y, axis=1)
        padding = np.zeros((n_tables, n_support), bool)
        return Case(name, x[:, :n_support], y, x[:, n_support:], padding)

    padded = case("padded support", n_tables=2)
    padded.padding_obs_support[0, -5:] = padded.padding_obs_support[1, -1:] = True
    return [
        case("Gaussian"),
        case("heavily tied", change=np.floor),
        case("constant column", change=_with_constant_columns),
        case("one feature", n_features=1),
        case("60 features", n_features=60),
        case("one query", n_query=1),
        case("two support rows", n_support=2),
        case("ten classes", n_support=40, n_classes=10),
        padded,
        case("batch of 3", n_tables=3),
        case("large values", change=lambda x: x * 1e30),
    ]


def _with_constant_columns(x):
    x[:, :, 1] = 0.1  # everywhere
    x[:, :24, 2] = -3  # in the support, but not in the query
    return x
