"""Errors and warnings of commands name options, not Python's arguments."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._cli.main import main
from sklearn_mitra._cli.wording import reword

RNG = np.random.default_rng(0)
PYTHON = re.compile(
    r"\b[a-z_]+=[\w'\"]|MitraClassifier|MitraRegressor|'[a-z]+_[a-z]+'|\.astype|LongWait"
)


def told_by(arguments, capsys):
    """What a command writes to stderr, less the summary of a fit."""
    main([str(argument) for argument in arguments])
    return re.sub(r"^\S+: Mitra.*", "", capsys.readouterr().err, flags=re.MULTILINE)


TABLES = {
    "classes": {"a": RNG.normal(size=60), "y": list("abc") * 20},
    "numbers": {"a": RNG.normal(size=60), "y": RNG.normal(size=60)},
    "outlier": {"a": RNG.normal(size=60), "y": np.r_[9e9, RNG.normal(size=59)]},
    "ids": {"a": RNG.normal(size=60), "b": [f"id{i}" for i in range(60)], "y": list("ab") * 30},
    "text": {
        "a": RNG.normal(size=60),
        "b": [f"{i}th text of many words that someone has to read" for i in range(60)],
        "y": list("ab") * 30,
    },
}


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("classes", "--n-estimators 100000", "--n-estimators must be an int in the range"),
        ("classes", "--seed 99999999999", "--seed must be"),
        ("classes", "--max-support 2", "--max-support 2 leaves no place .* Raise --max-support to"),
        ("numbers", "--task regression --model CLASSIFIER", "Use --task classification, or pass"),
        ("outlier", "--task regression --n-estimators 1", "Check them for mistakes.$"),
        ("ids", "--n-estimators 1", "about other rows. Leave it out with --drop.$"),
        ("text", "", "not supported: .* Leave it out with --drop, or turn it into"),
        ("classes", "--model nowhere.onnx", "no such file: .* sklearn-mitra convert makes"),
    ],
)
def test_fit_names_options(table, options, message, tmp_path, capsys, make_checkpoint):
    pd.DataFrame(TABLES[table]).to_csv(tmp_path / "table.csv", index=False)
    checkpoint = make_checkpoint(16, 10, 2, 2, "classification")
    options = options.replace("CLASSIFIER", str(checkpoint)).split()
    arguments = ["fit", tmp_path / "table.csv", "--target", "y", "--out", tmp_path / "a.wlrn"]
    told = told_by([*arguments, *options], capsys)
    assert re.search(message, told, flags=re.MULTILINE), told
    assert not PYTHON.search(told), told


def test_predict_names_options(tmp_path, capsys, make_checkpoint):
    X = pd.DataFrame(RNG.normal(size=(40, 2)), columns=["a", "b"])
    X.to_csv(tmp_path / "table.csv", index=False)
    checkpoint, bundle = make_checkpoint(16, 10, 2, 2, "classification"), tmp_path / "a.wlrn"
    MitraClassifier(model=str(checkpoint), members="plain").fit(X, [0, 1] * 20).save(bundle)
    told = told_by(["predict", bundle, tmp_path / "table.csv"], capsys)
    assert "Pass a checkpoint with --model; or," in told and "pass --trusted to look" in told
    assert not PYTHON.search(told)
    told = told_by(["predict", bundle, tmp_path / "table.csv", "--model", "mini"], capsys)
    assert "Pass the former with --model, for example as a directory" in told


def test_predict_says_how_to_find_a_rare_class(tmp_path, capsys):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(700, 2)), columns=["a", "b"])
    y = np.where(rng.random(700) < 0.06 * (X["a"] > 0), "rare", "common")
    clf = MitraClassifier(max_support=60, n_estimators=1).fit(X, y)
    clf.save(tmp_path / "a.wlrn")
    X.to_csv(tmp_path / "table.csv", index=False)
    arguments = ["predict", tmp_path / "a.wlrn", tmp_path / "table.csv", "--quiet"]
    told = told_by(arguments, capsys)
    assert "class 'rare'" in told and "To choose a threshold, use --proba. See the page" in told
    assert "class_weight" not in told
    assert told_by([*arguments, "--proba"], capsys) == ""


@pytest.mark.parametrize("names", [["seconds", "model"], ["max_support", "patience"]])
def test_names_and_values_of_a_table_stay_as_they_are(names):
    for name in names:
        for message in (
            f"The table has no column {name!r}.",
            f"In column {name!r}, strings such as 'seconds=x' look like numbers.",
            f"{name!r} has classes that the model wasn't trained on, such as {name}.",
        ):
            assert reword(message) == message


def test_other_tasks_are_named_by_their_option():
    for cls, task in ((MitraClassifier, "classification"), (MitraRegressor, "regression")):
        message = f"was asked for x. Use it with {cls.__name__}, or pass a checkpoint for x."
        assert f"Use --task {task}, or pass a checkpoint" in reword(message)
