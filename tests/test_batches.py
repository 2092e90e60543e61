"""A row's prediction has the same bits whatever rows it is predicted with."""

import numpy as np
import pytest
from bundle_tools import packed_members
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tables import make_rows

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._members.class_tree import ClassNode

N_QUERY = 6
LEVELS = 0.05, 0.5, 0.95


def assert_same_alone(predict, x):
    """Rows in one batch, in batches of two and of five, and one by one."""
    whole = predict(x)
    for n_rows in (1, 2, 5):
        parts = [predict(x[i : i + n_rows]) for i in range(0, len(x), n_rows)]
        assert_array_equal(np.concatenate(parts), whole, strict=True)


def assert_classifier_same_alone(clf, x):
    assert_same_alone(clf.predict_proba, x)
    assert_same_alone(clf.predict_log_proba, x)


def assert_regressor_same_alone(reg, x):
    def describe(rows):
        distribution = reg.predict_distribution(rows)
        parts = distribution.quantile(LEVELS), distribution.std(), distribution.mode()
        return np.column_stack(parts)

    assert_same_alone(reg.predict, x)
    assert_same_alone(describe, x)


@pytest.mark.parametrize("n_groups", [2, 8, 9, 10])
def test_a_node_spreads_permuted_logits_alike(n_groups):
    permutation = np.random.default_rng(0).permutation(n_groups)
    node = ClassNode(np.arange(3 * n_groups) % n_groups, n_nodes=3)
    logits = 5 * make_rows(20, n_groups)
    assert_same_alone(lambda rows: node.spread(rows[:, permutation]), logits)


@pytest.mark.parametrize("n_classes", [16, 40])
def test_more_classes_than_outputs(n_classes):
    x = make_rows(150, 5)
    clf = MitraClassifier().fit(x, np.arange(150) % n_classes)
    assert_classifier_same_alone(clf, x[:N_QUERY])


def test_nodes_of_many_groups():
    x = make_rows(200, 4)
    clf = MitraClassifier(members="plain", n_estimators=2).fit(x, np.arange(200) % 100)
    assert max(member["classes"]["shape"][0] for member in packed_members(clf)) >= 8
    assert_classifier_same_alone(clf, x[:N_QUERY])


@pytest.mark.parametrize("members", ["plain", "auto"])
def test_target_bins(members, make_checkpoint):
    x = make_rows(60, 3)
    params = {"model": make_checkpoint(32, 100, 2, 4, "REGRESSION"), "n_estimators": 4}
    reg = MitraRegressor(members=members, **params).fit(x, x[:, 0] + x[:, 1] ** 2)
    assert_regressor_same_alone(reg, x[:N_QUERY])


KINDS = st.sampled_from(["plain", "target_encoding", "components", "scores", "compressed"])


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_shape(data):
    n_columns = data.draw(st.integers(1, 9), "columns")
    members = data.draw(st.lists(KINDS, min_size=1, max_size=3), "members")
    n_classes = data.draw(st.one_of(st.just(0), st.integers(2, 30)), "classes, or 0")
    n_rows = data.draw(st.integers(max(12, n_classes), 60), "rows")
    x = make_rows(n_rows + N_QUERY, n_columns, data.draw(st.integers(0, 99), "seed"))
    x[:, 0] = np.round(x[:, 0])  # ties
    x, query = x[:n_rows], x[n_rows:]
    if n_classes:
        clf = MitraClassifier(members=members).fit(x, np.arange(n_rows) % n_classes)
        assert_classifier_same_alone(clf, query)
    else:
        reg = MitraRegressor(members=members).fit(x, x.sum(axis=1) ** 2)
        assert_regressor_same_alone(reg, query)
