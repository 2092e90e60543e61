"""What predictions will cost: operations as PyTorch counts them, memory as Linux does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from estimators import both, outputs, same
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from torch.utils.flop_counter import FlopCounterMode

from sklearn_mitra import DisposedError, MitraClassifier, MitraRegressor
from sklearn_mitra._checkpoint import resolve_checkpoint
from sklearn_mitra._workload import Workload

X, Y = load_diabetes(return_X_y=True)


def fitted(cls, **parameters):
    estimator = cls(max_support=60, n_estimators=2, **parameters)
    return estimator.fit(X, Y > 100 if cls is MitraClassifier else Y)


# ---- operations ----------------------------------------------------------------------------------


def count_flop(network, n_support, n_query, n_features):
    """Operations of all products with weights; the counter doesn't know attention on CPUs."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(
            torch.ones(1, n_support, n_features),
            torch.zeros((1, n_support), dtype=torch.int64),
            torch.ones(1, n_query, n_features),
            torch.zeros((1, n_features), dtype=torch.bool),
            torch.zeros((1, n_support), dtype=torch.bool),
            torch.zeros((1, n_query), dtype=torch.bool),
        )
    return counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
@pytest.mark.parametrize(("n_support", "n_features"), [(40, 5), (100, 20)])
def test_operations_are_those_that_pytorch_counts(n_support, n_features):
    checkpoint = resolve_checkpoint("mini", "classification")
    network = Tab2D.from_pretrained(str(Path(checkpoint.weights_file).parent), device="cpu").eval()
    workload = Workload(checkpoint.config, n_support, n_features)
    two, three = (count_flop(network, n_support, n, n_features) for n in (2, 3))
    # there also the embedding and the head, a thousandth
    assert workload.predict_flop(1)[0] == pytest.approx(three - two, rel=2e-3)
    # AutoGluon's code makes the support's keys and values twice, 4 dim^2 in each of six layers,
    # and passes the support through the rest of the last layer as well, 44 dim^2
    left_out = n_support * (n_features + 1) * (6 * 4 + 44) * checkpoint.config.dim**2
    support = two - 2 * (three - two)
    assert workload.encode_flop()[0] == pytest.approx(support - left_out, rel=2e-3)


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
def test_what_costs_more_is_estimated_to_cost_more(cls):
    estimator = fitted(cls)
    one, many = estimator.estimate_cost(1), estimator.estimate_cost(1_000_000)
    # speeds are measured anew: an order of magnitude is left for their noise
    assert 0 < one.later_seconds < one.first_seconds
    assert many.later_seconds > 1000 * one.later_seconds
    assert many.first_seconds > many.later_seconds
    more_views = clone(estimator).set_params(n_estimators=40).fit(X, Y > 100)
    assert more_views.estimate_cost(1).first_seconds > 2 * one.first_seconds
    again = fitted(cls, cache_context=False).estimate_cost(1000)
    assert again.first_seconds == again.later_seconds


def test_a_file_passes_the_support_in_every_prediction(export_once):
    cost = fitted(MitraClassifier, model=export_once("mini", "classification")).estimate_cost(10)
    assert cost.context_nbytes == 0
    assert cost.first_seconds == cost.later_seconds > 0


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
