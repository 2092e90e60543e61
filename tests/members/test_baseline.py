"""Linear models of a training table, against scikit-learn's on one-hot, standardised columns."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from tables import make_encoded_table as make_table

from sklearn_mitra._members import baseline as linear_models
from sklearn_mitra._members.baseline import LinearModels
from sklearn_mitra._members.functions import Rows
from sklearn_mitra._members.kinds import recommend_temperature
from sklearn_mitra._members.training_table import TrainingTable

N_CATEGORIES = [0, 0, 0, 4, 0]


def fit(x, y, n_classes, support=None, columns=(0, 1, 2, 3), **kwargs):
    support = np.arange(0, len(x), 2) if support is None else support
    levels = kwargs.pop("n_categories", N_CATEGORIES)
    table = TrainingTable(x, y, support, np.array(columns), levels, n_classes)
    return LinearModels(table, kwargs.get("seed", 0))


def bend(x):
    """Columns, and what of them lies beyond each of their quartiles."""
    knots = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    return np.hstack([x, *(np.maximum(x, knot) for knot in knots)])


def reference(x, bends=True):
    numbers = FunctionTransformer(bend) if bends else "passthrough"
    encoder = make_column_transformer((OneHotEncoder(), [3]), (numbers, [0, 1, 2]))
    return make_pipeline(encoder, StandardScaler()).fit_transform(x)


def test_components_are_scikit_learns():
    x, y = make_table()
    z = reference(x, bends=False)
    expected = PCA(2).fit(z).transform(z)
    found = fit(x, y, 0).components.query(Rows(x))
    assert found.shape == (120, 2)  # half of the columns
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=0, atol=1e-5)


def test_components_are_few_in_small_tables():
    x, y = make_table(20)
    assert fit(x, y, 0, columns=[0]).components.n_columns == 1
    wide = np.random.default_rng(1).normal(size=(400, 100)).astype(np.float32)
    models = fit(wide, wide[:, 0], 0, columns=range(100), n_categories=[0] * 100)
    assert models.components.n_columns == 16


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_scores_of_query_rows_are_scikit_learns(n_classes, monkeypatch):
    x, y = make_table()
    if n_classes:
        y = np.digitize(y, [0, 1][: n_classes - 1]).astype(np.int64)
    z = reference(x)
    if n_classes:
        model = LogisticRegression(C=0.3).fit(z, y)
        expected = model.decision_function(z).reshape(len(x), -1)
    else:
        expected = RidgeCV(np.logspace(-1, 4, 11)).fit(z, y).predict(z)[:, None]
    monkeypatch.setattr(linear_models, "_FEWEST_ROWS_OF_TREES", np.inf)
    scores = fit(x, y, n_classes).scores
    np.testing.assert_allclose(scores.query(Rows(x)), expected, rtol=0, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [0, 2])
def test_scores_of_support_rows_are_out_of_fold(n_classes):
    x, y = make_table()
    correlations = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=120).astype(np.float32)
        noise = (noise > 0).astype(np.int64) if n_classes else noise
        scores = fit(x, noise, n_classes, support=np.arange(120)).scores
        sides = scores.support(x)[:, 0], scores.query(Rows(x))[:, 0]
        correlations.append([np.corrcoef(side, noise)[0, 1] for side in sides])
    held_out, seen = np.mean(correlations, axis=0)
    assert seen > 0.2 and abs(held_out) < 0.15
    real = fit(x, y, 0, support=np.arange(120)).scores
    assert np.corrcoef(real.support(x)[:, 0], y)[0, 1] > 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_blend_is_of_the_frequencies_in_the_support(n_classes):
    x, y = make_table()
    y = np.digitize(y, [0, 1][: n_classes - 1]).astype(np.int64)
    support = np.sort(np.argsort(y)[:70])  # of the first class as many as there are
    blend = fit(x, y, n_classes, support=support).blend
    temperature = recommend_temperature(n_classes)
    proba = LogisticRegression(C=0.3).fit(reference(x), y).predict_proba(reference(x))
    counts = [np.maximum(np.bincount(k, minlength=n_classes), 0.5) for k in (y[support], y)]
    expected = np.log(proba * (counts[0] / 70) / (counts[1] / 120))
    logits = blend.function.transform(x) / temperature
    difference = logits - expected
    np.testing.assert_allclose(np.ptp(difference, axis=1), 0, atol=5e-3)


def test_rows_beyond_the_support_are_learned_from():
    x, y = make_table(400)
    few, many = (fit(x[:n], y[:n], 0, support=np.arange(15)) for n in (15, 400))
    errors = [np.abs(m.baseline.function.transform(x)[:, 0] - y).mean() for m in (few, many)]
    assert errors[1] < errors[0] / 2


def test_of_many_rows_some_are_taken_and_the_support_among_them(monkeypatch):
    monkeypatch.setattr(linear_models, "MOST_ROWS", 50)
    x, y = make_table(400)
    support = np.array([3, 77, 301])
    models = fit(x, y, 0, support=support)
    assert len(models._x) == 50
    np.testing.assert_array_equal(models._x[models._support], x[support])
    assert models.scores.support(x[support]).shape == (3, 1)
    assert len(fit(x, y, 0, support=np.arange(80))._x) == 80


def test_residuals_range_from_zero_to_one():
    x, y = make_table()
    product = x[:, 0] * x[:, 2]
    baseline = fit(x, y + product, 0).baseline
    shown = baseline.residuals((y + product)[::2], baseline.support(x[::2]))
    assert shown.min() == 0 and shown.max() == 1
    assert np.corrcoef(shown, product[::2])[0, 1] > 0.5


def test_a_baseline_bends_at_quartiles_but_not_in_wide_tables(monkeypatch):
    monkeypatch.setattr(linear_models, "_FEWEST_ROWS_OF_TREES", np.inf)
    x, _ = make_table()
    y = np.abs(x[:, 0])
    bent = fit(x, y, 0).baseline
    assert np.corrcoef(bent.function.transform(x)[:, 0], y)[0, 1] > 0.9
    monkeypatch.setattr(linear_models, "_MOST_TERMS", 15)  # it is one term more with bends
    straight = fit(x, y, 0).baseline
    assert np.corrcoef(straight.function.transform(x)[:, 0], y)[0, 1] < 0.5


def test_trees_have_the_share_of_a_baseline_that_they_are_worth():
    x, y = make_table(300)
    product = (x[:, 0] > 0) * (x[:, 2] > 0) * 5.0
    linear, crossed = (fit(x, target.astype(np.float32), 0).baseline for target in (y, product))
    assert linear.function.trees is None  # nothing beats a linear model of a linear target
    assert np.corrcoef(crossed.function.transform(x)[:, 0], product)[0, 1] > 0.95
    assert np.corrcoef(crossed.held_out, product[::2])[0, 1] > 0.9


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_the_same_seed_fits_the_same_bits(n_classes):
    x, y = make_table()
    y = np.digitize(y, [0, 1][: n_classes - 1]).astype(np.int64) if n_classes else y
    first, again = (fit(x, y, n_classes, seed=2**32 - 1) for _ in range(2))
    for name in ("components", "scores"):
        np.testing.assert_array_equal(
            getattr(first, name).query(Rows(x)), getattr(again, name).query(Rows(x))
        )
        support = x[::2]
        np.testing.assert_array_equal(
            getattr(first, name).support(support), getattr(again, name).support(support)
        )


def test_only_frequent_levels_have_terms():
    x = np.zeros((500, 1), np.float32)
    x[:, 0] = np.concatenate([np.arange(100), np.random.default_rng(1).integers(0, 20, 400)])
    x[-1] = 9.5  # the mean of a missing value
    y = np.random.default_rng(1).random(500).astype(np.float32)
    levels = fit(x, y, 0, columns=[0], n_categories=[100]).baseline.function.terms.levels
    assert len(levels) == 30 and {*range(20)} <= {*levels} and 9.5 not in levels


def test_a_class_with_one_row_or_without_any_has_low_scores():
    x, _ = make_table()
    y = np.repeat([0, 1], 60)
    y[0] = 2
    scores = fit(x, y, 4).scores
    for values in (scores.query(Rows(x)), scores.support(x[::2])):
        assert values.shape[1] == 4 and np.isfinite(values).all()
    assert (scores.query(Rows(x))[:, 3] < -4).all()


@pytest.mark.parametrize("n_rows", [1, 2, 9])
def test_nothing_is_fitted_to_a_few_rows(n_rows):
    x, y = make_table(n_rows)
    assert not fit(x, y, 0).are_possible


def test_nothing_is_fitted_to_constant_columns_or_one_class():
    x, y = make_table()
    assert not fit(x, y, 0, columns=[4]).are_possible
    assert not fit(x, np.zeros(120, np.int64), 1).are_possible
    assert fit(x, y, 0).are_possible


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_classes", [0, 2])
def test_wide_tables_huge_values_and_columns_alike(n_classes):
    x = np.random.default_rng(1).normal(size=(30, 600)).astype(np.float32)
    x[:, 1] = x[:, 0]
    x[:, 2] *= 1e37
    x[:, 3] = 0
    x[0, 3] = 1e37
    y = (x[:, 4] > 0).astype(np.int64) if n_classes else x[:, 4]
    models = fit(x, y, n_classes, columns=range(600), n_categories=[0] * 600)
    for features in (models.components, models.scores):
        assert (
            np.isfinite(features.query(Rows(x))).all()
            and np.isfinite(features.support(x[::2])).all()
        )


def test_what_is_passed_in_stays_as_it_is():
    x, y = make_table()
    before = x.copy(), y.copy()
    models = fit(x, y, 0)
    models.components, models.scores, models.baseline  # noqa: B018
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
