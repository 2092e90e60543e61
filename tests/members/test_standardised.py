"""Standardised terms against NumPy's means and deviations of each."""

import numpy as np
import pytest
from tables import make_encoded_rows as make_table

from sklearn_mitra._members.standardised import StandardisedTerms, frequent_codes

X = make_table(60)
CODES = {1: [-1.0], 2: [0.0, 2.0]}


def test_terms_have_mean_zero_and_deviation_one():
    fitted = StandardisedTerms.fit(X, CODES)
    values = np.column_stack([X[:, 1], X[:, 2] == 0, X[:, 2] == 2]).astype(float)
    expected = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(fitted.z, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.terms.transform(X) / fitted.scales, fitted.z, atol=1e-12)


def test_a_number_has_a_term_from_each_knot_on():
    low, knot, high = (float(np.quantile(X[:, 1], q)) for q in (0, 0.5, 1))
    fitted = StandardisedTerms.fit(X, {1: [-1.0]}, [0.5])
    assert fitted.terms.lows.tolist() == [low, knot] and fitted.terms.highs.tolist() == [high] * 2
    beyond = np.maximum(X[:, 1].astype(float), knot)
    expected = (beyond - beyond.mean()) / beyond.std()
    np.testing.assert_allclose(fitted.z[:, 1], expected, rtol=1e-9, atol=1e-12)


def test_knots_that_are_an_end_or_the_same_bend_nothing():
    x = np.array([0] * 9 + [1], np.float32)[:, None]
    assert StandardisedTerms.fit(x, {0: [-1.0]}, [0.25, 0.5, 0.75]).z.shape == (10, 1)
    x = np.array([0] + [1] * 8 + [2], np.float32)[:, None]
    assert StandardisedTerms.fit(x, {0: [-1.0]}, [0.25, 0.5, 0.75]).z.shape == (10, 2)


def test_what_does_not_vary_is_left_out():
    x = np.column_stack([X, np.full(60, 7, np.float32)])
    codes = {1: [-1.0], 2: [0.0, 9.0], 3: [-1.0]}
    fitted = StandardisedTerms.fit(x, codes)
    assert fitted.terms.sources.tolist() == [1, 2] and fitted.z.shape == (60, 2)
    assert StandardisedTerms.fit(x, {3: [-1.0]}).z.shape == (60, 0)
    assert StandardisedTerms.fit(x, {}).z.shape == (60, 0)


def test_functions_of_the_terms_are_those_of_the_table():
    fitted = StandardisedTerms.fit(X, CODES, [0.5])
    rng = np.random.default_rng(0)
    weights, intercepts = rng.normal(size=(4, 2)), rng.normal(size=2)
    function = fitted.function(weights, intercepts)
    np.testing.assert_allclose(
        function.transform(X), fitted.z @ weights + intercepts, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("n_categories", [0, 3])
def test_levels_are_those_of_the_column_by_frequency(n_categories):
    column = np.array([2, 0, 2, 1, 0, 2, 0.5], np.float32)  # 0.5 stands for a missing value
    expected = [2.0, 0.0, 1.0] if n_categories else [-1.0]
    assert frequent_codes(column, n_categories) == expected


def test_only_the_most_frequent_levels_have_terms():
    rng = np.random.default_rng(1)
    column = np.concatenate([np.arange(100), rng.integers(0, 20, 400)]).astype(np.float32)
    levels = frequent_codes(column, 100)
    assert len(levels) == 30 and {*range(20)} <= {*levels}
