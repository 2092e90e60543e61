"""Both estimators, from the raw table to the prediction, against AutoGluon's."""

from pathlib import Path

import numpy as np
import pytest
from autogluon.tabular.models.mitra import sklearn_interface as autogluon
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._network.checkpoint import resolve_checkpoint

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        ".*einx:DeprecationWarning",
        "In CPU autocast:UserWarning",  # which has no float32: none is what is wanted
        "'pin_memory' argument:UserWarning",
    )
]


def as_it_is(X, rng):
    return X


def with_missing_cells(X, rng):
    X[rng.random(X.shape) < 0.15] = np.nan
    return X


def with_constant_columns(X, rng):
    X[:, 1] = 7.5
    X[:, 3] = np.where(rng.random(len(X)) < 0.5, 0.25, np.nan)
    return X


def in_whole_numbers(X, rng):
    deviation = X.std(axis=0)
    return np.round(3 * X / np.where(deviation == 0, 1, deviation))


def with_all_of_it(X, rng):
    return with_missing_cells(with_constant_columns(in_whole_numbers(X, rng), rng), rng)


def split(loader, change):
    """60 rows to train on, 30 to predict, and no more than 15 columns, to be quick."""
    X, y = loader(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(X))[:90]
    X = change(X[rows, :15].astype(np.float64), rng)
    return X[:60], X[60:], y[rows[:60]], y[rows[60:]]


def fit_upstream(estimator_class, task, X, y, X_test, y_test):
    """AutoGluon's estimator without training, on our weights, in float32."""
    estimator = estimator_class(
        hf_model=str(Path(resolve_checkpoint("mini", task).weights_file).parent),
        device="cpu",
        fine_tune=False,
        shuffle_classes=False,
        shuffle_features=False,
        random_mirror_regression=False,
        random_mirror_x=False,
        verbose=False,
    )
    # It splits rows off for validation unless given some. It fills in what is missing in its
    # arguments: these are copies.
    estimator.fit(X.copy(), y.copy(), X_test[:2].copy(), y_test[:2].copy())
    for trainer in estimator.trainers:
        trainer.cfg.hyperparams["precision"] = "float32"
    return estimator


@pytest.mark.parametrize(
    ("loader", "n_classes", "change"),
    [
        (load_breast_cancer, 2, as_it_is),
        (load_breast_cancer, 2, with_all_of_it),
        (load_wine, 3, with_missing_cells),
        (load_wine, 3, with_constant_columns),
        (load_iris, 3, in_whole_numbers),
        (load_iris, 3, with_all_of_it),
        (load_digits, 10, as_it_is),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_probabilities_are_those_of_autogluon(loader, n_classes, change):
    X, X_test, y, y_test = split(loader, change)
    upstream = fit_upstream(autogluon.MitraClassifier, "classification", X, y, X_test, y_test)
    expected = upstream.predict_proba(X_test.copy())
    assert expected.shape == (30, n_classes)
    classifier = MitraClassifier(n_estimators=1).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(X_test), expected, rtol=0, atol=2e-5)
    sure = np.diff(np.sort(expected, axis=1)[:, -2:])[:, 0] > 1e-4
    labels = upstream.predict(X_test.copy())
    np.testing.assert_array_equal(classifier.predict(X_test)[sure], labels[sure])


@pytest.mark.parametrize(
    "change",
    [as_it_is, with_missing_cells, with_constant_columns, in_whole_numbers, with_all_of_it],
    ids=lambda change: change.__name__,
)
def test_targets_are_those_of_autogluon(change):
    assert_same_targets(*split(load_diabetes, change))


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e6, 1e9), (1, -1e4)])
def test_targets_of_any_range(scale, offset):
    X, X_test, y, y_test = split(load_diabetes, as_it_is)
    assert_same_targets(X, X_test, scale * y + offset, scale * y_test + offset)


def assert_same_targets(X, X_test, y, y_test):
    upstream = fit_upstream(autogluon.MitraRegressor, "regression", X, y, X_test, y_test)
    expected = upstream.predict(X_test.copy())
    targets = MitraRegressor(n_estimators=1).fit(X, y).predict(X_test)
    np.testing.assert_allclose(targets, expected, rtol=0, atol=2e-5 * np.ptp(y))
