"""What predictions will cost: operations by hand, memory as Linux counts it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from estimators import both, outputs, same
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError

from sklearn_mitra import CheckpointError, DisposedError, MitraClassifier, MitraRegressor
from sklearn_mitra._network import context, plan
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra._network.plan import Plan, Speed, Workload

X, Y = (array[:100] for array in load_diabetes(return_X_y=True))


def fitted(cls, **parameters):
    estimator = cls(max_support=30, n_estimators=2, **parameters)
    return estimator.fit(X, Y > 100 if cls is MitraClassifier else Y)


# ---- operations ----------------------------------------------------------------------------------


def test_operations_of_attention():
    """Two per dimension, for the scores and again for their product with the values."""
    config = resolve_checkpoint("mini", "classification").config
    workload = Workload(config, 40, 5)
    across_rows, across_features = 6 * 40, 6 * 6  # tokens of a row by its keys
    per_row = 2 * 2 * config.dim * (across_rows + across_features)
    assert workload.predict_flop(7)[1] == 7 * 6 * per_row
    assert workload.encode_flop()[1] == 40 * 5 * per_row


# ---- the estimate --------------------------------------------------------------------------------


@both
@pytest.mark.usefixtures("short_trial")
@pytest.mark.parametrize("kept", [True, False])
def test_an_estimate_comes_before_the_context_and_changes_nothing(cls, kept):
    expected = outputs(fitted(cls, members="plain"), X[:20])
    estimator = fitted(cls, members="plain", cache_context=kept)
    cost = estimator.estimate_cost(20)
    assert not hasattr(estimator, "context_nbytes_")
    same(outputs(estimator, X[:20]), expected)
    assert estimator.context_nbytes_ == cost.context_nbytes
    assert (cost.context_nbytes > 0) == kept
    assert estimator.estimate_cost(20).context_nbytes == cost.context_nbytes


@both
def test_speeds_are_measured_and_positive(cls):
    cost = fitted(cls).estimate_cost(1)
    assert 0 < cost.later_seconds < cost.first_seconds


@both
def test_what_costs_more_is_estimated_to_cost_more(cls, monkeypatch):
    # seconds of a run, of an operation and of reading a byte, instead of this machine's
    speed = plan.Speed(run=1e-4, flop=1e-11, byte=1e-10)
    monkeypatch.setattr(context, "measure_speed", lambda *args: speed)
    estimator = fitted(cls, members="plain")
    one, many = estimator.estimate_cost(1), estimator.estimate_cost(1_000_000)
    assert many.later_seconds > 10_000 * one.later_seconds
    assert many.first_seconds - many.later_seconds == pytest.approx(
        one.first_seconds - one.later_seconds
    )
    more_members = clone(estimator).set_params(n_estimators=40).fit(X, Y > 100)
    assert more_members.estimate_cost(1).first_seconds == pytest.approx(20 * one.first_seconds)
    again = fitted(cls, cache_context=False).estimate_cost(1000)
    assert again.first_seconds == again.later_seconds


# What all predictions import is there before the first fork; the peak of a fork starts anew.
_PEAKS = """
import json, os, sys
import numpy as np
import sklearn_mitra._load
from sklearn_mitra import MitraClassifier
def read(key):
    return int(open("/proc/self/status").read().split(key)[1].split()[0]) * 1024
def compare(shape, **arguments):
    X = np.random.default_rng(0).normal(size=shape)
    small = MitraClassifier(n_estimators=1).fit(X[:20, :2], X[:20, 0] > 0)
    small.predict(X[:20, :2])
    classifier = MitraClassifier(n_estimators=1, max_support=len(X), **arguments)
    classifier.fit(X, X[:, 0] > 0)
    before = read("VmRSS:")
    estimate = classifier.estimate_cost(len(X)).peak_nbytes
    classifier.predict(X)
    print(estimate / (read("VmHWM:") - before), flush=True)
for arguments in json.loads(sys.argv[1]):
    if not os.fork():
        compare(**arguments)
        os._exit(0)
    assert os.wait()[1] == 0
"""

PEAKS = [
    {"shape": (120, 30)},
    {"shape": (80, 80)},
    {"shape": (120, 30), "cache_context": False},
    {"shape": (120, 30), "precision": "int8"},
]


@pytest.fixture(scope="module")
def peak_ratios():
    """Estimated over measured peaks of memory, each measured in a process of its own."""
    command = [sys.executable, "-c", _PEAKS, json.dumps(PEAKS)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [float(line) for line in printed.split()]


@pytest.mark.slow
@pytest.mark.parametrize("i", range(len(PEAKS)), ids=lambda i: str(PEAKS[i]))
def test_the_peak_of_memory_is_that_of_the_process(i, peak_ratios):
    assert 0.8 < peak_ratios[i] < 3


# ---- wrong ways ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("short_trial")
@both
def test_an_estimate_needs_a_fit_and_a_number_of_rows(cls):
    with pytest.raises(NotFittedError):
        cls().estimate_cost(1)
    estimator = fitted(cls)
    for n_rows in (0, -1):
        with pytest.raises(ValueError, match="n_rows == .*must be >= 1"):
            estimator.estimate_cost(n_rows)
    for n_rows in ("10", 2.5, None, True, np.array(5)):
        with pytest.raises(TypeError, match="'n_rows' must be a number of rows or a table. Got"):
            estimator.estimate_cost(n_rows)
    assert estimator.estimate_cost(np.int64(3)).later_seconds > 0
    estimator.dispose()
    with pytest.raises(DisposedError):
        estimator.estimate_cost(1)


def test_an_estimate_of_weights_that_are_gone_is_an_error(tmp_path):
    embedded = Path(resolve_checkpoint("mini", "regression").weights_file).parent
    copy = shutil.copytree(embedded, tmp_path / "copy")
    regressor = MitraRegressor(model=copy, max_support=30).fit(X, Y)
    shutil.rmtree(copy)
    with pytest.raises(CheckpointError, match="no such directory"):
        regressor.estimate_cost(1)


# ---- plans ---------------------------------------------------------------------------------------


def make_workloads(*sizes, precision="float32"):
    config = resolve_checkpoint("mini", "regression").config
    return [Workload(config, *size, precision) for size in sizes]


def test_a_plan_adds_up_members_of_different_sizes():
    workloads = make_workloads((512, 20), (100, 3), (7, 50))
    whole = Plan.make(workloads, True, can_keep=True)
    parts = [Plan.make([workload], True, can_keep=True) for workload in workloads]
    assert whole.context_nbytes == sum(part.context_nbytes for part in parts)
    assert whole.chunk_rows == min(part.chunk_rows for part in parts)
    speed = Speed(run=0.0, flop=1e-11, byte=0.0)
    costs = [part.estimate(1000, speed) for part in parts]
    cost = whole.estimate(1000, speed)
    for key in ("first_seconds", "later_seconds"):
        assert cost[key] == pytest.approx(sum(c[key] for c in costs))
    assert cost["peak_nbytes"] >= max(c["peak_nbytes"] for c in costs)


@pytest.mark.parametrize("size", [(512, 20), (8, 1), (30, 400), (4000, 20)])
def test_a_run_without_a_context_is_short_but_worth_passing_the_support(size, monkeypatch):
    """Even with plenty of memory: Ctrl-C is only noticed between runs."""
    monkeypatch.setattr(plan, "total_memory", lambda: 2**50)
    (workload,) = make_workloads(size)
    n_rows = Plan.make([workload], False, can_keep=True).chunk_rows
    flops = workload.encode_flop(), workload.predict_flop(n_rows)
    support, rows = (dense + 2 * attention for dense, attention in flops)
    assert support < rows
    assert support + rows <= max(7.5e10, 3 * support)


def test_without_a_context_runs_stay_within_memory(monkeypatch):
    (workload,) = make_workloads((512, 20))
    monkeypatch.setattr(plan, "total_memory", lambda: 40 * workload.query_row_nbytes)
    assert Plan.make([workload], False, can_keep=True).chunk_rows == 10


def test_chunks_without_a_context_predict_the_bits_of_one(monkeypatch, capsys):
    regressor = fitted(MitraRegressor, cache_context=False).set_params(verbose=1)
    whole = regressor.predict(X)
    assert capsys.readouterr().err == ""  # a bar is for several chunks only
    monkeypatch.setattr(plan, "_RUN_FLOP", 0)
    same(regressor.predict(X), whole)
    assert "100/100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cache", "can_keep", "budget", "expected"),
    [
        (True, True, 0, True),
        (False, True, 2**38, False),
        ("auto", True, 2**38, True),
        ("auto", True, 2**18, False),
        (True, False, 2**38, False),
        ("auto", False, 2**38, False),
    ],
)
def test_what_is_kept(cache, can_keep, budget, expected, context_budget):
    context_budget(budget)
    made = Plan.make(make_workloads((512, 20), (512, 20)), cache, can_keep)
    assert made.keeps == expected
    assert (made.context_nbytes > 0) == expected


def test_auto_keeps_what_fits_the_budget(context_budget):
    workloads = make_workloads((512, 20), (512, 20))
    nbytes = Plan.make(workloads, True, can_keep=True).context_nbytes
    for budget, expected in ((nbytes, True), (nbytes - 1, False)):
        context_budget(budget)
        assert Plan.make(workloads, "auto", can_keep=True).keeps == expected


def test_sizes_are_those_of_the_arrays():
    (workload,) = make_workloads((30, 4))
    assert workload.context_shape == (5, 4, 30, 32)
    assert workload.context_nbytes == 2 * 6 * 5 * 4 * 30 * 32 * 4
    wide = Workload(Config(512, 10, 12, 4, "classification"), 30, 4, "int8")
    assert wide.context_dtype == np.float16
    assert wide.context_nbytes == 2 * 12 * 5 * 4 * 30 * 128 * 2


@both
def test_predictions_of_a_constant_target_cost_nothing(cls):
    y = np.zeros(len(X))
    estimator = cls().fit(X, y)
    cost = estimator.estimate_cost(1e6)
    assert cost.pop("n_rows") == 1e6
    assert len(cost) == 5 and not any(cost.values())


@pytest.mark.usefixtures("short_trial")
def test_n_rows_may_be_an_integral_float():
    cost = fitted(MitraRegressor).estimate_cost(1e3)
    assert cost.context_nbytes == fitted(MitraRegressor).estimate_cost(1000).context_nbytes
