"""The snippets of the README, in order as one program. One of them predicts from an export."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

from hub_server import HubServer

ROOT = Path(__file__).parents[2]

# The snippets' table, with a quarter of its rows and columns.
LESS = """
from sklearn import datasets

X, y = datasets.load_breast_cancer(return_X_y=True)
datasets.load_breast_cancer = lambda return_X_y: (X[::4, ::4], y[::4])
"""


def test_snippets_run_in_order(tmp_path, export_once):
    # A repository by the name of AutoGluon's, with the embedded checkpoint in it.
    mini = ROOT / "sklearn_mitra" / "checkpoints" / "mini-classifier"
    snippets = re.findall(
        r"^```python\n(.*?)^```",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert len(snippets) >= 7
    program = tmp_path / "readme.py"
    # joblib's workers import the main program again
    shutil.copy(export_once("mini", "classification"), tmp_path / "mini-classifier.onnx")
    program.write_text(
        "if __name__ == '__main__':\n" + indent("\n".join([LESS, *snippets]), "    ")
    )
    with HubServer({"autogluon/mitra-classifier": {"main": mini}}) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub")}
        result = subprocess.run(
            [sys.executable, program], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        requests = hub.take_requests()
    assert result.returncode == 0, result.stderr
    assert any("model.safetensors" in request for request in requests)
    assert "max_support" in result.stdout
