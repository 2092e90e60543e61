"""Quantiles, intervals and distributions of the regressor."""

import pickle
import re
import warnings
import weakref

import numpy as np
import pandas as pd
import pytest
from bundle_tools import FORMATS, changed, opened
from estimators import run_in_threads
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from tables import make_targets as make_table

import sklearn_mitra
from sklearn_mitra import (
    BundleError,
    DisposedError,
    MitraClassifier,
    MitraRegressor,
    PredictiveDistribution,
)
from sklearn_mitra._network.bins import bin_edges
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._uncertainty.held_out import predict_held_out

LEVELS = [0.05, 0.3, 0.5, 0.95]


def small(**params):
    """With so few support rows that residuals have no scale: 40 take trees, which take longer."""
    return MitraRegressor(**{"max_support": 39, "n_estimators": 1, **params})


def same(a, b):
    np.testing.assert_array_equal(a, b, strict=True)


def ask(reg, X):
    """All that says how sure a regressor is, side by side."""
    distribution = reg.predict_distribution(X)
    columns = [reg.predict(X, output="median"), reg.predict(X, output="mode"), reg.predict_std(X)]
    columns += [distribution.mean(), distribution.cdf(1.5), distribution.crps(1.5)]
    return np.column_stack(
        [*columns, reg.predict_interval(X, 0.7), reg.predict_quantiles(X, LEVELS)]
    )


@pytest.fixture(
    scope="module", params=["residuals", "residuals, four members", "bins", "bins, residual"]
)
def fitted(request, make_checkpoint):
    """A regressor of each kind, whose members are of all kinds."""
    X, y = make_table()
    params = {"max_support": 40}
    if "four" in request.param:
        params = {"n_estimators": 4, "max_support": 60}
    if "bins" in request.param:
        params |= {"model": make_checkpoint(32, 100, 2, 4, "REGRESSION"), "n_estimators": 3}
        params["members"] = "plain"
    if "residual" in request.param:
        params["members"] = ["plain", "residual", "compressed+residual"]
    return small(**params).fit(X, y)


# ---- what is answered ----------------------------------------------------------------------------


def test_all_answers_are_those_of_one_distribution(fitted):
    X, y = make_table(20, seed=1)
    distribution = fitted.predict_distribution(X)
    assert isinstance(distribution, PredictiveDistribution) and len(distribution) == 20
    quantiles = fitted.predict_quantiles(X, LEVELS)
    assert quantiles.shape == (20, 4) and quantiles.dtype == np.float64
    same(quantiles, distribution.quantile(LEVELS))
    same(fitted.predict_quantiles(X, LEVELS[::-1]), quantiles[:, ::-1])
    same(fitted.predict_interval(X), distribution.quantile([(1 - 0.9) / 2, 1 - (1 - 0.9) / 2]))
    same(fitted.predict_std(X), distribution.std())
    same(fitted.predict(X, output="median"), distribution.median())
    same(fitted.predict(X, output="mode"), distribution.mode())
    same(fitted.predict(X, output="mean"), fitted.predict(X))
    assert (np.diff(fitted.predict_quantiles(X, np.linspace(0, 1, 101)), axis=1) >= 0).all()
    np.testing.assert_allclose(distribution.cdf(distribution.median()), 0.5, atol=1e-9)
    assert (distribution.crps(y) > 0).all()


def test_asking_changes_no_prediction_and_no_argument(fitted):
    reg = clone(fitted).fit(*make_table())
    X, _ = make_table(20, seed=1)
    levels = np.array(LEVELS)
    before, X_before = reg.predict(X), X.copy()
    reg.predict_quantiles(X, levels)
    same(reg.predict(X), before)
    same(X, X_before)
    same(levels, np.array(LEVELS))


def test_a_row_has_the_same_bits_alone_and_in_any_order(fitted):
    X, _ = make_table(60, seed=1)
    X[31] = X[7]  # equal rows are predicted once
    whole = ask(fitted, X)
    rows = np.random.default_rng(0).permutation(60)[:23]
    same(ask(fitted, X[rows]), whole[rows])
    for i in (0, 7, 31, 59):
        same(ask(fitted, X[i : i + 1]), whole[i : i + 1])


def test_a_table_of_several_chunks(fitted, monkeypatch):
    X, _ = make_table(60, seed=1)
    whole = ask(fitted, X)
    monkeypatch.setattr("sklearn_mitra._preprocessing.queries._ENCODED_ROWS", 17)
    same(ask(fitted, X), whole)


def test_predictions_and_quantiles_of_one_run_are_those_of_two(fitted, monkeypatch):
    X, _ = make_table(60, seed=1)
    X[31] = X[7]
    monkeypatch.setattr("sklearn_mitra._preprocessing.queries._ENCODED_ROWS", 17)
    predictions, quantiles = fitted._predict_with_quantiles(X, LEVELS)
    same(predictions, fitted.predict(X))
    same(quantiles, fitted.predict_quantiles(X, LEVELS))


def test_the_same_seed_gives_the_same_bits():
    X, y = make_table()
    whole = ask(small().fit(X, y), X[:9])
    same(ask(clone(small()).fit(X, y), X[:9]), whole)
    assert (ask(small(random_state=1).fit(X, y), X[:9]) != whole).any()


def test_with_bins_the_mean_of_the_distribution_is_the_prediction(make_checkpoint):
    X, y = make_table()
    model = make_checkpoint(32, 100, 2, 4, "REGRESSION")
    for members in ("plain", ["residual", "plain", "compressed+residual"]):
        reg = small(model=model, n_estimators=3, members=members).fit(X, y)
        expected = reg.predict(X)
        means = reg.predict_distribution(X).mean()
        np.testing.assert_allclose(means, expected, atol=1e-6 * np.ptp(y))


def test_with_bins_and_one_member_the_density_is_what_the_network_puts_out(make_checkpoint):
    X, y = make_table()
    reg = small(model=make_checkpoint(32, 100, 2, 4, "REGRESSION")).fit(X, y)
    _, (member,) = reg._model.context.prepare(Runtime.resolve())
    logits = member.outputs(X[:9].astype(np.float32))
    p = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    edges = y.min() + bin_edges(100).astype(float) * np.ptp(y)
    distribution = reg.predict_distribution(X[:9])
    for k in (1, 30, 50, 99):
        np.testing.assert_allclose(distribution.cdf(edges[k]), p[:, :k].sum(axis=1), atol=1e-6)
    middles = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(reg.predict(X[:9], output="mode"), middles[p.argmax(axis=1)])


@pytest.mark.parametrize("params", [{}, {"members": ["residual", "plain"], "n_estimators": 2}])
def test_quantiles_are_the_prediction_and_a_residual_of_the_support(params):
    X, y = make_table()
    reg = small(max_support=30, **params).fit(X, y)  # so few that residuals have no scale
    assert len(reg.X_support_) == 30
    shifts = reg.predict_quantiles(X, np.arange(1, 31) / 31) - reg.predict(X)[:, None]
    np.testing.assert_allclose(shifts, np.broadcast_to(shifts[0], shifts.shape), atol=1e-9)
    assert (np.diff(shifts[0]) > 0).all() and shifts[0, 0] < 0 < shifts[0, -1]


@pytest.mark.slow
@pytest.mark.parametrize("members", ["plain", ["compressed+residual"]], ids=str)
def test_intervals_cover_what_they_say_on_diabetes(members):
    X, y = load_diabetes(return_X_y=True)
    inside, losses, references = [], [], []
    for seed in range(4):
        X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=150, random_state=seed)
        reg = MitraRegressor(n_estimators=1, members=members).fit(X_train, y_train)
        distribution = reg.predict_distribution(X_test[:150])
        low, high = distribution.quantile([0.1, 0.9]).T
        inside.append(np.mean((low <= y_test[:150]) & (y_test[:150] <= high)))
        losses.append(distribution.crps(y_test[:150]).mean())
        spread = np.abs(y_test[:150, None] - y_train).mean(axis=1)
        references.append((spread - np.abs(y_train[:, None] - y_train).mean() / 2).mean())
    assert 0.74 < np.mean(inside) < 0.88  # of four splits, its deviation is about .025
    assert np.mean(losses) < 0.85 * np.mean(references)  # of the targets' distribution itself


# ---- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -7.25, 1e300])
def test_constant_targets_are_certain(value):
    X, _ = make_table()
    reg = small().fit(X, np.full(80, value))
    same(reg.predict_quantiles(X[:3], LEVELS), np.full((3, 4), value))
    same(reg.predict_interval(X[:3]), np.full((3, 2), value))
    same(reg._predict_with_quantiles(X[:3], LEVELS)[1], np.full((3, 4), value))
    same(reg.predict_std(X[:3]), np.zeros(3))
    for output in ("mean", "median", "mode"):
        same(reg.predict(X[:3], output=output), np.full(3, value))
    same(reg.predict_distribution(X[:3]).crps(value), np.zeros(3))


@pytest.mark.parametrize("kind", ["none", "clip", "asinh"])
@pytest.mark.parametrize("bins", [False, True])
def test_quantiles_go_through_a_transform(kind, bins, make_checkpoint):
    X, y = make_table()
    y = np.exp(y / 4)
    params = {"model": make_checkpoint(32, 100, 2, 4, "REGRESSION")} if bins else {}
    reg = small(target_transform=kind, **params).fit(X, y)
    quantiles = reg.predict_quantiles(X, np.linspace(0, 1, 21))
    assert np.isfinite(quantiles).all() and (np.diff(quantiles, axis=1) >= 0).all()
    if kind == "asinh":  # as predictions, they stay in the range of training
        assert quantiles.min() >= y.min() * (1 - 1e-9) and quantiles.max() <= y.max() * (1 + 1e-9)


def test_targets_that_are_clipped_count_as_they_are():
    X, y = make_table()
    y[::9] += 1000  # far more than the tenth that an 80 % interval leaves out at either end
    reg = small(target_transform="clip", max_support=80).fit(X, y)
    assert reg.predict(X).max() < 200
    assert (reg.predict_quantiles(X, [0.99]) > 500).all()


@pytest.mark.parametrize(("factor", "max_support"), [(2.0**-40, 39), (2.0**30, 40)])
def test_other_units_scale_all_answers(factor, max_support):
    X, y = make_table()
    reg = small(max_support=max_support)  # residuals of 40 have scales
    expected = reg.fit(X, y).predict_quantiles(X, LEVELS) * factor
    same(reg.fit(X, y * factor).predict_quantiles(X, LEVELS), expected)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_targets_of_any_size(size):
    X, y = make_table()
    reg = small().fit(X, y / np.ptp(y) * size)
    assert np.isfinite(reg.predict_quantiles(X, [0, 0.5, 1])).all()
    assert np.isfinite(reg.predict_std(X)).all()


@pytest.mark.parametrize("n_rows", [2, 3, 9])
def test_few_rows(n_rows):
    X, y = make_table(n_rows)
    quantiles = small().fit(X, y).predict_quantiles(X, LEVELS)
    assert np.isfinite(quantiles).all()


def test_one_support_row_is_an_error_that_says_what_to_do():
    X, y = make_table()
    reg = small(max_support=1).fit(X, y)
    reg.predict(X[:2])
    with pytest.raises(ValueError, match="need at least two support rows, .*Got 1. .*max_support"):
        reg.predict_interval(X[:2])


def test_precision_int8_and_a_context_that_is_not_kept():
    X, y = make_table()
    expected = small().fit(X, y).predict_quantiles(X, LEVELS)
    same(small(cache_context=False).fit(X, y).predict_quantiles(X, LEVELS), expected)
    other = small(precision="int8").fit(X, y).predict_quantiles(X, LEVELS)
    np.testing.assert_allclose(other, expected, atol=0.2 * np.ptp(y))


# ---- errors and warnings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r, X: r.predict(X, output="best"), "'output' must be 'mean', 'median' or 'mode'"),
        (lambda r, X: r.predict_quantiles(X, 0.5), r"'quantiles' must have one axis.* Got 0.5"),
        (lambda r, X: r.predict_quantiles(X, [2]), r"'quantiles' must be numbers from 0 to 1"),
        (lambda r, X: r.predict_interval(X, 0), "'coverage' must be a number between 0 and 1"),
        (lambda r, X: r.predict_interval(X, 90), "'coverage' must be numbers from 0 to 1. Got 90"),
        (lambda r, X: r.predict_interval(X[:, :2]), "3 features"),
        (lambda r, X: r.predict_std(np.full((2, 3), np.inf)), "infinity"),
    ],
)
def test_errors_say_what_was_wrong(ask, message):
    X, y = make_table()
    with pytest.raises(ValueError, match=message):
        ask(small().fit(X, y), X)


METHODS = {
    "predict": lambda r, X: r.predict(X, output="median"),
    "quantiles": lambda r, X: r.predict_quantiles(X, LEVELS),
    "interval": lambda r, X: r.predict_interval(X),
    "std": lambda r, X: r.predict_std(X),
    "distribution": lambda r, X: r.predict_distribution(X),
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@each_method
def test_warnings_point_to_the_call(method):
    table = pd.DataFrame({"a": ["x", "y"] * 20, "b": np.arange(40.0)})
    reg = small().fit(table, np.arange(40.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        method(reg, pd.DataFrame({"a": ["z"] * 4, "b": np.arange(4.0)}))
    assert [w.filename for w in caught] == [__file__]


@each_method
def test_not_before_fit_and_not_after_dispose(method):
    X, y = make_table()
    with pytest.raises(sklearn_mitra._errors.NotFittedError):
        method(small(), X)
    reg = small().fit(X, y)
    reg.predict_std(X)
    residuals = weakref.ref(reg._model.conformal)
    reg.dispose()
    assert residuals() is None
    with pytest.raises(DisposedError):
        method(reg, X)


# ---- what is kept --------------------------------------------------------------------------------


def test_residuals_are_computed_once_and_only_when_needed(monkeypatch):
    X, y = make_table()
    calls = []
    monkeypatch.setattr(
        "sklearn_mitra._fitted.predict_held_out",
        lambda *a: calls.append(1) or predict_held_out(*a),
    )
    reg = small().fit(X, y)
    reg.predict(X)
    assert not calls
    reg.predict_interval(X)
    reg.predict_std(X)
    assert len(calls) == 1
    pickle.loads(pickle.dumps(reg)).predict_std(X)
    sklearn_mitra.load(reg.save()).predict_std(X)
    assert len(calls) == 1
    reg.fit(X, y).predict_std(X)
    assert len(calls) == 2


@pytest.mark.parametrize("first", [False, True], ids=["asked later", "asked before"])
@pytest.mark.parametrize("n_estimators", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_pickles_and_bundles_answer_the_same_bits(first, n_estimators):
    X, y = make_table()
    reg = small(max_support=50, n_estimators=n_estimators).fit(X, y)
    other, X = clone(reg).fit(X, y), X[:9]
    expected = ask(other, X)
    if first:
        same(ask(reg, X), expected)
    bundle = reg.save()
    assert ("heldOut" in opened(bundle)[1]["sklearn_mitra"]) == first
    loaded = sklearn_mitra.load(bundle)
    assert loaded.save() == bundle
    same(ask(loaded, X), expected)
    same(ask(pickle.loads(pickle.dumps(reg)), X), expected)
    same(ask(reg, X), expected)


def test_an_ensemble_of_another_size_has_residuals_of_its_own():
    X, y = make_table()
    reg = small(n_estimators=2, members="plain").fit(X, y)
    reg.predict_std(X)
    loaded = MitraRegressor.load(reg.save(), n_estimators=1)
    expected = small(members="plain").fit(X, y)
    same(loaded.predict_quantiles(X, LEVELS), expected.predict_quantiles(X, LEVELS))


def test_concurrent_first_calls_get_the_same_bits():
    X, y = make_table(40)
    reg = small(max_support=20).fit(X, y)
    answers = run_in_threads(lambda: reg.predict_quantiles(X, LEVELS), 3)
    for answer in answers:
        same(answer, answers[0])
    assert reg._model.conformal is not None


def test_a_fit_in_between_keeps_no_residuals_of_the_former():
    X, y = make_table()
    reg = small().fit(X, y)
    to_come = reg._distributions(X)
    reg.fit(X, 3 * y)
    assert list(to_come) and reg._model.conformal is None


def test_damaged_residuals_in_a_bundle_are_named():
    X, y = make_table()
    reg = small().fit(X, y)
    reg.predict_std(X)
    bundle = reg.save()
    stored = opened(bundle)[1]["sklearn_mitra"]["heldOut"]
    for damaged in (7, None, [], {}, {**stored, "mode": 1e9}, {**stored, "residuals": None}):
        with pytest.raises(BundleError, match="'heldOut'"):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", heldOut=damaged))


@pytest.mark.slow
def test_the_examples_of_the_docs_run(capsys):
    text = (FORMATS.parents[1] / "docs" / "uncertainty.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    exec("\n".join(blocks), {})
    share = re.fullmatch(r"(\d+)% of the targets lie inside\n", capsys.readouterr().out)
    assert 80 <= int(share[1]) <= 97


def test_the_classifier_has_none_of_it():
    assert not hasattr(MitraClassifier, "predict_quantiles")
