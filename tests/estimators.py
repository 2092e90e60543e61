"""Small tables and estimators for the tests of both estimators."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._network.runtime import Runtime

ESTIMATORS = [MitraClassifier, MitraRegressor]
both = pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)


def make_table(n_rows=80, n_features=4, seed=0):
    """A table, and y that both a classifier (0 or 1) and a regressor can take."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, (X[:, 0] + 0.5 * X[:, -1] > 0).astype(int)


def small(cls=MitraClassifier, **params):
    return cls(**{"max_support": 40, "n_estimators": 1, **params})


def outputs(estimator, X):
    """Predictions of every kind side by side."""
    if isinstance(estimator, MitraClassifier):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def member_outputs(estimator, x):
    """What the network puts out for encoded rows: a list of (EnsembleMember, outputs)."""
    model = estimator._model
    _, ready = model.context.prepare(Runtime.resolve(1))
    return list(zip(model.members, model.run(x, ready)[1]))


def same(a, b):
    np.testing.assert_array_equal(a, b, strict=True)


def with_value(value):
    X, _ = make_table()
    X[5, 1] = value
    return X


def run_in_threads(function, n_threads=8):
    """What a function returns in each of several threads that start it at the same moment."""
    barrier = threading.Barrier(n_threads)

    def start(_):
        barrier.wait()
        return function()

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(start, range(n_threads)))
