"""The command line: help is help, wrong arguments are errors, the demo runs when asked for."""

import re
import subprocess
import sys

import pytest

import sklearn_mitra
from sklearn_mitra._cli import main


def test_help_prints_help_and_nothing_else(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "usage: python -m sklearn_mitra" in out and "demo" in out
    assert "AUC" not in out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sklearn-mitra {sklearn_mitra.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--quick"], ["fly"], ["demo", "--fast"]], ids=str)
def test_wrong_arguments_are_errors(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and re.search("required|unrecognized|invalid choice", captured.err)


@pytest.mark.slow
def test_it_is_a_command_of_the_module():
    command = [sys.executable, "-m", "sklearn_mitra"]
    result = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "demo" in result.stdout
    assert subprocess.run(command, capture_output=True).returncode == 2
