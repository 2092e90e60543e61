"""More classes than the checkpoint has outputs: members see them in groups."""

import pickle

import numpy as np
import pytest
from bundles import closed, opened

import sklearn_mitra
from sklearn_mitra import BundleError, MitraClassifier
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._codes import ClassCode, encode_classes
from sklearn_mitra._members import make_views


def make_codes(n_classes, n_outputs=10, n_members=3):
    kinds = ["plain"] * n_members
    views = make_views(kinds, None, n_classes, np.arange(2), n_classes, seed=0)
    return encode_classes(views, np.arange(n_classes), n_outputs)


@pytest.mark.parametrize(
    ("n_classes", "n_outputs", "n_codes"),
    [(11, 10, 2), (26, 10, 2), (100, 10, 2), (101, 10, 3), (1000, 10, 3), (9, 2, 4), (4, 3, 2)],
)
def test_the_codes_of_a_member_tell_all_classes_apart(n_classes, n_outputs, n_codes):
    views = make_codes(n_classes, n_outputs)
    assert len(views) == 3 * n_codes
    for i in range(0, len(views), n_codes):
        codes = [view.target.groups for view in views[i : i + n_codes]]
        assert len(set(zip(*codes))) == n_classes
        for groups in codes:
            sizes = np.bincount(groups, minlength=n_outputs)
            assert len(sizes) == n_outputs and sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("n_classes", [1, 2, 10])
def test_as_many_classes_as_outputs_have_no_codes(n_classes):
    assert {view.target.n_codes for view in make_codes(n_classes)} == {1}


def test_a_network_that_knows_the_frequencies_only_gives_those_of_the_classes():
    y = np.repeat(np.arange(12), np.arange(1, 13))
    views = make_views(["plain"] * 2, None, len(y), np.arange(2), 12, seed=0)
    logits = np.zeros((1, 12))
    codes = encode_classes(views, y, 10)
    for view in codes:
        shares = np.bincount(view.target.show(y), minlength=10) / len(y)
        logits += view.target.restore(np.log(shares)[None]) / len(codes)
    np.testing.assert_allclose(np.exp(logits[0]), np.bincount(y) / len(y))


def make_table(n_classes, n_rows=4):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_classes), n_rows)
    X = np.column_stack([y % 5, y // 5]) + rng.normal(scale=0.05, size=(len(y), 2))
    return X, y


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(15)
    return MitraClassifier(n_estimators=2, n_jobs=1).fit(X, y), X, y


def test_fifteen_classes_are_told_apart(fitted):
    clf, X, y = fitted
    probabilities = clf.predict_proba(X)
    assert probabilities.shape == (60, 15)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert clf.score(X, y) >= 0.9
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), probabilities, rtol=1e-9)
    np.testing.assert_array_equal(clf.predict_proba(X[7:9]), probabilities[7:9])


def test_contexts_of_all_codes_are_counted(fitted):
    clf, X, _ = fitted
    clf.predict(X[:1])
    assert len(clf._views) == 4
    assert clf.estimate_cost(10).context_nbytes == clf.context_nbytes_ > 0


def test_bundles_and_pickles_predict_the_same_to_the_bit(fitted):
    clf, X, _ = fitted
    expected = clf.predict_proba(X[:5])
    for again in (sklearn_mitra.load(clf.save()), pickle.loads(pickle.dumps(clf))):
        np.testing.assert_array_equal(again.predict_proba(X[:5]), expected)
    assert len(sklearn_mitra.load(clf.save(), n_estimators=1)._views) == 2
    with pytest.raises(ValueError, match="has 2 ensemble members"):
        sklearn_mitra.load(clf.save(), n_estimators=3)


def test_one_plain_member_can_be_loaded_as_several():
    X, y = make_table(11, 2)
    one, two = (MitraClassifier(n_estimators=n, members="plain").fit(X, y) for n in (1, 2))
    again = sklearn_mitra.load(one.save(), n_estimators=2)
    np.testing.assert_array_equal(again.predict_proba(X[:3]), two.predict_proba(X[:3]))


def test_names_of_the_classes_in_the_same_order_change_nothing(fitted):
    clf, X, y = fitted
    named = MitraClassifier(n_estimators=2).fit(X, np.array(list("abcdefghijklmno"))[y])
    np.testing.assert_array_equal(named.predict_proba(X[:5]), clf.predict_proba(X[:5]))


def test_a_hundred_classes():
    X, y = make_table(100, 2)
    clf = MitraClassifier(n_estimators=1).fit(X, y)
    probabilities = clf.predict_proba(X[:3])
    assert probabilities.shape == (3, 100) and np.isfinite(probabilities).all()
    with pytest.raises(ValueError, match="max_support=99 leaves no place .* 100 classes"):
        MitraClassifier(max_support=99).fit(X, y)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("groups", {"groups": np.array([0, 1, 3])}),
        ("groups", {"groups": np.array([0, 1, -1])}),
        ("groups", {"groups": np.array([0, 1])}),
        ("nCodes", {"n_codes": 0}),
        ("nCodes", {"n_codes": 33}),
        ("nCodes", {"n_codes": True}),
        ("offsets", {"offsets": np.array([0, 1e7, 0])}),
        ("offsets", {"offsets": np.array([0, np.nan, 0])}),
    ],
)
def test_damaged_codes_are_named(field, value):
    right = {"groups": np.array([0, 1, 0]), "n_codes": 2, "offsets": np.zeros(3)}
    packed = ClassCode(**{**right, **value}).pack()
    with pytest.raises(BundleError, match=f"'{field}'"):
        ClassCode.unpack(BundleFields(packed, "a view"), 3)


def test_groups_beyond_the_outputs_of_the_checkpoint_are_refused(fitted):
    manifest, parsed = opened(fitted[0].save())
    groups = np.arange(15)
    parsed["sklearn_mitra"]["views"][1]["groups"] = pack(groups)
    with pytest.raises(BundleError, match="'views' .* at most 10, the checkpoint's outputs"):
        sklearn_mitra.load(closed(manifest, parsed))
