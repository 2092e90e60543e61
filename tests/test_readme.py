"""The README is true: its table of parameters, its demo."""

import re
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from sklearn_mitra import MitraClassifier, _demo
from sklearn_mitra._cli.main import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_parameter_table_is_that_of_the_classifier():
    table = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", README, flags=re.MULTILINE)
    signature = MitraClassifier.__init__.__kwdefaults__
    assert [name for name, _ in table] == list(signature)
    assert {name: eval(default) for name, default in table} == signature


@pytest.mark.slow
def test_demo_prints_every_table_and_model(monkeypatch, capsys):
    """And scores like those of the README. Digits, which would take a minute, are fewer here."""
    X, y = load_digits(return_X_y=True)
    monkeypatch.setitem(_demo._CLASSIFICATION, "digits", lambda return_X_y: (X[:200, :30], y[:200]))
    assert main(["demo"]) == 0
    output = capsys.readouterr().out
    rows = [line.split("  ")[0] for line in output.splitlines()]
    for table in ("breast cancer", "wine", "digits", "diabetes"):
        assert rows.count(table) == 3
    scores = dict(re.findall(r"^(.+?) +Mitra\w+ +([\d.]+)", output, flags=re.MULTILINE))
    assert float(scores["breast cancer"]) >= 0.985
    assert float(scores["wine"]) >= 0.99
    assert float(scores["diabetes"]) >= 0.38
