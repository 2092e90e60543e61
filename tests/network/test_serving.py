"""A checkpoint run by the serving graphs: its sessions, their weights, and what it keeps."""

import gc
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest

from sklearn_mitra import clear_sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._network.serving import ServingNetwork

RUNTIME = Runtime(1)
TASKS = ["classification", "regression"]
RNG = np.random.default_rng(0)
X, X_QUERY = (RNG.normal(size=(n, 4)).astype(np.float32) for n in (20, 5))
Y = {"classification": np.arange(20) % 3, "regression": RNG.random(20, np.float32)}


@pytest.fixture(autouse=True)
def no_sessions():
    clear_sessions()
    yield
    clear_sessions()


def serve(model="mini", task="classification"):
    return ServingNetwork(resolve_checkpoint(model, task))


def predict(network, y, keeps):
    support = network.remember(X, y, keeps, RUNTIME)
    return network.outputs(network.open(keeps, RUNTIME), support, X_QUERY)


# ---- a support -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_support_is_kept_as_keys_and_values_or_as_its_table(task):
    network = serve(task=task)
    kept, table = (network.remember(X, Y[task], keeps, RUNTIME) for keeps in (True, False))
    assert kept.is_kept and not table.is_kept
    n_layers = network.config.n_layers
    assert {*kept.inputs} == {f"{kind}_{i}" for kind in ("key", "value") for i in range(n_layers)}
    assert {*table.inputs} == {"x_support", "y_support"}
    nbytes = sum(value.numpy().nbytes for value in kept.inputs.values())
    assert nbytes == kept.workload.context_nbytes


@pytest.mark.parametrize("task", TASKS)
def test_outputs_are_the_same_bits_either_way(task):
    network = serve(task=task)
    kept, table = (predict(network, Y[task], keeps) for keeps in (True, False))
    assert kept.shape == (5, network.config.dim_output) and kept.dtype == np.float32
    np.testing.assert_array_equal(kept, table)


def test_targets_are_bins_to_a_regressor_with_bins(make_checkpoint):
    network = serve(make_checkpoint(32, 20, 2, 4, "regression"), "regression")
    support = network.remember(X, Y["regression"], False, RUNTIME)
    bins = support.inputs["y_support"]
    assert bins.dtype == np.int64 and 0 <= bins.min() and bins.max() < 20
    order = np.argsort(Y["regression"])
    assert (np.diff(bins[order]) >= 0).all() and len(np.unique(bins)) > 5


# ---- sessions and weights ------------------------------------------------------------------------


def test_sessions_of_a_checkpoint_share_one_copy_of_its_weights():
    network = serve()
    predict, fused = network.open(True, RUNTIME), network.open(False, RUNTIME)
    assert predict is not fused and predict.weights is fused.weights
    assert network.open(True, Runtime(2)).weights is predict.weights
    assert serve().open(True, RUNTIME) is predict
    assert serve(task="regression").open(True, RUNTIME).weights is not predict.weights


def test_weights_go_with_the_last_session_that_uses_them():
    network = serve()
    session = network.open(True, RUNTIME)
    weights = weakref.ref(session.weights)
    clear_sessions()
    gc.collect()
    assert weights() is session.weights
    del session
    gc.collect()
    assert weights() is None


def test_weights_changed_on_disk_make_a_new_session(tmp_path):
    source = Path(resolve_checkpoint("mini", "classification").weights_file).parent
    directory = shutil.copytree(source, tmp_path / "copy")
    first = serve(directory).open(True, RUNTIME)
    weights = bytearray((directory / "model.safetensors").read_bytes())
    weights[-2:] = b"\x00\x3c"  # 1.0 in float16
    (directory / "model.safetensors").write_bytes(weights)
    second = serve(directory).open(True, RUNTIME)
    assert second is not first
    assert second.weights["y_embedding.y_mask.weight"].numpy()[0, -1] == 1.0
