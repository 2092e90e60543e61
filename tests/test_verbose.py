"""What fit and the first interval report with verbose=1, and that verbose=0 is silent."""

import re

import pytest
from estimators import both, outputs, same, small
from tables import make_table

from sklearn_mitra import MitraClassifier, MitraRegressor

MEMBERS = ["scores", "boosting", "extra_trees"]


def stages(err, cls):
    """The lines of a fit without the estimator's name and without times."""
    lines = err.splitlines()
    assert all(line.startswith(f"{cls.__name__}: ") for line in lines)
    return [re.sub(r", [\d.]+ (ms|s|minutes)$", "", line.split(": ", 1)[1]) for line in lines]


@both
def test_fit_reports_its_stages(cls, capsys):
    X, y = make_table(90)
    given = {"n_estimators": None, "members": MEMBERS, "member_weights": [0.5, 0, 0.25]}
    estimator = small(cls, **given, verbose=1).fit(X, y)
    out, err = capsys.readouterr()
    held_out = ["held-out rows"] if cls is MitraRegressor else []  # their errors, for intervals
    assert out == ""
    assert stages(err, cls) == [
        *("encoding", "simple models", *held_out),
        *("weights: network 0.67, boosting 0, extra_trees 0.33", "extra_trees"),
    ]
    silent = small(cls, **given).fit(X, y)
    same(outputs(estimator, X), outputs(silent, X))


@both
def test_learned_weights_are_reported(cls, capsys):
    X, y = make_table(60)
    given = {"n_estimators": None, "members": ["plain", "extra_trees"]}
    estimator = small(cls, **given, verbose=1).fit(X, y)
    network, trees = estimator.member_weights_
    *first, weights = stages(capsys.readouterr().err, cls)[:3]
    assert first == ["encoding", "held-out rows"]  # plain members have no simple models
    assert weights == f"weights: network {network:.2g}, extra_trees {trees:.2g}"


def test_the_temperature_is_one_stage_and_its_folds_are_none(capsys):
    X, y = make_table(60)
    small(softmax_temperature="auto", verbose=1).fit(X, y)
    assert stages(capsys.readouterr().err, MitraClassifier) == ["encoding", "temperature"]


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_bar_shows_the_folds_of_the_first_interval(verbose, capsys):
    X, y = make_table(60)
    reg = small(MitraRegressor, verbose=verbose).fit(X, y)
    capsys.readouterr()
    first = reg.predict_interval(X[:4])
    out, err = capsys.readouterr()
    assert out == ""
    assert ("MitraRegressor: held-out rows: 100%" in err and "5/5" in err) == bool(verbose)
    assert bool(err) == bool(verbose)
    same(reg.predict_interval(X[:4]), first)
    assert capsys.readouterr() == ("", "")


@both
def test_fits_are_silent_by_default(cls, capsys):
    X, y = make_table(60)
    estimator = small(cls, n_estimators=None, members=MEMBERS).fit(X, y)
    outputs(estimator, X)
    assert capsys.readouterr() == ("", "")
