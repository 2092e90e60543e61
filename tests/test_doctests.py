"""The examples in docstrings print what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import sklearn_mitra

PACKAGE = Path(sklearn_mitra.__file__).parent
MODULES = [
    ".".join(("sklearn_mitra", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


def test_the_estimators_have_examples():
    assert {"sklearn_mitra._classifier", "sklearn_mitra._regressor"} <= {*MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(import_module(name))
    assert results.attempted and not results.failed, capsys.readouterr().out
