"""The network's graphs against AutoGluon's own Tab2D, and rows against their batches."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D

from sklearn_mitra import clear_sessions
from sklearn_mitra._checkpoint import Checkpoint, resolve_checkpoint
from sklearn_mitra._context import Context
from sklearn_mitra._outputs import bin_edges
from sklearn_mitra._quantiles import QuantileEmbedding
from sklearn_mitra._sessions import _LARGE, get_session, run
from sklearn_mitra._views import make_views

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")

CPU = ("CPUExecutionProvider",)
TOLERANCE = 2e-5


class Network(NamedTuple):
    checkpoint: Checkpoint
    upstream: Tab2D


class Table(NamedTuple):
    x_support: np.ndarray
    y_support: np.ndarray
    x_query: np.ndarray


@pytest.fixture(
    scope="module",
    params=["mini-classifier", "mini-regressor", "large", "small-regressor", "small-bins"],
)
def network(request, make_checkpoint):
    """A checkpoint and AutoGluon's network of its weights."""
    if request.param == "large":
        model, task = request.getfixturevalue("large_checkpoint"), "classification"
    elif request.param.startswith("mini"):
        model, task = "mini", "regression" if "regressor" in request.param else "classification"
    else:
        task = "regression"
        # dim_output, and tokens so small that the epsilon of the first LayerNorm matters
        dim_output, scale = {"small-regressor": (1, 1), "small-bins": (50, 0.003)}[request.param]
        model = make_checkpoint(48, dim_output, 3, 3, task, embedding_scale=scale)
    checkpoint = resolve_checkpoint(model, task)
    upstream = Tab2D.from_pretrained(str(Path(checkpoint.weights_file).parent), device="cpu")
    yield Network(checkpoint, upstream.eval())
    clear_sessions()


# ---- tables --------------------------------------------------------------------------------------


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


def make_table(name, config):
    """A table with class ids or targets in [0, 1], as the checkpoint has it."""
    x_support, x_query, y = TABLES[name]()
    if config.task == "regression":
        y = np.random.default_rng(1).random(len(y), np.float32)
        y[:2] = [0, 1][: len(y)]
    return Table(x_support.astype(np.float32), y, x_query.astype(np.float32))


def prepare(checkpoint, table, n_threads):
    config, n_features = checkpoint.config, table.x_support.shape[1]
    n_classes = 0 if config.task == "regression" else config.dim_output
    model = "mini" if checkpoint.name == "mini" else Path(checkpoint.weights_file).parent
    views = make_views(1, n_features, n_classes, seed=0)
    context = Context(
        model, checkpoint.sha256, config.task, table.x_support, table.y_support, views
    )
    context.prepare(n_threads, CPU)
    return context


def outputs(context, x_query, n_threads):
    ((_, output),) = context.outputs(x_query, n_threads, CPU)
    assert output.dtype == np.float32
    return output


def upstream_outputs(network, table):
    """AutoGluon's outputs, (n_rows, n_outputs). It writes into its arguments: here, copies."""
    config = network.checkpoint.config
    y = torch.tensor(table.y_support)
    if config.task == "regression" and config.labels_are_classes:
        edges = torch.tensor(bin_edges(config.dim_output))
        y = torch.clamp(torch.bucketize(y, edges) - 1, 0, config.dim_output - 1)
    n_support, n_features = table.x_support.shape
    with torch.no_grad():
        output = network.upstream(
            torch.tensor(table.x_support[None]),
            y[None],
            torch.tensor(table.x_query[None]),
            torch.zeros((1, n_features), dtype=torch.bool),
            torch.zeros((1, n_support), dtype=torch.bool),
            torch.zeros((1, len(table.x_query)), dtype=torch.bool),
        )
    return output[0].reshape(len(table.x_query), -1).numpy()


# ---- against AutoGluon ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_outputs_are_those_of_autogluon(network, name):
    table = make_table(name, network.checkpoint.config)
    expected = upstream_outputs(network, table)
    output = outputs(prepare(network.checkpoint, table, 2), table.x_query, 2)
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=0, atol=TOLERANCE)


def test_outputs_depend_on_support_labels_and_query(network):
    """Or the comparisons here would show little."""
    table = make_table("gaussian", network.checkpoint.config)
    output = outputs(prepare(network.checkpoint, table, 2), table.x_query, 2)
    others = [
        table._replace(x_support=table.x_support[::-1].copy()),
        table._replace(y_support=table.y_support[::-1].copy()),
        table._replace(x_query=table.x_query[::-1].copy()),
    ]
    for other in others:
        changed = outputs(prepare(network.checkpoint, other, 2), other.x_query, 2)
        assert np.abs(changed - output).max() > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["gaussian", "150 support rows"])
def test_the_order_of_support_rows_does_not_matter(network, name):
    table = make_table(name, network.checkpoint.config)
    order = np.random.default_rng(2).permutation(len(table.x_support))
    shuffled = table._replace(x_support=table.x_support[order], y_support=table.y_support[order])
    np.testing.assert_allclose(
        outputs(prepare(network.checkpoint, shuffled, 2), table.x_query, 2),
        outputs(prepare(network.checkpoint, table, 2), table.x_query, 2),
        rtol=0,
        atol=TOLERANCE,
    )


# ---- to the bit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "two support rows", "150 support rows"])
def test_the_fused_graph_gives_what_encode_and_predict_give(network, name):
    """The very bits, unless the weights are so large that they are encoded with in place."""
    checkpoint = network.checkpoint
    tolerance = 0 if checkpoint.config.n_parameters < _LARGE else TOLERANCE
    table = make_table(name, checkpoint.config)
    context = prepare(checkpoint, table, 2)
    embedding = QuantileEmbedding(table.x_support)
    inputs = {
        "x_support": embedding.transform(table.x_support),
        "y_support": table.y_support,
        "x_query": embedding.transform(table.x_query),
    }
    if checkpoint.config.task == "regression" and checkpoint.config.labels_are_classes:
        edges = bin_edges(checkpoint.config.dim_output)
        inputs["y_support"] = np.searchsorted(edges, table.y_support).clip(1) - 1
    fused = run(get_session(checkpoint, "fused", 2, CPU), inputs)["output"].numpy()
    np.testing.assert_allclose(fused, outputs(context, table.x_query, 2), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["gaussian", "one feature", "60 features", "65 support rows"])
def test_a_row_has_the_same_bits_in_every_batch(network, name):
    """Alone, among others, in any order, and with one thread or two."""
    table = make_table(name, network.checkpoint.config)
    n_rows, sizes = 64, range(1, 65)
    if network.checkpoint.config.dim == 512:
        n_rows, sizes = 9, (1, 2, 3, 5, 8)
    if name == "60 features":
        sizes = (1, 2, 3, 7) if n_rows == 64 else (1, 2)
        n_rows = 17 if n_rows == 64 else 3
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n_rows, table.x_support.shape[1])).astype(np.float32)
    contexts = {n_threads: prepare(network.checkpoint, table, n_threads) for n_threads in (1, 2)}
    whole = outputs(contexts[1], x, 1)
    np.testing.assert_array_equal(outputs(contexts[2], x, 2), whole)
    for size in sizes:
        rows = rng.permutation(n_rows)[:size]
        for n_threads, context in contexts.items():
            np.testing.assert_array_equal(outputs(context, x[rows], n_threads), whole[rows])
