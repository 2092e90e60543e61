"""Interchange files for JavaScript."""

import pytest

from sklearn_mitra import clear_sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export.convert import export


@pytest.fixture(scope="session")
def classifier_file(tmp_path_factory):
    return _export("classification", tmp_path_factory)


@pytest.fixture(scope="session")
def regressor_file(tmp_path_factory):
    return _export("regression", tmp_path_factory)


def _export(task, tmp_path_factory):
    path = tmp_path_factory.mktemp(task) / "model.onnx"
    export(resolve_checkpoint("mini", task), path, "wlearn")
    return path


@pytest.fixture(autouse=True, scope="session")
def _sessions():
    yield
    clear_sessions()
