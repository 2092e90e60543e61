"""The README is true: its code, and its demo."""

import re
import runpy

import pytest
from sklearn import datasets
from snippets import ROOT, run_page

from sklearn_mitra import _demo
from sklearn_mitra._cli.main import main


def test_code_runs(tmp_path, monkeypatch):
    """The table has a quarter of its rows and columns."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    monkeypatch.setattr(datasets, "load_breast_cancer", lambda return_X_y: (X[::4, ::4], y[::4]))
    monkeypatch.chdir(tmp_path)
    assert run_page(ROOT / "README.md") == 4
    assert (tmp_path / "clf.wlrn").exists()


def test_the_picture_shows_the_measurements():
    """If not: python -m benchmarks.front_page."""
    script = runpy.run_path(str(ROOT / "benchmarks" / "front_page.py"))
    assert script["describe"](script["read_rows"]()) in script["PICTURE"].read_text()


@pytest.mark.slow
def test_demo_prints_every_table_and_model(monkeypatch, capsys):
    """And scores like those of the README. Digits, which would take a minute, are fewer here."""
    X, y = datasets.load_digits(return_X_y=True)
    monkeypatch.setitem(_demo._CLASSIFICATION, "digits", lambda return_X_y: (X[:120, :20], y[:120]))
    assert main(["demo"]) == 0
    output = capsys.readouterr().out
    rows = [line.split("  ")[0] for line in output.splitlines()]
    for table in ("breast cancer", "wine", "digits", "diabetes"):
        assert rows.count(table) == 3
    scores = dict(re.findall(r"^(.+?) +Mitra\w+ +([\d.]+)", output, flags=re.MULTILINE))
    assert float(scores["breast cancer"]) >= 0.991
    assert float(scores["wine"]) >= 0.995
    assert float(scores["diabetes"]) >= 0.40
