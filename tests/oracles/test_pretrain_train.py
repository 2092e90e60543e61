"""Training: losses against references, a loss that falls, stopping and resuming, the files."""

import dataclasses
import json
import math
import os
import re
import stat

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D as UpstreamTab2D
from safetensors.torch import load_file
from sklearn.datasets import load_diabetes, load_iris

from sklearn_mitra import MitraClassifier, MitraRegressor, clear_sessions
from sklearn_mitra._network.bins import bin_edges, targets_to_bins
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra.export.pretrain import speed
from sklearn_mitra.export.pretrain.__main__ import main
from sklearn_mitra.export.pretrain.batches import SMALLEST_BUDGET, Shape, draw_batch
from sklearn_mitra.export.pretrain.checkpoints import write_checkpoint
from sklearn_mitra.export.pretrain.lock import locked
from sklearn_mitra.export.pretrain.losses import (
    batch_loss,
    bin_loss,
    class_loss,
    to_bins,
    value_loss,
)
from sklearn_mitra.export.pretrain.targets import IGNORED
from sklearn_mitra.export.pretrain.train import Options, Trainer, average_decay, learning_rate
from sklearn_mitra.export.tab2d import Tab2D

CLASSES = Config(16, 10, 2, 2, "classification")
VALUES = Config(16, 1, 2, 2, "regression")
BINS = Config(16, 30, 2, 2, "regression")
CONFIGS = [CLASSES, VALUES, BINS]
SHORT = Options(n_steps=6, budget=SMALLEST_BUDGET, log_every=2)


def name(config):
    return f"{config.task}-{config.dim_output}"


@pytest.fixture(params=CONFIGS, ids=name)
def config(request):
    return request.param


# ---- losses --------------------------------------------------------------------------------------


def test_class_loss_is_cross_entropy_over_the_classes_of_the_support():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, generator=generator, requires_grad=True)
    labels = torch.tensor([[0, 1, IGNORED], [3, 2, 0]])
    loss = class_loss(logits, labels, torch.tensor([2, 4]))
    losses = []
    for table, k in enumerate([2, 4]):
        for row, label in enumerate(labels[table]):
            if label != IGNORED:
                p = np.exp(logits[table, row, :k].detach().double().numpy())
                losses.append(-math.log(p[label] / p.sum()))
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-6)
    loss.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[0, :, 2:] == 0).all() and (logits.grad[0, 2] == 0).all()


def test_class_loss_of_no_label_is_zero():
    logits = torch.randn(1, 2, 3, requires_grad=True)
    loss = class_loss(logits, torch.full((1, 2), IGNORED), torch.tensor([1]))
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()


def test_value_loss_is_in_units_of_the_spread():
    y_support = torch.tensor([[0.0, 0.2, 1.0, 0.4], [0.0, 0.0, 1.0, 1.0]])
    targets = torch.tensor([[0.3, 0.5], [0.1, 1.5]])
    values = torch.tensor([[0.4, 0.5], [0.9, -9.0]])
    weights = torch.ones(2)
    losses = []
    for table in range(2):
        error = (values - targets)[table].numpy() / np.std(y_support[table].numpy(), ddof=1)
        losses += [e**2 / 2 if abs(e) < 2 else 2 * abs(e) - 2 for e in error]
    loss = value_loss(values, targets, y_support, weights)
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)
    first = value_loss(values[:1], targets[:1], y_support[:1], weights[:1])
    unweighted = value_loss(values, targets, y_support, torch.tensor([1.0, 0.0]))
    assert unweighted.item() == pytest.approx(first.item(), rel=1e-6)
    assert value_loss(values, targets, y_support, torch.zeros(2)).item() == 0


@pytest.mark.parametrize("n_bins", [2, 7, 100])
def test_bin_loss_is_least_where_the_mean_over_bins_is_the_target(n_bins):
    edges = bin_edges(n_bins).astype(np.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    low, high = max(-0.5, centres[0]), min(1.5, centres[-1])
    targets = torch.linspace(low, high, 23, dtype=torch.float64).float().unsqueeze(0)
    logits = torch.zeros(1, 23, n_bins, requires_grad=True)
    # The gradient of a cross-entropy at uniform logits is uniform less the shares.
    bin_loss(logits, targets, torch.ones(1)).backward()
    shares = 1 / n_bins - 23 * logits.grad[0].double().numpy()
    assert shares.min() > -1e-5 and (np.sort(shares, axis=1)[:, :-2] < 1e-5).all()
    np.testing.assert_allclose(shares @ centres, targets[0], rtol=0, atol=2e-5)


def test_bins_are_those_of_the_estimators():
    for n_bins in (2, 30, 1000):
        y = np.concatenate([bin_edges(n_bins), np.linspace(-0.5, 1.5, 501, dtype=np.float32)])
        bins = to_bins(torch.from_numpy(y), n_bins)
        np.testing.assert_array_equal(bins.numpy(), targets_to_bins(y, n_bins))


# ---- schedule ------------------------------------------------------------------------------------


def test_learning_rate_rises_then_falls_to_zero():
    options = Options(lr=2.0, warmup=0.1)
    rates = [learning_rate(p, options) for p in np.linspace(0, 1, 101)]
    assert rates[0] == 0 and rates[10] == pytest.approx(2.0) and rates[100] == 0
    assert (np.diff(rates[:11]) > 0).all() and (np.diff(rates[10:]) < 0).all()
    assert rates[55] == pytest.approx(1.0)


def test_the_average_spans_a_twentieth_of_the_steps():
    weight, weights = 1.0, []
    for step in reversed(range(1, 4001)):
        weights.append(weight * (1 - average_decay(step)))
        weight *= average_decay(step)
    assert sum(weights) == pytest.approx(1, abs=1e-4)
    assert np.average(np.arange(4000), weights=weights) == pytest.approx(4000 / 21, rel=0.05)


# ---- training ------------------------------------------------------------------------------------


def mean_loss(network, batches):
    with torch.no_grad():
        return np.mean([batch_loss(network, batch).item() for batch in batches])


@pytest.mark.parametrize(("config", "bound"), [(CLASSES, 0.92), (VALUES, 0.3), (BINS, 0.8)])
def test_the_loss_falls_and_depends_on_the_support(config, bound, tmp_path):
    generator = torch.Generator().manual_seed(2**40)  # tables that training doesn't see
    batches = [draw_batch(config, Shape(30, 50, 3), generator, f) for f in ("linear", "trees")]
    options = Options(n_steps=40, budget=SMALLEST_BUDGET, lr=1e-2, log_every=10)
    trainer = Trainer(config, options, str(tmp_path))
    fresh = mean_loss(trainer.network, batches)
    trainer.run()
    trained = mean_loss(trainer.network, batches)
    assert trained < bound * fresh
    misled = [batch._replace(y_support=batch.y_support.roll(1, 0)) for batch in batches]
    assert trained < 0.97 * mean_loss(trainer.network, misled)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert all(np.isfinite(line["loss"]) for line in lines) and lines[-1]["lr"] == 0
    averaged = load_file(tmp_path / "model.safetensors")
    trainer.network.load_state_dict(averaged)
    assert mean_loss(trainer.network, batches) < bound * fresh


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_embedded_checkpoints_read_such_tables(task):
    network = Tab2D.from_checkpoint(resolve_checkpoint("mini", task))
    generator = torch.Generator().manual_seed(2**40)
    batch = draw_batch(network.config, Shape(12, 40, 3), generator)
    read = mean_loss(network, [batch])
    # Query rows in each other's places, and the support labels of another table.
    assert read < 0.85 * mean_loss(network, [batch._replace(x_query=batch.x_query.flip(1))])
    assert read < 0.85 * mean_loss(network, [batch._replace(y_support=batch.y_support.roll(1, 0))])


def test_a_resumed_run_ends_with_the_same_bits(config, tmp_path):
    whole = Trainer(config, SHORT, str(tmp_path / "whole"))
    whole.run()
    parts = Trainer(config, SHORT, str(tmp_path / "parts"))
    for _ in range(2):
        parts.train_step()
    parts._log()
    parts.save()
    parts.train_step()  # lost
    parts._log()
    parts = Trainer.resume(config, SHORT, str(tmp_path / "parts"))
    assert parts.step == 2
    parts.run()
    files = [(tmp_path / part / "model.safetensors").read_bytes() for part in ("whole", "parts")]
    assert files[0] == files[1]
    last = whole.network.state_dict()
    assert all(torch.equal(last[key], w) for key, w in parts.network.state_dict().items())
    logs = [
        [json.loads(line) for line in (tmp_path / part / "log.jsonl").read_text().splitlines()]
        for part in ("whole", "parts")
    ]
    assert [line["step"] for line in logs[0]] == [2, 4, 6]
    for log in logs:
        for line in log:
            del line["seconds"]
    assert logs[0] == logs[1]


def test_seeds_differ(tmp_path):
    weights = []
    for seed in (0, 0, 1):
        options = dataclasses.replace(SHORT, n_steps=2, seed=seed)
        trainer = Trainer(CLASSES, options, str(tmp_path / f"{len(weights)}"))
        trainer.run()
        weights.append((tmp_path / f"{len(weights)}" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_global_random_state_is_left_alone(tmp_path):
    before = torch.get_rng_state()
    Trainer(CLASSES, dataclasses.replace(SHORT, n_steps=1), str(tmp_path)).run()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_by_the_clock_ends(tmp_path):
    options = Options(seconds=0.5, budget=SMALLEST_BUDGET)
    trainer = Trainer(CLASSES, options, str(tmp_path))
    trainer.run()
    assert trainer.progress == 1 and trainer.elapsed >= 0.5 and trainer.step > 0
    assert (tmp_path / "model.safetensors").exists()


def test_steps_without_finite_gradients_change_nothing(tmp_path):
    options = dataclasses.replace(SHORT, n_steps=1000)
    trainer = Trainer(VALUES, options, str(tmp_path))
    with torch.no_grad():
        trainer.network.final_layer.bias.fill_(torch.nan)
    before = {key: w.clone() for key, w in trainer.network.state_dict().items()}
    with pytest.raises(FloatingPointError, match="20 steps in a row.*smaller learning rate"):
        trainer.run()
    assert trainer.step == trainer.optimizer.n_skipped == 20
    for key, weight in trainer.network.state_dict().items():
        torch.testing.assert_close(weight, before[key], rtol=0, atol=0, equal_nan=True)


# ---- checkpoints ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_autogluon_loads_what_is_written(config, half, tmp_path):
    trainer = Trainer(config, dataclasses.replace(SHORT, half=half), str(tmp_path))
    trainer.run()
    upstream = UpstreamTab2D.from_pretrained(str(tmp_path), device="cpu").eval()
    weights = upstream.state_dict()
    for key, weight in trainer.average.items():
        expected = weight.half().float() if half else weight
        torch.testing.assert_close(weights[key], expected, rtol=0, atol=0)
    values = json.loads((tmp_path / "config.json").read_text())
    assert values["task"] == config.task.upper() and values["dim_output"] == config.dim_output
    names = {"config.json", "model.safetensors", "state.pt", "log.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == names  # no temporary file is left


def test_files_have_the_mode_that_they_had_or_that_new_ones_get(config, tmp_path):
    (tmp_path / "new").touch()
    usual = (tmp_path / "new").stat().st_mode
    weights = Tab2D(config).state_dict()
    write_checkpoint(str(tmp_path), config, weights)
    files = [tmp_path / name for name in ("config.json", "model.safetensors")]
    assert [file.stat().st_mode for file in files] == [usual, usual]
    for file in files:
        file.chmod(0o640)
    write_checkpoint(str(tmp_path), config, weights)
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o640, 0o640]


def test_estimators_take_what_is_written(config, tmp_path):
    Trainer(config, SHORT, str(tmp_path)).run()
    if config.task == "classification":
        X, y = load_iris(return_X_y=True)
        p = MitraClassifier(model=tmp_path, max_support=30).fit(X, y).predict_proba(X[:5])
        assert p.shape == (5, 3) and np.isfinite(p).all()
    else:
        X, y = load_diabetes(return_X_y=True)
        values = MitraRegressor(model=tmp_path, max_support=30).fit(X, y).predict(X[:5])
        assert np.isfinite(values).all()
    clear_sessions()


# ---- the command ---------------------------------------------------------------------------------


def run(directory, *arguments, task="classification", seconds=0.3):
    main(["--task", task, "--seconds", str(seconds), "--out", str(directory), *arguments])


SMALL = ("--dim", "16", "--layers", "1", "--heads", "2", "--budget", str(SMALLEST_BUDGET))


def test_command_trains_and_resumes(tmp_path, capsys):
    run(tmp_path, *SMALL, "--outputs", "5", "--seed", "7")
    config = Config(16, 5, 1, 2, "classification")
    assert resolve_checkpoint(tmp_path, "classification").config == config
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    steps, seconds = last["step"], last["seconds"]
    run(tmp_path, "--resume", seconds=seconds + 0.3)  # sizes and settings are those of the run
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] > steps
    assert f"from step {steps} on" in capsys.readouterr().out


def test_command_starts_from_a_checkpoint(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run(first, *SMALL, task="regression")
    run(
        second,
        "--init",
        str(first),
        "--budget",
        str(SMALLEST_BUDGET),
        "--lr",
        "1e-9",
        task="regression",
    )
    weights, again = (load_file(d / "model.safetensors") for d in (first, second))
    assert all(torch.allclose(weights[key], again[key], atol=1e-6) for key in weights)
    assert torch.load(second / "state.pt", weights_only=True)["step"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "100"], "--budget must be at least 7150.*Got 100 instead"),
        (["--dim", "10", "--heads", "4"], "--dim must be a multiple of --heads. Got 10 and 4"),
        (["--layers", "0"], "--layers must be positive. Got 0"),
        (["--outputs", "1"], "--outputs must be at least 2. Got 1"),
        (["--lr", "-1"], "--lr must be a positive number. Got -1.0"),
        (["--lr", "nan"], "--lr must be a positive number. Got nan"),
        (["--seed", "-3"], "--seed must be in 0..4294967295. Got -3"),
        (["--resume"], "There is no state.pt in"),
        (["--init", "no-such-checkpoint"], "A checkpoint is one of"),
        (["--init", "mini", "--dim", "64"], "--dim is 64, but 128 in 'mini'"),
    ],
)
def test_the_command_explains_wrong_arguments_before_it_starts(
    arguments, message, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        run(tmp_path / "new", *arguments)
    assert not (tmp_path / "new").exists()
    error = capsys.readouterr().err
    assert re.search(message, error), error


def test_command_guards_a_run(tmp_path, capsys):
    run(tmp_path, *SMALL)
    weights = (tmp_path / "model.safetensors").read_bytes()
    for arguments, task, message in [
        ([], "classification", "holds a run. Pass --resume"),
        (["--resume"], "regression", "is for classification, not regression"),
        (["--resume", "--lr", "0.1"], "classification", "--lr is 0.1, but 0.0015 in"),
        (["--resume", "--init", "mini"], "classification", "Leave out --init"),
    ]:
        with pytest.raises(SystemExit):
            run(tmp_path, *arguments, task=task)
        assert message in capsys.readouterr().err
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    (tmp_path / "state.pt").write_bytes((tmp_path / "state.pt").read_bytes()[:1000])
    with pytest.raises(SystemExit):
        run(tmp_path, "--resume")
    assert "can't be read as the state of a run" in capsys.readouterr().err


def test_command_keeps_out_of_the_directory_of_another_run(tmp_path, capsys):
    with locked(str(tmp_path)), pytest.raises(SystemExit):
        run(tmp_path, *SMALL)
    assert f"Another run is using '{tmp_path}'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
    run(tmp_path, *SMALL)
    names = ["config.json", "log.jsonl", "model.safetensors", "state.pt"]
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.parametrize("more", [(), ("--compile",)], ids=["as it is", "compiled"])
def test_speed_takes_the_steps_of_a_training(more, capsys, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **options: network)  # takes a minute
    speed.main(["--task", "regression", *SMALL, *more, "--seconds", "0.3"])
    told, found = capsys.readouterr().out.splitlines()
    found = json.loads(found)
    assert found["compile"] == bool(more) and found["n_steps"] > 0 and found["memory"] == 0
    assert 0 < found["drawing_seconds"] < found["step_seconds"]
    tokens = found["tokens_per_second"] * found["step_seconds"]
    assert 0.5 * SMALLEST_BUDGET < tokens < SMALLEST_BUDGET  # of a step
    assert "drawing the tables takes" in told


def test_speed_explains_wrong_arguments(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--task", "regression", "--seconds", "0"])
    assert "--seconds must be a positive number. Got 0.0" in capsys.readouterr().err


def test_command_wants_a_directory(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("kept")
    for directory in (file, file / "below"):
        with pytest.raises(SystemExit):
            run(directory, *SMALL)
        assert str(file) in capsys.readouterr().err
    assert file.read_text() == "kept"
