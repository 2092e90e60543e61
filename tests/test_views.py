"""Ensemble views: the first changes nothing, and each has its way back."""

import numpy as np
import pytest

from sklearn_mitra._views import make_views

N_FEATURES = 7


def draw_table(seed=0):
    return np.random.default_rng(seed).normal(size=(20, N_FEATURES)).astype(np.float32)


def assert_same(views, others):
    assert len(views) == len(others)
    for view, other in zip(views, others):
        np.testing.assert_array_equal(view.signs, other.signs)
        np.testing.assert_array_equal(view.classes, other.classes)
        assert view.mirror == other.mirror


@pytest.mark.parametrize("n_classes", [0, 1, 2, 10])
@pytest.mark.parametrize("n_views", [1, 4])
def test_the_first_view_changes_nothing(n_views, n_classes):
    view = make_views(n_views, N_FEATURES, n_classes, seed=3)[0]
    x, y = draw_table(), np.linspace(0, 1, 20, dtype=np.float32)
    np.testing.assert_array_equal(view.columns(x), x)
    if n_classes:
        ids = np.arange(20) % n_classes
        logits = np.random.default_rng(1).normal(size=(20, 10))
        np.testing.assert_array_equal(view.targets(ids), ids)
        np.testing.assert_array_equal(view.undo_logits(logits), logits[:, :n_classes])
    else:
        np.testing.assert_array_equal(view.targets(y), y)
        np.testing.assert_array_equal(view.undo_targets(y), y)


@pytest.mark.parametrize("n_classes", [0, 3])
def test_more_views_of_a_seed_begin_with_the_same(n_classes):
    views = make_views(16, N_FEATURES, n_classes, seed=42)
    for n_views in (1, 2, 3, 8):
        assert_same(make_views(n_views, N_FEATURES, n_classes, seed=42), views[:n_views])


def test_other_seeds_give_other_views():
    signs = {make_views(2, 20, 3, seed)[1].signs.tobytes() for seed in (0, 1, 2**31, 2**32 - 1)}
    assert len(signs) == 4


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10])
def test_logits_come_back_to_the_classes_they_were_for(n_classes):
    logits = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    ids = np.arange(n_classes)
    for view in make_views(8, N_FEATURES, n_classes, seed=0):
        assert sorted(view.classes) == list(range(n_classes))
        undone = view.undo_logits(logits)
        assert undone.shape == (5, n_classes)
        for k in range(n_classes):
            np.testing.assert_array_equal(undone[:, k], logits[:, view.classes[k]])
        # A network that repeats the labels it was shown repeats them as they were.
        shown = np.eye(12)[view.targets(ids)]
        np.testing.assert_array_equal(view.undo_logits(shown).argmax(axis=1), ids)


def test_classes_are_permuted():
    permutations = {tuple(view.classes) for view in make_views(30, 1, 3, seed=0)}
    assert len(permutations) == 6


def test_odd_views_of_regression_mirror_the_target():
    y = np.array([0, 0.25, 0.5, 1], np.float32)
    for i, view in enumerate(make_views(6, N_FEATURES, 0, seed=1)):
        assert view.mirror == bool(i % 2)
        np.testing.assert_array_equal(view.targets(y), 1 - y if i % 2 else y)
        assert view.targets(y).dtype == np.float32
        np.testing.assert_array_equal(view.undo_targets(view.targets(y)), y)


def test_classes_are_never_mirrored():
    assert not any(view.mirror for view in make_views(6, N_FEATURES, 2, seed=1))


def test_columns_are_turned_over_and_nothing_else():
    x = draw_table()
    before = x.copy()
    for view in make_views(6, N_FEATURES, 2, seed=0)[1:]:
        assert set(view.signs) == {-1, 1}  # with seven columns, not all alike for this seed
        turned = view.columns(x)
        assert turned.dtype == np.float32
        np.testing.assert_array_equal(turned, np.where(view.signs > 0, x, -x))
        np.testing.assert_array_equal(view.columns(turned), x)
    np.testing.assert_array_equal(x, before)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    make_views(5, N_FEATURES, 3, seed=9)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])
