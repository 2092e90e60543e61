"""Features columns and trends: what they compute, to the bit for every row, and in bundles."""

import json
from dataclasses import replace

import numpy as np
import pytest
from memory import traced_memory

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields
from sklearn_mitra._members.boosted_trees import Trees
from sklearn_mitra._members.features import Baseline, Features, LogitBlend
from sklearn_mitra._members.functions import Functions, Linear, Rows, StoredFunctions, Terms

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=(40, 2)), RNG.integers(0, 3, 40)]).astype(np.float32)


def make_terms():
    """Of a column of numbers, from -1 to 2, and two levels of a category."""
    return Terms(
        np.array([1, 2, 2]),
        np.array([-1.0, 0, 2]),
        np.array([-1.0, 0, 0]),
        np.array([2.0, 1, 1]),
        np.array([0.25, 0.5, 0.125]),
    )


def make_linear(n_functions=2):
    weights = RNG.normal(size=(3, n_functions))
    return Linear(make_terms(), weights, RNG.normal(size=n_functions))


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


@pytest.mark.parametrize("n_terms", [1, 7, 300])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(n_terms):
    sources = RNG.integers(0, 3, n_terms)
    limits = np.full(n_terms, 5.0)
    terms = Terms(sources, np.full(n_terms, -1.0), -limits, limits, RNG.normal(size=n_terms))
    linear = Linear(terms, RNG.normal(size=(n_terms, 16)), RNG.normal(size=16))
    together = linear.transform(X)
    for size in (1, 2, 3, 17):
        parts = [linear.transform(X[i : i + size]) for i in range(0, len(X), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_support_rows_have_the_values_that_were_held_out():
    linear, held_out = make_linear(), RNG.normal(size=(40, 2)).astype(np.float32)
    for derived, expected in [
        (Features(linear), linear.transform(X)),
        (Features(linear, held_out), held_out),
    ]:
        assert derived.n_columns == 2
        assert derived.support(X).dtype == derived.query(Rows(X)).dtype == np.float32
        np.testing.assert_array_equal(derived.support(X), expected.astype(np.float32))
        np.testing.assert_array_equal(
            derived.query(Rows(X)), linear.transform(X).astype(np.float32)
        )


def test_a_trend_that_was_removed_is_added_again():
    function = make_linear(1)
    y = RNG.random(40).astype(np.float32)
    rest = y - function.transform(X)[:, 0]
    trend = Baseline(function, rest.min(), rest.max())
    shown = trend.remove(y, X)
    assert shown.dtype == np.float32 and shown.min() == 0 and shown.max() == 1
    np.testing.assert_allclose(trend.add(shown.astype(np.float64), Rows(X)), y, rtol=0, atol=1e-6)
    half = Baseline(function, trend.low, trend.high, 0.5).add(shown.astype(np.float64), Rows(X))
    np.testing.assert_allclose(half, y - rest / 2, rtol=0, atol=1e-6)


def test_a_trend_leaves_of_support_rows_what_was_held_out():
    y, held_out = RNG.random(40).astype(np.float32), RNG.random(40).astype(np.float32)
    function = make_linear(1)
    shown = Baseline(function, -1.0, 1.0, held_out=held_out).remove(y, X)
    np.testing.assert_allclose(shown, (y - held_out + 1) / 2, rtol=0, atol=1e-6)


def test_trees_are_added_to_functions():
    linear = make_linear(1)
    values = np.array([[1, 2], [10, 20]], np.float32)
    trees = Trees(np.array([[0], [1]], np.int32), np.array([[0.5], [-1]], np.float32), values)
    expected = linear.transform(X)[:, 0] + np.where(X[:, 0] > 0.5, 2, 1)
    expected += np.where(X[:, 1] > -1, 20, 10)
    both = replace(linear, trees=trees)
    np.testing.assert_allclose(both.transform(X)[:, 0], expected, rtol=1e-12)
    again = unpack(Features(both), 40).function
    np.testing.assert_array_equal(again.transform(X), both.transform(X))


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


def test_blocks_of_rows_and_terms_change_no_bit(monkeypatch):
    function = make_linear()
    together = function.transform(X)
    monkeypatch.setattr("sklearn_mitra._functions._BLOCK_ROWS", 7)
    monkeypatch.setattr("sklearn_mitra._functions._BLOCK_TERMS", 2)
    np.testing.assert_array_equal(function.transform(X), together)


def test_many_terms_of_many_rows_take_little_memory():
    n_terms = 500
    zeros, ones = np.zeros(n_terms), np.ones(n_terms)
    terms = Terms(np.zeros(n_terms, np.int64), zeros - 1, zeros, ones, zeros)
    function, x = Linear(terms, ones[:, None], np.zeros(1)), np.ones((100_000, 1), np.float32)
    with traced_memory(2**23):  # 400 MB as one table
        values = Rows(x).apply(function)
    assert (values == n_terms).all()


def test_a_trend_that_leaves_nothing_is_the_prediction():
    function = make_linear(1)
    y = function.transform(X)[:, 0].astype(np.float32)
    trend = Baseline(function, 0.0, 0.0)
    assert np.abs(trend.remove(y, X)).max() < 1e-6
    np.testing.assert_array_equal(trend.add(RNG.random(40), Rows(X)), function.transform(X)[:, 0])


# ---- in bundles ----------------------------------------------------------------------------------


def fields(packed):
    return BundleFields(json.loads(json.dumps(packed)), "a view")


def unpack(part, size):
    """A part of a view out of a bundle with its functions, of so many support rows or classes."""
    functions = Functions()
    packed = part.pack(functions)
    stored = StoredFunctions(fields(functions.pack()), 4, 3)
    return type(part).unpack(fields(packed), stored, size)


def assert_same_linear(linear, other):
    np.testing.assert_equal(vars(linear.terms), vars(other.terms))
    np.testing.assert_array_equal(linear.weights, other.weights, strict=True)
    np.testing.assert_array_equal(linear.intercepts, other.intercepts, strict=True)


def test_they_come_back_from_json():
    for held_out in (None, X[:, :2]):
        derived = Features(make_linear(), held_out)
        again = unpack(derived, 40)
        assert_same_linear(again.function, derived.function)
        np.testing.assert_equal(again.held_out, held_out)
    vote = LogitBlend(make_linear(3), 0.25)
    again = unpack(vote, 3)
    assert_same_linear(again.function, vote.function)
    assert again.share == 0.25
    for held_out in (None, X[:, 0]):
        trend = Baseline(make_linear(1), -0.5, 0.25, 0.75, held_out)
        again = unpack(trend, 40)
        assert_same_linear(again.function, trend.function)
        assert (again.low, again.high, again.share) == (-0.5, 0.25, 0.75)
        np.testing.assert_equal(again.held_out, held_out)


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
    linear = Linear(terms, np.ones((3, 1)), np.zeros(1))
    with pytest.raises(BundleError, match=f"'{name}'"):
        unpack(Features(linear), 40)


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
    derived = Features(Linear(make_terms(), weights, intercepts))
    with pytest.raises(BundleError, match=f"'{name}'"):
        unpack(derived, 40)


def test_wrong_support_values_and_ranges_are_named():
    derived = Features(make_linear(), X[:39, :2])
    with pytest.raises(BundleError, match="'heldOut'"):
        unpack(derived, 40)
    for low, high in [(1.0, 0.0), (-1e300, 0.0)]:
        with pytest.raises(BundleError, match="'range' in a view must be two numbers, ascending"):
            unpack(Baseline(make_linear(1), low, high), 40)
    for share in (-0.1, 1.5):
        with pytest.raises(BundleError, match="'share' in a view must be a number, 0 to 1"):
            unpack(LogitBlend(make_linear(3), share), 3)
        with pytest.raises(BundleError, match="'share' in a view must be a number, 0 to 1"):
            unpack(Baseline(make_linear(1), 0.0, 1.0, share), 40)
    with pytest.raises(BundleError, match="'heldOut'"):
        unpack(Baseline(make_linear(1), 0.0, 1.0, 1.0, X[:39, 0]), 40)
    with pytest.raises(BundleError, match="'function' in a view must be .* of 3 values"):
        unpack(LogitBlend(make_linear(2), 0.5), 3)
    with pytest.raises(BundleError, match="'function' in a view must be .* of 1 values"):
        unpack(Baseline(make_linear(2), 0.0, 1.0), 40)


@pytest.mark.parametrize("place", [-1, 2, True, None, "0"])
def test_places_of_functions_and_terms_that_are_not_there(place):
    functions = Functions()
    packed = [Features(make_linear()).pack(functions) for _ in range(2)]
    assert [part["function"] for part in packed] == [0, 1]
    both = functions.pack()
    with pytest.raises(BundleError, match="'function' in a view must be an integer, 0 to 1"):
        part = fields({**packed[0], "function": place})
        Features.unpack(part, StoredFunctions(fields(both), 4, 3), 40)
    both["functions"][0]["terms"] = place
    with pytest.raises(BundleError, match=r"'terms' in 'functions'\[0\] in a view must be"):
        StoredFunctions(fields(both), 4, 3)


def test_functions_with_the_same_terms_have_them_once():
    first = make_linear()
    functions, again = Functions(), replace(first, intercepts=first.intercepts + 1)
    assert [functions.place(f) for f in (first, again, first)] == [0, 1, 0]
    packed = functions.pack()
    assert (len(packed["terms"]), len(packed["functions"])) == (1, 2)
    read = StoredFunctions(fields(packed), 4, 3)
    found = [read.find(fields({"function": i}), 2) for i in (0, 1, 0)]
    assert found[0] is found[2] and found[0].terms is found[1].terms
