"""The command ``sklearn-mitra finetune``."""

import contextlib
import inspect
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sklearn_mitra import MitraClassifier
from sklearn_mitra._cli.main import _make_parser, main
from sklearn_mitra.export.finetune import finetune, read_history
from sklearn_mitra.export.verify import RUNTIMES


@pytest.fixture
def arguments(make_checkpoint, tmp_path):
    """Those of a short run: a table, its target, a small checkpoint and where to write."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    X.assign(species=y.map({0: "a", 1: "b", 2: "c"})).to_csv(tmp_path / "iris.csv", index=False)
    model = make_checkpoint(16, 10, 2, 2, "classification")
    out = tmp_path / "tuned"
    return f"finetune {tmp_path / 'iris.csv'} --target species --out {out} --model {model}".split()


def test_a_tuned_checkpoint_is_fitted_and_predicts(arguments, tmp_path, capsys):
    assert main([*arguments, "--steps", "20", "--lr", "3e-3", "--quiet"]) == 0
    told = capsys.readouterr().err
    losses = [line["validation_loss"] for line in read_history(tmp_path / "tuned")]
    assert f"log loss {losses[0]:.4f} before tuning, {min(losses):.4f} after" in told
    assert (
        "of 20 steps" in told
        and "'species' is not numeric, so this is a classification task" in told
    )
    bundle = str(tmp_path / "iris.wlrn")
    common = [str(tmp_path / "iris.csv"), "--target", "species"]
    assert main(["fit", *common, "--model", str(tmp_path / "tuned"), "--out", bundle]) == 0
    assert main(["score", bundle, *common, "--trusted"]) == 0
    printed = dict(line.rsplit(None, 1) for line in capsys.readouterr().out.splitlines())
    X, y = load_iris(return_X_y=True, as_frame=True)
    clf = MitraClassifier(model=str(tmp_path / "tuned")).fit(X, y)
    assert float(printed["accuracy"]) == pytest.approx(clf.score(X, y), abs=1e-5)


@pytest.mark.parametrize(
    "more, message",
    [
        (["--target", "nothing"], "has no column 'nothing'"),
        (["--seconds", "-1"], "error: --seconds must be a finite number, more than 0"),
        (["--steps", "1", "--lr", "0"], "error: --lr must be a finite number, more than 0"),
        (["--validation-fraction", "2"], "error: --validation-fraction must be a number between"),
        (["--out", "mini"], "error: --out mini is the name of a checkpoint. Pass './mini'"),
        (["--device", "cuda"], "There is no CUDA device. Pass --device cpu or auto."),
        (["--resume"], "it has no state.pt. Leave out --resume."),
        (["--target", "petal width (cm)"], "is for classification, but was asked for"),
        (["--model", "/nowhere"], "no such directory"),
    ],
)
def test_wrong_arguments_get_a_message(arguments, more, message, capsys):
    assert main([*arguments, *more]) == 1
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told


def test_too_little_time_is_told_with_the_option(arguments, capsys):
    assert main([*arguments, "--seconds", "0.01", "--quiet"]) == 0
    told = capsys.readouterr().err
    assert re.search(
        r"warning: Only 0 of .* in --seconds 0.01\. .* Pass --seconds \d+ or more", told
    )


@contextlib.contextmanager
def running(arguments, history):
    """The command in a process of its own, once it has validated twice."""
    command = [sys.executable, "-m", "sklearn_mitra.export.finetune", *arguments[1:]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None and (
            not history.exists() or history.read_text().count("\n") < 2
        ):
            time.sleep(0.01)
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_keeps_the_best_so_far(arguments, tmp_path, capsys):
    with running(arguments, tmp_path / "tuned" / "history.jsonl") as process:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert process.returncode == 130, told
    assert "holds the best weights so far. Pass --resume to continue." in told
    assert {*os.listdir(tmp_path / "tuned")} >= {"config.json", "model.safetensors", "state.pt"}
    for more, told in (
        (["--max-support", "64"], "--max-support was 512 and is 64"),
        (["--lr", "3e-3"], "--lr was 0.0001 and is 0.003"),
    ):
        assert main([*arguments, *more, "--resume", "--quiet"]) == 1
        assert told in capsys.readouterr().err
    assert main([*arguments, "--quiet"]) == 1
    assert "holds state.pt already. Pass --resume to go on" in capsys.readouterr().err
    seconds = str(read_history(tmp_path / "tuned")[-1]["seconds"] + 1)
    assert main([*arguments, "--resume", "--seconds", seconds, "--quiet"]) == 0
    assert not (tmp_path / "tuned" / "state.pt").exists()


def test_a_run_keeps_others_out_until_it_ends_or_is_killed(arguments, tmp_path, capsys):
    with running(arguments, tmp_path / "tuned" / "history.jsonl") as process:
        for more in ([], ["--resume"]):
            assert main([*arguments, *more, "--quiet"]) == 1
            assert f"Another run is using '{tmp_path / 'tuned'}'" in capsys.readouterr().err
        process.kill()
        process.communicate()
    assert "state.pt" in os.listdir(tmp_path / "tuned")
    assert main([*arguments, "--resume", "--seconds", "1", "--quiet"]) == 0
    names = ["config.json", "history.jsonl", "model.safetensors"]
    assert sorted(os.listdir(tmp_path / "tuned")) == names


def test_the_table_is_read_as_fit_reads_it(arguments, tmp_path, capsys):
    frame = pd.read_csv(tmp_path / "iris.csv").assign(id=range(150))
    frame.loc[3, "species"] = None
    frame.to_csv(tmp_path / "iris.csv", index=False)
    assert main([*arguments, "--drop", "id"]) == 1
    assert "missing in 1 of 150 rows" in capsys.readouterr().err


def test_defaults_are_those_of_the_function():
    (commands,) = (a for a in _make_parser()._actions if a.dest == "command")
    defaults = {a.dest: a.default for a in commands.choices["finetune"]._actions}
    parameters = inspect.signature(finetune).parameters
    names = {"seconds": "seconds", "steps": "n_steps", "lr": "learning_rate"}
    names |= {name: name for name in ("validation_fraction", "patience", "device", "resume")}
    assert {name: defaults[name] for name in names} == {
        name: parameters[parameter].default for name, parameter in names.items()
    }
    options = {a.dest: a for a in commands.choices["verify"]._actions}
    assert options["runtime"].choices == ["python", *RUNTIMES, "all"]
