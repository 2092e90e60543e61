"""The evaluation of checkpoints, and the scores of the embedded ones in ``docs/pretraining.md``."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_mitra import MitraClassifier, MitraRegressor, clear_sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra.export.pretrain.batches import SMALLEST_BUDGET
from sklearn_mitra.export.pretrain.evaluate import (
    BUNDLED,
    bundled_splits,
    evaluate,
    main,
    make_models,
    mean_auc,
    mean_scores,
    score,
    synthetic_splits,
)
from sklearn_mitra.export.pretrain.priors import FAMILIES
from sklearn_mitra.export.pretrain.train import Options, Trainer

DOCS = Path(__file__).parents[2] / "docs" / "pretraining.md"


def documented(name):
    """The cells of a table's row in the docs, the first of which is Mitra's."""
    (row,) = re.findall(rf"^\| {name} \|(.*)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [re.sub(r"\*", "", cell) for cell in row.split("|")]
    return [[float(number) for number in cell.split("/")] for cell in cells]


# ---- the embedded checkpoints --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_the_classifier_scores_what_the_docs_say(name):
    models = {"mitra": MitraClassifier(members="plain")}
    means = mean_scores(models, bundled_splits(name, "classification", 5))["mitra"]
    auc, log_loss = documented(name)[0]
    assert means["auc"] == pytest.approx(auc, abs=0.003)
    assert means["log_loss"] == pytest.approx(log_loss, abs=0.005)


def test_the_regressor_scores_what_the_docs_say():
    models = {"mitra": MitraRegressor(members="plain")}
    means = mean_scores(models, bundled_splits("diabetes", "regression", 5))
    assert means["mitra"]["r2"] == pytest.approx(documented("diabetes")[0][0], abs=0.003)


def test_the_docs_have_every_table():
    for name in (*BUNDLED["classification"], *BUNDLED["regression"]):
        assert len(documented(name)) == 4


@pytest.mark.parametrize("task", BUNDLED)
def test_the_docs_are_of_the_embedded_checkpoints(task):
    assert resolve_checkpoint("mini", task).sha256 in DOCS.read_text(encoding="utf-8")


# ---- tables --------------------------------------------------------------------------------------


def test_auc_is_scikit_learns():
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        y = rng.integers(0, n_classes, 50)
        p = rng.dirichlet(np.ones(n_classes), 50)
        scores = p[:, 1] if n_classes == 2 else p
        expected = roc_auc_score(y, scores, multi_class="ovr")
        assert mean_auc(y, p, np.arange(n_classes)) == pytest.approx(expected)
    # A class without rows has no AUC.
    y = rng.integers(0, 2, 50)
    p = rng.dirichlet(np.ones(3), 50)
    expected = np.mean([roc_auc_score(y == k, p[:, k]) for k in range(2)])
    assert mean_auc(y, p, np.arange(3)) == pytest.approx(expected)


@pytest.mark.parametrize("task", BUNDLED)
@pytest.mark.parametrize("family", FAMILIES)
def test_synthetic_splits_can_be_scored_and_repeat(family, task):
    config = resolve_checkpoint("mini", task).config
    splits = list(synthetic_splits(family, config, 4))
    assert len(splits) == 4
    for split, again in zip(splits, synthetic_splits(family, config, 4)):
        X_train, X_test, y_train, y_test = split
        assert all(np.array_equal(a, b) for a, b in zip(split, again))
        assert len(X_train) == len(y_train) >= 14 and len(X_test) == len(y_test) > 1
        assert np.isfinite(X_train).all() and np.isfinite(X_test).all()
        assert len(set(y_test)) > 1
        if task == "classification":
            assert set(y_test) <= set(y_train) == set(range(len(set(y_train))))


def test_bundled_splits_are_repeated_and_differ():
    first, second = bundled_splits("wine", "classification", 2)
    assert len(first[0]) == 106 and len(first[1]) == 72
    assert not np.array_equal(first[0], second[0])
    (again,) = bundled_splits("wine", "classification", 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))


# ---- results -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A directory with a small regressor that has hardly been trained."""
    directory = tmp_path_factory.mktemp("small")
    options = Options(n_steps=2, budget=SMALLEST_BUDGET)
    Trainer(Config(16, 1, 1, 2, "regression"), options, str(directory)).run()
    yield str(directory)
    clear_sessions()


def test_the_mean_of_scores(small):
    splits = list(bundled_splits("diabetes", "regression", 2))
    models = {name: make_models(small, "regression")[name] for name in ("mitra", "linear")}
    means = mean_scores(models, splits)
    X_train, X_test, y_train, y_test = splits[0]
    alone = mean_scores(models, splits[:1])["linear"]["r2"]
    assert alone == models["linear"].fit(X_train, y_train).score(X_test, y_test)
    other = mean_scores(models, splits[1:])["linear"]["r2"]
    assert means["linear"]["r2"] == pytest.approx((alone + other) / 2)
    assert means["mitra"]["r2"] < 0.2 < means["linear"]["r2"]


def test_evaluation_has_every_table_and_model(small, capsys):
    results = evaluate(small, "regression", n_splits=1, n_tables=1)
    assert results["sha256"] == resolve_checkpoint(small, "regression").sha256
    assert list(results["bundled"]) == list(BUNDLED["regression"])
    assert list(results["synthetic"]) == list(FAMILIES)
    for means in (*results["bundled"].values(), *results["synthetic"].values()):
        assert list(means) == ["mitra", "forest", "boosting", "linear"]
        assert all(-1 <= score["r2"] <= 1 for score in means.values())
    assert json.loads(json.dumps(results)) == results
    out = capsys.readouterr().out
    assert f"{results['bundled']['diabetes']['linear']['r2']:.3f}" in out
    assert all(f"\n{name}" in out for name in FAMILIES)


def test_another_checkpoint_and_the_default_members(small, tmp_path, monkeypatch):
    families = {"linear": FAMILIES["linear"]}  # the others take long
    monkeypatch.setattr("sklearn_mitra.export.pretrain.evaluate.FAMILIES", families)
    arguments = ["--model", small, "--beside", "mini", "--task", "regression", "--members", "auto"]
    main([*arguments, "--quick", "--json", str(tmp_path / "scores.json")])
    results = json.loads((tmp_path / "scores.json").read_text())
    assert (results["model"], results["beside"], results["members"]) == (small, "mini", "auto")
    diabetes = results["regression"]["bundled"]["diabetes"]
    assert list(diabetes) == ["mitra", "mitra, beside", "forest", "boosting", "linear"]
    (split,) = bundled_splits("diabetes", "regression", 1)
    assert diabetes["mitra, beside"] == score(MitraRegressor(), *split)


def test_the_command_explains_wrong_arguments(small, capsys):
    for arguments, message in [
        (["--model", small, "--beside", "nothing"], "A checkpoint is one of"),
        (["--model", "nothing"], "A checkpoint is one of"),
        (["--model", small, "--task", "classification"], "is for regression, but was asked"),
    ]:
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err
