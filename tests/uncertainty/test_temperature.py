"""The temperature that held out rows choose."""

import pickle

import numpy as np
import pytest
from estimators import same, small
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from tables import make_table

import sklearn_mitra
from sklearn_mitra import MitraClassifier
from sklearn_mitra._uncertainty.temperature import MOST_ROWS, N_FOLDS, choose_temperature, cut_folds


def three_classes(n_rows=60):
    """A table, and classes of 60, 30 and 10 % of the rows that it says something of."""
    X, _ = make_table(n_rows)
    noise = np.random.default_rng(1).normal(size=n_rows)
    score = X[:, 0] + noise
    return X, np.digitize(score, np.quantile(score, [0.6, 0.9]))


# --------------------------------------------------------------------------------------------
# Folds and the choice
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[20, 20], [40, 2, 1], [2, 2], [700, 5, 1, 300]])
def test_folds_leave_rows_of_every_class(counts):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    folds = cut_folds(y, seed=3)
    rows = np.concatenate(folds)
    assert len(rows) == len(np.unique(rows)) and all((np.diff(fold) > 0).all() for fold in folds)
    assert len(rows) == min(MOST_ROWS, sum(c for c in counts if c > 1))
    assert not {y[row] for row in rows} & {k for k, c in enumerate(counts) if c == 1}
    for fold in folds:
        assert len(np.unique(np.delete(y, fold))) == len(counts)
    for fold, again in zip(folds, cut_folds(y, seed=3)):
        same(fold, again)


@pytest.mark.parametrize("y", [[0], [0, 1, 2]])
def test_single_rows_of_classes_are_not_held_out(y):
    assert cut_folds(np.array(y), seed=0) == []


def drawn(n_rows, temperature, seed=0):
    """Logits of two classes that are too extreme by a factor, and classes drawn of them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_rows, 2)) * 2
    y = (rng.random(n_rows) < softmax(logits, axis=1)[:, 1]).astype(int)
    return logits * temperature, np.zeros((n_rows, 2)), y


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_many_rows_find_the_temperature(temperature):
    chosen = choose_temperature(*drawn(20_000, temperature), default=1.0)
    assert chosen == pytest.approx(temperature, rel=0.05)


def test_few_rows_stay_near_the_default():
    chosen = [choose_temperature(*drawn(n, 2.0), default=0.9) for n in (3, 30, 300, 3000)]
    assert 0.8 < chosen[0] < 1.1
    assert chosen == sorted(chosen)
    assert choose_temperature(*drawn(0, 2.0), default=0.9) == pytest.approx(0.9, rel=1e-4)


def test_the_choice_is_the_best_of_a_grid():
    logits, _, y = drawn(100, 1.5)
    corrections = np.tile([0.3, -0.2], (100, 1))

    def loss(temperature):
        log_p = log_softmax(logits / temperature + corrections, axis=1)
        return np.log(temperature / 0.8) ** 2 / (2 * 0.2**2) - sum(
            log_p[i, y[i]] for i in range(100)
        )

    grid = np.geomspace(0.3, 4, 2000)
    best = min(grid, key=loss)
    assert choose_temperature(logits, corrections, y, 0.8) == pytest.approx(best, rel=2e-3)


def test_a_logit_of_minus_infinity_chooses_nothing():
    logits, corrections, y = drawn(100, 1.5)
    expected = choose_temperature(logits, corrections, y, 0.8)
    logits = np.vstack([logits, [-np.inf, 0]])
    corrections, y = np.vstack([corrections, [0, 0]]), np.append(y, 0)
    assert choose_temperature(logits, corrections, y, 0.8) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("logit", "limit"), [(0.1, 0.1), (-5.0, 10.0)])
def test_the_choice_has_limits(logit, limit):
    """Of rows that are all right, or all wrong, as sure as can be."""
    y = np.zeros(10_000, int)
    logits = np.tile([logit, 0.0], (10_000, 1))
    chosen = choose_temperature(logits, np.zeros_like(logits), y, 1.0)
    assert chosen == pytest.approx(limit, rel=0.01)
    assert 0.1 <= chosen <= 10


# --------------------------------------------------------------------------------------------
# In the classifier
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_support": 30},
        {"members": ["components+scores", "compressed"], "n_estimators": 2, "max_support": 30},
        {"prior_correction": False, "class_weight": {2: 7}, "max_support": 30},
    ],
    ids=["all rows", "a sample", "members", "other probabilities wanted"],
)
def test_the_temperature_is_that_of_fits_to_the_other_rows(params):
    X, y = three_classes()
    clf = small(softmax_temperature="auto", **params).fit(X, y)
    # what is wanted of the probabilities is no matter of how sure the network may be
    params = {k: v for k, v in params.items() if k not in ("prior_correction", "class_weight")}
    logits, corrections, held_out_y = [], [], []
    for rows in cut_folds(y, seed=42):
        others = np.delete(np.arange(len(y)), rows)
        fold = small(softmax_temperature=1, **params).fit(X[others], y[others])
        correction = np.log(
            fold.class_prior_ / (np.bincount(fold.y_support_) / len(fold.y_support_))
        )
        logits.append(fold.predict_log_proba(X[rows]) - correction)
        corrections.append(np.tile(correction, (len(rows), 1)))
        held_out_y.append(y[rows])
    default = 1.0 if "members" not in params else 0.9 * (2 / 3) ** (1 / 3)
    expected = choose_temperature(*map(np.concatenate, (logits, corrections, held_out_y)), default)
    assert len(logits) == N_FOLDS
    assert clf.softmax_temperature_ == pytest.approx(expected, rel=1e-4)
    assert clf.softmax_temperature_ != pytest.approx(default, rel=1e-2)


def test_predictions_are_those_of_the_number():
    X, y = three_classes()
    clf = small(softmax_temperature="auto").fit(X, y)
    number = small(softmax_temperature=clf.softmax_temperature_).fit(X, y)
    same(clf.predict_proba(X), number.predict_proba(X))
    same(clf.predict_proba(X[:1]), clf.predict_proba(X)[:1])
    assert not hasattr(number, "softmax_temperature_")
    default = small().fit(X, y)
    same(clf.support_indices_, default.support_indices_)
    assert (clf.predict_proba(X) != default.predict_proba(X)).any()


def test_it_is_chosen_anew_in_every_fit():
    X, y = three_classes()
    clf = small(softmax_temperature="auto").fit(X, y)
    chosen = clf.softmax_temperature_
    assert clone(clf).fit(X, y).softmax_temperature_ == chosen
    assert clf.fit(X, y[::-1]).softmax_temperature_ != chosen
    clf.set_params(softmax_temperature=None).fit(X, y)
    assert not hasattr(clf, "softmax_temperature_")
    clf.set_params(softmax_temperature="auto")
    for use in (lambda: clf.predict_proba(X), clf.save, lambda: clf.estimate_cost(5)):
        with pytest.raises(ValueError, match="'auto' takes effect in fit.* Call 'fit' again, or"):
            use()


def test_a_number_set_after_fit_counts():
    X, y = three_classes()
    clf = small(softmax_temperature="auto").fit(X, y)
    clf.set_params(softmax_temperature=2)
    same(clf.predict_proba(X), small(softmax_temperature=2).fit(X, y).predict_proba(X))


def test_pickles_keep_the_choice_and_bundles_the_number():
    X, y = three_classes()
    clf = small(softmax_temperature="auto").fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    assert again.softmax_temperature_ == clf.softmax_temperature_
    loaded = sklearn_mitra.load(clf.save())
    assert loaded.softmax_temperature == clf.softmax_temperature_
    for copy in (again, loaded):
        same(copy.predict_proba(X), clf.predict_proba(X))
    clf.dispose()
    assert not hasattr(clf, "softmax_temperature_")


@pytest.mark.parametrize("labels", [["a"], ["a", "b"], ["a", "a", "b"]], ids="".join)
def test_tables_of_next_to_no_rows(labels):
    X, _ = make_table(len(labels))
    clf = small(softmax_temperature="auto").fit(X, labels)
    assert clf.softmax_temperature_ == pytest.approx(1.0, rel=0.2)
    assert np.isfinite(clf.predict_log_proba(X)).all()


@pytest.mark.parametrize("params", [{"max_support": 26}, {"support_sampling": "random"}], ids=str)
def test_more_classes_than_outputs(params):
    X, _ = make_table(60)
    y = np.arange(60) % 13
    clf = MitraClassifier(softmax_temperature="auto", n_estimators=1, **params).fit(X, y)
    assert 0.1 <= clf.softmax_temperature_ <= 10
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


def test_no_context_is_left_behind():
    X, y = three_classes()
    clf = small(softmax_temperature="auto").fit(X, y)
    with pytest.raises(AttributeError, match="after the first prediction"):
        _ = clf.context_nbytes_
