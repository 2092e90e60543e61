"""Class weights, and what replaces sample weights."""

import numpy as np
import pytest
from bundle_tools import assert_survives, changed
from estimators import both, same, small
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import has_fit_parameter
from tables import make_table

import sklearn_mitra
from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import pack

QUERY, _ = make_table(30, seed=1)
LABELS = {
    "str": np.array(["a", "b", "c"]),
    "object": np.array(["a", "b", "c"], object),
    "int": np.array([-3, 0, 2**40]),
    "float": np.array([-1.0, 0.0, 2.0]),
}


def fitted(labels=LABELS["int"], **params):
    """A classifier of three classes, of 60, 30 and 10 % of the rows."""
    X, _ = make_table(100)
    ids = np.repeat([0, 1, 2], [60, 30, 10])
    return small(**params).fit(X, labels[ids])


def weigh(probabilities, weights):
    weighted = probabilities * weights
    return weighted / weighted.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_probabilities_are_multiplied_by_the_weights_of_their_classes(labels):
    plain = fitted(labels).predict_proba(QUERY)
    clf = fitted(labels, class_weight=dict(zip(labels, [1, 0.5, 3])))
    expected = weigh(plain, [1, 0.5, 3])
    np.testing.assert_allclose(clf.predict_proba(QUERY), expected, rtol=1e-12)
    np.testing.assert_allclose(clf.predict_log_proba(QUERY), np.log(expected), atol=1e-12)
    same(clf.predict(QUERY), labels[expected.argmax(axis=1)])


def test_missing_weights_are_one_and_only_ratios_matter():
    expected = fitted(class_weight={-3: 1, 0: 4, 2**40: 1}).predict_proba(QUERY)
    same(fitted(class_weight={0: 4}).predict_proba(QUERY), expected)
    scaled = fitted(class_weight={-3: 0.25, 0: 1, 2**40: 0.25}).predict_proba(QUERY)
    np.testing.assert_allclose(scaled, expected, rtol=1e-12)
    same(fitted(class_weight={}).predict_proba(QUERY), fitted().predict_proba(QUERY))


def test_weights_act_as_other_training_frequencies_would():
    """Twice the rows of a class, with the same support: only the prior shows them."""
    X, _ = make_table(100)
    y = np.repeat([0, 1], [70, 30])
    weighted = small(max_support=20, class_weight={1: 2}).fit(X, y)
    plain = small(max_support=20).fit(X, y)
    prior = small().fit(np.r_[X, X[70:]], np.r_[y, y[70:]]).class_prior_
    more = sklearn_mitra.load(changed(plain.save(), "sklearn_mitra", prior=pack(prior)))
    same(more.class_prior_, prior)
    expected = more.predict_proba(QUERY)
    np.testing.assert_allclose(weighted.predict_proba(QUERY), expected, rtol=1e-12)


@pytest.mark.parametrize("prior_correction", [True, False])
def test_balanced_is_as_if_all_classes_were_equally_frequent(prior_correction):
    clf = fitted(prior_correction=True)
    expected = weigh(clf.predict_proba(QUERY), 1 / clf.class_prior_)
    balanced = fitted(prior_correction=prior_correction, class_weight="balanced")
    np.testing.assert_allclose(balanced.predict_proba(QUERY), expected, rtol=1e-12)


def test_weights_without_prior_correction():
    plain = fitted(prior_correction=False).predict_proba(QUERY)
    clf = fitted(prior_correction=False, class_weight={0: 5})
    np.testing.assert_allclose(clf.predict_proba(QUERY), weigh(plain, [1, 5, 1]), rtol=1e-12)


def test_weights_may_be_set_after_fit():
    clf, weights = fitted(), {0: 5}
    clf.set_params(class_weight=weights)
    same(clf.predict_proba(QUERY), fitted(class_weight={0: 5}).predict_proba(QUERY))
    assert weights == {0: 5}
    assert clf.class_prior_.tolist() == [0.6, 0.3, 0.1]  # the frequencies in training


def test_large_and_tiny_weights_give_probabilities():
    clf = fitted(class_weight={-3: 1e300, 0: 1e-300})
    assert np.isfinite(clf.predict_log_proba(QUERY)).all()
    assert (clf.predict(QUERY) == -3).all()


def test_a_class_absent_from_training_may_have_a_weight():
    """As in scikit-learn, since a fold may lack it."""
    weights = {-3: 1, 0: 4, 2**40: 1}
    expected = fitted(class_weight=weights).predict_proba(QUERY)
    same(fitted(class_weight={**weights, 5: 2}).predict_proba(QUERY), expected)


WRONG = {
    "unknown label": ({5: 1.0}, "has a weight for 5, which is not a class, and none for some"),
    "label of another type": ({"0": 1.0}, "has a weight for '0', which is not a class"),
    "zero": ({0: 0}, "must be finite and greater than 0. Got 0 for 0"),
    "negative": ({0: -1.0}, "Got -1.0 for 0"),
    "NaN": ({0: np.nan}, "Got nan for 0"),
    "infinite": ({0: np.inf}, "Got inf for 0"),
    "string": ({0: "1"}, "Got '1' for 0"),
}


@pytest.mark.parametrize(("weights", "message"), WRONG.values(), ids=WRONG)
def test_invalid_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        fitted(class_weight=weights)
    clf = fitted().set_params(class_weight=weights)
    with pytest.raises(ValueError, match=message):
        clf.predict(QUERY)


@pytest.mark.parametrize("weights", ["equal", [1, 2, 3], 2.0])
def test_weights_of_a_wrong_type_are_refused(weights):
    with pytest.raises(InvalidParameterError, match="'class_weight' parameter of MitraClassifier"):
        fitted(class_weight=weights)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_weights_survive_bundles(labels):
    weights = dict(zip(labels.tolist(), [1.0, 0.5, 3.0]))
    assert_survives(fitted(labels, class_weight=weights), QUERY)
    assert_survives(fitted(labels, class_weight="balanced"), QUERY)


@pytest.mark.parametrize("weights", [[0.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [np.inf] * 3, [1.0]])
def test_damaged_weights_in_a_bundle(weights):
    bundle = fitted(class_weight={0: 5}).save()
    fields = {"weights": pack(np.array(weights))}
    with pytest.raises(BundleError, match="'weights' in artifact"):
        sklearn_mitra.load(changed(bundle, "sklearn_mitra", **fields))
    params = {"params": {"class_weight": {"5": 1.0}}}
    with pytest.raises(BundleError, match="'class_weight' of a bundle can't be an object"):
        sklearn_mitra.load(changed(bundle, "sklearn_mitra", **params))


@both
def test_sample_weight_is_not_supported(cls):
    """So scikit-learn's bagging repeats rows instead."""
    assert not has_fit_parameter(cls(), "sample_weight")


def test_bagging_repeats_rows():
    X, y = make_table(30)
    bagging = BaggingClassifier(small(), n_estimators=1, random_state=0).fit(X, y)
    member, rows = bagging.estimators_[0], bagging.estimators_samples_[0]
    same(member.X_support_, X[rows].astype(np.float32))
    assert len(np.unique(rows)) < 30


def test_repeating_rows_gives_them_weight():
    """The documentation recommends this instead of sample weights."""
    X, y = make_classification(250, 5, flip_y=0.2, random_state=0)
    X, y, query = X[:150], y[:150], X[150:]
    clf = small(max_support=None, members="plain").fit(X, y)
    plain, weighted = clf.predict_proba(query), clf.set_params(class_weight={1: 2})
    weights = np.where(y == 1, 2, 1)
    rows = np.repeat(np.arange(len(y)), weights)
    repeated = small(max_support=None, members="plain").fit(X[rows], y[rows])
    expected = np.average(np.eye(2)[y], axis=0, weights=weights)
    np.testing.assert_allclose(repeated.class_prior_, expected)
    assert len(repeated.X_support_) == weights.sum()
    distance = np.abs(repeated.predict_proba(query) - weighted.predict_proba(query)).mean()
    assert distance < 0.3 * np.abs(repeated.predict_proba(query) - plain).mean()
    # a weight of 2 for all rows is no weight
    rows = np.repeat(np.arange(len(y)), 2)
    twice = small(max_support=None, members="plain").fit(X[rows], y[rows])
    np.testing.assert_allclose(twice.predict_proba(query), plain, atol=0.03)
