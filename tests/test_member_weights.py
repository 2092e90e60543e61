"""Members that need no network, and weights of members, on both estimators."""

import copy
import io
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from bundle_tools import assert_survives, changed, closed, opened, packed_members
from estimators import both, make_table, outputs, same
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import sklearn_mitra
from sklearn_mitra import BundleError, DisposedError, MitraClassifier, MitraRegressor
from sklearn_mitra._members.kinds import MODELS
from sklearn_mitra._members.tree_models import TreeModel
from sklearn_mitra._network.context import Context
from sklearn_mitra._uncertainty.weights import Weights

TREES = ["boosting", "extra_trees"]
MIXED = ["plain", "scores", *TREES]


def fit(cls, n_rows=90, members=MIXED, seed=0, **params):
    """An estimator fitted to a small table, and rows that it hasn't seen."""
    X, y = make_table(n_rows + 20, seed=seed)
    y = y if cls is MitraClassifier else X[:, 0] * X[:, 1]
    params = {"max_support": 40, "members": members, **params}
    return cls(**params).fit(X[:n_rows], y[:n_rows]), X[n_rows:]


def make_rectangles(n_rows, seed=0):
    """A target that trees see at once: where both of two columns are high, and it alone."""
    X = np.random.default_rng(seed).uniform(size=(n_rows, 6))
    return X, ((X[:, 0] > 0.7) & (X[:, 1] > 0.7)) ^ (X[:, 2] > 0.5)


def without_network(monkeypatch):
    """Have contexts fail that the network is asked for."""

    def fail(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(Context, "prepare", fail)


def count_fits(monkeypatch):
    """A list of the sizes of the tables that trees are fitted to from now on, and of contexts."""
    fits = []
    fit_tree_model, prepare = sklearn_mitra._fit.fit_tree_model, Context.prepare

    def counted(kind, table, y, rows, *args):
        fits.append((kind, len(rows)))
        return fit_tree_model(kind, table, y, rows, *args)

    def prepared(self, *args):
        fits.append("network")
        return prepare(self, *args)

    monkeypatch.setattr(sklearn_mitra._fit, "fit_tree_model", counted)
    monkeypatch.setattr(Context, "prepare", prepared)
    return fits


# ---- defaults ------------------------------------------------------------------------------------


@both
def test_with_many_rows_trees_are_members(cls):
    X, y = make_table(1000)
    y, fewest = (y, 100) if cls is MitraClassifier else (X[:, 0], 1000)
    few, many = (cls(max_support=30).fit(X[:n], y[:n]) for n in (fewest - 1, fewest))
    same(few.member_weights_, np.full(4, 0.25))
    assert few._model.weights is None and few._model.models == ()
    assert many.member_weights_.shape == (6,)
    assert len(set(many.member_weights_[:4])) == 1  # the network's members together
    assert many.member_weights_.sum() == pytest.approx(1)
    for params in ({"member_weights": "equal"}, {"n_estimators": 1}, {"members": "plain"}):
        estimator = cls(max_support=30, **params).fit(X, y)
        assert estimator._model.weights is None
        n_members = params.get("n_estimators", 4)
        same(estimator.member_weights_, np.full(n_members, 1 / n_members))


@pytest.mark.slow
@both
def test_trees_help_where_the_support_is_a_small_sample(cls):
    X, y = make_rectangles(3000)
    y = y.astype(float) if cls is MitraRegressor else y
    with_trees, equal = (
        cls(max_support=100, member_weights=weights).fit(X[:2000], y[:2000])
        for weights in ("auto", "equal")
    )
    assert with_trees.score(X[2000:], y[2000:]) > equal.score(X[2000:], y[2000:]) + 0.01
    assert with_trees.member_weights_[4:].sum() > 0.5


@pytest.mark.slow
def test_of_many_classes_boosting_is_no_member_by_default():
    X, _ = make_table(1000)
    for n_classes, n_members in ((10, 6), (11, 5)):
        y = np.searchsorted(np.linspace(-1, 1, n_classes - 1), X[:, 0])
        clf = MitraClassifier(max_support=40).fit(X, y)
        assert len(clf.member_weights_) == n_members
    proba = clf.predict_proba(X[:20])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert_survives(clf, X[:5])


# ---- lists of kinds ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("members", [["boosting"], ["extra_trees"], TREES], ids=str)
def test_trees_alone_need_no_network(cls, members, monkeypatch):
    without_network(monkeypatch)
    estimator, X = fit(cls, members=members)
    assert np.isfinite(outputs(estimator, X)).all()
    assert estimator.member_weights_.shape == (len(members),)
    assert estimator.member_weights_.sum() == pytest.approx(1)
    assert estimator.context_nbytes_ == 0
    cost = estimator.estimate_cost(1000)
    assert cost.context_nbytes == 0 and cost.peak_nbytes > 0
    assert 0 < cost.first_seconds == cost.later_seconds < 60
    assert_survives(estimator, X)
    if cls is MitraRegressor:
        assert (np.diff(estimator.predict_interval(X)) > 0).all()


@both
def test_the_order_of_kinds_without_a_network_counts(cls):
    estimator, X = fit(cls, members=["extra_trees", "plain", "boosting"], member_weights=[1, 2, 5])
    assert [model.kind for model in estimator._model.models] == ["extra_trees", "boosting"]
    np.testing.assert_allclose(estimator.member_weights_, [0.125, 0.25, 0.625])


@both
def test_one_tree_kind_is_the_model_itself(cls):
    estimator, X = fit(cls, members=["extra_trees"])
    (model,) = estimator._model.models
    x = X.astype(np.float32)
    if cls is MitraClassifier:
        temperature = estimator._model.weights.temperature
        log_proba = model.answers(x) / temperature
        expected = np.exp(log_proba) / np.exp(log_proba).sum(axis=1, keepdims=True)
    else:
        expected = model.answers(x)
    np.testing.assert_allclose(outputs(estimator, X), expected, rtol=1e-9)


@both
def test_n_estimators_counts_the_networks_members(cls):
    estimator, _ = fit(cls, n_estimators=3, members=["plain", "boosting"], member_weights="equal")
    same(estimator.member_weights_, np.full(4, 0.25))
    assert len(estimator._model.members) == 3


# ---- weights that are given ----------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "weights",
    [[1, 0, 2, 5], (1.0, 0.0, 2.0, 5.0), np.array([1, 0, 2, 5])],
    ids=["list", "tuple", "array"],
)
def test_given_weights_are_those_of_the_members(cls, weights):
    given = copy.deepcopy(weights)
    estimator, X = fit(cls, member_weights=weights)
    np.testing.assert_array_equal(weights, given)
    same(estimator.member_weights_, np.array([0.125, 0, 0.25, 0.625]))
    assert len(estimator._model.members) == 1  # one of the network's has no weight
    assert isinstance(estimator.get_params()["member_weights"], type(weights))
    clone(estimator)
    repr(estimator)
    loaded = sklearn_mitra.load(estimator.save())
    assert loaded.member_weights == [1.0, 0.0, 2.0, 5.0]
    same(outputs(loaded, X), outputs(estimator, X))


@both
def test_predictions_are_weighted_means(cls):
    kinds = ["plain", "scores", "components"]
    weights = np.array([0.2, 0.5, 0.3])
    # members of one ensemble: others draw other signs
    whole, X = fit(cls, members=kinds, member_weights=weights)
    alone = [fit(cls, members=kinds, member_weights=w)[0] for w in np.eye(3)]
    if cls is MitraRegressor:
        expected = sum(w * e.predict(X) for w, e in zip(weights, alone))
        np.testing.assert_allclose(whole.predict(X), expected, rtol=1e-9)
        return
    # logits are averaged; up to a number for each row, these are log-probabilities, which stay so
    for estimator in (whole, *alone):
        estimator.set_params(softmax_temperature=0.9)
    mixed = sum(w * e.predict_log_proba(X) for w, e in zip(weights, alone))
    mixed -= np.log(np.exp(mixed).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(whole.predict_log_proba(X), mixed, rtol=0, atol=1e-6)


@both
def test_mixed_members_are_a_weighted_mean(cls):
    weights = np.array([0.2, 0.3, 0.1, 0.4])
    whole, X = fit(cls, member_weights=weights)
    parts = []
    for place in ([0, 1], [2], [3]):
        chosen = np.zeros(4)
        chosen[place] = weights[place]
        parts.append((chosen.sum(), fit(cls, member_weights=chosen)[0]))
    if cls is MitraRegressor:
        expected = sum(w * e.predict(X) for w, e in parts)
        np.testing.assert_allclose(whole.predict(X), expected, rtol=1e-9)
    else:
        mixed = sum(w * e.predict_log_proba(X) for w, e in parts)
        mixed -= np.log(np.exp(mixed).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(whole.predict_log_proba(X), mixed, rtol=0, atol=1e-9)


@both
def test_equal_weights_of_the_networks_members_change_nothing(cls):
    kinds = ["plain", "scores"]
    expected, X = fit(cls, members=kinds)
    for weights in ("equal", "auto"):
        same(outputs(fit(cls, members=kinds, member_weights=weights)[0], X), outputs(expected, X))
    given, _ = fit(cls, members=kinds, member_weights=[3, 3])
    np.testing.assert_allclose(outputs(given, X), outputs(expected, X), rtol=1e-12)
    mixed, _ = fit(cls, member_weights="equal")
    same(mixed.member_weights_, np.full(4, 0.25))
    same(outputs(fit(cls, member_weights=[2] * 4)[0], X), outputs(mixed, X))


@both
def test_a_member_without_weight_costs_nothing(cls, monkeypatch):
    estimator, X = fit(cls, member_weights=[0, 0, 0, 1])
    kept = opened(estimator.save())[1]["sklearn_mitra"]
    assert kept["views"] == [] and kept["functions"] == [] and kept["models"][0] is None
    assert estimator._model.models[0] is None
    without_network(monkeypatch)
    assert estimator.context_nbytes_ == 0
    assert np.isfinite(outputs(estimator, X)).all()
    assert_survives(estimator, X)
    assert estimator.estimate_cost(10).context_nbytes == 0


@both
@pytest.mark.parametrize("weights", [[1, 1, 1], [], [1] * 5], ids=str)
def test_there_is_a_weight_for_each_member(cls, weights):
    message = "'member_weights' p?.*(each of the 4 members|each member)"
    with pytest.raises(ValueError, match=message):
        fit(cls, member_weights=weights)


WRONG = [
    [1, 1, 1, -1],
    [1, 1, 1, np.nan],
    [1, 1, 1, np.inf],
    [0, 0, 0, 0],
    [True, False, True, True],
    ["1", "1", "1", "1"],
    [None] * 4,
    np.ones((4, 1)),
    [[1, 1, 1, 1]],
]


@both
@pytest.mark.parametrize("weights", WRONG, ids=str)
def test_weights_are_numbers_of_0_or_more(cls, weights):
    message = (
        f"The 'member_weights' parameter of {cls.__name__} must be 'auto', 'equal', or a list "
        "of one finite, non-negative number for each member, not all of them 0. Got "
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(cls, member_weights=weights)


@both
@pytest.mark.parametrize("weights", ["same", "", None, 1.0, {1.0}], ids=str)
def test_other_weights_are_refused(cls, weights):
    message = f"'member_weights' parameter of {cls.__name__} must be .*'auto'.* Got "
    with pytest.raises(ValueError, match=message + re.escape(repr(weights))):
        fit(cls, member_weights=weights)


@both
def test_weights_may_be_of_numpy_in_lists(cls):
    estimator, X = fit(cls, member_weights=[np.float32(0.5), np.int64(2), 1, 0])
    loaded = sklearn_mitra.load(estimator.save())
    assert loaded.member_weights == [0.5, 2.0, 1.0, 0.0]
    same(outputs(loaded, X), outputs(estimator, X))


@both
def test_parameters_set_since_fit_take_effect_in_the_next(cls):
    estimator, X = fit(cls, members=TREES, member_weights=[1, 3])
    before = outputs(estimator, X)
    estimator.set_params(member_weights=[1, 0])
    same(outputs(estimator, X), before)
    same(estimator.member_weights_, np.array([0.25, 0.75]))


# ---- bits ----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("weights", ["auto", [1, 2, 3, 4]], ids=str)
def test_a_row_has_the_same_bits_alone_in_batches_and_after_saving(cls, weights):
    estimator, X = fit(cls, member_weights=weights)
    whole = outputs(estimator, X)
    for size in (1, 2, 7):
        parts = [outputs(estimator, X[i : i + size]) for i in range(0, len(X), size)]
        same(np.concatenate(parts), whole)
    same(outputs(estimator, X[::-1])[::-1], whole)
    again, _ = fit(cls, member_weights=weights)
    for other in (again, pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        same(outputs(other, X), whole)
        same(other.member_weights_, estimator.member_weights_)
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    same(outputs(joblib.load(file), X), whole)
    same(outputs(clone(estimator).fit(*_training(cls)), X), whole)
    assert opened(estimator.save())[1]["sklearn_mitra"]["format"] == 5
    assert_survives(estimator, X)


def _training(cls):
    X, y = make_table(110)
    return X[:90], (y if cls is MitraClassifier else X[:, 0] * X[:, 1])[:90]


@both
def test_threads_change_no_bit(cls):
    one, two = (fit(cls, n_jobs=n_jobs) for n_jobs in (1, 2))
    same(outputs(one[0], one[1]), outputs(two[0], one[1]))
    same(one[0].member_weights_, two[0].member_weights_)


def test_bundles_of_classes_load_with_fewer_members_of_the_network():
    clf, X = fit(MitraClassifier, member_weights=[3, 1, 2, 2])
    same(outputs(sklearn_mitra.load(clf.save(), n_estimators=2), X), outputs(clf, X))
    one = sklearn_mitra.load(clf.save(), n_estimators=1)
    same(one.member_weights_, [0.5, 0.25, 0.25])
    kinds = list(clf.members)
    del kinds[1]
    expected, _ = fit(MitraClassifier, members=kinds, member_weights=[2, 1, 1])
    np.testing.assert_allclose(outputs(one, X), outputs(expected, X), rtol=1e-6)
    with pytest.raises(ValueError, match=r"has 2 ensemble members, .* Got n_estimators=3"):
        sklearn_mitra.load(clf.save(), n_estimators=3)


def test_bundles_of_numbers_load_with_as_many_members():
    reg, X = fit(MitraRegressor, member_weights=[1, 1, 1, 1])
    same(outputs(sklearn_mitra.load(reg.save(), n_estimators=2), X), outputs(reg, X))
    for n_estimators in (1, 3):
        with pytest.raises(ValueError, match=r"its 2 ensemble members .* Got n_estimators="):
            sklearn_mitra.load(reg.save(), n_estimators=n_estimators)


@both
def test_damaged_bundles_are_refused(cls):
    estimator, _ = fit(cls, member_weights=[1, 1, 0, 2])
    bundle = estimator.save()
    kept = opened(bundle)[1]["sklearn_mitra"]
    weights, models, views = kept["memberWeights"], kept["models"], kept["views"]
    others = Weights((0.5, 0.25), (0.25, 0.0))
    cases = [
        ({"models": models[:1]}, "'models'"),
        ({"models": models[::-1]}, "'models' .* must be null exactly where the weight is 0"),
        ({"models": [None, None]}, "'models' .* must be null exactly where the weight is 0"),
        ({"models": [3, models[1]]}, "'models'"),
        (
            {"models": [{**models[1], "kind": "plain"}, None], "memberWeights": others.pack()},
            "'kind'",
        ),
        ({"views": views[:1]}, "'memberWeights' .* must be the weights of the members in 'views'"),
        ({"views": []}, "'views'"),
        ({"memberWeights": None}, "'memberWeights'"),
        ({"memberWeights": {**weights, "temperature": -1.0}}, "'temperature'"),
    ]
    if cls is MitraRegressor:
        cases.append(({"heldOut": None}, "'heldOut'"))
    for fields, message in cases:
        with pytest.raises(BundleError, match=message):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", **fields))
    del kept["heldOut" if cls is MitraRegressor else "memberWeights"]
    manifest, parsed = opened(bundle)
    with pytest.raises(BundleError):
        sklearn_mitra.load(closed(manifest, {**parsed, "sklearn_mitra": kept}))


# ---- classes -------------------------------------------------------------------------------------


def make_classes(n_rows, n_classes, seed=0):
    X, _ = make_table(n_rows, seed=seed)
    edges = np.quantile(X[:, 0], np.arange(1, n_classes) / n_classes)
    return X, np.searchsorted(edges, X[:, 0])


@pytest.mark.parametrize("sampling", ["balanced", "equal", "stratified", "random"])
def test_supports_that_are_samples_of_imbalanced_tables(sampling):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = (X[:, 0] + X[:, 1] > 2).astype(int)  # about 8 %
    clf = MitraClassifier(members=["plain", *TREES], max_support=60, support_sampling=sampling)
    clf.fit(X[:500], y[:500])
    proba = clf.predict_proba(X[500:])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert abs(proba[:, 1].mean() - y[:500].mean()) < 0.06
    assert clf.score(X[500:], y[500:]) > 0.9


@pytest.mark.parametrize("sampling", ["balanced", "random"])
@pytest.mark.parametrize("members", [["plain", "extra_trees"], ["scores", "boosting"]], ids=str)
def test_more_classes_than_outputs(members, sampling):
    X, y = make_classes(300, 14)
    y[:3] = [30, 31, 32]  # classes of one row: folds lack them, and perhaps all of a node
    clf = MitraClassifier(members=members, max_support=80, support_sampling=sampling)
    clf.fit(X[:250], y[:250])
    proba = clf.predict_proba(X[250:])
    assert proba.shape == (50, 17)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert (proba > 0).all()
    assert_survives(clf, X[250:])


def test_a_node_without_rows_in_a_folds_support():
    X, _ = make_table(200)
    y = np.where(np.arange(200) < 170, 0, np.arange(200))  # one large class, 30 of one row
    for seed in range(3):
        clf = MitraClassifier(
            members=["plain", "extra_trees"],
            max_support=60,
            support_sampling="random",
            random_state=seed,
        ).fit(X, y)
        np.testing.assert_allclose(clf.predict_proba(X[:9]).sum(axis=1), 1, rtol=1e-12)


def test_weights_of_trees_of_classes_are_those_of_whole_members():
    X, y = make_classes(120, 12)
    params = {"members": ["plain"] * 3, "max_support": 60}
    whole = MitraClassifier(**params, member_weights=[1, 0, 3]).fit(X, y)
    assert len(packed_members(whole)) == 2 * whole._model.members[0].target.n_nodes
    alone = [MitraClassifier(**params, member_weights=w).fit(X, y) for w in np.eye(3)]
    mixed = sum(w * e.predict_log_proba(X) for w, e in zip([0.25, 0, 0.75], alone))
    mixed -= np.log(np.exp(mixed).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(whole.predict_log_proba(X), mixed, rtol=0, atol=1e-6)


def test_class_weights_multiply_probabilities():
    clf, X = fit(MitraClassifier)
    before = clf.predict_proba(X)
    after = clf.set_params(class_weight={0: 1, 1: 4}).predict_proba(X)
    expected = before * [1, 4]
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), rtol=1e-9)
    balanced = clf.set_params(class_weight="balanced").predict_proba(X)
    expected = before / clf.class_prior_
    np.testing.assert_allclose(balanced, expected / expected.sum(axis=1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("members", [["plain", *TREES], TREES], ids=str)
def test_without_prior_correction_frequencies_are_the_supports(members):
    X, y = make_table(200)
    y[:] = X[:, 0] > 1
    clf = MitraClassifier(members=members, max_support=40).fit(X, y)
    frequencies = np.bincount(clf.y_support_) / 40
    corrected = clf.predict_proba(X)
    plain = clf.set_params(prior_correction=False).predict_proba(X)
    expected = corrected / clf.class_prior_ * frequencies
    np.testing.assert_allclose(plain, expected / expected.sum(axis=1, keepdims=True), rtol=1e-9)


def test_the_networks_temperature_may_be_set():
    clf, X = fit(MitraClassifier, member_weights=[1, 1, 0, 0])
    by_default = clf.predict_proba(X)
    same(clf.set_params(softmax_temperature=0.9).predict_proba(X), by_default)
    assert (
        np.abs(clf.set_params(softmax_temperature=0.5).predict_proba(X) - by_default).max() > 0.01
    )


def test_a_temperature_is_chosen_for_the_network_alone():
    clf, X = fit(MitraClassifier, softmax_temperature="auto")
    assert clf.softmax_temperature_ == 0.9  # the mixture has its own
    clf, X = fit(MitraClassifier, members=["plain"] * 2, softmax_temperature="auto")
    given, _ = fit(
        MitraClassifier, members=["plain"] * 2, softmax_temperature="auto", member_weights=[1, 1]
    )
    assert clf.softmax_temperature_ != 1
    assert given.softmax_temperature_ == pytest.approx(clf.softmax_temperature_)
    assert_survives(fit(MitraClassifier)[0], X)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array([1.0, 2.0]),
        np.array([False, True]),
        np.array([-3, 10**12]),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_any_kind(labels):
    X, y = make_table()
    clf = MitraClassifier(members=TREES).fit(X, labels[y])
    assert clf.predict(X).dtype == labels.dtype
    assert clf.score(X, labels[y]) > 0.9
    assert_survives(clf, X)


def test_rare_classes_of_many_rows():
    X, _ = make_table(1100)
    y = (X[:, 0] > 0).astype(int)
    y[[3, 500, 501]] = [2, 3, 3]
    clf = MitraClassifier(max_support=50).fit(X, y)
    assert clf.score(X, y) > 0.95
    assert clf.predict_proba(X).shape == (1100, 4)


# ---- numbers -------------------------------------------------------------------------------------


def test_intervals_are_calibrated_in_fit(monkeypatch):
    fits = count_fits(monkeypatch)
    X, _ = make_table(1500)
    y = X[:, 0] * X[:, 1] + 0.3 * np.random.default_rng(1).normal(size=1500)
    reg = MitraRegressor(members=["plain", *TREES], max_support=50).fit(X[:1000], y[:1000])
    # a third of the rows is held out of members fitted to the rest, and then all is fitted to all
    trees = [entry for entry in fits if entry != "network"]
    assert sorted(n for _, n in trees)[:2] == [666, 666]
    assert len(trees) == 2 + np.count_nonzero(reg.member_weights_[1:])
    assert fits.count("network") == 1
    del fits[:]
    low, high = reg.predict_interval(X[1000:], 0.8).T
    assert 0.7 < ((low <= y[1000:]) & (y[1000:] <= high)).mean() < 0.9
    median = reg.predict_quantiles(X[1000:], [0.5])[:, 0]
    assert np.corrcoef(median, reg.predict(X[1000:]))[0, 1] > 0.95
    # nothing but predictions of the network, if it has weight
    assert len(fits) == fits.count("network")
    assert fits == [] or reg.member_weights_[0] > 0
    again = sklearn_mitra.load(reg.save())
    same(again.predict_interval(X[1000:]), reg.predict_interval(X[1000:]))
    same(again.predict_std(X[:9]), reg.predict_std(X[:9]))


@pytest.mark.parametrize("weights", ["auto", "equal", [1, 2, 3]], ids=str)
def test_intervals_are_about_the_predictions(weights):
    reg, X = fit(MitraRegressor, members=["plain", *TREES], member_weights=weights)
    means, quantiles = reg.predict(X), reg.predict_quantiles(X, [0.01, 0.5, 0.99])
    assert ((quantiles[:, 0] < means) & (means < quantiles[:, 2])).all()
    # residuals of all 90 rows were kept, each by members that hadn't seen it
    residuals = reg._model.conformal.residuals
    assert len(residuals) == 90
    assert np.abs(residuals).mean() > 0.005


def test_intervals_of_weighted_members_of_the_network():
    reg, X = fit(MitraRegressor, members=["plain", "scores"], member_weights=[1, 0])
    other, _ = fit(MitraRegressor, members=["plain", "scores"], member_weights=[0, 1])
    assert (reg.predict_interval(X) != other.predict_interval(X)).all()
    assert_survives(reg, X)
    same(sklearn_mitra.load(reg.save()).predict_interval(X), reg.predict_interval(X))


@pytest.mark.parametrize("kind", ["auto", "none", "clip", "asinh"])
def test_transformed_targets(kind):
    X, _ = make_table(300)
    y = 100 * np.sinh(3 * X[:, 0])
    y[7] = 1e6
    reg = MitraRegressor(members=["plain", *TREES], max_support=50, target_transform=kind)
    if kind == "auto":
        with pytest.warns(UserWarning):
            reg.fit(X, y)
    else:
        reg.fit(X, y)
    predictions, intervals = reg.predict(X), reg.predict_interval(X)
    assert np.isfinite(predictions).all() and np.isfinite(intervals).all()
    assert (intervals[:, 0] <= intervals[:, 1]).all()
    if kind != "none":
        others = np.delete(np.arange(300), 7)
        assert np.corrcoef(np.arcsinh(predictions[others]), np.arcsinh(y[others]))[0, 1] > 0.5
    assert reg.target_transform_ == ("asinh" if kind == "auto" else kind)
    assert_survives(reg, X)


def test_targets_may_be_outside_of_the_supports_range():
    X, _ = make_table(300)
    y = X[:, 0] ** 3
    reg = MitraRegressor(members=["plain", "boosting"], target_transform="none", max_support=10)
    reg.fit(X, y)
    assert reg.target_min_ == y.min() and reg.target_max_ == y.max()
    plain = MitraRegressor(
        members=["plain"] * 2, member_weights=[1, 2], target_transform="none", max_support=10
    ).fit(X, y)
    assert plain.target_max_ == plain.y_support_.max() < y.max()
    low, high = plain.predict_interval(X).T
    assert (low < plain.predict(X)).all() and (plain.predict(X) < high).all()


@pytest.mark.parametrize("unit", [2.0**-600, 2.0**600])
def test_targets_of_any_size(unit):
    reg, X = fit(MitraRegressor, members=TREES, member_weights=[1, 1])
    X_train, y = _training(MitraRegressor)
    scaled = clone(reg).fit(X_train, unit * y)
    np.testing.assert_allclose(scaled.predict(X) / unit, reg.predict(X), rtol=1e-5, atol=1e-6)


# ---- tables --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("members", [MIXED, TREES], ids=str)
@pytest.mark.parametrize("n_rows", [2, 3, 5, 12])
def test_tiny_tables(cls, members, n_rows):
    X, y = make_table(n_rows)
    y = np.arange(n_rows) % 2 if cls is MitraClassifier else np.linspace(-1, 1, n_rows)
    estimator = cls(members=members).fit(X, y)
    assert np.isfinite(outputs(estimator, X)).all()
    assert estimator.member_weights_.sum() == pytest.approx(1)
    if cls is MitraRegressor:
        assert np.isfinite(estimator.predict_interval(X)).all()
    assert_survives(estimator, X)


@both
@pytest.mark.parametrize("members", ["auto", MIXED, TREES], ids=str)
def test_constant_targets(cls, members):
    X, _ = make_table(30)
    estimator = cls(members=members, member_weights="auto").fit(X, np.ones(30))
    assert (estimator.predict(X) == 1).all()
    assert estimator.member_weights_.sum() == 1
    assert_survives(estimator, X)
    assert (cls(members=TREES, member_weights=[1, 2]).fit(X[:1], [1]).predict(X) == 1).all()


@both
@pytest.mark.parametrize("n_rows", [40, 1000])
def test_constant_columns(cls, n_rows):
    y = np.arange(n_rows) % 4
    estimator = cls(max_support=20, members=["plain", *TREES]).fit(np.ones((n_rows, 2)), y)
    predictions = outputs(estimator, np.array([[1.0, 1.0], [1.0, 5.0]]))
    same(predictions[0], predictions[1])
    expected = 0.25 if cls is MitraClassifier else 1.5
    np.testing.assert_allclose(predictions[0], expected, atol=0.2)


@both
def test_frames_with_categories_dates_and_missing_values(cls):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 50, 400)
    effects = rng.normal(size=50)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=400),
            "city": [f"c{i}" for i in ids],
            "level": pd.Categorical(rng.choice([*"abc"], 400)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 999, 400), "D"),
        }
    )
    y = effects[ids] + 0.3 * frame["number"].to_numpy()
    y = (y > 0).astype(int) if cls is MitraClassifier else y
    frame.loc[::7, ["number", "city"]] = None
    estimator = cls(members=["plain", *TREES], max_support=60).fit(frame[:300], y[:300])
    assert estimator.score(frame[300:], y[300:]) > (0.6 if cls is MitraClassifier else 0.2)
    # plain members see codes, trees the target encoding
    assert estimator._model.target_encoding.sources.tolist() == [1]
    read = {j for m in estimator._model.models if m is not None for j in m.forest.sources.tolist()}
    assert 1 not in read and len(estimator.X_support_[0]) in read
    whole = outputs(estimator, frame[300:])
    same(np.concatenate([outputs(estimator, frame[i : i + 1]) for i in (300, 301)]), whole[:2])
    assert_survives(estimator, frame[300:])


@both
def test_trees_read_numbers_far_from_zero(cls):
    X, y = make_table(200)
    y = y if cls is MitraClassifier else X[:, 0]
    far = X.copy()
    far[:, 0] = 1.7e9 + 100 * X[:, 0]
    near, other = (cls(members=TREES, member_weights=[1, 1]).fit(T, y) for T in (X, far))
    assert other.score(far, y) > 0.9 * near.score(X, y)
    same(outputs(sklearn_mitra.load(other.save()), far), outputs(other, far))


@both
def test_all_rows_as_support(cls):
    X, y = make_table(1005)
    estimator = cls(max_support=None, members=["plain", "boosting"]).fit(X, y)
    assert len(estimator.X_support_) == 1005
    assert len(estimator.member_weights_) == 2
    assert_survives(estimator, X[:9])


# ---- in other hands ------------------------------------------------------------------------------


@both
def test_nothing_is_left_once_disposed_of(cls):
    estimator, X = fit(cls, members=TREES)
    estimator.dispose()
    assert not any(isinstance(value, TreeModel) for value in vars(estimator).values())
    with pytest.raises(DisposedError):
        estimator.member_weights_  # noqa: B018
    with pytest.raises(DisposedError):
        estimator.predict(X)


def test_a_grid_of_weights_is_searched():
    X, y = make_rectangles(120)
    grid = {"member_weights": ["auto", "equal", [1, 0, 0], [0, 1, 1]]}
    search = GridSearchCV(MitraClassifier(members=["plain", *TREES], max_support=40), grid, cv=2)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.member_weights_.sum() == pytest.approx(1)


def test_inputs_stay_as_they_are():
    X, y = make_table(60)
    before = X.copy(), y.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    MitraClassifier(members=MIXED, max_support=30).fit(X, y).predict(X)
    same(X, before[0])
    same(y, before[1])
    same(np.random.get_state()[1], state)  # noqa: NPY002


def test_kinds_without_a_network_are_known():
    assert set(MODELS) == {*TREES}
