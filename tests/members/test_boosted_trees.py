"""Boosted trees: what they compute, to the bit for every row, and in bundles."""

import json

import numpy as np
import pytest
from memory import traced_memory
from sklearn.ensemble import GradientBoostingRegressor

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields
from sklearn_mitra._members.boosted_trees import Trees, fit_trees

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)


def make_trees(n_trees=5, depth=3):
    return Trees(
        RNG.integers(0, 4, (n_trees, 2**depth - 1)).astype(np.int32),
        RNG.choice(X.ravel(), (n_trees, 2**depth - 1)),
        RNG.normal(size=(n_trees, 2**depth)).astype(np.float32),
    )


def naive_trees(trees, x):
    totals = []
    for row in x:
        total = 0.0
        for sources, limits, values in zip(trees.sources, trees.limits, trees.values):
            node = 0
            while node < len(sources):
                node = 2 * node + (2 if row[sources[node]] > limits[node] else 1)
            total += float(values[node - len(sources)])
        totals.append(total)
    return np.array(totals)


@pytest.mark.parametrize("depth", [1, 3])
def test_they_are_what_loops_compute(depth):
    trees = make_trees(depth=depth)  # limits are values, so some are equal to a row's
    np.testing.assert_array_equal(trees.transform(X), naive_trees(trees, X))
    assert trees.transform(X[:0]).shape == (0,)


def test_a_row_has_the_same_bits_alone_and_in_any_batch(monkeypatch):
    trees = make_trees(n_trees=300)
    together = trees.transform(X)
    monkeypatch.setattr("sklearn_mitra._members.boosted_trees._BLOCK_ROWS", 25)
    monkeypatch.setattr("sklearn_mitra._members.boosted_trees._BLOCK_TREES", 70)
    for size in (1, 2, 17, 60):
        parts = [trees.transform(X[i : i + size]) for i in range(0, 60, size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_many_trees_of_many_rows_take_little_memory():
    trees, x = make_trees(10_000, depth=1), np.zeros((2000, 4), np.float32)
    with traced_memory(2**24):  # 160 MB of nodes as one table
        trees.transform(x)


def test_a_product_has_other_values():
    trees = make_trees()
    np.testing.assert_allclose((trees * 0.5).transform(X), trees.transform(X) / 2, rtol=1e-6)


def make_folds(n_rows):
    return [np.arange(i, n_rows, 3) for i in range(3)]


def test_the_fitted_follow_crossed_columns_of_rows_held_out():
    x = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    y = ((x[:, 1] > 0) == (x[:, 3] > 0)).astype(np.float64)
    trees, held_out = fit_trees(x, y, np.array([1, 3]), make_folds(300), 0)
    assert {*trees.sources.ravel()} <= {0, 1, 3}  # a node that sends all rows left reads 0
    assert np.corrcoef(held_out, y)[0, 1] > 0.9
    noise = np.random.default_rng(2).normal(size=300)
    trees, held_out = fit_trees(x, noise, np.arange(4), make_folds(300), 0)
    assert (
        abs(np.corrcoef(held_out, noise)[0, 1]) < 0.2 < np.corrcoef(trees.transform(x), noise)[0, 1]
    )


@pytest.mark.parametrize("n_rows", [3, 4, 7])
def test_few_rows_and_constant_targets(n_rows):
    trees, held_out = fit_trees(
        X[:n_rows], np.full(n_rows, 2.5), np.arange(4), make_folds(n_rows), 0
    )
    np.testing.assert_allclose(trees.transform(X), 2.5, rtol=1e-6)
    np.testing.assert_allclose(held_out, 2.5, rtol=1e-6)


def test_the_fitted_are_scikit_learns(monkeypatch):
    models, fit = [], GradientBoostingRegressor.fit
    monkeypatch.setattr(
        GradientBoostingRegressor, "fit", lambda self, *a: models.append(fit(self, *a)) or self
    )
    y = X[:, 0] + np.abs(X[:, 2]).astype(np.float64)
    folds = make_folds(60)
    trees, held_out = fit_trees(X, y, np.arange(4), folds, 0)
    parts = [np.delete(y, fold).mean() + m.predict(X) for fold, m in zip(folds, models)]
    np.testing.assert_allclose(trees.transform(X), np.mean(parts, axis=0), rtol=0, atol=1e-5)
    for fold, part in zip(folds, parts):
        np.testing.assert_allclose(held_out[fold], part[fold], rtol=0, atol=1e-5)


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(trees):
    return Trees.unpack(BundleFields(json.loads(json.dumps(trees.pack())), "a view"), 4)


def test_they_come_back_from_json():
    trees = make_trees()
    np.testing.assert_equal(vars(unpack(trees)), vars(trees))


WRONG = {
    "a column beyond the table": ("sources", np.full((5, 7), 4, np.int32)),
    "a negative column": ("sources", np.full((5, 7), -1, np.int32)),
    "too few nodes": ("sources", np.zeros((5, 6), np.int32)),
    "too many limits": ("limits", np.zeros((5, 8), np.float32)),
    "leaves that are no power of two": ("values", np.zeros((5, 7), np.float32)),
    "no leaves": ("values", np.zeros((5, 0), np.float32)),
    "no nodes": ("values", np.zeros((5, 1), np.float32)),
    "no trees": ("values", np.zeros((0, 8), np.float32)),
    "deep trees": ("values", np.zeros((5, 2**11), np.float32)),
    "huge values": ("values", np.full((5, 8), np.inf, np.float32)),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
def test_wrong_arrays_are_named(name, value):
    wrong = Trees(**{**vars(make_trees()), name: value})
    with pytest.raises(BundleError, match=f"'{name}'"):
        unpack(wrong)
