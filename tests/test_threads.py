"""Estimators that are fitted, disposed of and saved while other threads predict."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from estimators import ESTIMATORS, both, outputs, same
from sklearn.exceptions import NotFittedError

from sklearn_mitra import DisposedError, MitraClassifier, MitraRegressor

X = np.random.default_rng(0).normal(size=(24, 3))
LABELS = {
    MitraClassifier: (np.arange(24) % 2, np.array(["a", "b", "c"])[np.arange(24) % 3]),
    MitraRegressor: (X[:, 0], 1000 - X[:, 1]),
}


@pytest.fixture(autouse=True)
def switch_often():
    """Between threads, after almost every instruction."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def make(cls, y):
    return cls(max_support=12, n_estimators=1, n_jobs=1).fit(X, y)


def while_changing(change, use, n_changes=20):
    """What ``use`` returns in two threads, over and over, while ``change`` runs in this one."""
    results, done = [], []

    def use_until_done():
        while not done:
            results.append(use())

    with ThreadPoolExecutor(2) as pool:
        users = [pool.submit(use_until_done) for _ in range(2)]
        try:
            for i in range(n_changes):
                change(i)
        finally:
            done.append(True)
        for user in users:
            user.result()  # raises what was raised there
    return results


def is_same(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and (a == b).all()


@pytest.mark.parametrize(
    ("cls", "method"),
    [
        *((cls, "predict") for cls in ESTIMATORS),
        (MitraClassifier, "predict_proba"),
        (MitraClassifier, "predict_log_proba"),
    ],
)
def test_predictions_come_from_the_previous_fit_or_the_next(cls, method):
    ys = LABELS[cls]
    expected = [getattr(make(cls, y), method)(X) for y in ys]
    estimator = make(cls, ys[0])
    results = while_changing(
        lambda i: estimator.fit(X, ys[i % 2]), lambda: getattr(estimator, method)(X)
    )
    assert results
    for result in results:
        assert is_same(result, expected[0]) or is_same(result, expected[1])


def test_intervals_come_from_the_previous_fit_or_the_next():
    """The residuals of a fit's support are learned when they are first asked for."""
    ys = LABELS[MitraRegressor]
    expected = [make(MitraRegressor, y).predict_interval(X) for y in ys]
    estimator = make(MitraRegressor, ys[0])
    results = while_changing(
        lambda i: estimator.fit(X, ys[i % 2]), lambda: estimator.predict_interval(X)
    )
    assert results
    for result in [*results, estimator.predict_interval(X)]:
        assert is_same(result, expected[0]) or is_same(result, expected[1])


@both
def test_predictions_are_right_or_say_that_the_estimator_was_disposed_of(cls):
    y = LABELS[cls][1]
    expected = make(cls, y).predict(X)
    estimator = make(cls, y)

    def predict():
        try:
            return estimator.predict(X)
        except DisposedError:
            return None

    results = while_changing(
        lambda i: estimator.fit(X, y) if i % 2 else estimator.dispose(), predict
    )
    assert results
    for result in results:
        assert result is None or is_same(result, expected)


@both
def test_a_bundle_holds_a_single_fit(cls):
    ys = LABELS[cls]
    bundles = [make(cls, y).save() for y in ys]
    estimator = make(cls, ys[0])

    def save():
        try:
            return estimator.save()
        except DisposedError:
            return None

    changes = [lambda y=y: estimator.fit(X, y) for y in ys]
    changes.append(estimator.dispose)
    for bundle in while_changing(lambda i: changes[i % 3](), save, n_changes=60):
        assert bundle is None or bundle in bundles


@both
def test_learned_attributes_come_from_one_fit_or_are_missing(cls):
    estimator, y = make(cls, LABELS[cls][0]), LABELS[cls][0]
    expected = estimator.X_support_

    def read():
        return [getattr(estimator, "X_support_", None) for _ in range(100)]

    results = while_changing(lambda i: estimator.fit(X, y) if i % 2 else estimator.dispose(), read)
    assert results
    for found in sum(results, []):
        assert found is None or is_same(found, expected)


@both
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(cls):
    y = LABELS[cls][0]
    estimator = make(cls, y)
    expected, state = outputs(estimator, X), dict(vars(estimator))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        estimator.fit(X[:-1], y)
    assert vars(estimator) == state
    same(outputs(estimator, X), expected)
    unfitted = cls()
    with pytest.raises(ValueError, match="inconsistent numbers"):
        unfitted.fit(X[:-1], y)
    with pytest.raises(NotFittedError):
        unfitted.predict(X)
