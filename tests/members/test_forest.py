"""Trees as arrays, against a loop over their nodes and against scikit-learn's predictions."""

import json

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members import forest as forests
from sklearn_mitra._members.forest import DEEPEST, Forest, join_trees
from sklearn_mitra._members.training_table import TrainingTable
from sklearn_mitra._members.tree_models import fit_tree_model


def draw_tree(rng, n_columns, n_values, n_splits=6):
    """A tree of nodes of its own: any of its leaves is split, again and again."""
    sources, limits, lefts, rights = [-1], [0.0], [-1], [-1]
    for _ in range(n_splits):
        node = rng.choice([i for i, source in enumerate(sources) if source < 0])
        sources[node], limits[node] = rng.integers(n_columns), float(rng.normal())
        lefts[node], rights[node] = len(sources), len(sources) + 1
        sources += [-1, -1]
        limits += [0.0, 0.0]
        lefts += [-1, -1]
        rights += [-1, -1]
    values = rng.normal(size=(len(sources), n_values))
    return tuple(map(np.array, (sources, limits, lefts, rights))) + (values,)


def draw_forest(n_trees=7, n_columns=3, n_values=1, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 12, n_trees)
    return join_trees([draw_tree(rng, n_columns, n_values, n) for n in sizes])


def draw_rows(n_rows=50, n_columns=3, seed=1):
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns)).astype(np.float32)


def naive(forest, x, n_outputs):
    """Sums of leaves, row by row, tree by tree, node by node."""
    total = np.zeros((len(x), n_outputs))
    for i, row in enumerate(x):
        for k, node in enumerate(forest.roots):
            while forest.sources[node] >= 0:
                goes_left = row[forest.sources[node]] <= forest.limits[node]
                node = (forest.lefts if goes_left else forest.rights)[node]
            values = forest.values[forest.lefts[node]]
            if len(values) == n_outputs:
                total[i] += values
            else:
                total[i, k % n_outputs] += values[0]
    return total


@pytest.mark.parametrize(("n_values", "n_outputs"), [(1, 1), (1, 3), (3, 3)])
def test_sums_are_those_of_a_loop(n_values, n_outputs):
    for seed in range(5):
        forest, x = draw_forest(6, n_values=n_values, seed=seed), draw_rows()
        expected = naive(forest, x, n_outputs)
        np.testing.assert_array_equal(forest.transform(x, n_outputs), expected, strict=True)


def test_trees_of_one_leaf_only_add_it():
    leaf = tuple(np.array([n]) for n in (-1, 0.0, -1, -1))
    forest = join_trees([(*leaf, np.array([[2.5]])), (*leaf, np.array([[-1.0]]))])
    np.testing.assert_array_equal(forest.transform(draw_rows(), 1), np.full((50, 1), 1.5))
    assert forest.depth == 0


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_row_has_the_same_bits_alone_and_in_batches(n_outputs, monkeypatch):
    forest, x = draw_forest(60), draw_rows(41)
    whole = forest.transform(x, n_outputs)
    for block in (1, 60, 500):
        monkeypatch.setattr(forests, "_BLOCK", block)
        np.testing.assert_array_equal(forest.transform(x, n_outputs), whole)
        for size in (1, 2, 7):
            parts = [forest.transform(x[i : i + size], n_outputs) for i in range(0, 41, size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert forest.transform(x[:0], n_outputs).shape == (0, n_outputs)


def test_limits_divide_numbers_of_float32_as_those_of_float64_do():
    x = np.unique(draw_rows(200, 1))[:, None]
    middles = (x[:-1, 0].astype(np.float64) + x[1:, 0]) / 2
    above, below = (np.nextafter(x[:, 0].astype(np.float64), end) for end in (np.inf, -np.inf))
    for limits in (middles, x[:, 0].astype(np.float64), above, below):
        for limit in [*limits, 1e300, -1e300]:
            tree = map(np.array, ([0, -1, -1], [limit, 0, 0], [1, -1, -1], [2, -1, -1]))
            forest = join_trees([(*tree, np.array([[0.0], [1.0], [2.0]]))])
            expected = np.where(x.astype(np.float64) <= limit, 1.0, 2.0)
            np.testing.assert_array_equal(forest.transform(x, 1), expected)


# ---- scikit-learn's ------------------------------------------------------------------------------


def make_table(n_classes, n_rows=300, seed=0):
    """A column of numbers, one of few of them, so that there are ties, one with a heavy tail."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [rng.normal(size=n_rows), rng.integers(0, 4, n_rows) / 3, rng.standard_cauchy(n_rows) ** 3]
    ).astype(np.float32)
    score = x[:, 0] + 2 * (x[:, 1] > 0.4) + 0.3 * rng.normal(size=n_rows)
    if not n_classes:
        return x, score.astype(np.float32)
    return x, np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score)


def fit_all(kind, x, y, n_classes):
    rows, columns = np.arange(len(x)), np.arange(x.shape[1])
    table = TrainingTable(x, y, rows, columns, [0] * x.shape[1], n_classes)
    return fit_tree_model(kind, table, table.y, rows, seed=3, n_threads=1)


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_boosting_of_classes_predicts_what_scikit_learns_does(n_classes):
    x, y = make_table(n_classes)
    model = HistGradientBoostingClassifier(l2_regularization=1, random_state=3)
    expected = model.fit(x, y).predict_proba(x)
    found = fit_all("boosting", x, y, n_classes).answers(x)
    np.testing.assert_allclose(found, np.log(np.maximum(expected, np.exp(-7))), rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.exp(found), np.maximum(expected, np.exp(-7)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_extra_trees_of_classes_predict_what_scikit_learns_do(n_classes):
    x, y = make_table(n_classes)
    model = ExtraTreesClassifier(100, min_samples_leaf=2, max_depth=DEEPEST, random_state=3)
    expected = model.fit(x, y).predict_proba(x)
    found = fit_all("extra_trees", x, y, n_classes).answers(x)
    np.testing.assert_allclose(np.exp(found), np.maximum(expected, np.exp(-7)), rtol=0, atol=1e-6)


def test_trees_of_numbers_predict_what_scikit_learns_do():
    x, y = make_table(0)
    models = {
        "boosting": HistGradientBoostingRegressor(
            max_iter=200, l2_regularization=1, random_state=3
        ),
        "extra_trees": ExtraTreesRegressor(
            100, min_samples_leaf=2, max_depth=DEEPEST, random_state=3
        ),
    }
    for kind, model in models.items():
        found = fit_all(kind, x, y, 0).answers(x)
        np.testing.assert_allclose(found, model.fit(x, y).predict(x), rtol=1e-6, atol=1e-6)


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(packed, n_columns=3, n_outputs=1):
    fields = BundleFields(json.loads(json.dumps(packed)), "a model")
    return Forest.unpack(fields, n_columns, n_outputs)


@pytest.mark.parametrize(("n_values", "n_outputs"), [(1, 1), (1, 3), (3, 3)])
def test_forests_come_back_from_json(n_values, n_outputs):
    forest = draw_forest(n_values=n_values)
    again = unpack(forest.pack(), n_outputs=n_outputs)
    for name, values in vars(forest).items():
        np.testing.assert_array_equal(getattr(again, name), values, strict=True)


def chain(n_levels):
    """A tree that is a chain of nodes: each right child is the next."""
    nodes = np.arange(n_levels)
    leaves = n_levels + np.arange(n_levels + 1)
    return Forest(
        np.concatenate([nodes * 0, leaves * 0 - 1]).astype(np.int32),
        np.zeros(2 * n_levels + 1, np.float32),
        np.concatenate([leaves[:-1], np.arange(n_levels + 1)]).astype(np.int32),
        np.concatenate([[*nodes[1:], leaves[-1]], np.arange(n_levels + 1)]).astype(np.int32),
        np.zeros(1, np.int32),
        np.ones((n_levels + 1, 1), np.float32),
    )


def test_the_depth_is_that_of_the_deepest_tree():
    assert [chain(n).depth for n in (1, 2, 10)] == [1, 2, 10]
    assert unpack(chain(DEEPEST).pack()).depth == DEEPEST
    with pytest.raises(BundleError, match=f"'lefts' in a model must be nodes of at most {DEEPEST}"):
        unpack(chain(DEEPEST + 1).pack())


STUMP = {
    "sources": np.array([1, -1, -1], np.int32),
    "limits": np.zeros(3, np.float32),
    "lefts": np.array([1, 0, 1], np.int32),
    "rights": np.array([2, 0, 1], np.int32),
    "roots": np.array([0], np.int32),
    "values": np.ones((2, 1), np.float32),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sources", [3, -1, -1]),
        ("sources", [-2, -1, -1]),
        ("sources", []),
        ("sources", [[1, -1, -1]]),
        ("limits", [0.0, 0.0]),
        ("limits", [np.nan, 0.0, 0.0]),
        ("lefts", [1, 0]),
        ("lefts", [0, 0, 1]),  # a cycle
        ("lefts", [3, 0, 1]),
        ("lefts", [-1, 0, 1]),
        ("lefts", [1, 2, 1]),  # a leaf without a value
        ("lefts", [1, -1, 1]),
        ("rights", [0, 0, 1]),
        ("rights", [2, 0, 2]),
        ("rights", [2, 0, 1, 1]),
        ("roots", []),
        ("roots", [-1]),
        ("roots", [3]),
        ("roots", [0, 0]),
        ("values", [[1.0, 1.0], [1.0, 1.0]]),
        ("values", [1.0, 1.0]),
        ("values", [[1e31], [1.0]]),
        ("values", np.zeros((0, 1))),
        ("values", np.zeros((2, 0))),
    ],
)
def test_damaged_arrays_are_named(name, value):
    assert unpack(Forest(**STUMP).pack()).depth == 1
    damaged = {**STUMP, name: np.array(value, STUMP[name].dtype)}
    wrong = "lefts" if name == "values" and not len(value) else name
    with pytest.raises(BundleError, match=f"'({wrong}|data|shape)'|'{wrong}'"):
        unpack(Forest(**damaged).pack())


@pytest.mark.parametrize("name", ["sources", "lefts", "limits"])
def test_arrays_of_another_type_are_named(name):
    packed = {**Forest(**STUMP).pack(), name: pack(STUMP[name].astype(np.int64))}
    with pytest.raises(BundleError, match=f"'dtype' in '{name}'"):
        unpack(packed)
