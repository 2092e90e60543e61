"""More classes than the checkpoint has outputs: members have trees of them."""

import pickle

import numpy as np
import pytest
from bundle_tools import closed, opened
from memory import traced_memory
from tables import make_separated_classes as make_table

import sklearn_mitra
from sklearn_mitra import BundleError, MitraClassifier
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members.class_tree import ClassNode, grow_tree, is_tree
from sklearn_mitra._members.functions import Rows


def grow(n_classes, n_outputs=10, seed=0, n_rows=2):
    y = np.repeat(np.arange(n_classes), n_rows)
    x = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float32)
    return grow_tree(x, y, n_classes, n_outputs, seed), y


@pytest.mark.parametrize(
    ("n_classes", "n_outputs", "n_nodes"),
    [(11, 10, 3), (26, 10, 4), (100, 10, 11), (101, 10, 13), (9, 2, 8), (4, 3, 3), (3, 2, 2)],
)
def test_a_tree_tells_all_classes_apart_by_few_outputs(n_classes, n_outputs, n_nodes):
    nodes, y = grow(n_classes, n_outputs)
    assert len(nodes) == n_nodes and is_tree(nodes, y)
    for node in nodes:
        found = node.groups[node.groups >= 0]
        assert set(found) == set(range(node.n_groups)) and 2 <= node.n_groups <= n_outputs
        sizes = np.bincount(found)
        assert sizes.max() - sizes.min() <= 1
    assert len({tuple(node.groups[k] for node in nodes) for k in range(n_classes)}) == n_classes


def test_nodes_that_know_the_frequencies_only_give_those_of_the_classes():
    y = np.repeat(np.arange(12), np.arange(1, 13))
    nodes = grow_tree(np.zeros((len(y), 2), np.float32), y, 13, 10, 0)
    logits = np.zeros((1, 13))
    for node in nodes:
        shares = np.bincount(node.groups[y[node.find(y)]]) / len(node.find(y))
        logits += node.spread(np.log(shares)[None] + 5) / len(nodes)
    # a class without support rows counts as half of one
    np.testing.assert_allclose(np.exp(logits[0]), [*np.arange(1, 13) / len(y), 0.5 / len(y)])


def test_similar_classes_are_in_the_same_group():
    y = np.repeat(np.arange(12), 5)
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(y))
    x = np.where(y % 2, 10, 0) + y + noise
    root = grow_tree(x[:, None].astype(np.float32), y, 12, 10, 0)[0]
    assert len(set(root.groups[1::2])) == len(set(root.groups[::2])) == 1


def test_trees_of_other_seeds_are_others_and_of_the_same_seed_the_same():
    trees = [[node.groups.tolist() for node in grow(26, seed=s)[0]] for s in (0, 0, 1)]
    assert trees[0] == trees[1] != trees[2]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda nodes: nodes[:-1],
        lambda nodes: [*nodes[:-1], nodes[-2]],
        lambda nodes: [nodes[1], nodes[0], *nodes[2:]],
        lambda nodes: [ClassNode(nodes[0].groups, 3), *nodes[1:]],
    ],
)
def test_what_is_no_tree_is_known(spoil):
    nodes, y = grow(26)
    assert is_tree(nodes, y) and not is_tree(spoil(nodes), y)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(15)
    return MitraClassifier(n_estimators=2, n_jobs=1).fit(X, y), X, y


def test_fifteen_classes_are_told_apart(fitted):
    clf, X, y = fitted
    probabilities = clf.predict_proba(X)
    assert probabilities.shape == (90, 15)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert np.mean(clf.classes_[probabilities.argmax(axis=1)] == y) >= 0.9
    log_probabilities = clf.predict_log_proba(X[:20])
    np.testing.assert_allclose(np.exp(log_probabilities), probabilities[:20], rtol=1e-9)
    np.testing.assert_array_equal(clf.predict_proba(X[7:9]), probabilities[7:9])


@pytest.mark.usefixtures("short_trial")
def test_contexts_of_all_nodes_are_counted(fitted):
    clf, X, _ = fitted
    clf.predict(X[:1])
    assert len(clf._model.members) == 6
    assert clf.estimate_cost(10).context_nbytes == clf.context_nbytes_ > 0


def test_bundles_and_pickles_predict_the_same_to_the_bit(fitted):
    clf, X, _ = fitted
    expected = clf.predict_proba(X[:5])
    for again in (sklearn_mitra.load(clf.save()), pickle.loads(pickle.dumps(clf))):
        np.testing.assert_array_equal(again.predict_proba(X[:5]), expected)
    assert len(sklearn_mitra.load(clf.save(), n_estimators=1)._model.members) == 3
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


def test_classes_without_support_rows_are_rare():
    X, y = make_table(15)
    clf = MitraClassifier(max_support=8, support_sampling="random", members="plain").fit(X, y)
    unseen = np.setdiff1d(np.arange(15), clf.y_support_)
    probabilities = clf.predict_proba(X)
    assert len(unseen) >= 7
    assert (probabilities[:, unseen] > 0).all()
    assert probabilities[:, unseen].max() < probabilities.max(axis=1).min()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("groups", {"groups": np.array([0, 1, 3])}),
        ("groups", {"groups": np.array([0, 1, -2])}),
        ("groups", {"groups": np.array([-1, -1, -1])}),
        ("groups", {"groups": np.array([0, 1])}),
        ("nNodes", {"n_nodes": 0}),
        ("nNodes", {"n_nodes": 3}),
        ("nNodes", {"n_nodes": True}),
        ("other", {"other": 1e7}),
        ("other", {"other": 1}),
    ],
)
def test_damaged_nodes_are_named(field, value):
    right = {"groups": np.array([0, 1, 0]), "n_nodes": 2, "other": -3.0}
    packed = ClassNode(**{**right, **value}).pack()
    with pytest.raises(BundleError, match=f"'{field}'"):
        ClassNode.unpack(BundleFields(packed, "a view"), 3)


def test_groups_beyond_the_outputs_of_the_checkpoint_are_refused(fitted):
    manifest, parsed = opened(fitted[0].save())
    view = parsed["sklearn_mitra"]["views"][0]
    view["node"]["groups"] = pack(np.arange(15))
    view["classes"] = pack(np.arange(15))
    view["vote"] = None
    with pytest.raises(BundleError, match="'views' .* at most 10, the checkpoint's outputs"):
        sklearn_mitra.load(closed(manifest, parsed))


@pytest.mark.parametrize("spoil", ["a node is missing", "no node", "other rows"])
def test_views_that_are_no_whole_trees_are_refused(fitted, spoil):
    manifest, parsed = opened(fitted[0].save())
    views = parsed["sklearn_mitra"]["views"]
    if spoil == "a node is missing":
        del views[-1]
    elif spoil == "no node":
        del views[-1]["node"]
    else:
        views[1]["node"], views[2]["node"] = views[2]["node"], views[1]["node"]
    with pytest.raises(BundleError):
        sklearn_mitra.load(closed(manifest, parsed))


def test_logits_of_all_members_are_never_in_memory_together():
    y = np.arange(200) % 100
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    classifier = MitraClassifier(n_estimators=4, members="plain").fit(x, y)
    rows = Rows(np.zeros((1000, 2), np.float32))
    outputs = [np.zeros((1000, 10), np.float32) for _ in classifier._model.members]
    assert len(outputs) == 44
    with traced_memory(2**23):  # 35 MB together
        logits = classifier._predictions(rows, outputs)
    assert logits.shape == (1000, 100)
