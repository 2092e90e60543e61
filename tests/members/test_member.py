"""Ensemble views: the first changes nothing, each has its own table and its way back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields
from sklearn_mitra._members.build import draw_members
from sklearn_mitra._members.class_tree import ClassNode
from sklearn_mitra._members.features import Baseline, Features, LogitBlend
from sklearn_mitra._members.functions import Functions, Linear, Rows, StoredFunctions, Terms
from sklearn_mitra._members.member import EnsembleMember
from sklearn_mitra._members.target_views import ClassView, NumberView

N_SUPPORT, COLUMNS = 20, [0, 1, 3, 4, 5, 6, 8]


def draw_table(seed=0):
    return np.random.default_rng(seed).normal(size=(N_SUPPORT, 9)).astype(np.float32)


def draw_views(n_views, n_classes, seed, columns=COLUMNS):
    kinds = ["plain"] * n_views
    return draw_members(kinds, None, np.arange(N_SUPPORT), np.array(columns), n_classes, seed)


def assert_same(views, others):
    assert len(views) == len(others)
    for view, other in zip(views, others):
        for name in ("rows", "columns", "signs"):
            np.testing.assert_array_equal(getattr(view, name), getattr(other, name), strict=True)
        assert type(view.target) is type(other.target)
        np.testing.assert_equal(vars(view.target), vars(other.target))


@pytest.mark.parametrize("n_classes", [0, 1, 2, 10])
@pytest.mark.parametrize("n_views", [1, 4])
def test_the_first_view_shows_the_table_as_it_is(n_views, n_classes):
    view, x = draw_views(n_views, n_classes, seed=3)[0], draw_table()
    y = np.arange(N_SUPPORT) % n_classes if n_classes else np.linspace(0, 1, N_SUPPORT)
    shown, target = view.support(x, y)
    np.testing.assert_array_equal(shown, x[:, COLUMNS])
    np.testing.assert_array_equal(view.query(Rows(x)), x[:, COLUMNS])
    np.testing.assert_array_equal(target, y)
    outputs = np.random.default_rng(1).normal(size=(5, 10 if n_classes else 1))
    expected = outputs[:, :n_classes] if n_classes else outputs[:, 0]
    np.testing.assert_array_equal(view.restore(outputs, Rows(x[:5])), expected)


@pytest.mark.parametrize("n_classes", [0, 3])
def test_more_views_of_a_seed_begin_with_the_same(n_classes):
    views = draw_views(16, n_classes, seed=42)
    for n_views in (1, 2, 3, 8):
        assert_same(draw_views(n_views, n_classes, seed=42), views[:n_views])


def test_other_seeds_give_other_views():
    seeds = 0, 1, 2**31, 2**32 - 1
    signs = {draw_views(2, 3, seed, range(20))[1].signs.tobytes() for seed in seeds}
    assert len(signs) == 4


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10])
def test_logits_come_back_to_the_classes_they_were_for(n_classes):
    logits = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    ids, x = np.arange(n_classes), draw_table()
    for view in draw_views(8, n_classes, seed=0):
        order = view.target.order
        assert sorted(order) == list(range(n_classes))
        restored = view.restore(logits, Rows(x[:5]))
        assert restored.shape == (5, n_classes)
        for k in range(n_classes):
            np.testing.assert_array_equal(restored[:, k], logits[:, order[k]])
        # A network that repeats the labels it was shown repeats them as they were.
        shown = np.eye(12)[view.target.show(ids)]
        np.testing.assert_array_equal(view.restore(shown, Rows(x)).argmax(axis=1), ids)


def test_classes_are_permuted():
    orders = {tuple(view.target.order) for view in draw_views(30, 3, seed=0)}
    assert len(orders) == 6


def test_odd_views_of_regression_mirror_the_target():
    y = np.array([0, 0.25, 0.5, 1], np.float32)
    for i, view in enumerate(draw_views(6, 0, seed=1)):
        shown = view.target.show(y)
        np.testing.assert_array_equal(shown, 1 - y if i % 2 else y)
        assert shown.dtype == np.float32
        np.testing.assert_array_equal(view.restore(shown[:, None], Rows(draw_table()[:4])), y)


def test_columns_are_turned_over_and_nothing_else():
    x = draw_table()
    before = x.copy()
    for view in draw_views(6, 2, seed=0)[1:]:
        assert set(view.signs) == {-1, 1}  # with seven columns, not all alike for this seed
        turned = view.query(Rows(x))
        assert turned.dtype == np.float32
        chosen = x[:, COLUMNS]
        np.testing.assert_array_equal(turned, np.where(view.signs > 0, chosen, -chosen))
    np.testing.assert_array_equal(x, before)


def test_a_view_has_rows_and_columns_of_its_own():
    x, y = draw_table(), np.arange(N_SUPPORT) % 3
    view = EnsembleMember(
        np.array([2, 5, 11]), np.array([8, 1]), np.ones(2, np.float32), ClassView(np.arange(3))
    )
    shown, target = view.support(x, y)
    np.testing.assert_array_equal(shown, x[[2, 5, 11]][:, [8, 1]])
    np.testing.assert_array_equal(target, [2, 2, 2])
    np.testing.assert_array_equal(view.query(Rows(x[:4])), x[:4, [8, 1]])


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    draw_views(5, 3, seed=9)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


# ---- in bundles ----------------------------------------------------------------------------------


def through_json(view):
    functions = Functions()
    packed = view.pack(N_SUPPORT, functions)
    return json.loads(json.dumps({**packed, "of bundle": functions.pack()}))


def unpack(packed, n_classes, version=4):
    functions = StoredFunctions(BundleFields(packed["of bundle"], "a bundle"), version, 9)
    fields = BundleFields(packed, "a view")
    return EnsembleMember.unpack(fields, functions, np.arange(N_SUPPORT), n_classes)


@pytest.mark.parametrize("n_classes", [0, 1, 3])
def test_views_come_back_from_json(n_classes):
    views = draw_views(4, n_classes, seed=5)
    assert_same([unpack(through_json(view), n_classes) for view in views], views)
    some = np.array([0, 7, 19])
    target = ClassView(np.arange(n_classes)) if n_classes else NumberView(True)
    view = EnsembleMember(some, np.array([4]), np.array([-1], np.float32), target)
    assert_same([unpack(through_json(view), n_classes)], [view])


def make_linear(n_functions):
    rng = np.random.default_rng(n_functions)
    terms = Terms(
        np.array([2, 4]), np.array([-1.0, -1]), np.full(2, -9.0), np.full(2, 9.0), np.ones(2)
    )
    return Linear(terms, rng.normal(size=(2, n_functions)), rng.normal(size=n_functions))


def make_derived_view(n_classes):
    """Two of the table's columns, two that are computed and one that was held out."""
    rows, held_out = np.array([0, 7, 19]), np.array([[7], [8], [9]], np.float32)
    derived = Features(make_linear(2)), Features(make_linear(1), held_out)
    signs = np.array([1, -1, 1, -1, -1], np.float32)
    if n_classes:
        order, vote = ClassView(np.array([1, 0])), LogitBlend(make_linear(2), 0.25)
        return EnsembleMember(rows, np.array([1, 8]), signs, order, derived, vote=vote)
    trend = Baseline(make_linear(1), -1.5, 3.0)
    return EnsembleMember(rows, np.array([1, 8]), signs, NumberView(True), derived, trend)


@pytest.mark.parametrize("n_classes", [0, 2])
def test_derived_columns_follow_the_tables(n_classes):
    view, x = make_derived_view(n_classes), draw_table()
    y = np.arange(N_SUPPORT) % 2 if n_classes else np.linspace(0, 1, N_SUPPORT, dtype=np.float32)
    shown, _ = view.support(x, y)
    two, one = (columns.function.transform(x) for columns in view.derived)
    expected = np.column_stack([x[:, 1], -x[:, 8], two[:, 0], -two[:, 1], -one])
    np.testing.assert_array_equal(view.query(Rows(x)), expected.astype(np.float32), strict=True)
    expected = expected[view.rows]
    expected[:, 4] = [-7, -8, -9]
    np.testing.assert_array_equal(shown, expected.astype(np.float32), strict=True)
    only = EnsembleMember(
        view.rows, np.array([], np.int64), view.signs[2:], view.target, view.derived
    )
    np.testing.assert_array_equal(only.query(Rows(x)), view.query(Rows(x))[:, 2:], strict=True)


def test_a_network_that_repeats_targets_without_their_trend_repeats_the_targets():
    view, x = make_derived_view(0), draw_table()
    y = np.linspace(0, 1, N_SUPPORT, dtype=np.float32)
    _, target = view.support(x, y)
    trend = view.trend.function.transform(x)[view.rows, 0]
    np.testing.assert_allclose(1 - target, (y[view.rows] - trend + 1.5) / 4.5, rtol=1e-5)
    restored = view.restore(target[:, None], Rows(x[view.rows]))
    np.testing.assert_allclose(restored, y[view.rows], rtol=0, atol=1e-6)


def test_a_vote_is_averaged_with_the_logits():
    view, x = make_derived_view(2), draw_table()
    outputs = np.random.default_rng(0).normal(size=(N_SUPPORT, 10))
    expected = 0.75 * outputs[:, [1, 0]] + 0.25 * view.vote.function.transform(x)
    np.testing.assert_allclose(view.restore(outputs, Rows(x)), expected, rtol=1e-12)


def test_a_node_sees_its_classes_alone_and_answers_for_its_part_of_all():
    x, y = draw_table(), np.arange(N_SUPPORT) % 4
    node = ClassNode(np.array([-1, 0, -1, 1]), 3)
    view = replace(make_derived_view(2), rows=node.find(y), derived=(), node=node)
    view = replace(view, signs=np.ones(2, np.float32))
    shown, target = view.support(x, y)
    np.testing.assert_array_equal(shown, x[1::2, [1, 8]])
    np.testing.assert_array_equal(target, [1, 0] * 5)  # in another order
    outputs = np.random.default_rng(0).normal(size=(N_SUPPORT, 10))
    logits = replace(view, node=None).restore(outputs, Rows(x))
    answers = view.restore(outputs, Rows(x))
    np.testing.assert_allclose(answers[:, [1, 3]], 3 * log_softmax(logits, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(answers[:, [0, 2]], 0)
    again = unpack(through_json(view), 4)
    np.testing.assert_array_equal(again.restore(outputs, Rows(x)), answers, strict=True)


@pytest.mark.parametrize("n_classes", [0, 2])
def test_views_with_derived_columns_come_back_from_json(n_classes):
    view, x = make_derived_view(n_classes), draw_table()
    again = unpack(through_json(view), n_classes)
    y = np.arange(N_SUPPORT) % 2 if n_classes else np.linspace(0, 1, N_SUPPORT, dtype=np.float32)
    for found, expected in zip(again.support(x, y), view.support(x, y)):
        np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(again.query(Rows(x)), view.query(Rows(x)), strict=True)
    outputs = np.random.default_rng(0).normal(size=(20, 10 if n_classes else 1))
    np.testing.assert_array_equal(
        again.restore(outputs, Rows(x)), view.restore(outputs, Rows(x)), strict=True
    )


def test_views_of_format_2_have_no_derived_columns():
    view = draw_views(2, 3, seed=0)[1]
    packed = through_json(view)
    del packed["derived"], packed["trend"], packed["vote"]
    assert_same([unpack(packed, 3, version=2)], [view])
    with pytest.raises(BundleError, match="'derived' in a view"):
        unpack(packed, 3)


def test_a_view_has_columns_of_one_kind_or_the_other():
    packed = through_json(draw_views(1, 0, seed=0)[0])
    none = through_json(
        EnsembleMember(np.arange(20), np.array([], int), np.ones(0, "f4"), NumberView(False))
    )
    with pytest.raises(BundleError, match="'columns' in a view must be one or more, if none are d"):
        unpack({**packed, **none}, 0)
    packed["derived"] = [7]
    with pytest.raises(BundleError, match=r"'derived'\[0\] in a view must be an object"):
        unpack(packed, 0)


def test_rows_are_written_only_if_they_are_not_all():
    assert through_json(draw_views(1, 0, seed=0)[0])["rows"] is None


WRONG = {
    "rows beyond the support": ("rows", np.array([3, 20])),
    "negative rows": ("rows", np.array([-1, 3])),
    "rows twice": ("rows", np.array([3, 3])),
    "no rows": ("rows", np.array([], np.int64)),
    "columns beyond the table": ("columns", np.array([9])),
    "columns in another order": ("columns", np.array([3, 1])),
    "no columns": ("columns", np.array([], np.int64)),
    "other signs": ("signs", np.array([1, 2], np.float32)),
    "too few signs": ("signs", np.array([1], np.float32)),
    "a class twice": ("classes", np.array([0, 0, 1])),
    "too few classes": ("classes", np.array([0, 1])),
}


@pytest.mark.parametrize(("field", "value"), WRONG.values(), ids=WRONG)
def test_fields_that_fit_no_view_are_named(field, value):
    right = {
        "rows": np.array([3, 5]),
        "columns": np.array([1, 3]),
        "signs": np.ones(2, np.float32),
        "classes": np.arange(3),
    }
    fields = {**right, field: value}
    target = ClassView(fields.pop("classes"))
    packed = through_json(EnsembleMember(**fields, target=target))
    with pytest.raises(BundleError, match=f"'{field}' in a view|in '{field}' in a view"):
        unpack(packed, 3)


@pytest.mark.parametrize("mirror", [0, 1, "yes", None])
def test_a_mirror_is_true_or_false(mirror):
    packed = {**through_json(draw_views(1, 0, seed=0)[0]), "mirror": mirror}
    with pytest.raises(BundleError, match="'mirror' in a view must be true or false"):
        unpack(packed, 0)
