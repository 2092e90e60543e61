"""Small estimators for the tests of both estimators."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tables import make_table

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._network.runtime import Runtime

TASKS = {MitraClassifier: "classification", MitraRegressor: "regression"}
ESTIMATORS = [*TASKS]
both = pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)


def small(cls=MitraClassifier, **params):
    return cls(**{"max_support": 40, "n_estimators": 1, **params})


def outputs(estimator, X):
    """Predictions of every kind side by side."""
    if isinstance(estimator, MitraClassifier):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def member_outputs(estimator, x):
    """The network's outputs for encoded rows: a list of (EnsembleMember, outputs)."""
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
