"""The default student: linear functions, and boosting of what they leave."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator
from tables import make_targets

from sklearn_mitra._distill.student import LinearBoosting

CHECKS = [
    pytest.param(estimator, check, id=getattr(check, "func", check).__name__)
    for estimator, check in estimator_checks_generator(LinearBoosting())
    if getattr(check, "func", check).__name__ != "check_array_api_input"  # needs SCIPY_ARRAY_API
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    check(estimator)


def test_sums_of_many_columns_are_learned_better_than_by_trees_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 20))
    y = X.sum(axis=1) + np.abs(X[:, 0])
    ours = LinearBoosting(0).fit(X[:300], y[:300])
    trees = HistGradientBoostingRegressor(random_state=0).fit(X[:300], y[:300])
    assert 1 - ours.score(X[300:], y[300:]) < 0.2 * (1 - trees.score(X[300:], y[300:]))


def test_linear_functions_are_those_of_ridge_regression():
    X, y = make_targets(noise=0)
    X = X * [1, 100, 1e-3] + [5, 0, 0]
    fitted = LinearBoosting().fit(X, y)
    np.testing.assert_allclose(fitted._predict_linear(X)[:, 0], y, atol=1e-3)
    np.testing.assert_allclose(fitted.coef_[:, 0] * [1, 100, 1e-3], [1, -0.5, 0], atol=1e-3)


def test_several_outputs_are_learned_as_each_alone():
    X, y = make_targets()
    alone = LinearBoosting(0).fit(X, y).predict(X)
    assert alone.shape == (len(X),)
    # one penalty serves all outputs, which for these is the same
    both = LinearBoosting(0).fit(X, np.column_stack([y, -3 * y])).predict(X)
    np.testing.assert_allclose(both, np.column_stack([alone, -3 * alone]), rtol=1e-5)


def test_numbers_beyond_training_are_clipped():
    X, y = make_targets()
    fitted = LinearBoosting(0).fit(X, y)
    far = np.full((1, 3), 1e9)
    np.testing.assert_array_equal(fitted.predict(far), fitted.predict(X.max(axis=0)[None]))


def test_a_row_has_the_same_bits_in_any_batch():
    X = np.random.default_rng(0).normal(size=(60, 7))
    y = X @ np.random.default_rng(1).normal(size=(7, 3))
    fitted = LinearBoosting(0).fit(X, y)
    whole = fitted.predict(X)
    for size in (1, 2, 17):
        parts = [fitted.predict(X[i : i + size]) for i in range(0, 60, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(fitted.predict(X[::-1])[::-1], whole)
