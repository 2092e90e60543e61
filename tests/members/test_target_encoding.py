"""Target encoding: mean targets of levels, out of fold for training rows, and in bundles."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from bundle_tools import assert_survives, changed
from estimators import both, outputs, same
from sklearn.metrics import roc_auc_score

import sklearn_mitra
from sklearn_mitra import BundleError, MitraClassifier
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members.target_encoding import (
    FEWEST_CATEGORIES,
    TargetEncoding,
    fit_target_encoding,
)
from sklearn_mitra._members.training_table import TrainingTable

N_CATEGORIES = [0, 40, 5, 31]
COLUMNS = np.arange(4)


def make_codes(n_rows=200, seed=0):
    """A column of numbers and three of levels, of which some are missing, and targets."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n_rows), *(rng.integers(0, n, n_rows) for n in (40, 5))])
    x = np.column_stack([x, rng.integers(0, 31, n_rows)]).astype(np.float32)
    x[::9, 1] = x[::9, 1].mean()
    return x, rng


def fit(x, y, n_classes):
    """The encoding, and the columns with the out-of-fold means of each row."""
    support = np.arange(0, len(x), 2)
    encoding, table = fit_target_encoding(
        TrainingTable(x, y, support, COLUMNS, N_CATEGORIES, n_classes), seed=3
    )
    return encoding, table.x


def naive_mean(codes, y, code):
    """By rows; two more rows of the mean of all."""
    mean = y.mean(axis=0)
    if code != int(code):
        return mean
    rows = [y[i] for i in range(len(y)) if codes[i] == code]
    return (np.sum(rows, axis=0) + 2 * mean) / (len(rows) + 2) if rows else mean


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_means_of_query_rows_are_those_of_a_loop(n_classes):
    x, rng = make_codes()
    y = rng.integers(0, n_classes, 200) if n_classes else rng.random(200).astype(np.float32)
    encoding, _ = fit(x, y, n_classes)
    targets = (y[:, None] == np.arange(3)) if n_classes == 3 else y[:, None].astype(float)
    expected = [
        np.concatenate([row, *(naive_mean(x[:, j], targets, row[j]) for j in (1, 3))]) for row in x
    ]
    assert encoding.sources.tolist() == [1, 3]  # of 30 levels or more
    assert encoding.n_columns == 2 * (3 if n_classes == 3 else 1)
    found = encoding.query(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for size in (1, 2, 7):
        parts = [encoding.query(x[i : i + size]) for i in range(0, 200, size)]
        np.testing.assert_array_equal(np.concatenate(parts), found)


def test_unseen_levels_have_the_mean_of_all():
    x, rng = make_codes()
    y = rng.random(200).astype(np.float32)
    encoding, _ = fit(x, y, 0)
    rows = np.array([[0, code, 0, code] for code in (-1, 0.5, 40, 1e30)], np.float32)
    np.testing.assert_allclose(encoding.query(rows)[:, 4:], y.mean(dtype=float), rtol=1e-6)


def test_a_training_row_has_no_part_in_its_means():
    x, rng = make_codes()
    y = rng.random(200).astype(np.float32)
    encoding, table = fit(x, y, 0)
    np.testing.assert_array_equal(table[:, :4], x)
    np.testing.assert_array_equal(encoding.support(x[::2]), table[::2])
    for i in range(5):
        other = y.copy()
        other[i] += 5
        changed_encoding, changed_table = fit(x, other, 0)
        np.testing.assert_array_equal(changed_table[i], table[i])
        assert (changed_encoding.query(x[i : i + 1]) != encoding.query(x[i : i + 1])).any()


def test_tables_without_many_levels_have_none():
    x, _ = make_codes()
    levels = [0, FEWEST_CATEGORIES - 1, 5, 0]
    rows = np.arange(200)
    few = TrainingTable(x, x[:, 0], rows, COLUMNS, levels, 0)
    constant = TrainingTable(x, x[:, 0], rows, COLUMNS[:1], N_CATEGORIES, 0)
    one_row = TrainingTable(x[:1], x[:1, 0], rows[:1], COLUMNS, N_CATEGORIES, 0)
    for table in (few, constant, one_row):
        assert fit_target_encoding(table, 3) is None


# ---- in bundles ----------------------------------------------------------------------------------


def packed(**replaced):
    x, rng = make_codes()
    encoding, _ = fit(x, rng.integers(0, 3, 200), 3)
    return {**encoding.pack(), **{name: pack(value) for name, value in replaced.items()}}


def unpack(fields):
    fields = BundleFields(json.loads(json.dumps(fields)), "a bundle")
    return TargetEncoding.unpack(fields, 100, N_CATEGORIES, 3)


def test_they_come_back_from_json():
    x, rng = make_codes()
    encoding, _ = fit(x, rng.integers(0, 3, 200), 3)
    np.testing.assert_equal(vars(unpack(encoding.pack())), vars(encoding))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sources", np.array([1, 4])),
        ("sources", np.array([-1, 1])),
        ("sources", np.array([3, 1])),
        ("sources", np.array([1, 1])),
        ("sources", np.array([], np.int64)),
        ("means", np.zeros((70, 3))),
        ("means", np.zeros((71, 1))),
        ("means", np.full((71, 3), 1e40)),
        ("default", np.zeros(1)),
        ("default", np.full(3, -1e40)),
        ("heldOut", np.zeros((99, 6), np.float32)),
        ("heldOut", np.zeros((100, 2), np.float32)),
        ("heldOut", np.full((100, 6), 1e35, np.float32)),
    ],
)
def test_wrong_means_in_bundles_are_named(name, value):
    with pytest.raises(BundleError, match=f"'{name}'"):
        unpack(packed(**{name: value}))


# ---- in estimators -------------------------------------------------------------------------------


def make_ids(n_rows, seed=0):
    """A column of 60 ids that tells most of y, and two of numbers that tell a little."""
    rng = np.random.default_rng(seed)
    ids, numbers = rng.integers(0, 60, n_rows), rng.normal(size=(n_rows, 2))
    score = 2.5 * rng.normal(size=60)[ids] + 0.5 * numbers[:, 0]
    X = pd.DataFrame({"id": [f"id{i}" for i in ids], "a": numbers[:, 0], "b": numbers[:, 1]})
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(-2 * score))).astype(int)


@pytest.mark.slow
def test_ids_tell():
    X, y = make_ids(1400)
    classifier = MitraClassifier(members=["target_encoding"]).fit(X[:1000], y[:1000])
    assert roc_auc_score(y[1000:], classifier.predict_proba(X[1000:])[:, 1]) > 0.93


@both
def test_plain_members_see_codes(cls):
    X, y = make_ids(80)
    mixed = cls(members=["plain", "target_encoding", "compressed"], max_support=40).fit(X, y)
    plain = cls(members="plain", n_estimators=1, max_support=40).fit(X, y)
    members = mixed._model.members
    assert [member.columns.tolist() for member in members] == [[0, 1, 2], [1, 2, 3], []]
    assert mixed.X_support_.shape == (40, 3)
    assert plain._model.target_encoding is None
    table = mixed._model.target_encoding.support(mixed.X_support_)
    shown = [member.support(table, np.zeros(40, int))[0] for member in members]
    same(shown[0], mixed.X_support_)
    same(shown[1] * members[1].signs, table[:, 1:])


@both
def test_predictions_survive(cls):
    X, y = make_ids(100)
    estimator = cls(members=["components", "target_encoding"], max_support=40).fit(X[:80], y[:80])
    queries = X[60:].assign(id=X["id"][60:].where(X.index[60:] % 5 > 0, "new"))
    whole = outputs(estimator, queries)
    same(np.concatenate([outputs(estimator, queries[i : i + 1]) for i in range(3)]), whole[:3])
    same(outputs(pickle.loads(pickle.dumps(estimator)), queries), whole)
    assert_survives(estimator, queries)


def test_members_of_bundles_may_not_show_an_encoding_that_is_not_there():
    X, y = make_ids(80)
    bundle = MitraClassifier(members=["target_encoding"], max_support=40).fit(X, y).save()
    with pytest.raises(BundleError, match="'columns' in 'views'"):
        sklearn_mitra.load(changed(bundle, "sklearn_mitra", levelMeans=None))
    with pytest.raises(ValueError, match="The bundle has 1 ensemble members"):
        sklearn_mitra.load(bundle, n_estimators=2)
