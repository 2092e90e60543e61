"""Fixtures that run benchmarks, quickly."""

import json
import math
import runpy
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(name="start")
def start_benchmark(monkeypatch):
    """A function that does what ``python -m benchmarks.NAME ARGUMENTS`` does."""

    def start(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")

    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setattr("benchmarks._tools._PAUSE", 0)
    n_threads = torch.get_num_threads()
    yield start
    torch.set_num_threads(n_threads)


@pytest.fixture(name="run")
def run_benchmark(start, tmp_path, capsys):
    """A function that runs a script quickly: what it prints, and its results."""

    def run(name, *arguments):
        start(name, *arguments, "--quick", "--out", tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {f"{name}.json", f"{name}.png"}
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)
        report = json.loads((tmp_path / f"{name}.json").read_text())
        assert set(report) == {"settings", "machine", "results"}
        assert report["settings"]["quick"]
        assert set(report["machine"]) == {"cpu", "cores", "versions"}
        assert report["machine"]["versions"]["onnxruntime"]
        numbers = list(leaves(report["results"]))
        assert numbers
        assert all(math.isfinite(number) and number > 0 for number in numbers)
        return capsys.readouterr().out, report["results"]

    return run


def leaves(results):
    for value in results.values() if isinstance(results, dict) else results:
        if isinstance(value, (dict, list)):
            yield from leaves(value)
        else:
            yield value
