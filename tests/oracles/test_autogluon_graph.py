"""The network's graphs against AutoGluon's own Tab2D."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from networks import TABLES, TOLERANCE, make_inputs, outputs, prepare

from sklearn_mitra import clear_sessions
from sklearn_mitra._network.bins import bin_edges
from sklearn_mitra._network.checkpoint import Checkpoint, resolve_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")


class Network(NamedTuple):
    checkpoint: Checkpoint
    upstream: Tab2D


@pytest.fixture(
    scope="module",
    params=["mini-classifier", "mini-regressor", "small-regressor", "small-bins"],
)
def network(request, make_checkpoint):
    """A checkpoint and AutoGluon's network of its weights."""
    if request.param.startswith("mini"):
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


def upstream_outputs(network, table):
    """AutoGluon's outputs, (n_rows, n_outputs). It writes into its arguments, which are copies."""
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


@pytest.mark.parametrize("name", TABLES)
def test_outputs_are_those_of_autogluon(network, name):
    table = make_inputs(name, network.checkpoint.config)
    expected = upstream_outputs(network, table)
    output = outputs(prepare(network.checkpoint, table, 2), table.x_query, 2)
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=0, atol=TOLERANCE)
