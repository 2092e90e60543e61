"""Small tables for the network's graphs, and their outputs through a context."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from sklearn_mitra._network.context import Context
from sklearn_mitra._network.runtime import Runtime

TOLERANCE = 2e-5


class Table(NamedTuple):
    x_support: np.ndarray
    y_support: np.ndarray
    x_query: np.ndarray


def gaussian(n_support=24, n_query=7, n_features=5, n_classes=3, scale=1):
    rng = np.random.default_rng(0)
    x_support, x_query = (scale * rng.normal(size=(n, n_features)) for n in (n_support, n_query))
    y = rng.integers(0, n_classes, n_support)
    return x_support, x_query, y


def tied():
    x_support, x_query, y = gaussian()
    return np.floor(x_support), np.floor(x_query), y


def constant_column():
    x_support, x_query, y = gaussian()
    x_support[:, 2] = x_query[:, 2] = 0.1
    x_support[:, 4] = 0  # where the query varies
    return x_support, x_query, y


def all_classes():
    x_support, x_query, y = gaussian(n_support=40, n_features=3)
    return x_support, x_query, np.arange(40) % 10


TABLES = {
    "gaussian": gaussian,
    "heavily tied": tied,
    "constant columns": constant_column,
    "one feature": lambda: gaussian(n_features=1),
    "60 features": lambda: gaussian(n_support=10, n_query=3, n_features=60),
    "one support row": lambda: gaussian(n_support=1, n_query=4),
    "two support rows": lambda: gaussian(n_support=2, n_query=4),
    "ten classes": all_classes,
    "one query row": lambda: gaussian(n_query=1),
    "large values": lambda: gaussian(scale=1e30),
    # Support rows are run in blocks of 64: just one, one more, and several.
    "64 support rows": lambda: gaussian(n_support=64, n_query=2, n_features=2),
    "65 support rows": lambda: gaussian(n_support=65, n_query=2, n_features=2),
    "150 support rows": lambda: gaussian(n_support=150, n_query=2, n_features=2),
    "70 query rows": lambda: gaussian(n_query=70, n_features=2),
}


def make_inputs(name, config):
    """A table with class ids or targets in [0, 1], whichever the checkpoint predicts."""
    x_support, x_query, y = TABLES[name]()
    if config.task == "regression":
        y = np.random.default_rng(1).random(len(y), np.float32)
        y[:2] = [0, 1][: len(y)]
    return Table(x_support.astype(np.float32), y, x_query.astype(np.float32))


def prepare(checkpoint, table, n_threads):
    model = "mini" if checkpoint.name == "mini" else str(Path(checkpoint.weights_file).parent)
    tables = [(table.x_support, table.y_support)]
    context = Context(model, checkpoint.sha256, checkpoint.config.task, tables)
    context.prepare(Runtime(n_threads))
    return context


def outputs(context, x_query, n_threads):
    _, (member,) = context.prepare(Runtime(n_threads))
    output = member.outputs(x_query)
    assert output.dtype == np.float32
    return output
