"""Fine-tuning's parts: what a step learns from, its gradients, how validation rows are scored."""

import os
import resource
import time

import numpy as np
import pandas as pd
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D as UpstreamTab2D
from estimators import TASKS
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.metrics import log_loss, r2_score
from torch.nn.functional import cross_entropy, huber_loss

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra._network.resolve import resolve_network
from sklearn_mitra.export.finetune import device
from sklearn_mitra.export.finetune.clock import Clock
from sklearn_mitra.export.finetune.episodes import Episodes
from sklearn_mitra.export.finetune.task import Task, split
from sklearn_mitra.export.finetune.validation import Validation
from sklearn_mitra.export.pretrain.log import Log
from sklearn_mitra.export.pretrain.losses import batch_loss
from sklearn_mitra.export.pretrain.targets import IGNORED
from sklearn_mitra.export.tab2d import Tab2D

CPU = torch.device("cpu")
LARGE = Config(512, 10, 12, 4, "classification")


def fit_task(estimator, train, validation):
    network = resolve_network(estimator.model, TASKS[type(estimator)])
    return Task.fit(estimator, network, train, validation)


def make_task(estimator, load_data=load_wine, fraction=0.2):
    X, y = load_data(return_X_y=True)
    return fit_task(estimator, *split(estimator, X, y, None, None, fraction, 0))


# ---- rows to validate with -----------------------------------------------------------------------


def test_validation_rows_are_stratified_and_no_training_rows():
    X = np.arange(200)[:, None]
    y = np.repeat(["a", "b", "c"], [150, 49, 1])
    (X_train, y_train), (X_val, y_val) = split(MitraClassifier(), X, y, None, None, 0.25, 0)
    assert sorted([*X_train[:, 0], *X_val[:, 0]]) == list(range(200))
    assert (y_train == y[X_train[:, 0]]).all() and (y_val == y[X_val[:, 0]]).all()
    assert 36 <= (y_val == "a").sum() <= 38 and (y_val == "c").sum() == 0
    others = split(MitraClassifier(), X, y, None, None, 0.25, 1)[1][0]
    assert (others != X_val).any()


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]"])
def test_labels_that_are_large_integers_are_told_apart(dtype):
    X, y = np.zeros((40, 1)), pd.Series([2**53, 2**53 + 1] * 20, dtype=dtype)
    for given in ((None, None), (X, y)):
        for _, part in split(MitraClassifier(), X, y, *given, 0.25, 0):
            assert np.unique(part).tolist() == [2**53, 2**53 + 1]


def test_there_are_no_more_validation_rows_than_are_of_use():
    X, y = np.zeros((20_000, 1)), np.arange(20_000.0)
    (_, y_train), (_, y_val) = split(MitraRegressor(), X, y, None, None, 0.5, 0)
    assert len(y_val) == 1000 and len(y_train) == 19_000


def test_more_classes_than_validation_rows():
    y = np.arange(60) // 2
    train, validation = split(MitraClassifier(), np.zeros((60, 1)), y, None, None, 0.1, 0)
    assert {*validation[1]} <= {*train[1]} and len(train[1]) >= 54


def test_hardly_any_class_has_two_rows():
    y = np.array([*range(26), 26, 26, 27, 27])
    train, validation = split(MitraClassifier(), np.zeros((30, 1)), y, None, None, 0.9, 0)
    assert {*range(26)} < {*train[1]} and {*validation[1]} <= {*train[1]}
    with pytest.raises(ValueError, match="No class has two rows"):
        split(MitraClassifier(), np.zeros((30, 1)), np.arange(30), None, None, 0.2, 0)


# ---- episodes ------------------------------------------------------------------------------------


def test_a_step_draws_support_and_queries_from_training_rows():
    task = make_task(MitraClassifier(members=["plain"]))
    episodes = Episodes(task.learner, 30, 20, "balanced")
    table, classes = task.learner.X_support_, task.learner.y_support_
    seen = set()
    for seed in range(5):
        batch = episodes.draw(np.random.RandomState(seed))
        assert batch.x_support.shape == (1, 30, 13) and batch.x_query.shape == (1, 20, 13)
        x = torch.cat([batch.x_support, batch.x_query], dim=1)[0].numpy()
        labels = torch.cat([batch.y_support, batch.y_query], dim=1)[0].numpy()
        rows = np.concatenate([np.flatnonzero((table == row).all(axis=1)) for row in x])
        assert len(rows) == len({*rows}) == 50
        np.testing.assert_array_equal(labels, classes[rows])
        assert batch.n_classes.tolist() == [3]
        counts = np.bincount(labels)
        assert counts.max() - counts.min() <= 1, "as frequent as in a balanced support"
        seen.add(tuple(rows))
    assert len(seen) == 5


def test_queries_of_classes_absent_from_the_support_are_ignored():
    y = np.repeat([0, 1, 2], [30, 30, 1])
    X = np.random.default_rng(0).normal(size=(61, 2))
    learner = MitraClassifier(members=["plain"]).fit(X, y)
    episodes = Episodes(learner, 40, 21, "stratified")
    is_ignored = []
    for seed in range(20):
        batch = episodes.draw(np.random.RandomState(seed))
        support, queries = batch.y_support[0].tolist(), batch.y_query[0].tolist()
        assert {*queries} - {IGNORED} <= {*support}
        is_ignored.append(IGNORED in queries)
    assert any(is_ignored) and not all(is_ignored)


def test_a_step_shows_out_of_fold_scores():
    """Scores fitted to a row would reveal its target, even if that is pure noise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 40)), rng.normal(size=200)
    train = (X, y), (X[:5], y[:5])
    task = fit_task(MitraRegressor(members=["scores"]), *train)
    batch = Episodes(task.learner, 150, 50, "random").draw(np.random.RandomState(0))
    scores = torch.cat([batch.x_support, batch.x_query], dim=1)[0, :, -1].numpy()
    targets = torch.cat([batch.y_support, batch.y_query], dim=1)[0].numpy()
    assert abs(np.corrcoef(scores, targets)[0, 1]) < 0.3
    (member,) = MitraRegressor(members=["scores"]).fit(X, y)._model.members
    of_seen = member.features[0].function.transform(task.learner.X_support_)[:, 0]
    assert np.corrcoef(of_seen, task.learner.y_support_)[0, 1] > 0.4


def test_a_small_table_has_small_steps():
    learner = MitraClassifier(members=["plain"]).fit(*load_iris(return_X_y=True))
    batch = Episodes(learner, 512, 256, "balanced").draw(np.random.RandomState(0))
    assert batch.x_support.shape[1] == 100 and batch.x_query.shape[1] == 50


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
@pytest.mark.parametrize("model", ["mini classifier", "mini regressor", "75.7 M"])
def test_loss_and_gradients_of_a_step_are_upstreams(model):
    is_classifier = model != "mini regressor"
    task = "classification" if is_classifier else "regression"
    config = LARGE if model == "75.7 M" else resolve_checkpoint("mini", task).config
    upstream = UpstreamTab2D(
        dim=config.dim,
        dim_output=config.dim_output,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        task=task.upper(),
        use_pretrained_weights=False,
        path_to_weights="",
        device="cpu",
    )
    if model == "75.7 M":
        network = Tab2D(config)
        network.load_state_dict(upstream.state_dict())
    else:
        network = Tab2D.from_checkpoint(resolve_checkpoint("mini", task))
        upstream.load_state_dict(network.state_dict())
    kind, data = (MitraClassifier, load_wine) if is_classifier else (MitraRegressor, load_diabetes)
    X, y = data(return_X_y=True)
    sizes = (40, 20)
    if model == "75.7 M":
        X, sizes = X[:, ::4], (12, 6)  # more would take long
    learner = kind(members=["components+scores"], max_support=60).fit(X, y)
    batch = Episodes(learner, *sizes, "stratified").draw(np.random.RandomState(0))
    loss = batch_loss(network, batch)
    loss.backward()

    x_support, y_support, x_query, y_query = batch[:4]
    outputs = upstream(
        x_support,
        y_support,
        x_query,
        torch.zeros(1, x_support.shape[2], dtype=torch.bool),
        torch.zeros(1, x_support.shape[1], dtype=torch.bool),
        torch.zeros(1, x_query.shape[1], dtype=torch.bool),
    )
    if is_classifier:
        expected = cross_entropy(outputs[0, :, :3], y_query[0])
    else:
        spread = y_support.std(dim=1)
        expected = huber_loss(outputs.flatten() / spread, y_query.flatten() / spread, delta=2.0)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    gradients = dict(upstream.named_parameters())
    largest = max(p.grad.abs().max() for p in gradients.values())
    for name, weight in network.named_parameters():
        torch.testing.assert_close(
            weight.grad, gradients[name].grad, rtol=1e-3, atol=1e-5 * float(largest)
        )


# ---- validation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [["plain"], "auto"], ids=str)
def test_validation_scores_what_the_estimator_predicts(members):
    clf = MitraClassifier(members=members, max_support=50, support_sampling="balanced")
    X, y = load_wine(return_X_y=True)
    train, validation = split(clf, X, y, None, None, 0.3, 0)
    task = fit_task(clf, train, validation)
    network = Tab2D.from_checkpoint(resolve_checkpoint("mini", "classification"))
    loss = Validation(task.served, task.x, task.y, CPU).loss(network)
    clf.set_params(member_weights="equal")  # of the network's members alone
    served = clf.fit(*train).predict_proba(validation[0])
    assert loss == pytest.approx(log_loss(validation[1], served), abs=1e-5)


@pytest.mark.parametrize("dim_output", [1, 30], ids=["values", "bins"])
def test_validation_scores_what_the_regressor_predicts(dim_output, make_checkpoint):
    directory = str(make_checkpoint(16, dim_output, 2, 2, "regression"))
    reg = MitraRegressor(model=directory, members=["plain", "residual"], max_support=50)
    X, y = load_diabetes(return_X_y=True)
    train, validation = split(reg, X, y, None, None, 0.3, 0)
    task = fit_task(reg, train, validation)
    network = Tab2D.from_checkpoint(resolve_checkpoint(directory, "regression"))
    loss = Validation(task.served, task.x, task.y, CPU).loss(network)
    served = reg.fit(*train).predict(validation[0])
    assert loss == pytest.approx(1 - r2_score(validation[1], served), abs=1e-5)


def test_class_weight_does_not_matter_in_validation():
    weighted = MitraClassifier(class_weight={0: 50}, members=["plain"], prior_correction=False)
    tasks = make_task(weighted), make_task(MitraClassifier(members=["plain"]))
    network = Tab2D.from_checkpoint(resolve_checkpoint("mini", "classification"))
    one, other = (Validation(task.served, task.x, task.y, CPU).loss(network) for task in tasks)
    assert one == other


# ---- memory --------------------------------------------------------------------------------------


def test_steps_get_smaller_until_they_fit_the_memory(monkeypatch):
    learner = MitraClassifier(members=["plain"]).fit(*load_wine(return_X_y=True))
    episodes = Episodes(learner, 512, 256, "balanced")
    whole = device.step_nbytes(episodes, LARGE)
    device.fit_memory(episodes, LARGE, CPU)
    assert (episodes.n_support, episodes.n_query) == (512, 256), "24 GB are enough"
    weights = 16 * LARGE.n_parameters
    monkeypatch.setattr(device, "total_memory", lambda: (0.4 * whole + weights) / 0.6)
    device.fit_memory(episodes, LARGE, CPU)
    assert (episodes.n_support, episodes.n_query) == (128, 64)
    monkeypatch.setattr(device, "total_memory", lambda: weights)
    with pytest.raises(MemoryError, match="A step of 16 support rows doesn't fit"):
        device.fit_memory(episodes, LARGE, CPU)


# ---- time ----------------------------------------------------------------------------------------


def clock_after(elapsed, seconds=100.0, prepared=20.0, steps=(2.0,) * 8, validations=(5.0, 4.0)):
    """The clock of a run that goes on after so many seconds."""
    clock = Clock(seconds, time.monotonic(), 0.5)
    state = {"elapsed": elapsed, "prepared": prepared}
    clock.restore({**state, "steps": steps, "validations": validations})
    return clock


def test_a_step_is_begun_if_it_ends_in_time_with_its_validation():
    assert clock_after(92).has_time and not clock_after(93.1).has_time
    # by the longest of the steps and of the validations
    assert not clock_after(92, steps=(2.0,) * 7 + (4.0,)).has_time
    assert not clock_after(92, validations=(5.0, 7.0)).has_time


def test_the_first_steps_are_expected_to_take_as_long_as_the_validation_lets_expect():
    assert clock_after(84, steps=()).has_time and not clock_after(86, steps=()).has_time
    assert not clock_after(86, steps=(2.0,)).has_time


def test_the_schedule_is_of_the_time_between_preparation_and_the_last_validation():
    for elapsed, progress in ((20, 0.0), (57.5, 0.5), (95, 1.0), (200, 1.0)):
        assert clock_after(elapsed).progress == pytest.approx(progress, abs=0.01)
    assert clock_after(1, seconds=3).progress == 1.0


def test_preparation_of_a_resumed_run_takes_nothing_off_the_schedule():
    clock = Clock(100.0, time.monotonic() - 30, 0.5)
    clock.begin_steps()
    assert clock.progress == pytest.approx(0, abs=0.01)
    assert clock.elapsed == pytest.approx(30, abs=1)
    resumed = Clock(100.0, time.monotonic() - 10, 0.5)
    resumed.restore({**clock.state(), "elapsed": 65.0})
    before = resumed.elapsed
    resumed.begin_steps()
    assert before == pytest.approx(75, abs=1)
    assert resumed.progress == pytest.approx(35 / 60, abs=0.02)


def test_a_shortage_is_explained_with_the_time_that_is_needed():
    assert clock_after(50).explain_shortage(20, 5) is None
    told = clock_after(50).explain_shortage(19, 5)
    assert "Only 19 of the 20 steps" in told and "Preparation took 20.0 s" in told
    assert "A step takes about 2.0 s, and a validation 5.0 s" in told
    assert told.endswith("Pass seconds=100 or more.")  # 1.2 * (20 + 20 * 2 + 4 * 5)


# ---- history -------------------------------------------------------------------------------------


def test_a_full_disk_does_not_lose_the_history(tmp_path):
    path = tmp_path / "history.jsonl"
    log = Log(str(path))
    for step in range(100):
        log.append({"step": step})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        with pytest.raises(OSError):
            log.forget_after(90)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.read() == [{"step": step} for step in range(100)]
    log.forget_after(90)
    assert log.read() == [{"step": step} for step in range(91)]
    assert os.listdir(tmp_path) == ["history.jsonl"]
