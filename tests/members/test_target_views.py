"""How members see the target: there, back from the network's outputs, and in bundles."""

import numpy as np
import pytest
from linear_functions import assert_same_linear, fields, make_linear, unpack
from scipy.special import log_softmax
from tables import make_encoded_rows as make_table

from sklearn_mitra import BundleError
from sklearn_mitra._members.class_tree import ClassNode
from sklearn_mitra._members.functions import Functions, Rows
from sklearn_mitra._members.target_views import Baseline, ClassView, LogitBlend, NumberView
from sklearn_mitra._network.bins import outputs_to_targets

X = make_table()
NODE = ClassNode(np.array([-1, 0, -1, 1]), 3, -0.5)


def draw_outputs(n_outputs, seed=0):
    return np.random.default_rng(seed).normal(size=(40, n_outputs)).astype(np.float32)


def draw_targets(seed=0):
    return np.random.default_rng(seed).random(40).astype(np.float32)


# ---- classes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10])
def test_logits_come_back_to_the_classes_they_were_for(n_classes):
    ids, outputs = np.arange(40) % n_classes, draw_outputs(12)
    for seed in range(8):
        permutation = np.random.default_rng(seed).permutation(n_classes)
        view = ClassView(permutation)
        logits = view.inverse_transform(outputs, Rows(X))
        assert logits.shape == (40, n_classes)
        for k in range(n_classes):
            np.testing.assert_array_equal(logits[:, k], outputs[:, permutation[k]])
        # A network that repeats the labels it was shown repeats them as they were.
        shown = np.eye(12)[view.transform(ids, view.support_predictions(X))]
        np.testing.assert_array_equal(view.inverse_transform(shown, Rows(X)).argmax(axis=1), ids)


def test_logits_are_blended_once_they_are_those_of_the_classes():
    blend, outputs = LogitBlend(make_linear(3), 0.25), draw_outputs(10)
    view = ClassView(np.array([2, 0, 1]), blend)
    expected = 0.75 * outputs[:, [2, 0, 1]] + 0.25 * blend.function.transform(X)
    np.testing.assert_allclose(view.inverse_transform(outputs, Rows(X)), expected, rtol=1e-12)


@pytest.mark.parametrize("blend", [None, LogitBlend(make_linear(2), 0.25)], ids=["", "blend"])
def test_a_node_sees_its_classes_alone_and_answers_for_its_part_of_all(blend):
    ids, outputs = np.arange(40) % 4, draw_outputs(10).astype(np.float64)
    view, groups = ClassView(np.array([1, 0]), blend, NODE), ClassView(np.array([1, 0]), blend)
    rows = view.find(ids)
    np.testing.assert_array_equal(rows, np.arange(1, 40, 2))
    np.testing.assert_array_equal(view.transform(ids[rows], None), [1, 0] * 10)
    answers = view.inverse_transform(outputs, Rows(X))
    expected = 3 * log_softmax(groups.inverse_transform(outputs, Rows(X)), axis=1)
    np.testing.assert_allclose(answers[:, [1, 3]], expected, rtol=1e-12)
    np.testing.assert_array_equal(answers[:, [0, 2]], -1.5)


def test_without_a_node_a_member_sees_all_rows():
    np.testing.assert_array_equal(ClassView(np.arange(4)).find(np.arange(40) % 4), np.arange(40))
    np.testing.assert_array_equal(NumberView(True).find(draw_targets()), np.arange(40))


@pytest.mark.parametrize(
    ("view", "n_shown", "n_nodes", "is_plain"),
    [
        (ClassView(np.arange(4)), 4, 1, True),
        (ClassView(np.arange(2), LogitBlend(make_linear(2), 0.5)), 2, 1, False),
        (ClassView(np.arange(2), None, NODE), 2, 3, True),
        (NumberView(True), 1, 1, True),
        (NumberView(False, Baseline(make_linear(1), 0.0, 1.0)), 1, 1, False),
    ],
    ids=["classes", "blend", "node", "numbers", "baseline"],
)
def test_what_a_view_is(view, n_shown, n_nodes, is_plain):
    assert (view.n_shown, view.n_nodes, view.is_plain) == (n_shown, n_nodes, is_plain)


# ---- numbers -------------------------------------------------------------------------------------


def test_a_mirrored_target_comes_back():
    y = draw_targets()
    for mirror in (False, True):
        view = NumberView(mirror)
        shown = view.transform(y, view.support_predictions(X))
        np.testing.assert_array_equal(shown, 1 - y if mirror else y, strict=True)
        answers = view.inverse_transform(shown[:, None], Rows(X))
        np.testing.assert_allclose(answers, y, rtol=0, atol=1e-7)


@pytest.mark.parametrize("mirror", [False, True])
def test_outputs_are_numbers_or_bins(mirror):
    outputs = draw_outputs(100)
    expected = outputs_to_targets(outputs)
    answers = NumberView(mirror).inverse_transform(outputs, Rows(X))
    np.testing.assert_array_equal(answers, 1 - expected if mirror else expected, strict=True)


def test_residuals_added_to_the_baseline_are_the_targets():
    function, y = make_linear(1), draw_targets()
    residuals = y - function.transform(X)[:, 0]
    baseline = Baseline(function, residuals.min(), residuals.max())
    shown = baseline.residuals(y, baseline.support(X))
    assert shown.dtype == np.float32 and shown.min() == 0 and shown.max() == 1
    np.testing.assert_allclose(shown, (residuals - residuals.min()) / np.ptp(residuals), atol=1e-6)
    predictions = baseline.query(Rows(X))
    np.testing.assert_array_equal(predictions, function.transform(X)[:, 0])
    answers = baseline.add(shown.astype(np.float64), predictions)
    np.testing.assert_allclose(answers, y, rtol=0, atol=1e-6)
    half = Baseline(function, baseline.low, baseline.high, 0.5)
    answers = half.add(shown.astype(np.float64), predictions)
    np.testing.assert_allclose(answers, y - residuals / 2, rtol=0, atol=1e-6)


def test_residuals_of_support_rows_are_out_of_fold():
    y, held_out = draw_targets(0), draw_targets(1)
    baseline = Baseline(make_linear(1), -1.0, 1.0, held_out=held_out)
    np.testing.assert_array_equal(baseline.support(X), held_out)
    shown = baseline.residuals(y, baseline.support(X))
    np.testing.assert_allclose(shown, (y - held_out + 1) / 2, rtol=0, atol=1e-6)


def test_a_baseline_that_leaves_nothing_is_the_prediction():
    function = make_linear(1)
    y = function.transform(X)[:, 0].astype(np.float32)
    baseline = Baseline(function, 0.0, 0.0)
    assert np.abs(baseline.residuals(y, baseline.support(X))).max() < 1e-6
    predictions = baseline.query(Rows(X))
    np.testing.assert_array_equal(baseline.add(draw_targets(), predictions), predictions)


def test_a_network_that_repeats_mirrored_residuals_repeats_the_targets():
    baseline, y = Baseline(make_linear(1), -1.5, 3.0), draw_targets()
    view = NumberView(True, baseline)
    shown = view.transform(y, view.support_predictions(X))
    predictions = baseline.function.transform(X)[:, 0]
    np.testing.assert_allclose(1 - shown, (y - predictions + 1.5) / 4.5, rtol=0, atol=1e-6)
    answers = view.inverse_transform(shown[:, None], Rows(X))
    np.testing.assert_allclose(answers, y, rtol=0, atol=1e-6)
    given = view.add_baseline(shown[:, None], predictions)
    np.testing.assert_array_equal(given, answers, strict=True)
    higher = view.add_baseline(shown[:, None], predictions + 1)
    np.testing.assert_allclose(higher, answers + 1, rtol=1e-12)


# ---- in bundles ----------------------------------------------------------------------------------


def test_blends_come_back_from_json():
    blend = LogitBlend(make_linear(3), 0.25)
    again = unpack(blend, 3)
    assert_same_linear(again.function, blend.function)
    assert again.share == 0.25


@pytest.mark.parametrize("held_out", [None, X[:, 0]], ids=["computed", "out of fold"])
def test_baselines_come_back_from_json(held_out):
    baseline = Baseline(make_linear(1), -0.5, 0.25, 0.75, held_out)
    again = unpack(baseline, 40)
    assert_same_linear(again.function, baseline.function)
    assert (again.low, again.high, again.share) == (-0.5, 0.25, 0.75)
    np.testing.assert_equal(again.held_out, held_out)


@pytest.mark.parametrize(
    "view",
    [
        ClassView(np.array([2, 0, 3, 1])),
        ClassView(np.array([2, 0, 3, 1]), LogitBlend(make_linear(4), 0.25)),
        ClassView(np.array([1, 0]), LogitBlend(make_linear(2), 0.25), NODE),
    ],
    ids=["plain", "blend", "node"],
)
def test_views_of_classes_come_back_from_json(view):
    again, outputs = unpack(view, 4), draw_outputs(10)
    assert (again.blend is None, again.node is None) == (view.blend is None, view.node is None)
    np.testing.assert_array_equal(again.permutation, view.permutation, strict=True)
    np.testing.assert_array_equal(
        again.inverse_transform(outputs, Rows(X)), view.inverse_transform(outputs, Rows(X))
    )


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    "baseline", [None, Baseline(make_linear(1), -0.5, 2.0)], ids=["", "baseline"]
)
def test_views_of_numbers_come_back_from_json(mirror, baseline):
    view, y, outputs = NumberView(mirror, baseline), draw_targets(), draw_outputs(1)
    again = unpack(view, y)
    assert (again.mirror, again.is_plain) == (mirror, view.is_plain)
    shown = (v.transform(y, v.support_predictions(X)) for v in (again, view))
    np.testing.assert_array_equal(*shown, strict=True)
    np.testing.assert_array_equal(
        again.inverse_transform(outputs, Rows(X)), view.inverse_transform(outputs, Rows(X))
    )


@pytest.mark.parametrize(
    ("part", "size", "message"),
    [
        (Baseline(make_linear(1), 1.0, 0.0), 40, "'range' in a view must be two numbers, asc"),
        (Baseline(make_linear(1), -1e300, 0.0), 40, "'range' in a view must be two numbers, asc"),
        (Baseline(make_linear(1), 0.0, 1.0, -0.1), 40, "'share' in a view must be a number, 0 to"),
        (Baseline(make_linear(1), 0.0, 1.0, 1.5), 40, "'share' in a view must be a number, 0 to 1"),
        (Baseline(make_linear(1), 0.0, 1.0, 1.0, X[:39, 0]), 40, "'heldOut'"),
        (Baseline(make_linear(2), 0.0, 1.0), 40, "'function' in a view must be .* with 1 values"),
        (LogitBlend(make_linear(3), -0.1), 3, "'share' in a view must be a number, 0 to 1"),
        (LogitBlend(make_linear(3), 1.5), 3, "'share' in a view must be a number, 0 to 1"),
        (LogitBlend(make_linear(2), 0.5), 3, "'function' in a view must be .* with 3 values"),
        (ClassView(np.array([0, 0, 1])), 3, "'classes' in a view must be a permutation"),
        (ClassView(np.array([0, 1, 3])), 3, "'classes' in a view must be a permutation"),
        (ClassView(np.array([0, 1])), 3, "in 'classes' in a view"),
        (ClassView(np.arange(4), None, NODE), 4, "in 'classes' in a view"),
    ],
)
def test_wrong_fields_are_named(part, size, message):
    with pytest.raises(BundleError, match=message):
        unpack(part, size)


@pytest.mark.parametrize("mirror", [0, 1, "yes", None])
def test_a_mirror_is_true_or_false(mirror):
    packed = {**NumberView(True).pack(Functions()), "mirror": mirror}
    with pytest.raises(BundleError, match="'mirror' in a view must be true or false"):
        NumberView.unpack(fields(packed), None, draw_targets())
