"""Training tables: what is shown of them, and the part of one that gets to a node."""

import numpy as np
import pytest

from sklearn_mitra._members.class_tree import ClassNode
from sklearn_mitra._members.training_table import TrainingTable


def make_table():
    """Nine rows of three classes, five of them the support, and one column that isn't shown."""
    x = np.arange(36, dtype=np.float32).reshape(9, 4)
    support, columns = np.array([0, 2, 3, 7, 8]), np.array([0, 1, 3])
    return TrainingTable(x, np.arange(9) % 3, support, columns, [0, 40, 3, 35], 3)


@pytest.mark.parametrize("sources", [[1], [1, 3], [0, 1, 3]], ids=str)
def test_further_columns_are_shown_instead_of_their_sources(sources):
    table = make_table()
    means = np.ones((9, 2), np.float32)
    shown = table.showing(np.hstack([table.x, means]), np.array(sources))
    others = [j for j in (0, 1, 3) if j not in sources]
    assert shown.columns.tolist() == [*others, 4, 5]
    assert shown.n_categories == [0, 40, 3, 35, 0, 0]  # the further ones are numbers
    np.testing.assert_array_equal(shown.x[:, :4], table.x)
    np.testing.assert_array_equal(shown.x[:, 4:], means)
    assert shown.support is table.support and shown.y is table.y
    assert table.columns.tolist() == [0, 1, 3] and table.n_categories == [0, 40, 3, 35]


def test_a_node_has_the_rows_of_its_classes():
    table = make_table()
    here = table.at(ClassNode(np.array([1, -1, 0]), 2))
    rows = [0, 2, 3, 5, 6, 8]
    np.testing.assert_array_equal(here.x, table.x[rows])
    assert here.y.tolist() == [1, 0] * 3 and here.n_classes == 2
    # the same rows are the support, as far as they get here
    np.testing.assert_array_equal(here.x[here.support], table.x[[0, 2, 3, 8]])
    assert here.columns is table.columns and here.n_categories is table.n_categories


def test_groups_of_classes_are_classes_of_the_root():
    table = make_table()
    here = table.at(ClassNode(np.array([0, 1, 1]), 2))
    np.testing.assert_array_equal(here.x, table.x)
    np.testing.assert_array_equal(here.support, table.support)
    assert here.y.tolist() == [0, 1, 1] * 3 and here.n_classes == 2
