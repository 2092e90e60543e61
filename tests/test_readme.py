"""The README is true: its table, its snippets in order as one program, its demo."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hub_server import HubServer

from sklearn_mitra import MitraClassifier

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_parameter_table_is_that_of_the_classifier():
    table = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", README, flags=re.MULTILINE)
    signature = MitraClassifier.__init__.__kwdefaults__
    assert [name for name, _ in table] == list(signature)
    assert {name: eval(default) for name, default in table} == signature


def test_snippets_run_in_order(tmp_path, export_once):
    # A repository by the name of AutoGluon's, with the embedded checkpoint in it.
    mini = Path(__file__).parents[1] / "sklearn_mitra" / "checkpoints" / "mini-classifier"
    snippets = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert len(snippets) >= 7
    program = tmp_path / "readme.py"
    # joblib's workers import the main program again
    shutil.copy(export_once("mini", "classification"), tmp_path / "mini-classifier.onnx")
    program.write_text("if __name__ == '__main__':\n" + _indent("\n".join(snippets)))
    with HubServer({"autogluon/mitra-classifier": {"main": mini}}) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub")}
        result = subprocess.run(
            [sys.executable, program], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert any("model.safetensors" in request for request in hub.take_requests())
    assert result.returncode == 0, result.stderr
    assert "max_support" in result.stdout


def test_demo_prints_every_table_and_model():
    command = [sys.executable, "-m", "sklearn_mitra"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("  ")[0] for line in output.splitlines()]
    for table in ("breast cancer", "wine", "digits", "diabetes"):
        assert rows.count(table) == 3
    scores = dict(re.findall(r"^(.+?) +Mitra\w+ +([\d.]+)", output, flags=re.MULTILINE))
    assert float(scores["breast cancer"]) > 0.98
    assert float(scores["diabetes"]) > 0.35


def _indent(text):
    return re.sub(r"^(?=.)", "    ", text, flags=re.MULTILINE)
