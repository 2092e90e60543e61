"""Features: columns that are functions of a table's, with out-of-fold values of support rows."""

import numpy as np
import pytest
from linear_functions import assert_same_linear, make_linear, unpack
from tables import make_encoded_rows as make_table

from sklearn_mitra import BundleError
from sklearn_mitra._members.features import Features
from sklearn_mitra._members.functions import Linear, Rows
from sklearn_mitra._network.quantiles import LARGEST_SHOWN

X = make_table()
HELD_OUT = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)


@pytest.mark.parametrize("held_out", [None, HELD_OUT], ids=["computed", "out of fold"])
def test_support_rows_have_their_out_of_fold_values(held_out):
    linear = make_linear()
    features, computed = Features(linear, held_out), linear.transform(X).astype(np.float32)
    assert features.n_columns == 2
    np.testing.assert_array_equal(features.query(Rows(X)), computed, strict=True)
    expected = computed if held_out is None else held_out
    np.testing.assert_array_equal(features.support(X), expected, strict=True)


def test_values_beyond_what_the_network_can_be_shown_are_clipped():
    terms = make_linear(1).terms
    features = Features(Linear(terms, np.full((3, 2), 1e90) * [1, -1], np.zeros(2)))
    values = features.query(Rows(X))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(np.abs(values), np.full((40, 2), LARGEST_SHOWN, np.float32))


@pytest.mark.parametrize("held_out", [None, HELD_OUT], ids=["computed", "out of fold"])
def test_they_come_back_from_json(held_out):
    features = Features(make_linear(), held_out)
    again = unpack(features, 40)
    assert_same_linear(again.function, features.function)
    np.testing.assert_equal(again.held_out, held_out)


@pytest.mark.parametrize("shape", [(39, 2), (40, 1)], ids=str)
def test_out_of_fold_values_of_another_shape_are_named(shape):
    features = Features(make_linear(), np.zeros(shape, np.float32))
    with pytest.raises(BundleError, match="'heldOut'"):
        unpack(features, 40)
