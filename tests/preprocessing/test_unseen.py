"""Unseen categories and other time zones: what is counted, and when there is a warning."""

import warnings

import numpy as np
import pytest

from sklearn_mitra._preprocessing.columns import Categories
from sklearn_mitra._preprocessing.unseen import UnseenCategories

COLUMN = Categories("column 'a'", ["x", "y"])


def encode(*pieces):
    """What was counted while pieces of a table were encoded."""
    unseen = UnseenCategories()
    for piece in pieces:
        COLUMN.to_floats(np.array(piece, object), unseen)
    return unseen


def test_pieces_are_counted_together_and_missing_values_are_left_out():
    assert encode(["X", "x", None], ["Y", "y", "X"]).counts == {"column 'a'": [5, 3, "X"]}


def test_a_column_of_mostly_unseen_categories_raises_one_warning():
    with pytest.warns(UserWarning, match="In column 'a', 3 of 5 values .* such as 'X'") as record:
        encode(["X", "x", None], ["Y", "y", "X"]).warn()
    assert len(record) == 1


@pytest.mark.parametrize("piece", [["X", "x", None, None], [None, None], []], ids=str)
def test_half_of_the_values_or_fewer_raise_no_warning(piece):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(piece).warn()


@pytest.mark.parametrize(
    ("has_zones", "message"),
    [
        (True, "In column 'a', times had no time zone in training, but some have one now"),
        (False, "In column 'a', times had a time zone in training, but some have none now"),
    ],
)
def test_other_time_zones_raise_a_warning(has_zones, message):
    unseen = UnseenCategories()
    unseen.zones["column 'a'"] = has_zones
    with pytest.warns(UserWarning, match=message):
        unseen.warn()
