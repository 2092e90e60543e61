"""Ensemble members: each has its own table and its way back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from linear_functions import make_linear
from scipy.special import log_softmax
from tables import make_encoded_rows as make_table

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members.class_tree import ClassNode
from sklearn_mitra._members.features import Features
from sklearn_mitra._members.functions import Functions, Rows, StoredFunctions
from sklearn_mitra._members.member import EnsembleMember
from sklearn_mitra._members.target_views import Baseline, ClassView, LogitBlend, NumberView

N_SUPPORT = 20
HELD_OUT = np.arange(N_SUPPORT, dtype=np.float32)[:, None] + 7


def draw_table(seed=0):
    """Nine columns, of which linear functions read the second and the third."""
    numbers = np.random.default_rng(seed).normal(size=(N_SUPPORT, 6))
    return np.hstack([make_table(N_SUPPORT, seed), numbers]).astype(np.float32)


def draw_outputs(n_outputs):
    return np.random.default_rng(0).normal(size=(N_SUPPORT, n_outputs))


def targets(n_classes):
    if n_classes:
        return np.arange(N_SUPPORT) % n_classes
    return np.linspace(0, 1, N_SUPPORT, dtype=np.float32)


def make_plain(n_classes, mirror=True):
    target = ClassView(np.arange(n_classes)[::-1]) if n_classes else NumberView(mirror)
    return EnsembleMember(np.array([1, 4, 8]), np.array([1, -1, 1], np.float32), target)


def make_member(n_classes):
    """Two of the table's columns, two that are computed and one that has out-of-fold values."""
    features = Features(make_linear(2)), Features(make_linear(1), HELD_OUT)
    signs = np.array([1, -1, 1, -1, -1], np.float32)
    if n_classes:
        target = ClassView(np.array([1, 0]), LogitBlend(make_linear(2), 0.25))
    else:
        target = NumberView(True, Baseline(make_linear(1), -1.5, 3.0))
    return EnsembleMember(np.array([1, 8]), signs, target, features)


def make_node():
    """The member of a node that tells apart the second and the fourth of four classes."""
    node = ClassNode(np.array([-1, 0, -1, 1]), 3)
    member = make_member(2)
    return replace(
        member, target=replace(member.target, node=node), signs=member.signs[:2], features=()
    )


# ---- what they show ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_plain_member_turns_columns_over_and_nothing_else(n_classes):
    x, y, member = draw_table(), targets(n_classes), make_plain(n_classes)
    before = x.copy(), y.copy()
    expected = np.column_stack([x[:, 1], -x[:, 4], x[:, 8]])
    shown, target = member.support(x, y)
    np.testing.assert_array_equal(shown, expected, strict=True)
    np.testing.assert_array_equal(target, 2 - y if n_classes else 1 - y, strict=True)
    np.testing.assert_array_equal(member.query(Rows(x[:4])), expected[:4], strict=True)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("n_classes", [0, 2])
def test_features_follow_the_columns_of_the_table(n_classes):
    member, x = make_member(n_classes), draw_table()
    shown, _ = member.support(x, targets(n_classes))
    two, one = (features.function.transform(x) for features in member.features)
    expected = np.column_stack([x[:, 1], -x[:, 8], two[:, 0], -two[:, 1], -one])
    np.testing.assert_array_equal(member.query(Rows(x)), expected.astype(np.float32), strict=True)
    expected[:, 4] = -HELD_OUT[:, 0]
    np.testing.assert_array_equal(shown, expected.astype(np.float32), strict=True)
    only = replace(member, columns=np.array([], np.int64), signs=member.signs[2:])
    np.testing.assert_array_equal(only.query(Rows(x)), member.query(Rows(x))[:, 2:], strict=True)


def test_a_member_without_features_baseline_and_blend_is_plain():
    assert make_plain(0).is_plain and make_plain(3).is_plain
    for n_classes in (0, 2):
        member, plain = make_member(n_classes), make_plain(n_classes)
        assert not member.is_plain
        assert not replace(member, features=()).is_plain
        assert not replace(member, target=plain.target).is_plain


def test_a_node_sees_its_classes_alone_and_answers_for_its_part_of_all():
    member, x, y = make_node(), draw_table(), targets(4)
    shown, target = member.support(x, y)
    np.testing.assert_array_equal(shown, x[1::2, [1, 8]] * [1, -1])
    np.testing.assert_array_equal(target, [1, 0] * 5)  # in another order
    outputs = draw_outputs(10)
    logits = replace(member.target, node=None).inverse_transform(outputs, Rows(x))
    answers = member.target.inverse_transform(outputs, Rows(x))
    np.testing.assert_allclose(answers[:, [1, 3]], 3 * log_softmax(logits, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(answers[:, [0, 2]], 0)
    again = unpack(through_json(member, 4), 4)
    found = again.target.inverse_transform(outputs, Rows(x))
    np.testing.assert_array_equal(found, answers, strict=True)


def test_features_of_a_node_are_out_of_fold_values_of_its_rows():
    held_out = HELD_OUT[:10]  # of the rows that get to the node
    member = replace(
        make_node(),
        columns=np.array([], np.int64),
        signs=np.ones(1, np.float32),
        features=(Features(make_linear(1), held_out),),
    )
    shown, target = member.support(draw_table(), targets(4))
    np.testing.assert_array_equal(shown, held_out, strict=True)
    assert len(target) == 10


# ---- in bundles ----------------------------------------------------------------------------------


def through_json(member, n_classes):
    functions = Functions()
    packed = member.pack(targets(n_classes), functions)
    return json.loads(json.dumps({**packed, "of bundle": functions.pack()}))


def unpack(packed, n_classes, y=None):
    functions = StoredFunctions(BundleFields(packed["of bundle"], "a bundle"), 9)
    y = targets(n_classes) if y is None else y
    return EnsembleMember.unpack(BundleFields(packed, "a view"), functions, y, n_classes)


MEMBERS = {
    "classes": (make_plain(3), 3),
    "one class": (make_plain(1), 1),
    "numbers": (make_plain(0), 0),
    "numbers not mirrored": (make_plain(0, mirror=False), 0),
    "features and blend": (make_member(2), 2),
    "features and baseline": (make_member(0), 0),
    "node": (make_node(), 4),
}


@pytest.mark.parametrize(("member", "n_classes"), MEMBERS.values(), ids=MEMBERS)
def test_members_come_back_from_json(member, n_classes):
    packed, x, y = through_json(member, n_classes), draw_table(), targets(n_classes)
    again = unpack(packed, n_classes)
    assert through_json(again, n_classes) == packed
    for name in ("columns", "signs"):
        np.testing.assert_array_equal(getattr(again, name), getattr(member, name), strict=True)
    for found, expected in zip(again.support(x, y), member.support(x, y)):
        np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(again.query(Rows(x)), member.query(Rows(x)), strict=True)
    outputs, rows = draw_outputs(10 if n_classes else 1), Rows(x)
    expected = member.target.inverse_transform(outputs, rows)
    np.testing.assert_array_equal(
        again.target.inverse_transform(outputs, rows), expected, strict=True
    )


def test_rows_are_written_only_if_they_are_not_all():
    assert through_json(make_plain(0), 0)["rows"] is None
    assert through_json(make_plain(3), 3)["rows"] is None
    assert through_json(make_node(), 4)["rows"] == pack(np.arange(1, N_SUPPORT, 2))


def test_a_member_has_columns_or_features():
    packed = through_json(make_plain(0), 0)
    member = EnsembleMember(np.array([], int), np.ones(0, "f4"), NumberView(False))
    with pytest.raises(BundleError, match="'columns' in a view must be one or more, since 'deri"):
        unpack(through_json(member, 0), 0)
    for derived, message in (
        ([7], r"'derived'\[0\] in a view must be an object"),
        ([{}] * 3, "'derived' in a view must be a list of at most 2 objects"),
        (None, "'derived' in a view must be a list"),
    ):
        with pytest.raises(BundleError, match=message):
            unpack({**packed, "derived": derived}, 0)


def test_features_of_too_many_columns_are_refused():
    signs = np.ones(17, np.float32)
    member = EnsembleMember(
        np.array([], int), signs, NumberView(False), (Features(make_linear(17)),)
    )
    with pytest.raises(
        BundleError, match="'derived' in a view must be functions with at most 16 val"
    ):
        unpack(through_json(member, 0), 0)


WRONG_ROWS = {
    "of another class": np.arange(0, N_SUPPORT, 2),
    "too few": np.arange(1, N_SUPPORT - 2, 2),
    "beyond the support": np.arange(1, N_SUPPORT + 2, 2),
    "negative": np.array([-1, *range(3, N_SUPPORT, 2)]),
    "twice": np.sort([1, *range(1, N_SUPPORT, 2)]),
    "none": np.array([], np.int64),
}


@pytest.mark.parametrize("rows", WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_other_rows_than_the_nodes_are_named(rows):
    packed = {**through_json(make_node(), 4), "rows": pack(rows)}
    with pytest.raises(BundleError, match="'rows' in a view must be the rows whose classes it"):
        unpack(packed, 4)


def test_a_node_has_rows_and_a_member_without_one_has_all():
    some = pack(np.arange(1, N_SUPPORT, 2))
    for packed, n_classes in (
        ({**through_json(make_node(), 4), "rows": None}, 4),
        ({**through_json(make_plain(3), 3), "rows": some}, 3),
        ({**through_json(make_plain(0), 0), "rows": some}, 0),
    ):
        with pytest.raises(BundleError, match="'rows' in a view must be the rows whose classes"):
            unpack(packed, n_classes)
    others = np.zeros(N_SUPPORT, int)  # of a class that the node doesn't tell apart
    packed = {**through_json(make_node(), 4), "rows": pack(WRONG_ROWS["none"])}
    with pytest.raises(BundleError, match="'rows' in a view must be one or more rows"):
        unpack(packed, 4, others)


WRONG = {
    "columns beyond the table": ("columns", np.array([1, 4, 9])),
    "negative columns": ("columns", np.array([-1, 4, 8])),
    "columns in another order": ("columns", np.array([4, 1, 8])),
    "a column twice": ("columns", np.array([1, 1, 8])),
    "no columns": ("columns", np.array([], np.int64)),
    "other signs": ("signs", np.array([1, 2, 1], np.float32)),
    "too few signs": ("signs", np.array([1], np.float32)),
    "a class twice": ("classes", np.array([0, 0, 1])),
    "too few classes": ("classes", np.array([0, 1])),
}


@pytest.mark.parametrize(("field", "value"), WRONG.values(), ids=WRONG)
def test_fields_that_fit_no_member_are_named(field, value):
    packed = {**through_json(make_plain(3), 3), field: pack(value)}
    with pytest.raises(BundleError, match=f"'{field}' in a view|in '{field}' in a view"):
        unpack(packed, 3)
