"""The pages on checkpoints and the export. They download one, and read exported files."""

import os
import shutil
import subprocess
import sys

import pytest
from hub_server import HubServer
from sklearn.datasets import load_iris
from snippets import ROOT, run_page

from sklearn_mitra import MitraClassifier

# In a new process, since huggingface_hub reads its environment when it is imported. The table has
# a quarter of its rows and columns.
RUN = """
import sys
from pathlib import Path
from sklearn import datasets
from snippets import run_page

X, y = datasets.load_breast_cancer(return_X_y=True)
datasets.load_breast_cancer = lambda return_X_y: (X[::4, ::4], y[::4])
assert run_page(Path(sys.argv[1])) == 2
"""


@pytest.fixture
def exported(make_checkpoint, export_once, tmp_path):
    """A small network of random weights by the name of mini's file."""
    file = export_once(make_checkpoint(24, 10, 1, 3, "classification"), "classification")
    shutil.copy(file, tmp_path / "mini-classifier.onnx")


@pytest.mark.usefixtures("exported")
def test_code_of_the_page_on_checkpoints_runs(tmp_path):
    # A repository by the name of AutoGluon's, with the embedded checkpoint in it.
    mini = ROOT / "sklearn_mitra" / "checkpoints" / "mini-classifier"
    page = ROOT / "docs" / "guide" / "checkpoints.md"
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    with HubServer({"autogluon/mitra-classifier": {"main": mini}}) as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hub"),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        result = subprocess.run(
            [sys.executable, "-c", RUN, page],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        requests = hub.take_requests()
    assert result.returncode == 0, result.stderr
    assert any("model.safetensors" in request for request in requests)


@pytest.mark.usefixtures("exported")
def test_code_of_the_page_on_the_export_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = load_iris(return_X_y=True)
    assert run_page(ROOT / "docs" / "export.md", MitraClassifier=MitraClassifier, X=X, y=y) == 1
