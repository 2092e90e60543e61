"""Kinds of ensemble members, on both estimators."""

import re

import numpy as np
import pytest
from bundle_tools import assert_survives, changed, opened
from estimators import both, outputs, same, small
from scipy.special import softmax
from tables import make_frame, make_table

from sklearn_mitra import BundleError, MitraClassifier, MitraRegressor, load
from sklearn_mitra._members.kinds import choose_kinds
from sklearn_mitra._network.context import Context
from sklearn_mitra._network.runtime import Runtime

TASKS = ["classification", "regression"]
KINDS = {
    MitraClassifier: ["plain", "components", "scores", "components+scores", "compressed"],
    MitraRegressor: ["plain", "components", "scores+residual", "residual", "compressed"],
}


# ---- which members there are ---------------------------------------------------------------------


def kinds_of_network(*args, **kwargs):
    return choose_kinds(*args, **kwargs).network


@pytest.mark.parametrize("task", TASKS)
def test_one_member_is_plain_unless_another_is_asked_for(task):
    assert kinds_of_network("auto", 1, 4, 20, task) == ["plain"]
    assert kinds_of_network("auto", None, 1, 20, task) == ["plain"]
    assert kinds_of_network("plain", 3, 4, 200, task) == ["plain"] * 3
    assert kinds_of_network(["components"], 1, 4, 20, task) == ["components"]


@pytest.mark.parametrize("task", TASKS)
def test_members_of_wide_tables_are_compressed(task):
    narrow, wide = (kinds_of_network("auto", None, 4, n, task) for n in (20, 200))
    assert len(narrow) == len(wide) == 4
    assert len(set(narrow)) > 1
    assert all("compressed" in kind for kind in wide)
    sampled = kinds_of_network("auto", None, 4, 20, task, is_sample=True)
    assert sampled == (wide if task == "regression" else narrow)


@pytest.mark.parametrize("task", TASKS)
def test_more_members_begin_with_the_same(task):
    kinds = kinds_of_network("auto", 9, 4, 20, task)
    for n in (2, 3, 4):
        assert kinds_of_network("auto", n, 4, 20, task) == kinds[:n]


def test_kinds_are_repeated_for_as_many_members_as_wanted():
    kinds = ["plain", "scores"]
    assert kinds_of_network(kinds, None, 4, 20, "regression") == kinds
    assert kinds_of_network(kinds, 3, 4, 20, "regression") == ["plain", "scores", "plain"]
    assert kinds_of_network(kinds, 1, 4, 20, "regression") == ["plain"]


@pytest.mark.parametrize(("task", "fewest"), [("classification", 100), ("regression", 1000)])
def test_with_many_rows_trees_are_members(task, fewest):
    trees = ["boosting", "extra_trees"]
    for n_members in (None, 2, 9):
        few = choose_kinds("auto", n_members, 4, 20, task, n_rows=fewest - 1)
        assert few.models == []
        many = choose_kinds("auto", n_members, 4, 20, task, n_rows=fewest)
        assert many == (few.network, trees)
    assert choose_kinds("auto", 1, 4, 20, task, n_rows=1000) == (["plain"], [])
    assert choose_kinds("plain", None, 4, 20, task, n_rows=1000) == (["plain"] * 4, [])


def test_kinds_without_a_network_are_neither_repeated_nor_counted():
    kinds = ["boosting", "plain", "extra_trees", "scores"]
    for n_rows in (5, 5000):
        found = choose_kinds(kinds, None, 4, 20, "regression", n_rows=n_rows)
        assert found == (["plain", "scores"], ["boosting", "extra_trees"])
    assert choose_kinds(kinds, 3, 4, 20, "regression").network == ["plain", "scores", "plain"]
    assert choose_kinds(["extra_trees"], 3, 4, 20, "regression") == ([], ["extra_trees"])


WRONG = [
    "none",
    "components",
    "",
    [],
    (),
    ["auto"],
    [3],
    ["plain+scores"],
    ["scores+scores"],
    ["+"],
    ["boosting+scores"],
    ["plain", "boosting", "boosting"],
    ["boosted_trees"],
]


@both
@pytest.mark.parametrize("members", WRONG, ids=str)
def test_other_members_are_refused(cls, members):
    X, y = make_table()
    estimator = cls(members=members)
    message = f"'members' parameter of {cls.__name__} must be 'auto', 'plain', or a list of"
    with pytest.raises(ValueError, match=f"{message} .* Got {re.escape(repr(members))} instead"):
        estimator.fit(X, y)


def test_classes_have_no_baseline():
    X, y = make_table()
    with pytest.raises(ValueError, match=r"some of \['target_encoding', .*'compressed'\]"):
        MitraClassifier(members=["residual"]).fit(X, y)


@both
@pytest.mark.parametrize("members", [3, None, {"plain"}], ids=str)
def test_members_of_another_type_are_refused(cls, members):
    X, y = make_table()
    with pytest.raises(ValueError, match=f"'members' parameter of {cls.__name__} must be"):
        cls(members=members).fit(X, y)


# ---- what they compute ---------------------------------------------------------------------------


def naive_plain(estimator, X, n_members):
    """Predictions of plain members by loops: what there was before there were others."""
    x_support, y = estimator.X_support_, estimator.y_support_
    is_classifier = isinstance(estimator, MitraClassifier)
    generator = np.random.RandomState(estimator.random_state)
    total = 0
    for i in range(n_members):
        signs = np.ones(X.shape[1], np.float32)
        order = np.arange(2)
        if i:
            signs = generator.choice([-1, 1], X.shape[1]).astype(np.float32)
            order = generator.permutation(2 if is_classifier else 0)
        if is_classifier:
            target = order[y]
        else:
            low, high = estimator.target_min_, estimator.target_max_
            target = ((y - low) / (high - low)).astype(np.float32)
            target = 1 - target if i % 2 else target
        checkpoint = estimator.checkpoint_
        context = Context(
            "mini", checkpoint["sha256"], estimator._task, [(x_support * signs, target)]
        )
        _, (member,) = context.prepare(Runtime.resolve(1))
        output = member.outputs(X.astype(np.float32) * signs)
        if is_classifier:
            total = total + output[:, order]
        else:
            scaled = output[:, 0].astype(np.float64)
            total = total + (1 - scaled if i % 2 else scaled)
    if is_classifier:
        counts = np.bincount(y) / len(y)
        mean = total.astype(np.float64) / n_members
        return softmax(
            mean - mean.max(axis=1, keepdims=True) + np.log(estimator.class_prior_ / counts), axis=1
        )
    return total / n_members * (high - low) + low


@both
@pytest.mark.parametrize(("members", "n"), [("plain", 1), ("plain", 3), ("auto", 1)])
def test_plain_members_compute_what_they_always_did(cls, members, n):
    X, y = make_table()
    y = y if cls is MitraClassifier else X[:, 0] * X[:, 1]
    estimator = small(cls, members=members, n_estimators=n, random_state=5).fit(X, y)
    np.testing.assert_allclose(outputs(estimator, X), naive_plain(estimator, X, n), rtol=1e-6)


@both
def test_plain_and_one_member_are_the_same_bits(cls):
    X, y = make_table()
    plain = small(cls, members="plain").fit(X, y)
    same(outputs(small(cls).fit(X, y), X), outputs(plain, X))
    same(outputs(small(cls, members=["plain"]).fit(X, y), X), outputs(plain, X))


@both
def test_a_row_has_the_same_bits_alone_in_batches_and_after_saving(cls):
    frame, y = make_frame()
    estimator = cls(members=KINDS[cls], max_support=30).fit(frame, y)
    assert len(estimator._model.members) == 5
    expected = outputs(estimator, frame)
    for size in (1, 7):
        parts = [outputs(estimator, frame[i : i + size]) for i in range(0, 14, size)]
        same(np.concatenate(parts), expected[:14])
    assert_survives(estimator, frame)


@both
def test_members_differ(cls):
    X, y = make_table()
    predictions = [outputs(small(cls, members=[kind]).fit(X, y), X) for kind in KINDS[cls]]
    for i, prediction in enumerate(predictions):
        for other in predictions[:i]:
            assert np.abs(prediction - other).max() > 1e-3


@both
def test_names_may_be_a_tuple_and_in_any_order(cls):
    X, y = make_table()
    expected = outputs(small(cls, members=["components+scores"]).fit(X, y), X)
    same(outputs(small(cls, members=("scores+components",)).fit(X, y), X), expected)


def test_a_linear_target_is_predicted_beyond_what_ranks_tell():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5))
    y = X @ [5, 4, 3, 2, 1]
    plain, residual = (
        MitraRegressor(members=[kind]).fit(X[:40], y[:40]).score(X[40:], y[40:])
        for kind in ("plain", "residual")
    )
    assert plain < 0.9 and residual > 0.95


@both
@pytest.mark.parametrize(("n_rows", "n_features"), [(1, 3), (2, 1), (5, 3), (12, 1), (12, 40)])
def test_small_tables(cls, n_rows, n_features):
    X, y = make_table(n_rows, n_features)
    y[0], y[-1] = 0, 1
    estimator = cls(members=KINDS[cls]).fit(X, y)
    assert np.isfinite(outputs(estimator, X)).all()


@both
def test_constant_columns_and_rare_classes(cls):
    X, y = make_table(40)
    X[:, 1] = 3
    y[7] = 2
    estimator = cls(members=KINDS[cls], max_support=20).fit(X, y)
    assert np.isfinite(outputs(estimator, X)).all()
    X[:] = 3
    estimator.fit(X, y)
    assert np.ptp(outputs(estimator, X), axis=0).max() == 0


@pytest.mark.slow
@both
@pytest.mark.usefixtures("short_trial")
def test_wide_tables_cost_less(cls):
    X, y = make_table(60, 80)
    wide, plain = (cls(members=m, max_support=30).fit(X, y) for m in ("auto", "plain"))
    assert wide.estimate_cost(1).context_nbytes < plain.estimate_cost(1).context_nbytes / 2


def test_the_temperature_of_plain_members_is_one():
    X, y = make_table()
    for params, temperature in (({}, 1), ({"members": ["scores"]}, 0.9)):
        clf = small(**params).fit(X, y)
        by_default = clf.predict_proba(X)
        same(clf.set_params(softmax_temperature=temperature).predict_proba(X), by_default)


def test_among_more_classes_the_temperature_is_lower():
    X, _ = make_table()
    clf = small(members=["scores"]).fit(X, np.arange(80) % 10)
    by_default = clf.predict_log_proba(X)
    same(clf.set_params(softmax_temperature=0.9 * 0.2 ** (1 / 3)).predict_log_proba(X), by_default)


@both
def test_wrong_members_in_a_bundle_are_named(cls):
    X, y = make_table()
    bundle = small(cls, members=["scores"]).fit(X, y).save()
    params = opened(bundle)[1]["sklearn_mitra"]["params"]
    assert params["members"] == ["scores"]
    with pytest.raises(BundleError, match="'members' parameter .* Got 'other'"):
        load(changed(bundle, "sklearn_mitra", params={**params, "members": "other"}))
