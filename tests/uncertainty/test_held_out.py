"""Support rows that are predicted from others."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_mitra import MitraRegressor
from sklearn_mitra._members.functions import Rows
from sklearn_mitra._uncertainty.held_out import HeldOut, cut_folds, predict_held_out


def make_table(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, X[:, 0] - 0.5 * X[:, 1] + 0.3 * rng.normal(size=n_rows)


def held_out(reg, folds, y=None):
    y = reg._network_target(reg.y_support_) if y is None else y
    x = reg._shown_support()
    return predict_held_out(reg._model.members, x, y, folds, reg._new_context, reg._make_runtime())


@pytest.mark.parametrize(("n_rows", "n_folds"), [(2, 5), (5, 5), (6, 5), (103, 5), (20, 3)])
def test_folds_are_all_rows_once_and_of_about_the_same_targets(n_rows, n_folds):
    y = np.random.default_rng(1).normal(size=n_rows)
    folds = cut_folds(y, n_folds, 7)
    assert len(folds) == min(n_folds, n_rows)
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(n_rows))
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    ranks = np.argsort(np.argsort(y))
    means = [ranks[fold].mean() for fold in folds]
    assert max(means) - min(means) <= n_folds
    for fold, again in zip(folds, cut_folds(y, n_folds, 7)):
        np.testing.assert_array_equal(fold, again)


def test_a_plain_member_predicts_what_one_fitted_to_the_others_does():
    X, y = make_table()
    inside = np.setdiff1d(np.arange(60), [y.argmin(), y.argmax()])  # the range stays
    folds = [inside[::3], inside[1::3]]
    params = {"n_estimators": 2, "members": "plain", "cache_context": False}
    reg = MitraRegressor(**params).fit(X, y)
    answers = held_out(reg, folds)
    for fold in folds:
        rest = np.setdiff1d(np.arange(60), fold)
        expected = MitraRegressor(**params).fit(X[rest], y[rest]).predict(X[fold])
        predicted = reg._scale.invert(answers[fold].mean(axis=1))
        np.testing.assert_allclose(predicted, expected, atol=1e-5 * np.ptp(y))


@pytest.mark.parametrize(
    "members", ["plain", ["detrended"], ["compressed+detrended"], ["scores", "components"]]
)
def test_a_row_is_predicted_without_its_own_target(members):
    X, y = make_table()
    reg = MitraRegressor(members=members, n_estimators=2).fit(X, y)
    scaled = reg._network_target(reg.y_support_)
    folds = cut_folds(scaled, 3, 0)
    before = held_out(reg, folds)
    changed = scaled.copy()
    changed[folds[1]] = changed[folds[1]][::-1]
    after = held_out(reg, folds, changed)
    np.testing.assert_array_equal(after[folds[1]], before[folds[1]])
    assert (after[folds[0]] != before[folds[0]]).any()


def test_a_detrended_member_has_the_trend_of_models_that_have_not_seen_the_row():
    X, y = make_table()
    reg = MitraRegressor(members=["detrended"]).fit(X, y)
    (view,) = reg._model.members
    answers = held_out(reg, cut_folds(y, 5, 0))[:, 0]
    rest = answers - view.trend.held_out
    low, high = view.trend.share * view.trend.low, view.trend.share * view.trend.high
    # the member's answer to what is left of the target is about in the range of training
    assert (rest > low - 0.1).all() and (rest < high + 0.1).all()
    assert np.abs(view.trend.held_out - view.trend.function.transform(reg.X_support_)[:, 0]).max()


def test_a_member_may_have_only_some_of_the_rows():
    X, y = make_table()
    reg = MitraRegressor(members=["detrended"]).fit(X, y)
    (view,) = reg._model.members
    rows = np.arange(0, 60, 2)
    own = replace(view, rows=rows, trend=replace(view.trend, held_out=view.trend.held_out[rows]))
    scaled, folds = reg._network_target(reg.y_support_), cut_folds(y, 3, 0)
    x = reg.X_support_
    held_out_rows = HeldOut(own, x, scaled, Rows(x))
    assert len(held_out_rows.table(folds[0])[0]) == len(np.setdiff1d(rows, folds[0]))
    of_all = view.trend.function.transform(reg.X_support_)[:, 0]
    expected = np.where(np.arange(60) % 2, of_all, view.trend.held_out)[folds[0]]
    np.testing.assert_array_equal(held_out_rows.trend[folds[0]], expected)
    np.testing.assert_array_equal(
        view.trend.function.transform(reg.X_support_)[:, 0], of_all
    )  # nothing shared was written to
