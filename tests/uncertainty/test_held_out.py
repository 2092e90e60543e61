"""Out-of-fold predictions of support rows."""

from functools import partial

import numpy as np
import pytest
from tables import make_targets

from sklearn_mitra import MitraRegressor
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._uncertainty.held_out import HeldOut, cut_folds, predict_held_out

make_table = partial(make_targets, n_rows=60)


def scaled_targets(reg):
    return reg._model.target.transform(reg.y_support_)


def held_out(reg, folds, y=None):
    y, model = scaled_targets(reg) if y is None else y, reg._model
    return predict_held_out(
        model.members, reg.X_support_, y, folds, model.new_context, Runtime.resolve()
    )


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
        predicted = reg._model.target.inverse_transform(answers[fold].mean(axis=1))
        np.testing.assert_allclose(predicted, expected, atol=1e-5 * np.ptp(y))


@pytest.mark.parametrize(
    "members", ["plain", ["residual"], ["compressed+residual"], ["scores", "components"]]
)
def test_a_row_is_predicted_without_its_own_target(members):
    X, y = make_table()
    reg = MitraRegressor(members=members, n_estimators=2).fit(X, y)
    scaled = scaled_targets(reg)
    folds = cut_folds(scaled, 3, 0)
    before = held_out(reg, folds)
    changed = scaled.copy()
    changed[folds[1]] = changed[folds[1]][::-1]
    after = held_out(reg, folds, changed)
    np.testing.assert_array_equal(after[folds[1]], before[folds[1]])
    assert (after[folds[0]] != before[folds[0]]).any()


def test_a_residual_member_has_out_of_fold_predictions_of_its_baseline():
    X, y = make_table()
    reg = MitraRegressor(members=["residual"]).fit(X, y)
    (member,) = reg._model.members
    baseline = member.target.baseline
    answers = held_out(reg, cut_folds(y, 5, 0))[:, 0]
    residuals = answers - baseline.held_out
    low, high = baseline.share * baseline.low, baseline.share * baseline.high
    # the member's answer to what is left of the target is about in the range of training
    assert (residuals > low - 0.1).all() and (residuals < high + 0.1).all()
    assert np.abs(baseline.held_out - baseline.function.transform(reg.X_support_)[:, 0]).max() > 0


@pytest.mark.parametrize("kind", ["plain", "residual", "scores"])
def test_a_fold_is_left_out_of_the_table_and_asked_for(kind):
    X, y = make_table()
    reg = MitraRegressor(members=[kind]).fit(X, y)
    (member,) = reg._model.members
    x, scaled, fold = reg.X_support_, scaled_targets(reg), np.arange(1, 60, 4)
    shown, target = member.support(x, scaled)
    own = HeldOut(member, x, scaled)
    for found, expected in zip(own.table(fold), (shown, target)):
        np.testing.assert_array_equal(found, np.delete(expected, fold, axis=0), strict=True)
    # as the support, with out-of-fold features
    np.testing.assert_array_equal(own.query(fold), shown[fold], strict=True)
    # a network that repeats the targets it is asked for repeats the scaled targets
    back = own.inverse_transform(target[fold][:, None], fold)
    if kind == "residual":
        baseline = member.target.baseline
        back = baseline.held_out[fold] + (back - baseline.held_out[fold]) / baseline.share
    np.testing.assert_allclose(back, scaled[fold], rtol=0, atol=1e-6)
