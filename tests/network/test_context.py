"""The context: built once, rows in chunks as rows in one piece, bounded memory."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from estimators import both, outputs, run_in_threads, same
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

import sklearn_mitra
from sklearn_mitra import (
    CheckpointError,
    DisposedError,
    MitraClassifier,
    MitraRegressor,
    clear_sessions,
)
from sklearn_mitra._network import context, plan
from sklearn_mitra._network.context import Context
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._network.serving import ServingNetwork

X, Y = (array[:100] for array in load_diabetes(return_X_y=True))


@pytest.mark.slow
def test_many_chunks_predict_the_bits_of_one(monkeypatch, capsys):
    X, y = load_diabetes(return_X_y=True)
    regressor = MitraRegressor(max_support=60, n_estimators=1).fit(X, y).set_params(verbose=1)
    whole = regressor.predict(X)
    assert capsys.readouterr().err == ""
    for workspace in (2**20, 10 * 2**20):
        monkeypatch.setattr(plan, "WORKSPACE", workspace)
        regressor.predict(X[: len(X) // 3])
        assert "147/147" in capsys.readouterr().err  # a third is several chunks: there is a bar
        np.testing.assert_array_equal(regressor.predict(X), whole)


def test_nbytes_is_the_size_of_the_keys_and_values():
    regressor = MitraRegressor(max_support=60, n_estimators=3).fit(X, Y)
    regressor.predict(X[:2])
    _, members = regressor._model.context.prepare(Runtime.resolve())
    kept = [value.numpy() for member in members for value in member.support.inputs.values()]
    assert regressor.context_nbytes_ == sum(array.nbytes for array in kept)
    assert len(kept) == 3 * 6 * 2


def make_context(*sizes, model="mini"):
    """A context of members with tables of these sizes, and the tables."""
    sha256 = MitraRegressor(model=model, max_support=2).fit(X, Y).checkpoint_["sha256"]
    x = X.astype(np.float32)
    tables = [(x[:n, :f], np.linspace(0, 1, n, dtype=np.float32)) for n, f in sizes]
    return Context(model, sha256, "regression", tables), tables


def test_concurrent_first_predictions_build_once(monkeypatch):
    built, remember = [], ServingNetwork.remember

    def count_and_remember(self, *args):
        built.append(args)
        return remember(self, *args)

    monkeypatch.setattr(ServingNetwork, "remember", count_and_remember)
    context, tables = make_context(*[(50, 10)] * 3)

    def predict():
        return [member.outputs(tables[0][0][:9]) for member in context.prepare(Runtime())[1]]

    results = run_in_threads(predict)
    assert len(results) == 8
    assert len(built) == 3
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_a_prediction_looks_at_the_weights_file_once(monkeypatch):
    regressor = MitraRegressor(max_support=8, n_estimators=2).fit(X, Y)
    expected = regressor.predict(X)
    looked, check = [], Context._check_unchanged

    def count_and_check(self, state):
        looked.append(state)
        check(self, state)

    monkeypatch.setattr(Context, "_check_unchanged", count_and_check)
    same(regressor.predict(X), expected)
    assert len(looked) == 1


def test_members_may_have_tables_of_different_sizes():
    sizes = [(50, 10), (7, 3), (20, 1)]
    context, tables = make_context(*sizes)
    plan = context.plan(Runtime())
    assert [(w.n_support, w.n_features) for w in plan.workloads] == sizes
    assert plan.context_nbytes == sum(8 * 6 * n * (f + 1) * 128 for n, f in sizes)
    alone = [make_context(size) for size in sizes]
    assert plan.chunk_rows == min(c.plan(Runtime()).chunk_rows for c, _ in alone)
    for member, (x, _), (other, _) in zip(context.prepare(Runtime())[1], tables, alone):
        _, (expected,) = other.prepare(Runtime())
        np.testing.assert_array_equal(member.outputs(x[:9]), expected.outputs(x[:9]))
    same_plan, speed = context.measure(Runtime())
    assert same_plan == plan and context.nbytes == plan.context_nbytes
    assert plan.estimate(100, speed)["first_seconds"] > 0


def test_a_prediction_ends_with_the_weights_it_began_with(tmp_path):
    name = Path(sklearn_mitra.__file__).parent / "checkpoints" / "mini-regressor"
    copy = shutil.copytree(name, tmp_path / "copy")
    context, ((x, _),) = make_context((30, 10), model=str(copy))
    _, (member,) = context.prepare(Runtime())
    expected = member.outputs(x)
    (copy / "model.safetensors").unlink()
    clear_sessions()
    same(member.outputs(x), expected)


def test_a_first_prediction_that_fails_can_be_repeated(tmp_path):
    iris, species = load_iris(return_X_y=True)
    name = Path(sklearn_mitra.__file__).parent / "checkpoints" / "mini-classifier"
    copy = shutil.copytree(name, tmp_path / "copy")
    classifier = MitraClassifier(model=copy, max_support=30).fit(iris, species)
    expected = clone(classifier).fit(iris, species).predict_proba(iris)
    copy.rename(tmp_path / "gone")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="no such directory"):
            classifier.predict(iris)
    (tmp_path / "gone").rename(copy)
    same(classifier.predict_proba(iris), expected)


def peak_memory(program, *arguments):
    """Peak memory in KiB of a process that runs a program.

    Read from Linux's VmHWM: the ru_maxrss of a process starts with that of its parent.
    """
    program += "\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


# Rows are float32 zeros that are never written to (calloc); the predictions are the output.
_PEAK = """
import sys
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn_mitra import MitraRegressor
X, y = load_diabetes(return_X_y=True)
regressor = MitraRegressor(model=sys.argv[1], max_support=8).fit(X[:, :1], y)
rows = np.zeros((int(sys.argv[2]), 1), np.float32)
assert np.isfinite(regressor.predict(rows)).all()
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_to_predict(make_checkpoint):
    model = make_checkpoint(128, 1, 1, 4, "regression")
    few, many = peak_memory(_PEAK, model, 5_000), peak_memory(_PEAK, model, 25_000)
    # onnxruntime's arena varies by some 40 MiB between runs of like size; without chunks, 20 000
    # rows of two tokens and ten vectors each take 200 MiB more
    added_input_and_output = 20_000 * (4 + 8)
    assert (many - few) * 1024 < added_input_and_output + 64 * 2**20


# The attention across features has features squared scores for every row, which fixed blocks
# would multiply: 64 rows of 701 tokens and 4 heads are half a GiB.
_WIDE = """
import sys
import numpy as np
from sklearn_mitra import MitraClassifier
X = np.random.default_rng(0).normal(size=(64, 700))
classifier = MitraClassifier(model=sys.argv[1], n_estimators=1).fit(X, X[:, 0] > 0)
classifier.predict(X)
"""


@pytest.mark.slow
def test_wide_tables_are_passed_in_small_blocks(make_checkpoint):
    # in the last layer the support needs no attention
    model = make_checkpoint(128, 10, 2, 4, "classification")
    context = 8 * 2 * 64 * 701 * 128
    assert peak_memory(_WIDE, model) * 1024 - context < 0.7 * 2**30


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_weights_that_change_after_the_first_prediction_are_an_error(change, tmp_path):
    for name in ("config.json", "model.safetensors"):
        source = Path(sklearn_mitra.__file__).parent / "checkpoints" / "mini-regressor" / name
        (tmp_path / name).write_bytes(source.read_bytes())
    regressor = MitraRegressor(model=tmp_path, max_support=30).fit(X, Y)
    regressor.predict(X)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").unlink()
    if change == "replaced":
        (tmp_path / "model.safetensors").write_bytes(weights[:-2] + b"\x00\x3c")
    with pytest.raises(CheckpointError, match="replaced or deleted since .* Fit again"):
        regressor.predict(X)


@pytest.mark.slow
def test_a_ready_prediction_does_not_wait_for_the_building_of_another():
    regressor = MitraRegressor(max_support=30).fit(X, Y)
    expected = regressor.predict(X)
    with context._building:
        thread = threading.Thread(target=lambda: found.append(regressor.predict(X)))
        found = []
        thread.start()
        thread.join(timeout=60)
        assert not thread.is_alive()
    np.testing.assert_array_equal(found[0], expected)


@pytest.mark.slow
@both
def test_a_context_is_kept_as_asked_and_gives_the_same_bits(cls, context_budget):
    y = Y > 100 if cls is MitraClassifier else Y
    expected = cls(max_support=30, n_estimators=2, members="plain").fit(X, y)
    predicted = outputs(expected, X)
    size = 2 * 8 * 6 * 30 * (X.shape[1] + 1) * 128
    for cache_context, budget, kept in [
        (True, 2**21, True),
        (False, 2**38, False),
        (np.bool_(False), 2**38, False),
        ("auto", 2**21, False),
        ("auto", 2**38, True),
    ]:
        context_budget(budget)
        estimator = clone(expected).set_params(cache_context=cache_context).fit(X, y)
        assert not hasattr(estimator, "context_nbytes_")
        same(outputs(estimator, X), predicted)
        assert estimator.context_nbytes_ == (size if kept else 0)


@both
def test_cache_context_must_be_one_of_three(cls):
    with pytest.raises(ValueError, match="'cache_context' parameter of Mitra.* must be"):
        cls(cache_context="always").fit(X, Y > 100)


def test_context_nbytes_is_there_after_the_first_prediction():
    estimator = MitraRegressor(max_support=60)
    assert not hasattr(estimator, "context_nbytes_")
    estimator.fit(X, Y)
    with pytest.raises(AttributeError, match="after the first prediction"):
        estimator.context_nbytes_  # noqa: B018
    estimator.predict(X[:1])
    assert estimator.context_nbytes_ > 0
    estimator.dispose()
    assert not hasattr(estimator, "context_nbytes_")
    with pytest.raises(DisposedError, match="disposed of"):
        estimator.context_nbytes_  # noqa: B018


@pytest.mark.slow
@both
def test_precision_and_caching_may_be_set_after_fit(cls):
    y = Y > 100 if cls is MitraClassifier else Y
    # learned weights depend on the precision in fit
    estimator = cls(max_support=30, n_estimators=2, member_weights="equal").fit(X, y)
    expected = outputs(estimator, X)
    kept = estimator.context_nbytes_
    same(outputs(estimator.set_params(cache_context=False), X), expected)
    assert estimator.context_nbytes_ == 0
    in_int8 = clone(estimator).set_params(precision="int8").fit(X, y)
    same(outputs(estimator.set_params(precision="int8"), X), outputs(in_int8, X))
    same(outputs(estimator.set_params(precision="float32", cache_context=True), X), expected)
    assert estimator.context_nbytes_ == kept > 0
