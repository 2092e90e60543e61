"""Class labels as ids, and logits back to probabilities, against Bayes' rule by loops."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.estimators import CLASSIFIER, Stored
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._targets.classes import ClassTarget, check_labels, keep_integers

LABELS = {
    "int": np.array([3, -1, 2]),
    "int8": np.array([-128, 0, 127], np.int8),
    "int64 beyond float64": np.array([2**53 + 1, 2**53, 2**62]),
    "float": np.array([1.0, -2.0, 0.0]),
    "bool": np.array([True, False]),
    "str": np.array(["low", "high", "mäßig"]),
    "object": np.array(["low", "high", "mäßig"], dtype=object),
}
# Of four classes: the second is rare in the support, and the last is missing there.
IDS, SUPPORT = np.repeat([0, 1, 2, 3], [60, 30, 8, 2]), np.repeat([0, 1, 2], [5, 1, 4])
NAMES = np.array(["a", "b", "c", "d"])


def make_target():
    return ClassTarget.fit(NAMES[IDS])[0]


# ---- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_ids_are_positions_of_the_labels_in_ascending_order(labels):
    y = labels[np.random.default_rng(0).integers(0, len(labels), 50)]
    target, ids = ClassTarget.fit(y)
    expected = sorted({*y.tolist()})
    assert target.classes.tolist() == expected and target.classes.dtype == labels.dtype
    assert ids.dtype == np.int64
    assert ids.tolist() == [expected.index(label) for label in y.tolist()]
    np.testing.assert_array_equal(target.classes[ids], y)
    counts = [y.tolist().count(label) for label in expected]
    np.testing.assert_allclose(target.prior, np.array(counts) / 50, rtol=1e-15)
    assert target.n_classes == len(labels) and not target.is_constant


def test_the_network_is_shown_the_ids():
    target, ids = ClassTarget.fit(NAMES[IDS])
    np.testing.assert_array_equal(target.transform(ids), ids, strict=True)


def test_known_classes_may_have_no_rows():
    target, ids = ClassTarget.among(NAMES, np.array(["c", "a", "c", "d"]))
    assert ids.tolist() == [2, 0, 2, 3]
    np.testing.assert_array_equal(target.classes, NAMES)
    np.testing.assert_array_equal(target.prior, [0.25, 0, 0.5, 0.25])


def test_held_out_rows_do_not_count_in_the_prior():
    target = make_target()
    rest = target.without(np.array([0, 0, 2, 0]))
    np.testing.assert_array_equal(rest.prior, [0.75, 0, 0.25, 0])
    np.testing.assert_array_equal(rest.classes, target.classes)
    np.testing.assert_array_equal(target.prior, [0.6, 0.3, 0.08, 0.02])


def test_a_single_class_is_always_predicted():
    target, ids = ClassTarget.fit(np.array(["only"] * 3))
    assert target.is_constant and ids.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(softmax(target.constant_answers(2), axis=1), [[1], [1]])


def test_continuous_labels_are_refused():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        ClassTarget.fit(np.array([0.5, 1.25, 3.0]))


@pytest.mark.parametrize(
    "y",
    [np.array(["a", None], object), pd.Series([1, pd.NA], dtype="Int64"), [1.0, np.nan]],
    ids=["None", "NA", "NaN"],
)
def test_missing_labels_are_counted(y):
    with pytest.raises(ValueError, match="NaN, None or NA in 1 rows. Leave out"):
        check_labels(y)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_one_type_are_accepted(labels):
    check_labels(labels)


def test_labels_of_mixed_types_are_refused():
    with pytest.raises(TypeError, match="all numbers or all strings. Got int, str. Convert them"):
        check_labels(np.array(["a", 1], dtype=object))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("Int64", np.int64), ("UInt8", np.uint8), ("boolean", np.bool_), ("int64[pyarrow]", np.int64)],
)
@pytest.mark.parametrize("container", [pd.Series, pd.DataFrame])
def test_nullable_integers_and_booleans_of_pandas_become_numpys(container, dtype, expected):
    kept = np.asarray(keep_integers(container([0, 1], dtype=dtype)))
    np.testing.assert_array_equal(kept.ravel(), np.array([0, 1], expected), strict=True)


@pytest.mark.parametrize(
    "y",
    [[1, 2], np.array([1, 2]), pd.Series([0.5, 1], dtype="Float64"), pd.Series(["a"])],
    ids=["list", "array", "floats", "strings"],
)
def test_other_labels_are_returned_unchanged(y):
    assert keep_integers(y) is y


# ---- from logits to probabilities ----------------------------------------------------------------

WEIGHTS = {"a": 0.5, "c": 3}


def naive_probabilities(logits, temperature, class_weight, to_prior):
    """Bayes' rule, row by row and class by class."""
    in_training = [np.mean(k == IDS) for k in range(4)]
    in_support = [np.mean(k == SUPPORT) for k in range(4)]
    rows = []
    for row in logits:
        p = softmax(row / temperature)
        for k in range(4):
            wanted = in_training[k] if to_prior else in_support[k]
            if class_weight == "balanced":
                wanted = 1 / 4
            if in_support[k]:  # otherwise the class keeps the network's probability
                p[k] *= wanted / in_support[k]
            if isinstance(class_weight, dict):
                p[k] *= class_weight.get(NAMES[k], 1)
        rows.append(p / p.sum())
    return np.array(rows)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {}, WEIGHTS], ids=str)
@pytest.mark.parametrize("to_prior", [True, False])
def test_probabilities_are_those_of_bayes_rule(temperature, class_weight, to_prior):
    target, logits = make_target(), np.random.default_rng(0).normal(size=(20, 4))
    before = logits.copy()
    correction = target.log_correction(SUPPORT, class_weight, to_prior)
    corrected = target.inverse_transform(logits, temperature, correction)
    expected = naive_probabilities(logits, temperature, class_weight, to_prior)
    np.testing.assert_allclose(softmax(corrected, axis=1), expected, rtol=1e-12)
    np.testing.assert_array_equal(logits, before)


def test_a_support_with_the_wanted_frequencies_needs_no_correction():
    target, logits = make_target(), np.random.default_rng(0).normal(size=(20, 4))
    for correction in (target.log_correction(IDS), target.log_correction(SUPPORT, None, False)):
        np.testing.assert_array_equal(correction, np.zeros(4))
    corrected = target.inverse_transform(logits, 1.0, np.zeros(4))
    np.testing.assert_allclose(softmax(corrected, axis=1), softmax(logits, axis=1), rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(1e-320, [1, 0, 0, 0]), (1e-300, [1, 0, 0, 0]), (1e300, [0.25] * 4)],
    ids=str,
)
def test_any_temperature_gives_probabilities(temperature, expected):
    logits = np.array([[3.0, 1, 2, 0], [1e30, 1, 0, -1e30]])
    corrected = make_target().inverse_transform(logits, temperature, np.zeros(4))
    np.testing.assert_allclose(softmax(corrected, axis=1), [expected] * 2, rtol=1e-12)


# ---- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {}], ids=str)
def test_without_a_dict_weights_are_one(class_weight):
    np.testing.assert_array_equal(make_target().weights(class_weight), np.ones(4))


def test_weights_are_by_label():
    target, weights = make_target(), {"d": 2, "a": 0.5}
    np.testing.assert_array_equal(target.weights(weights), [0.5, 1, 1, 2], strict=True)
    assert weights == {"d": 2, "a": 0.5}
    # a fold may lack a class that has a weight, but then all others need one
    every = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
    np.testing.assert_array_equal(target.weights(every), [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"e": 1.0}, "weight for 'e', which is not a class, .* which are .'a', 'b', 'c', 'd'."),
        ({0: 1.0}, "weight for 0, which is not a class"),
        ({"a": 0}, "finite and greater than 0. Got 0 for 'a' in class_weight"),
        ({"a": -1.0}, "Got -1.0 for 'a'"),
        ({"a": np.nan}, "Got nan for 'a'"),
        ({"a": np.inf}, "Got inf for 'a'"),
        ({"a": "1"}, "Got '1' for 'a'"),
    ],
    ids=["unknown", "another type", "zero", "negative", "NaN", "infinite", "string"],
)
def test_invalid_weights_are_refused(weights, message):
    target = make_target()
    for use in (target.weights, lambda w: target.log_correction(SUPPORT, w)):
        with pytest.raises(ValueError, match=message):
            use(weights)


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(packed, y, classes=None):
    stored = Stored(CLASSIFIER, np.zeros((len(y), 1), np.float32), y, classes, None)
    return ClassTarget.unpack(BundleFields(json.loads(json.dumps(packed)), "a bundle"), stored)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_class_targets_come_back_from_json(labels):
    target, ids = ClassTarget.fit(labels[np.arange(50) % len(labels)])
    again, found = unpack(target.pack(ids), ids.astype(np.int32))
    np.testing.assert_array_equal(again.classes, target.classes, strict=True)
    np.testing.assert_array_equal(again.prior, target.prior, strict=True)
    np.testing.assert_array_equal(found, ids, strict=True)


def test_integer_labels_of_the_support_become_ids():
    target, _ = ClassTarget.fit(np.array([-5, 2, 2, 7]))
    _, ids = unpack(target.pack(None), np.array([2, 7, 2], np.int32), [2, 7])
    np.testing.assert_array_equal(ids, [1, 2, 1], strict=True)


SEEN = np.array([0, 1, 2, 3], np.int32)


@pytest.mark.parametrize(
    ("field", "value", "y", "classes"),
    [
        ("labels", pack([3, 1, 2, 4]), SEEN, None),
        ("labels", pack([1, 2, 3]), SEEN, None),
        ("labels", pack([1, 2, 3, 4]), SEEN, [0, 1, 2, 3]),
        ("prior", pack([0.5, 0.5]), SEEN, None),
        ("prior", pack([0.5, 0.4, 0.2, 0.1]), SEEN, None),
        ("prior", pack([0.5, 0.6, -0.2, 0.1]), SEEN, None),
        ("prior", pack([0.5, 0.4, 0, 0.1]), SEEN, None),
        ("support_y", None, np.array([0, -1], np.int32), None),
    ],
    ids=[
        *("not ascending", "fewer than ids", "other labels than the support's"),
        *("too short", "a sum of 1.2", "negative", "none of a class in the support"),
        "a negative id",
    ],
)
def test_inconsistent_fields_are_named(field, value, y, classes):
    packed = make_target().pack(None)
    if value is not None:
        packed[field] = value
    with pytest.raises(BundleError, match=f"'{field}'"):
        unpack(packed, y, classes)


# ---- rare classes --------------------------------------------------------------------------------


def find_missed(probabilities, shares):
    """Of two classes or more: the first ones' probabilities are given, the last has the rest."""
    target = ClassTarget(np.arange(len(shares)), np.array(shares))
    p = np.array(probabilities).reshape(len(probabilities), -1)
    return target.find_missed(np.column_stack([p, 1 - p.sum(axis=1)]))


def test_a_rare_class_is_missed_if_rows_of_it_are_likely_but_none_is_predicted():
    likely = [0.01] * 90 + [0.3] * 10  # adds up to 3.9 rows
    assert find_missed(likely, [0.04, 0.96]) == 0
    assert find_missed(likely, [0.05, 0.95]) is None, "not rare"
    assert find_missed([*likely, 0.6], [0.04, 0.96]) is None, "predicted"
    assert find_missed(likely[15:], [0.04, 0.96]) == 0
    assert find_missed(likely[:-4], [0.04, 0.96]) is None, "fewer than three rows are expected"
    assert find_missed([0.06] * 100, [0.04, 0.96]) is None, "rows are not told apart"
    assert find_missed([0.04] * 99 + [0.3], [0.04, 0.96]) == 0
    assert find_missed(np.zeros((1, 1)), [0.04, 0.96]) is None


def test_of_many_classes_a_rare_one_has_less_than_a_quarter_of_an_even_share():
    p = np.tile([0.02, *[0.09] * 10], (200, 1))
    p[:20, 0] = 0.06
    assert find_missed(p, [0.020, *[0.98 / 11] * 11]) == 0
    assert find_missed(p, [0.022, *[0.978 / 11] * 11]) is None
    assert find_missed(np.ones((50, 0)), [1.0]) is None
