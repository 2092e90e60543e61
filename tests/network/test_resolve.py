"""From the parameter ``model``, or the name in a bundle, to a network."""

import shutil
from pathlib import Path

import pytest

from sklearn_mitra import CheckpointError
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.resolve import resolve_network, resolve_networks, resolve_stored
from sklearn_mitra._network.serving import ServingNetwork

TASKS = ["classification", "regression"]
OTHER_SHA256 = "0" * 64


def mini(task):
    return resolve_checkpoint("mini", task)


@pytest.fixture
def directory(tmp_path):
    """A copy of the embedded classifier."""
    return shutil.copytree(Path(mini(TASKS[0]).weights_file).parent, tmp_path / "copy")


# ---- what a parameter names ----------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_checkpoint_is_served(task):
    network = resolve_network("mini", task)
    assert isinstance(network, ServingNetwork)
    assert network.config == mini(task).config and network.config.task == task
    assert network.file.sha256 == mini(task).sha256
    assert network.onnx_sha256 is None


@pytest.mark.parametrize("kind", [str, Path])
def test_a_name_that_ends_in_onnx_is_a_file_and_never_a_checkpoint(directory, kind):
    path = directory.rename(directory.with_name("copy.onnx"))
    with pytest.raises(CheckpointError, match=r"copy\.onnx"):
        resolve_network(kind(path), TASKS[0])
    assert resolve_network(path.rename(directory), TASKS[0]).file.sha256 == mini(TASKS[0]).sha256


@pytest.mark.parametrize("model", [None, 3, b"mini", ["mini"]], ids=repr)
def test_invalid_names_are_refused(model):
    with pytest.raises(CheckpointError, match="A checkpoint is one of"):
        resolve_network(model, TASKS[0])


# ---- what a bundle names -------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
def test_an_embedded_checkpoint_is_found_by_its_name(trusted):
    sha256 = mini(TASKS[0]).sha256
    assert resolve_stored("mini", TASKS[0], sha256, trusted).file.sha256 == sha256
    # whether it has the weights is for the caller to check
    assert resolve_stored("mini", TASKS[0], OTHER_SHA256, trusted).file.sha256 == sha256


def test_directories_are_looked_for_only_if_the_bundle_is_trusted(directory):
    sha256 = mini(TASKS[0]).sha256
    network = resolve_stored(str(directory), TASKS[0], sha256, trusted=True)
    assert network.file.name == str(directory) and network.file.sha256 == sha256
    with pytest.raises(CheckpointError, match="neither embedded nor in .*pass trusted=True"):
        resolve_stored(str(directory), TASKS[0], sha256, trusted=False)


def test_a_directory_named_like_an_embedded_checkpoint_is_ignored(directory, tmp_path, monkeypatch):
    (directory / "config.json").write_text("{")
    directory.rename(tmp_path / "mini")
    monkeypatch.chdir(tmp_path)
    for trusted in (True, False):
        network = resolve_stored("mini", TASKS[0], OTHER_SHA256, trusted)
        assert network.file.weights_file == mini(TASKS[0]).weights_file


# ---- whichever task ------------------------------------------------------------------------------


def test_a_known_name_has_both_tasks_and_a_directory_the_one_it_has(directory):
    networks = resolve_networks("mini")
    assert {task: network.config.task for task, network in networks.items()} == {
        task: task for task in TASKS
    }
    ((task, network),) = resolve_networks(directory).items()
    assert task == network.config.task == "classification"


def test_the_first_error_is_raised_if_there_is_no_network(directory):
    (directory / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        resolve_networks(directory)
