"""Functions of encoded columns: what they compute, to the bit for every row, and in bundles."""

from dataclasses import replace

import numpy as np
import pytest
from linear_functions import N_FEATURES, assert_same_linear, fields, make_linear, make_terms
from memory import traced_memory
from tables import make_encoded_rows as make_table

from sklearn_mitra import BundleError
from sklearn_mitra._members.boosted_trees import Trees
from sklearn_mitra._members.functions import Functions, Linear, Rows, StoredFunctions, Terms

X = make_table()


def naive_linear(linear, x):
    t = linear.terms
    result = np.tile(linear.intercepts, (len(x), 1))
    for i, row in enumerate(x.astype(np.float64)):
        for source, level, low, high, mean, weights in zip(
            t.sources, t.levels, t.lows, t.highs, t.means, linear.weights
        ):
            value = row[source] if level == -1 else float(row[source] == level)
            result[i] += (min(max(value, low), high) - mean) * weights
    return result


def make_trees():
    """Two trees of one node each: of column 0 at 0.5, and of column 1 at -1."""
    values = np.array([[1, 2], [10, 20]], np.float32)
    return Trees(np.array([[0], [1]], np.int32), np.array([[0.5], [-1]], np.float32), values)


# ---- what they compute ---------------------------------------------------------------------------


def test_terms_are_numbers_in_their_range_and_single_levels():
    x = np.array([[0, 0.5, 0], [0, -3, 1], [0, 9, 2], [0, 9, 1.5]], np.float32)
    expected = [
        [0.25, 0.5, -0.125],
        [-1.25, -0.5, -0.125],
        [1.75, -0.5, 0.875],
        [1.75, -0.5, -0.125],
    ]
    np.testing.assert_array_equal(make_terms().transform(x), expected)


def test_functions_add_up_their_terms():
    linear = make_linear()
    np.testing.assert_allclose(linear.transform(X), naive_linear(linear, X), rtol=1e-12)
    assert linear.transform(X[:0]).shape == (0, 2)


def test_a_function_without_terms_is_its_intercept():
    terms = Terms(np.zeros(0, np.int64), *[np.zeros(0)] * 4)
    values = Linear(terms, np.zeros((0, 2)), np.array([0.5, -3])).transform(X)
    np.testing.assert_array_equal(values, np.tile([0.5, -3], (40, 1)))


def test_trees_are_added_to_functions():
    linear = make_linear(1)
    expected = linear.transform(X)[:, 0] + np.where(X[:, 0] > 0.5, 2, 1)
    expected += np.where(X[:, 1] > -1, 20, 10)
    both = replace(linear, trees=make_trees())
    np.testing.assert_allclose(both.transform(X)[:, 0], expected, rtol=1e-12)


def test_steps_are_terms_nodes_and_leaves():
    linear = make_linear()
    assert linear.n_steps == 3
    assert replace(linear, trees=make_trees()).n_steps == 7


@pytest.mark.parametrize("n_terms", [1, 7, 300])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(n_terms):
    rng = np.random.default_rng(0)
    sources = rng.integers(0, N_FEATURES, n_terms)
    limits = np.full(n_terms, 5.0)
    terms = Terms(sources, np.full(n_terms, -1.0), -limits, limits, rng.normal(size=n_terms))
    linear = Linear(terms, rng.normal(size=(n_terms, 16)), rng.normal(size=16))
    together = linear.transform(X)
    for size in (1, 2, 3, 17):
        parts = [linear.transform(X[i : i + size]) for i in range(0, len(X), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_blocks_of_rows_and_terms_change_no_bit(monkeypatch):
    function = make_linear()
    together = function.transform(X)
    monkeypatch.setattr("sklearn_mitra._members.functions._BLOCK_ROWS", 7)
    monkeypatch.setattr("sklearn_mitra._members.functions._BLOCK_TERMS", 2)
    np.testing.assert_array_equal(function.transform(X), together)


def test_many_terms_of_many_rows_take_little_memory():
    n_terms = 500
    zeros, ones = np.zeros(n_terms), np.ones(n_terms)
    terms = Terms(np.zeros(n_terms, np.int64), zeros - 1, zeros, ones, zeros)
    function, x = Linear(terms, ones[:, None], np.zeros(1)), np.ones((100_000, 1), np.float32)
    with traced_memory(2**23):  # 400 MB as one table
        values = Rows(x).apply(function)
    assert (values == n_terms).all()


def test_a_function_of_rows_is_computed_once(monkeypatch):
    first = make_linear()
    second, calls = replace(first, weights=first.weights + 1), []
    transform = Terms.transform
    monkeypatch.setattr(Terms, "transform", lambda self, x: calls.append(1) or transform(self, x))
    rows = Rows(X)
    for function in (first, second, first, second):
        np.testing.assert_array_equal(rows.apply(function), function.transform(X))
    assert rows.apply(first) is rows.apply(first)
    assert len(calls) == 6  # four in the comparison


# ---- in bundles ----------------------------------------------------------------------------------


def store(*linear):
    """Functions out of a bundle."""
    functions = Functions()
    for function in linear:
        functions.place(function)
    return StoredFunctions(fields(functions.pack()), N_FEATURES)


def test_they_come_back_from_json():
    first, second = make_linear(), replace(make_linear(1), trees=make_trees())
    stored = store(first, second)
    for place, function in enumerate((first, second)):
        found = stored.find(fields({"function": place}))
        assert_same_linear(found, function)
        np.testing.assert_array_equal(found.transform(X), function.transform(X))
    np.testing.assert_equal(vars(found.trees), vars(second.trees))


def test_functions_with_the_same_terms_have_them_once():
    first = make_linear()
    functions, again = Functions(), replace(first, intercepts=first.intercepts + 1)
    assert [functions.place(f) for f in (first, again, first)] == [0, 1, 0]
    packed = functions.pack()
    assert (len(packed["terms"]), len(packed["functions"])) == (1, 2)
    read = StoredFunctions(fields(packed), N_FEATURES)
    found = [read.find(fields({"function": i}), 2) for i in (0, 1, 0)]
    assert found[0] is found[2] and found[0].terms is found[1].terms


WRONG = {
    "a column beyond the table": ("sources", np.array([0, 1, 3])),
    "a negative column": ("sources", np.array([0, 1, -1])),
    "too few levels": ("levels", np.zeros(2)),
    "huge limits": ("lows", np.array([0, 0, -1e300])),
    "huge means": ("means", np.array([0, 0, 1e300])),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
def test_wrong_terms_are_named(name, value):
    terms = Terms(**{**vars(make_terms()), name: value})
    with pytest.raises(BundleError, match=f"'{name}'"):
        store(Linear(terms, np.ones((3, 1)), np.zeros(1)))


@pytest.mark.parametrize(
    ("weights", "intercepts", "name"),
    [
        (np.ones((2, 1)), np.zeros(1), "weights"),
        (np.ones((3, 2)), np.zeros(1), "weights"),
        (np.full((3, 1), 1e200), np.zeros(1), "weights"),
        (np.ones((3, 0)), np.zeros(0), "intercepts"),
    ],
)
def test_wrong_functions_are_named(weights, intercepts, name):
    with pytest.raises(BundleError, match=f"'{name}'"):
        store(Linear(make_terms(), weights, intercepts))


def test_a_function_of_other_values_is_named():
    stored = store(make_linear(2))
    assert stored.find(fields({"function": 0})) is stored.find(fields({"function": 0}), 2)
    with pytest.raises(BundleError, match="'function' in a view must be .* with 3 values"):
        stored.find(fields({"function": 0}), 3)


@pytest.mark.parametrize("place", [-1, 2, True, None, "0"])
def test_places_of_functions_and_terms_that_are_not_there(place):
    functions = Functions()
    assert [functions.place(make_linear()) for _ in range(2)] == [0, 1]
    both = functions.pack()
    stored = StoredFunctions(fields(both), N_FEATURES)
    with pytest.raises(BundleError, match="'function' in a view must be an integer, 0 to 1"):
        stored.find(fields({"function": place}))
    both["functions"][0]["terms"] = place
    with pytest.raises(BundleError, match=r"'terms' in 'functions'\[0\] in a view must be"):
        StoredFunctions(fields(both), N_FEATURES)
