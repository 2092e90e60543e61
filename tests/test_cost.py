"""What predictions will cost: operations by hand, memory as Linux counts it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from estimators import both, outputs, same
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError

from sklearn_mitra import DisposedError, MitraClassifier, MitraRegressor, _cost
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.plan import Workload

X, Y = load_diabetes(return_X_y=True)


def fitted(cls, **parameters):
    estimator = cls(max_support=60, n_estimators=2, **parameters)
    return estimator.fit(X, Y > 100 if cls is MitraClassifier else Y)


# ---- operations ----------------------------------------------------------------------------------


def test_operations_of_attention():
    """Two for each of dim, in the scores and again in their product with the values."""
    config = resolve_checkpoint("mini", "classification").config
    workload = Workload(config, 40, 5)
    across_rows, across_features = 6 * 40, 6 * 6  # tokens of a row by its keys
    per_row = 2 * 2 * config.dim * (across_rows + across_features)
    assert workload.predict_flop(7)[1] == 7 * 6 * per_row
    assert workload.encode_flop()[1] == 40 * 5 * per_row


# ---- the estimate --------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("kept", [True, False])
def test_an_estimate_comes_before_the_context_and_changes_nothing(cls, kept):
    expected = outputs(fitted(cls), X)
    estimator = fitted(cls, cache_context=kept)
    cost = estimator.estimate_cost(len(X))
    assert not hasattr(estimator, "context_nbytes_")
    same(outputs(estimator, X), expected)
    assert estimator.context_nbytes_ == cost.context_nbytes
    assert (cost.context_nbytes > 0) == kept
    assert estimator.estimate_cost(len(X)).context_nbytes == cost.context_nbytes


@both
def test_speeds_are_measured_and_positive(cls):
    cost = fitted(cls).estimate_cost(1)
    assert 0 < cost.later_seconds < cost.first_seconds


@both
def test_what_costs_more_is_estimated_to_cost_more(cls, monkeypatch):
    # seconds of a run, of an operation and of reading a byte, instead of this machine's
    monkeypatch.setattr(_cost, "_measure_speed", lambda *args: (1e-4, 1e-11, 1e-10))
    estimator = fitted(cls)
    one, many = estimator.estimate_cost(1), estimator.estimate_cost(1_000_000)
    assert many.later_seconds > 10_000 * one.later_seconds
    assert many.first_seconds - many.later_seconds == pytest.approx(
        one.first_seconds - one.later_seconds
    )
    more_views = clone(estimator).set_params(n_estimators=40).fit(X, Y > 100)
    assert more_views.estimate_cost(1).first_seconds == pytest.approx(20 * one.first_seconds)
    again = fitted(cls, cache_context=False).estimate_cost(1000)
    assert again.first_seconds == again.later_seconds


_PEAK = """
import json, sys
import numpy as np
from sklearn_mitra import MitraClassifier
def read(key):
    return int(open("/proc/self/status").read().split(key)[1].split()[0]) * 1024
arguments = json.loads(sys.argv[1])
X = np.random.default_rng(0).normal(size=arguments.pop("shape"))
small = MitraClassifier(n_estimators=1).fit(X[:20, :2], X[:20, 0] > 0)
small.predict(X[:20, :2])  # what all predictions import
classifier = MitraClassifier(n_estimators=1, max_support=len(X), **arguments).fit(X, X[:, 0] > 0)
before = read("VmRSS:")
estimate = classifier.estimate_cost(len(X)).peak_nbytes
classifier.predict(X)
print(estimate / (read("VmHWM:") - before))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (300, 30)},
        {"shape": (200, 100)},
        {"shape": (300, 30), "cache_context": False},
        {"shape": (300, 30), "precision": "int8"},
    ],
    ids=str,
)
def test_the_peak_of_memory_is_that_of_the_process(arguments):
    command = [sys.executable, "-c", _PEAK, json.dumps(arguments)]
    ratio = float(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 0.8 < ratio < 3


# ---- wrong ways ----------------------------------------------------------------------------------


@both
def test_an_estimate_needs_a_fit_and_a_number_of_rows(cls):
    with pytest.raises(NotFittedError):
        cls().estimate_cost(1)
    estimator = fitted(cls)
    for n_rows in (0, -1):
        with pytest.raises(ValueError, match="n_rows == .*must be >= 1"):
            estimator.estimate_cost(n_rows)
    for n_rows in (X, "10", 2.5, None):
        with pytest.raises(TypeError, match="n_rows must be an instance of"):
            estimator.estimate_cost(n_rows)
    assert estimator.estimate_cost(np.int64(3)).later_seconds > 0
    estimator.dispose()
    with pytest.raises(DisposedError):
        estimator.estimate_cost(1)


def test_an_estimate_of_weights_that_are_gone_is_an_error(tmp_path):
    state = MitraRegressor(max_support=30).fit(X, Y).__getstate__()
    state["checkpoint_"] = {"name": str(tmp_path / "gone"), "sha256": "0" * 64}
    lost = MitraRegressor()
    lost.__setstate__(state)
    with pytest.raises(ValueError, match="no such directory"):
        lost.estimate_cost(1)
