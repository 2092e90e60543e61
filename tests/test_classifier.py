"""The classifier; test_base.py has what it shares with the regressor."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from estimators import member_outputs, same, small, with_value
from scipy.special import softmax
from sklearn.datasets import make_blobs
from sklearn.model_selection import TunedThresholdClassifierCV, cross_val_score
from tables import make_table

from sklearn_mitra import MitraClassifier, MitraRegressor, load

# --------------------------------------------------------------------------------------------
# Labels
# --------------------------------------------------------------------------------------------

LABELS = {
    "int": np.array([3, 1, 2]),
    "negative int": np.array([-5, 7, 0]),
    "int8": np.array([-128, 0, 127], np.int8),
    "uint8": np.array([255, 0, 128], np.uint8),
    "int64 beyond float64": np.array([2**53 + 1, 2**53, 2**62]),
    "float": np.array([1.0, -2.0, 0.0]),
    "float32": np.array([1, 2, 3], np.float32),
    "bool": np.array([True, False]),
    "str": np.array(["low", "high", "mäßig"]),
    "object": np.array(["low", "high", "mäßig"], dtype=object),
}


def labelled(labels):
    """A table of well separated groups, one for each label, and its ids and y."""
    X, ids = make_blobs([20] * len(labels), 3, cluster_std=0.5, random_state=0)
    return X, ids, labels[ids]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_come_back_with_their_dtype(labels):
    X, _, y = labelled(labels)
    clf = small().fit(X, y)
    same(clf.classes_, np.unique(labels))
    same(clf.predict(X), y)


@pytest.mark.parametrize(
    "make_y",
    [list, pd.Series, lambda y: pd.Series(y, dtype="string"), pd.Categorical],
    ids=["list", "Series", "string Series", "Categorical"],
)
def test_labels_come_in_any_container(make_y):
    X, _, y = labelled(LABELS["object"])
    assert small().fit(X, make_y(y)).predict(X).tolist() == y.tolist()


def test_probabilities_follow_classes():
    X, ids, y = labelled(LABELS["str"])
    clf = small().fit(X, y)
    probabilities = clf.predict_proba(X)
    assert probabilities.shape == (60, 3) and probabilities.dtype == np.float64
    same(clf.classes_[probabilities.argmax(axis=1)], clf.predict(X))
    columns = np.searchsorted(clf.classes_, y)
    assert (probabilities[np.arange(60), columns] > 0.5).all()


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_probabilities_sum_to_one(n_classes):
    X, _ = make_table(100)
    clf = MitraClassifier(max_support=30).fit(X, np.arange(100) % n_classes)
    probabilities = clf.predict_proba(X[:20])
    assert probabilities.shape == (20, n_classes) and (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("labels", [np.array(["only"]), np.array([-3])], ids=["str", "int"])
def test_a_single_class_is_certain(labels):
    X, _ = make_table()
    clf = small().fit(X, labels.repeat(80))
    same(clf.predict(X), labels.repeat(80))
    same(clf.predict_proba(X), np.ones((80, 1)))
    with pytest.raises(ValueError, match="infinity"):
        clf.predict(with_value(np.inf))


def test_continuous_labels_are_refused():
    X, _ = make_table()
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        MitraClassifier().fit(X, X[:, 0])


# --------------------------------------------------------------------------------------------
# Support and priors
# --------------------------------------------------------------------------------------------


def imbalanced(n_rows=300):
    """Noise that is independent of y, whose classes have 85, 10 and 5 % of the rows."""
    X, _ = make_table(n_rows)
    return X, np.repeat([0, 1, 2], [n_rows * 85 // 100, n_rows // 10, n_rows // 20])


@pytest.mark.parametrize(
    ("sampling", "counts"), [("balanced", [10, 10, 10]), ("stratified", [24, 4, 2])]
)
def test_classes_share_the_support_as_the_sampling_says(sampling, counts):
    X, y = imbalanced()
    clf = small(support_sampling=sampling, max_support=30).fit(X, y)
    assert np.bincount(clf.y_support_).tolist() == counts
    np.testing.assert_allclose(clf.class_prior_, [0.85, 0.10, 0.05])


def test_a_random_support_is_the_regressors():
    X, y = imbalanced()
    clf = small(support_sampling="random").fit(X, y)
    same(clf.support_indices_, small(MitraRegressor).fit(X, y).support_indices_)


@pytest.mark.parametrize("sampling", ["balanced", "stratified"])
def test_the_support_needs_room_for_every_class(sampling):
    X, y = imbalanced()
    clf = small(max_support=2, support_sampling=sampling)
    with pytest.raises(ValueError, match="max_support=2 leaves no place .* of the 3 classes"):
        clf.fit(X, y)
    clf.set_params(max_support=3).fit(X, y).predict(X[::6])


def naive_probabilities(clf, X):
    """Bayes' rule in loops, from the network's outputs for every member."""
    n_classes = len(clf.classes_)
    logits = np.zeros((len(X), n_classes))
    members = member_outputs(clf, X.astype(np.float32))
    for member, output in members:
        for k in range(n_classes):
            shown = member.target.permutation[k]
            logits[:, k] += output[:, shown].astype(np.float64) / len(members)
    p = softmax(logits / clf.softmax_temperature, axis=1)
    for k in range(n_classes):
        in_support = np.mean(clf.y_support_ == k)
        if in_support:
            p[:, k] *= clf.class_prior_[k] / in_support
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("sampling", "temperature"),
    [("balanced", 1.0), ("balanced", 3), ("stratified", 0.5), ("random", 1.0)],
)
def test_probabilities_are_those_of_bayes_rule(sampling, temperature):
    X, y = imbalanced()
    clf = MitraClassifier(
        max_support=30,
        members="plain",
        support_sampling=sampling,
        softmax_temperature=temperature,
    ).fit(X, y)
    X = X[::5]
    np.testing.assert_allclose(clf.predict_proba(X), naive_probabilities(clf, X), rtol=1e-10)


def test_a_class_absent_from_the_support_keeps_the_networks_probability():
    X, _ = make_table(200)
    y = np.repeat([0, 1, 2], [150, 49, 1])
    clf = MitraClassifier(max_support=20, members="plain", support_sampling="random").fit(X, y)
    assert np.bincount(clf.y_support_, minlength=3)[2] == 0
    clf.set_params(softmax_temperature=0.7)
    X = X[::5]
    probabilities = clf.predict_proba(X)
    np.testing.assert_allclose(probabilities, naive_probabilities(clf, X), rtol=1e-10)
    assert (probabilities > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["balanced", "stratified", "random"])
def test_mean_probabilities_are_close_to_the_training_frequencies(sampling):
    X, y = imbalanced(400)
    clf = MitraClassifier(max_support=60, support_sampling=sampling).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X).mean(axis=0), clf.class_prior_, atol=0.1)


def test_log_probabilities_are_exact():
    X, y = imbalanced()
    clf = MitraClassifier(max_support=30).fit(X, y)
    X = X[::6]
    log_probabilities = clf.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log_probabilities), clf.predict_proba(X), rtol=1e-12)
    # with a low temperature, probabilities are rounded to 0 and their logarithms are not
    clf.set_params(softmax_temperature=1e-4)
    assert (clf.predict_proba(X) == 0).any()
    assert np.isfinite(clf.predict_log_proba(X)).all()
    one = small().fit(X, np.zeros(len(X)))
    same(one.predict_log_proba(X[:3]), np.zeros((3, 1)))
    same(one.predict_proba(X[:3]), np.ones((3, 1)))


def test_a_higher_temperature_softens():
    X, _, y = labelled(LABELS["int"])
    cold, warm, hot = (
        small(softmax_temperature=t).fit(X, y).predict_proba(X).max(axis=1) for t in (0.5, 1, 50)
    )
    assert (cold >= warm).all() and (warm > hot).all() and (hot < 0.5).all()


@pytest.mark.parametrize("temperature", [1e-320, 1e-300, 1e300, np.float32(2)], ids=str)
def test_extreme_temperatures_still_give_probabilities(temperature):
    X, _, y = labelled(LABELS["int"])
    probabilities = small(softmax_temperature=temperature).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("container", [pd.Series, pd.array, pd.Index, pd.DataFrame])
@pytest.mark.parametrize(
    ("labels", "dtype", "expected"),
    [
        ([2**53, 2**53 + 1], "Int64", np.int64),
        ([2**53, 2**53 + 1], "int64[pyarrow]", np.int64),
        ([2**64 - 2, 2**64 - 1], "UInt64", np.uint64),
        ([-1, 1], "Int8", np.int8),
        ([False, True], "boolean", np.bool_),
        ([False, True], "bool[pyarrow]", np.bool_),
    ],
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_of_pandas_stay_integers_and_booleans(labels, dtype, expected, container):
    X, _ = make_table()
    y = container(labels * 40, dtype=dtype)
    clf = small().fit(X, y)
    same(clf.classes_, np.array(labels, expected))
    same(clf.predict_proba(X), small().fit(X, np.array(labels * 40)).predict_proba(X))
    same(load(clf.save()).predict(X), clf.predict(X))


@pytest.mark.parametrize(
    "y",
    [
        np.array(["a", None] * 40, dtype=object),
        np.array(["a", np.nan] * 40, dtype=object),
        pd.Series(["a", None] * 40, dtype="string"),
        pd.Series([1, None] * 40, dtype="Int64"),
        pd.Series([1, None] * 40, dtype="int64[pyarrow]"),
        pd.Series([True, None] * 40, dtype="bool[pyarrow]"),
        pd.DataFrame([1, None] * 40, dtype="Int64"),
        [1.0, np.nan] * 40,
    ],
    ids=[
        *("None", "NaN", "NA of strings", "NA of integers", "NA of pyarrow's integers"),
        *("NA of pyarrow's booleans", "NA of a column", "floats"),
    ],
)
def test_missing_labels_are_counted_and_refused(y):
    X, _ = make_table()
    with pytest.raises(ValueError, match="y contains NaN, None or NA in 40 rows. Leave out"):
        small().fit(X, y)


def test_labels_of_mixed_types_are_refused():
    X, _ = make_table()
    with pytest.raises(TypeError, match="all numbers or all strings. Got int, str. Convert them"):
        small().fit(X, np.array(["a", 1] * 40, dtype=object))


# --------------------------------------------------------------------------------------------
# Rare classes
# --------------------------------------------------------------------------------------------

RARE = "No row was predicted to be of class"


def rare_table(names=("common", "rare"), share=0.03):
    """A class that no row is likely to be of, but some rows are likelier than others."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 2))
    is_rare = rng.random(700) < share * 2 * (X[:, 0] > 0)
    return X, np.array(names)[is_rare.astype(int)]


def warned(recorded):
    return [str(w.message) for w in recorded if str(w.message).startswith(RARE)]


def test_a_rare_class_that_is_never_predicted_is_warned_of_once_for_each_fit():
    X, y = rare_table()
    clf = small(max_support=60).fit(X, y)
    with pytest.warns(UserWarning, match=f"{RARE} 'rare'.*TunedThresholdClassifierCV") as told:
        assert set(clf.predict(X)) == {"common"}
    assert told[0].filename == __file__
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        clf.predict(X)
        clf.predict_proba(X)
    assert not warned(recorded)
    with pytest.warns(UserWarning, match=RARE):
        clf.fit(X, y).predict(X)
    with pytest.warns(UserWarning, match=RARE):
        pickle.loads(pickle.dumps(clf)).predict(X)


@pytest.mark.parametrize("class_weight", ["balanced", {"rare": 1.0}], ids=str)
def test_class_weights_silence_this_warning(class_weight, recwarn):
    X, y = rare_table()
    small(max_support=60, class_weight=class_weight).fit(X, y).predict(X)
    assert not warned(recwarn)


def test_few_rows_or_a_class_that_is_not_rare_are_no_reason_to_warn(recwarn):
    X, y = rare_table()
    small(max_support=60).fit(X, y).predict(X[:60])
    X, y = rare_table(share=0.12)
    small(max_support=60).fit(X, y).predict(X)
    assert not warned(recwarn)


def test_cross_validation_warns_of_a_rare_class_once():
    X, y = rare_table()
    clf = small(max_support=60)
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        cross_val_score(clf, X, y, cv=3)
    assert len(warned(recorded)) == 1
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("default")
        TunedThresholdClassifierCV(clf, cv=2).fit(X, y).predict(X)
    assert not warned(recorded)


def test_only_class_weight_is_for_several_classes():
    X, y = rare_table()
    y = np.where((y == "common") & (X[:, 1] > 0), "second", y)
    with pytest.warns(UserWarning, match=f"{RARE} 'rare'.*class. Pass class_weight") as told:
        small(max_support=60).fit(X, y).predict(X)
    assert "TunedThreshold" not in str(told[0].message)
