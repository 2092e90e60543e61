"""The README is true: its table of parameters, its demo."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_mitra import MitraClassifier

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_parameter_table_is_that_of_the_classifier():
    table = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", README, flags=re.MULTILINE)
    signature = MitraClassifier.__init__.__kwdefaults__
    assert [name for name, _ in table] == list(signature)
    assert {name: eval(default) for name, default in table} == signature


@pytest.mark.slow
def test_demo_prints_every_table_and_model():
    command = [sys.executable, "-m", "sklearn_mitra", "demo"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("  ")[0] for line in output.splitlines()]
    for table in ("breast cancer", "wine", "digits", "diabetes"):
        assert rows.count(table) == 3
    scores = dict(re.findall(r"^(.+?) +Mitra\w+ +([\d.]+)", output, flags=re.MULTILINE))
    assert float(scores["breast cancer"]) > 0.98
    assert float(scores["diabetes"]) > 0.35
