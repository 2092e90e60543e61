"""The network's graphs: what outputs depend on, and rows against their batches."""

import numpy as np
import pytest
from networks import TOLERANCE, make_inputs, outputs, prepare

from sklearn_mitra import clear_sessions
from sklearn_mitra._network.bins import bin_edges
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.quantiles import QuantileEmbedding
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._network.serving import _LARGE, ServingNetwork
from sklearn_mitra._network.sessions import run


@pytest.fixture(
    scope="module",
    params=[
        "mini-classifier",
        "mini-regressor",
        "small-regressor",
        "small-bins",
        pytest.param("wide", marks=pytest.mark.slow),
    ],
)
def checkpoint(request, make_checkpoint):
    task = "regression" if "reg" in request.param or "bins" in request.param else "classification"
    sizes = {
        "wide": (512, 10, 3, 4),  # three layers like AutoGluon's twelve, as many as are large
        "small-regressor": (48, 1, 3, 3),
        "small-bins": (48, 50, 3, 3),
    }
    model = "mini"
    if request.param in sizes:
        model = make_checkpoint(*sizes[request.param], task)
    checkpoint = resolve_checkpoint(model, task)
    assert (checkpoint.config.n_parameters >= _LARGE) == (request.param == "wide")
    yield checkpoint
    clear_sessions()


def test_outputs_depend_on_support_labels_and_query(checkpoint):
    """Otherwise the comparisons here would show little."""
    table = make_inputs("gaussian", checkpoint.config)
    output = outputs(prepare(checkpoint, table, 2), table.x_query, 2)
    others = [
        table._replace(x_support=table.x_support[::-1].copy()),
        table._replace(y_support=table.y_support[::-1].copy()),
        table._replace(x_query=table.x_query[::-1].copy()),
    ]
    for other in others:
        changed = outputs(prepare(checkpoint, other, 2), other.x_query, 2)
        assert np.abs(changed - output).max() > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["gaussian", "150 support rows"])
def test_the_order_of_support_rows_does_not_matter(checkpoint, name):
    table = make_inputs(name, checkpoint.config)
    order = np.random.default_rng(2).permutation(len(table.x_support))
    shuffled = table._replace(x_support=table.x_support[order], y_support=table.y_support[order])
    np.testing.assert_allclose(
        outputs(prepare(checkpoint, shuffled, 2), table.x_query, 2),
        outputs(prepare(checkpoint, table, 2), table.x_query, 2),
        rtol=0,
        atol=TOLERANCE,
    )


# ---- to the bit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "two support rows", "150 support rows"])
def test_the_fused_graph_gives_what_encode_and_predict_give(checkpoint, name):
    """To the bit, except for large weights, which encoding reads from the mapped file."""
    tolerance = 0 if checkpoint.config.n_parameters < _LARGE else TOLERANCE
    table = make_inputs(name, checkpoint.config)
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
    session = ServingNetwork(checkpoint).open(False, Runtime(2))
    fused = run(session, inputs)["output"].numpy()
    np.testing.assert_allclose(fused, outputs(context, table.x_query, 2), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["gaussian", "one feature", "60 features", "65 support rows"])
def test_a_row_has_the_same_bits_in_every_batch(checkpoint, name):
    """Alone, among others, in any order, and with one thread or two."""
    table = make_inputs(name, checkpoint.config)
    n_rows, sizes = 64, (1, 2, 3, 7, 16, 17, 33)
    if name == "gaussian":
        sizes = (*range(1, 18), 31, 32, 33, 48, 63, 64)
    if checkpoint.config.dim == 512:
        n_rows, sizes = 9, (1, 2, 3, 5, 8)
    if name == "60 features":
        sizes = (1, 2, 3, 7) if n_rows == 64 else (1, 2)
        n_rows = 17 if n_rows == 64 else 3
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n_rows, table.x_support.shape[1])).astype(np.float32)
    contexts = {n_threads: prepare(checkpoint, table, n_threads) for n_threads in (1, 2)}
    whole = outputs(contexts[1], x, 1)
    np.testing.assert_array_equal(outputs(contexts[2], x, 2), whole)
    for size in sizes:
        rows = rng.permutation(n_rows)[:size]
        for n_threads, context in contexts.items():
            np.testing.assert_array_equal(outputs(context, x[rows], n_threads), whole[rows])
