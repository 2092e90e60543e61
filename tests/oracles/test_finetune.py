"""Fine-tuning: its results, interruption, invalid input, and uses of a tuned checkpoint."""

import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D as UpstreamTab2D
from bundle_tools import packed_members
from estimators import TASKS
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sklearn_mitra
from sklearn_mitra import CheckpointError, MitraClassifier, MitraRegressor
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export import finetune
from sklearn_mitra.export.finetune import plot_history, read_history, tuner
from sklearn_mitra.export.pretrain.lock import locked

CLASSES = 16, 10, 2, 2, "classification"
VALUES = 16, 1, 2, 2, "regression"
BINS = 16, 30, 2, 2, "regression"


@pytest.fixture
def base(make_checkpoint):
    """A function that returns an estimator with small random weights, and a table."""

    def make(config=CLASSES, **params):
        is_classifier = config[-1] == "classification"
        X, y = (load_iris if is_classifier else load_diabetes)(return_X_y=True)
        kind = MitraClassifier if is_classifier else MitraRegressor
        params = {"members": ["plain", "components+scores"], "max_support": 64, **params}
        return kind(model=str(make_checkpoint(*config)), **params), X[:150], y[:150]

    return make


def weights(directory):
    return load_file(os.path.join(directory, "model.safetensors"))


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def global_state():
    """The state of NumPy's global generator, which must not be drawn from."""
    return np.random.get_state()[1].copy()  # noqa: NPY002


# ---- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [CLASSES, VALUES, BINS], ids=["classes", "values", "bins"])
def test_finetune_learns_and_returns_a_fitted_clone(base, config, tmp_path):
    estimator, X, y = base(config)
    directory = tmp_path / "tuned"
    tuned = finetune(estimator, X, y, directory=directory, n_steps=40, learning_rate=2e-3)
    history = read_history(directory)
    losses = [line["validation_loss"] for line in history]
    assert min(losses) < losses[0] - 0.02
    assert [line["step"] for line in history] == sorted({line["step"] for line in history})
    assert history[0]["step"] == 0 and history[-1]["step"] == 40
    assert type(tuned) is type(estimator) and tuned is not estimator
    others = {name: value for name, value in tuned.get_params().items() if name != "model"}
    assert others == {k: v for k, v in estimator.get_params().items() if k != "model"}
    assert tuned.model == str(directory) and not hasattr(estimator, "X_support_")
    assert tuned.checkpoint_["sha256"] == resolve_checkpoint(directory, TASKS[type(tuned)]).sha256
    refit = type(estimator)(**tuned.get_params()).fit(X, y)
    np.testing.assert_array_equal(tuned.predict(X), refit.predict(X))
    assert sorted(os.listdir(directory)) == ["config.json", "history.jsonl", "model.safetensors"]


def test_the_best_weights_are_kept_and_those_before_tuning_are_among_them(base, tmp_path):
    estimator, X, y = base()
    finetune(estimator, X, y, directory=tmp_path / "bad", n_steps=15, learning_rate=3.0)
    losses = [line["validation_loss"] for line in read_history(tmp_path / "bad")]
    assert len(losses) > 2 and min(losses[1:]) > losses[0]
    assert same(weights(tmp_path / "bad"), weights(estimator.model))


def test_no_step_leaves_the_weights_as_they_are(base, tmp_path):
    estimator, X, y = base(VALUES)
    tuned = finetune(estimator, X, y, directory=tmp_path, n_steps=0)
    assert same(weights(tmp_path), weights(estimator.model))
    np.testing.assert_array_equal(tuned.predict(X), estimator.fit(X, y).predict(X))


def test_runs_of_equally_many_steps_have_the_same_bits(base, tmp_path):
    estimator, X, y = base()
    for name, seed in ("a", 0), ("b", 0), ("c", 1):
        finetune(estimator, X, y, directory=tmp_path / name, n_steps=6, random_state=seed)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b) and not same(a, c)


def test_nothing_of_the_caller_or_the_process_changes(base, tmp_path):
    estimator, X, y = base()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        kind=np.array(["a", "b", None])[np.arange(len(X)) % 3]
    )
    labels = y.astype(str)
    before = frame.copy(), labels.copy(), estimator.get_params(), dict(os.environ)
    states = torch.get_rng_state(), global_state(), torch.get_num_threads()
    finetune(estimator, frame, labels, directory=tmp_path, n_steps=2)
    pd.testing.assert_frame_equal(frame, before[0])
    assert (labels == before[1]).all() and estimator.get_params() == before[2]
    assert dict(os.environ) == before[3]
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (global_state() == states[1]).all()
    assert torch.get_num_threads() == states[2]


def test_more_classes_than_outputs(make_checkpoint, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(240) % 12
    X = np.eye(12)[y] + rng.normal(scale=0.5, size=(240, 12))
    clf = MitraClassifier(model=str(make_checkpoint(*CLASSES)), members=["plain"])
    tuned = finetune(clf, X, y, directory=tmp_path, n_steps=30, learning_rate=3e-3)
    losses = [line["validation_loss"] for line in read_history(tmp_path)]
    assert min(losses) < losses[0] - 0.02 and len(tuned.classes_) == 12


def test_a_run_by_the_clock_ends_in_time(base, tmp_path, recwarn):
    estimator, X, y = base()
    finetune(estimator, X, y, directory=tmp_path, seconds=4)
    last = read_history(tmp_path)[-1]
    assert last["step"] > 0 and last["seconds"] < 4.5
    assert any("steps that tuning needs" in str(w.message) for w in recwarn) == (last["step"] < 20)


def test_a_run_without_time_for_a_step_warns(base, tmp_path):
    estimator, X, y = base()
    with pytest.warns(
        UserWarning, match=r"Only 0 of the 20 steps.*seconds=0.01\. .*or more"
    ) as told:
        finetune(estimator, X, y, directory=tmp_path, seconds=0.01)
    assert told[0].filename == __file__
    assert [line["step"] for line in read_history(tmp_path)] == [0]
    assert same(weights(tmp_path), weights(estimator.model))
    assert not (tmp_path / "state.pt").exists()


def test_no_warning_of_a_run_that_was_to_be_short(base, tmp_path, recwarn):
    estimator, X, y = base()
    finetune(estimator, X, y, directory=tmp_path / "steps", n_steps=2)
    options = {"learning_rate": 3.0, "patience": 1, "seconds": 60}
    finetune(estimator, X, y, directory=tmp_path / "patience", **options)
    assert read_history(tmp_path / "patience")[-1]["step"] < 20
    assert not [w for w in recwarn if "steps that tuning needs" in str(w.message)]


def test_patience_ends_a_run(base, tmp_path):
    estimator, X, y = base()
    options = {"n_steps": 1000, "learning_rate": 3.0, "patience": 2}
    finetune(estimator, X, y, directory=tmp_path, **options)
    losses = [line["validation_loss"] for line in read_history(tmp_path)]
    assert len(losses) == 2 + losses.index(min(losses)) + 1


def test_validation_rows_of_the_caller(base, tmp_path):
    estimator, X, y = base()
    tuned = finetune(
        estimator, X[::2], y[::2], directory=tmp_path, X_val=X[1::2], y_val=y[1::2], n_steps=0
    )
    p = tuned.predict_proba(X[1::2])
    (line,) = read_history(tmp_path)
    expected = -np.log(p[np.arange(len(p)), y[1::2]]).mean()
    assert line["validation_loss"] == pytest.approx(expected, abs=1e-5)


def test_a_single_step_changes_the_weights(base, tmp_path):
    estimator, X, y = base()
    finetune(estimator, X, y, directory=tmp_path, n_steps=1, learning_rate=1e-3)
    first, last = (line["validation_loss"] for line in read_history(tmp_path))
    assert first != last


@pytest.mark.parametrize(
    "mode",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: _default_dtype(torch.float64),
    ],
    ids=["no_grad", "inference_mode", "autocast", "float64"],
)
def test_modes_that_the_caller_set_in_pytorch_do_not_matter(base, mode, tmp_path):
    estimator, X, y = base()
    options = {"n_steps": 3, "learning_rate": 1e-3}
    finetune(estimator, X, y, directory=tmp_path / "plain", **options)
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        before += torch.is_autocast_enabled("cpu"), torch.get_default_dtype()
        finetune(estimator, X, y, directory=tmp_path / "tuned", **options)
        after = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        after += torch.is_autocast_enabled("cpu"), torch.get_default_dtype()
    assert after == before
    assert same(weights(tmp_path / "tuned"), weights(tmp_path / "plain"))
    one, other = (read_history(tmp_path / name) for name in ("plain", "tuned"))
    assert [a["validation_loss"] for a in one] == [b["validation_loss"] for b in other]


@contextlib.contextmanager
def _default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_directory_is_resolved_like_a_model(base, tmp_path, monkeypatch):
    estimator, X, y = base()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for directory, place in [
        ("~/tuned", "tuned"),
        ("./mini", "mini"),
        (Path("mitra"), "mitra"),
        ("autogluon/mitra-classifier", "autogluon/mitra-classifier"),
    ]:
        tuned = finetune(estimator, X, y, directory=directory, n_steps=2, learning_rate=1e-3)
        expected = resolve_checkpoint(tmp_path / place, "classification").sha256
        assert tuned.checkpoint_["sha256"] == expected
        assert len(read_history(directory)) == 2


# ---- interruption --------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_the_best_and_goes_on_to_the_same_weights(base, tmp_path):
    estimator, X, y = base()
    options = {"n_steps": 20, "learning_rate": 3e-3}
    finetune(estimator, X, y, directory=tmp_path / "whole", **options)

    handler = signal.getsignal(signal.SIGINT)
    _interrupt_after(tmp_path / "parts" / "history.jsonl", 2)
    with pytest.raises(KeyboardInterrupt):
        finetune(estimator, X, y, directory=tmp_path / "parts", **options)
    assert signal.getsignal(signal.SIGINT) is handler
    assert (tmp_path / "parts" / "state.pt").exists()
    MitraClassifier(model=str(tmp_path / "parts")).fit(X, y)
    with pytest.raises(ValueError, match="holds state.pt already.*resume=True"):
        finetune(estimator, X, y, directory=tmp_path / "parts", **options)
    finetune(estimator, X, y, directory=tmp_path / "parts", resume=True, **options)
    assert same(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    one, other = (read_history(tmp_path / name) for name in ("parts", "whole"))
    for a, b in zip(one, other, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    assert not (tmp_path / "parts" / "state.pt").exists()


def test_numpys_numbers_are_as_good_as_pythons(base, tmp_path):
    estimator, X, y = base()
    options = {
        "seconds": np.float32(100),
        "n_steps": np.int64(20),
        "learning_rate": np.float64(1e-3),
        "weight_decay": np.float32(0.01),
        "support_size": np.int32(40),
        "patience": np.int64(100),
        "random_state": np.int64(0),
        "directory": tmp_path,
    }
    _interrupt_after(tmp_path / "history.jsonl", 2)
    with pytest.raises(KeyboardInterrupt):
        finetune(estimator, X, y, **options)
    finetune(estimator, X, y, **options, resume=True)
    assert read_history(tmp_path)[-1]["step"] == 20


def test_resuming_needs_an_int_as_random_state(base, tmp_path):
    estimator, X, y = base()
    options = {"directory": tmp_path, "n_steps": 500, "random_state": None}
    _interrupt_after(tmp_path / "history.jsonl", 2)
    with pytest.raises(KeyboardInterrupt):
        finetune(estimator, X, y, **options)
    with pytest.raises(ValueError, match="An int 'random_state' is needed to resume.*Got None"):
        finetune(estimator, X, y, **options, resume=True)


@pytest.mark.parametrize("fails", ["loss", "optimizer", "validation"])
def test_a_run_that_fails_keeps_the_best_and_goes_on_to_the_same_weights(
    base, fails, tmp_path, monkeypatch
):
    estimator, X, y = base()
    options = {"n_steps": 20, "learning_rate": 3e-3}
    finetune(estimator, X, y, directory=tmp_path / "whole", **options)
    owner, name = {
        "loss": (tuner, "batch_loss"),
        "optimizer": (tuner.Optimizer, "step"),
        "validation": (tuner.Validation, "loss"),
    }[fails]
    function, calls = getattr(owner, name), []

    def fail_in_the_end(*arguments):
        calls.append(arguments)
        if len(calls) == (3 if fails == "validation" else 13):
            raise FloatingPointError("as asked")
        return function(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail_in_the_end)
        with pytest.raises(FloatingPointError, match="as asked"):
            finetune(estimator, X, y, directory=tmp_path / "parts", **options)
    n_lines = len(read_history(tmp_path / "parts"))
    assert n_lines > 1 and not same(weights(tmp_path / "parts"), weights(estimator.model))
    finetune(estimator, X, y, directory=tmp_path / "parts", resume=True, **options)
    assert same(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    one, other = (read_history(tmp_path / name) for name in ("parts", "whole"))
    assert [{**a, "seconds": 0} for a in one] == [{**b, "seconds": 0} for b in other]


def test_a_run_can_be_resumed_from_its_first_validation_on(base, tmp_path, monkeypatch):
    estimator, X, y = base()
    options = {"directory": tmp_path, "n_steps": 5}
    with monkeypatch.context() as patch:
        patch.setattr(tuner.Tuner, "_take_steps", lambda *_: os.kill(os.getpid(), signal.SIGINT))
        patch.setattr(tuner.Tuner, "_write_best", _twice(tuner.Tuner._write_best))
        with pytest.raises(MemoryError):
            finetune(estimator, X, y, **options)
    assert (tmp_path / "state.pt").exists() and len(read_history(tmp_path)) == 1
    finetune(estimator, X, y, **options, resume=True)
    assert [line["step"] for line in read_history(tmp_path)] == [0, 5]


def _twice(function):
    """The function, which fails the second time."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return function(*arguments)

    return call


def test_ctrl_c_after_the_last_step_loses_nothing(base, tmp_path, monkeypatch):
    estimator, X, y = base()
    finetune(estimator, X, y, directory=tmp_path / "whole", n_steps=6)
    write, calls = tuner.Tuner._write_best, []

    def interrupt(self):
        calls.append(os.kill(os.getpid(), signal.SIGINT) if calls else None)
        write(self)

    monkeypatch.setattr(tuner.Tuner, "_write_best", interrupt)
    with pytest.raises(KeyboardInterrupt):
        finetune(estimator, X, y, directory=tmp_path / "cut", n_steps=6)
    assert len(calls) == 2
    assert same(weights(tmp_path / "cut"), weights(tmp_path / "whole"))


@pytest.fixture
def interrupted(base, tmp_path):
    """The arguments that resume a run, all of whose rows fit the support."""
    estimator, X, y = base(max_support=500)
    begun = {"estimator": estimator, "X": X, "y": y, "directory": tmp_path / "run", "n_steps": 500}
    _interrupt_after(tmp_path / "run" / "history.jsonl", 2)
    with pytest.raises(KeyboardInterrupt):
        finetune(**begun)
    return {**begun, "resume": True}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"y": np.roll(load_iris().target[:150], 1)}, r"y was \(150,\) with SHA-256 \w+ and is"),
        ({"X": load_iris().data[:150, ::-1]}, r"X was \(150, 4\) with SHA-256 \w+ and is"),
        (
            {"X_val": np.ones((2, 4)), "y_val": [0, 1]},
            r"X_val was None and is \(2, 4\) .*y_val was",
        ),
        ({"validation_fraction": 0.3}, "validation_fraction was 0.2 and is 0.3"),
        ({"random_state": 1}, "arguments: random_state was 0 and is 1. Pass the same ones"),
        ({"learning_rate": 1e-3}, "learning_rate was 0.0001 and is 0.001"),
        ({"weight_decay": 0}, "weight_decay was 0.01 and is 0"),
        ({"support_size": 383}, "support_size was 384 and is 383"),
        ({"query_size": 255}, "query_size was 256 and is 255"),
    ],
)
def test_a_run_is_resumed_with_the_same_arguments(interrupted, changed, message):
    with pytest.raises(ValueError, match=message):
        finetune(**{**interrupted, **changed})


@pytest.mark.parametrize(
    "name, value",
    [
        ("max_support", 501),
        ("n_estimators", 1),
        ("members", ["plain"]),
        ("random_state", 1),
        ("support_sampling", "equal"),
        ("softmax_temperature", 2.0),
        ("class_weight", {0: 2.0}),
        ("prior_correction", False),
        ("precision", "int8"),
    ],
)
def test_a_run_is_resumed_with_the_same_estimator(interrupted, name, value):
    former = getattr(interrupted["estimator"], name)
    changed = clone(interrupted["estimator"]).set_params(**{name: value})
    message = re.escape(f"estimator.{name} was {former!r} and is {value!r}")
    with pytest.raises(ValueError, match=message):
        finetune(**{**interrupted, "estimator": changed})


def test_a_run_is_resumed_with_the_same_weights(interrupted, make_checkpoint):
    other = str(make_checkpoint(16, 10, 1, 2, "classification"))
    changed = clone(interrupted["estimator"]).set_params(model=other)
    with pytest.raises(ValueError, match=r"estimator.model was SHA-256 \w+ and is SHA-256"):
        finetune(**{**interrupted, "estimator": changed})


def test_a_run_is_resumed_with_the_same_table_however_it_is_encoded(base, tmp_path):
    estimator, X, y = base(VALUES, max_support=500)
    frame = pd.DataFrame(X[:, :2]).assign(kind=np.array(["a", "b", None])[np.arange(150) % 3])
    frame.columns = ["x", "y", "kind"]
    _interrupt_after(tmp_path / "history.jsonl", 2)
    with pytest.raises(KeyboardInterrupt):
        finetune(estimator, frame, y, directory=tmp_path, n_steps=500)
    for other in (
        frame.assign(kind=frame["kind"].replace("a", "c")),
        frame.rename(columns={"x": "z"}),
        frame.assign(y=frame["y"].astype(np.float32)),
    ):
        with pytest.raises(ValueError, match=r"arguments: X was \(150, 3\)"):
            finetune(estimator, other, y, directory=tmp_path, n_steps=500, resume=True)
    again = pickle.loads(pickle.dumps(frame))  # other objects with the same values
    step = read_history(tmp_path)[-1]["step"]
    finetune(estimator, again, y, directory=tmp_path, n_steps=step + 5, resume=True)


def test_options_that_do_not_change_the_result_may_differ(interrupted):
    step = read_history(interrupted["directory"])[-1]["step"]
    others = {"n_steps": step + 5, "patience": 100, "seconds": 5, "device": "cpu"}
    changed = clone(interrupted["estimator"]).set_params(n_jobs=1, cache_context=False, verbose=0)
    finetune(**{**interrupted, **others, "estimator": changed, "weight_decay": np.float64(0.01)})
    assert read_history(interrupted["directory"])[-1]["step"] == step + 5


# ---- damaged files -------------------------------------------------------------------------------


def _without(*names):
    """A function that removes an entry of a state."""

    def damage(path):
        state = torch.load(path, weights_only=True)
        entries = state
        for name in names[:-1]:
            entries = entries[name]
        del entries[names[-1]]
        torch.save(state, path)

    return damage


def _flipped(data):
    """With one bit of a weight flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"nonsense"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        lambda path: path.write_bytes(_flipped(path.read_bytes())),
        lambda path: torch.save([1, 2], path),
        lambda path: path.write_bytes(b"\x80\x02K\x01r\x00"),
        _without("config"),
        _without("arguments"),
        _without("optimizer"),
        _without("best_loss"),
        _without("network", "x_embedding.x_embedding.weight"),
        _without("best"),
    ],
)
def test_a_damaged_state_is_named(interrupted, damage):
    path = interrupted["directory"] / "state.pt"
    damage(path)
    message = re.escape(repr(str(path))) + ".*state of a run.*Restore the file.*another directory"
    with pytest.raises(ValueError, match=message):
        finetune(**interrupted)


@pytest.mark.parametrize(
    "line, message",
    [
        (b'{"step": 5, "seco', "is not a JSON object"),
        (b"\xff\xfe", "is not a JSON object"),
        (b"", "is not a JSON object"),
        (b"[5]", "is not a JSON object"),
        (b'{"step": 5, "seconds": 1, "lr": null}', "has no number for 'validation_loss', 'lr'"),
        (b'{"seconds": 1, "validation_loss": 1, "lr": 1}', "has no number for 'step'"),
    ],
)
def test_a_damaged_history_is_named(interrupted, line, message):
    path = interrupted["directory"] / "history.jsonl"
    damaged = line + b"\n" + path.read_bytes()
    path.write_bytes(damaged)
    message = re.escape(f"{str(path)!r} is damaged: line 1 {message}. Delete this line, or restore")
    with pytest.raises(ValueError, match=message):
        read_history(interrupted["directory"])
    with pytest.raises(ValueError, match=message):
        finetune(**interrupted)
    assert path.read_bytes() == damaged


def test_a_truncated_line_is_written_again(interrupted):
    path = interrupted["directory"] / "history.jsonl"
    whole = read_history(interrupted["directory"])
    with path.open("ab") as file:
        file.write(b'{"step": 1')
    assert read_history(interrupted["directory"]) == whole
    finetune(**{**interrupted, "n_steps": whole[-1]["step"] + 5})
    assert read_history(interrupted["directory"])[: len(whole)] == whole


def _interrupt_after(path, n_lines):
    """Press Ctrl-C once the file has so many lines."""

    def watch():
        while not path.exists() or path.read_text().count("\n") < n_lines:
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


# ---- wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"estimator": "mini"}, TypeError, "must be a MitraClassifier or MitraRegressor"),
        (
            {"estimator": make_pipeline(MitraClassifier())},
            TypeError,
            "Tune the estimator alone, with the columns as it gets them",
        ),
        ({"estimator": MitraClassifier(model="x.onnx")}, ValueError, "an interchange file"),
        ({"estimator": MitraClassifier(model="/nowhere")}, CheckpointError, "no such directory"),
        ({"estimator": MitraClassifier(max_support=0)}, ValueError, "max_support"),
        ({"seconds": 0}, ValueError, "'seconds' must be a finite number, more than 0. Got 0"),
        ({"seconds": "60"}, TypeError, "'seconds' must be a finite number"),
        ({"n_steps": 2.5}, TypeError, "'n_steps' must be an integer, 0 or more, or None"),
        ({"learning_rate": -1}, ValueError, "'learning_rate' must be a finite number, more than"),
        ({"learning_rate": np.nan}, ValueError, "'learning_rate' must be a finite number"),
        ({"weight_decay": -0.1}, ValueError, "'weight_decay'"),
        ({"support_size": 1}, ValueError, "'support_size' must be an integer, 2 or more"),
        ({"query_size": True}, TypeError, "'query_size' must be an integer"),
        ({"patience": 0}, ValueError, "'patience' must be an integer, 1 or more, or None"),
        ({"device": "tpu"}, ValueError, "'device' must be 'auto', 'cpu' or 'cuda'. Got 'tpu'"),
        ({"validation_fraction": 1.0}, ValueError, "'validation_fraction' must be a number betw"),
        ({"validation_fraction": "a"}, ValueError, "'validation_fraction' must be a number"),
        ({"X_val": [[1.0]]}, ValueError, "both 'X_val' and 'y_val'"),
        ({"X_val": np.ones((2, 3)), "y_val": [0, 1]}, ValueError, "3 features"),
        ({"X_val": np.ones((2, 4)), "y_val": [0, 7]}, ValueError, r"'y' lacks: \[7\]"),
        ({"X_val": np.ones((2, 4)), "y_val": [0]}, ValueError, "inconsistent numbers of samples"),
        ({"y": np.zeros(150)}, ValueError, "the same target. There is nothing to tune"),
        ({"y": np.zeros(149)}, ValueError, "inconsistent numbers of samples"),
        ({"y": [0, None] * 75}, ValueError, "NaN, None or NA in 75 rows"),
        ({"X": np.full((150, 4), np.inf)}, ValueError, "infinity"),
        ({"X": np.ones((150, 4))[:10], "y": [0, 1] * 5}, ValueError, "20 rows or more. Got 10"),
        ({"resume": True}, ValueError, "There is no interrupted run"),
        ({"directory": ""}, ValueError, "'directory' must not be empty"),
        ({"directory": "mini"}, ValueError, "the name of a checkpoint. Pass './mini'"),
        ({"directory": "a.onnx"}, ValueError, "would be taken for an interchange file"),
        ({"directory": 5}, TypeError, "'directory' must be a str or PathLike. Got 5 instead"),
        ({"directory": b"tuned"}, TypeError, "'directory' must be a str or PathLike"),
        ({"estimator": MitraClassifier(class_weight="foo")}, ValueError, "class_weight"),
        ({"estimator": MitraClassifier(class_weight={9: 2.0})}, ValueError, "not a class"),
        ({"estimator": MitraClassifier(class_weight={0: -1.0})}, ValueError, "greater than 0"),
        ({"estimator": MitraClassifier(prior_correction="x")}, ValueError, "prior_correction"),
        (
            {"estimator": MitraRegressor(), "X_val": np.ones((2, 4)), "y_val": [0, np.nan]},
            ValueError,
            "'y_val' has NaN, None or infinity in 1 rows",
        ),
    ],
)
def test_wrong_input_is_refused_before_any_work(options, error, message, tmp_path):
    X, y = load_iris(return_X_y=True)
    directory = tmp_path / "tuned"
    arguments = {"estimator": MitraClassifier(), "X": X, "y": y, "directory": directory, **options}
    with pytest.raises(error, match=message):
        finetune(**{"seconds": 60, **arguments})
    assert not directory.exists()


def test_a_directory_in_use_is_refused(base, tmp_path):
    estimator, X, y = base()
    before = weights(estimator.model)
    with pytest.raises(ValueError, match="holds config.json already. Pass another directory"):
        finetune(estimator, X, y, directory=estimator.model, n_steps=1)
    assert same(weights(estimator.model), before)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a directory or new"):
        finetune(estimator, X, y, directory=tmp_path / "file", n_steps=1)


def test_a_directory_that_another_run_is_using_is_refused(base, tmp_path):
    estimator, X, y = base()
    with locked(str(tmp_path / "tuned")):
        with pytest.raises(ValueError, match="Another run is using '.*tuned'. Wait until it ends"):
            finetune(estimator, X, y, directory=tmp_path / "tuned", n_steps=1)
    assert not (tmp_path / "tuned").exists()
    finetune(estimator, X, y, directory=tmp_path / "tuned", n_steps=1)


def test_no_cuda_device(base, tmp_path):
    assert not torch.cuda.is_available()
    estimator, X, y = base()
    with pytest.raises(ValueError, match="There is no CUDA device"):
        finetune(estimator, X, y, directory=tmp_path / "tuned", n_steps=1, device="cuda")
    assert not (tmp_path / "tuned").exists()


# ---- what a tuned checkpoint is used for ---------------------------------------------------------


@pytest.fixture(scope="module")
def tuned_mini(tmp_path_factory):
    """A tuned "mini", fitted, and its table."""
    X, y = load_iris(return_X_y=True)
    directory = tmp_path_factory.mktemp("tuned") / "iris"
    clf = MitraClassifier(max_support=40)
    options = {"support_size": 40, "query_size": 40, "learning_rate": 1e-3}
    return finetune(clf, X, y, directory=directory, n_steps=5, **options), X, y


def test_a_tuned_checkpoint_recommends_as_many_members_as_before(tuned_mini):
    tuned, X, y = tuned_mini
    plain = MitraClassifier(max_support=40).fit(X, y)
    assert tuned.n_estimators is None
    assert len(packed_members(tuned)) == len(packed_members(plain)) == 4
    assert np.abs(tuned.predict_proba(X) - plain.predict_proba(X)).max() > 1e-3


def test_grid_search_over_checkpoints(tuned_mini):
    tuned, X, y = tuned_mini
    search = GridSearchCV(
        MitraClassifier(max_support=40, n_estimators=1),
        {"model": ["mini", tuned.model]},
        cv=2,
        scoring="neg_log_loss",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1] and search.best_params_["model"] in ("mini", tuned.model)


def test_pickles_bundles_and_int8(tuned_mini, tmp_path):
    tuned, X, y = tuned_mini
    expected = tuned.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(tuned)).predict_proba(X), expected)
    bundle = tuned.save()
    again = sklearn_mitra.load(bundle, trusted=True)
    assert again.checkpoint_ == tuned.checkpoint_
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    int8 = pickle.loads(pickle.dumps(tuned)).set_params(precision="int8").predict_proba(X)
    assert 0 < np.abs(int8 - expected).max() < 0.1


def test_a_bundle_whose_checkpoint_has_moved(tuned_mini, tmp_path):
    tuned, X, y = tuned_mini
    shutil.copytree(tuned.model, tmp_path / "old")
    clf = MitraClassifier(max_support=40, model=str(tmp_path / "old")).fit(X, y)
    bundle, expected = clf.save(), clf.predict_proba(X)
    os.rename(tmp_path / "old", tmp_path / "new")
    with pytest.raises(CheckpointError, match="no such directory"):
        sklearn_mitra.load(bundle, trusted=True)
    moved = sklearn_mitra.load(bundle, str(tmp_path / "new"))
    np.testing.assert_array_equal(moved.predict_proba(X), expected)


def test_the_history_can_be_drawn(tuned_mini, tmp_path):
    import matplotlib

    matplotlib.use("agg")
    tuned, _, _ = tuned_mini
    history = read_history(tuned.model)
    line = plot_history(tuned.model).get_lines()[0]
    assert line.get_xydata().tolist() == [[h["step"], h["validation_loss"]] for h in history]
    with pytest.raises(FileNotFoundError, match="no history of fine-tuning"):
        plot_history(tmp_path)


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
def test_autogluon_loads_a_tuned_checkpoint(tuned_mini):
    """Although its config.json also recommends a number of ensemble members."""
    tuned, _, _ = tuned_mini
    with open(os.path.join(tuned.model, "config.json"), encoding="utf-8") as file:
        assert json.load(file)["n_estimators"] == 4
    upstream = UpstreamTab2D.from_pretrained(tuned.model, device="cpu")
    assert same(upstream.state_dict(), weights(tuned.model))
