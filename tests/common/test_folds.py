"""Stratified folds, against a loop that deals rows like cards."""

import numpy as np
import pytest

from sklearn_mitra._common.folds import stratified_folds


def naive_folds(shuffled, y, n_folds):
    """Rows in the order of their targets, equal ones as they were shuffled, are dealt in turn."""
    piles = [[] for _ in range(min(n_folds, len(shuffled)))]
    places = {row: place for place, row in enumerate(shuffled)}
    for i, row in enumerate(sorted(shuffled, key=lambda row: (y[row], places[row]))):
        piles[i % n_folds].append(row)
    return [sorted(pile) for pile in piles]


TARGETS = {
    "numbers": lambda rng: rng.normal(size=50),
    "ties": lambda rng: rng.integers(0, 3, 50),
    "constant": lambda rng: np.zeros(50),
    "float32": lambda rng: rng.random(50, np.float32),
}


@pytest.mark.parametrize("n_folds", [1, 2, 3, 5, 49, 50, 51])
@pytest.mark.parametrize("draw", TARGETS.values(), ids=TARGETS)
def test_folds_take_rows_in_turn_by_target(draw, n_folds):
    rng = np.random.default_rng(0)
    y, shuffled = draw(rng), rng.permutation(50)
    before = y.copy(), shuffled.copy()
    folds = stratified_folds(shuffled, y, n_folds)
    assert [fold.tolist() for fold in folds] == naive_folds(shuffled.tolist(), y, n_folds)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(50))
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(shuffled, before[1])


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_every_fold_has_about_as_many_rows_of_a_class(n_folds):
    rng = np.random.default_rng(1)
    y = rng.permutation(np.repeat([0, 1, 2], [60, 9, 31]))
    folds = stratified_folds(rng.permutation(100), y, n_folds)
    for k in range(3):
        counts = [int((y[fold] == k).sum()) for fold in folds]
        assert max(counts) - min(counts) <= 1


def test_folds_hold_the_given_rows_only():
    y, rows = np.arange(20.0)[::-1], np.array([7, 3, 12, 0, 19])
    folds = stratified_folds(rows, y, 2)
    assert [fold.tolist() for fold in folds] == [[0, 7, 19], [3, 12]]


def test_the_order_of_shuffled_rows_decides_among_equal_targets():
    y, rng = np.repeat([0, 1], 20), np.random.default_rng(0)
    drawn = {tuple(stratified_folds(rng.permutation(40), y, 4)[0]) for _ in range(20)}
    assert len(drawn) > 10


@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_fewer_rows_make_fewer_folds(n_rows):
    folds = stratified_folds(np.arange(n_rows), np.zeros(n_rows), 3)
    assert [fold.tolist() for fold in folds] == [[i] for i in range(n_rows)]
