"""Quantiles and the embedding against slow references; rows and columns one by one."""

import numpy as np
import pytest
from columns import draw

from sklearn_mitra._network.quantiles import QuantileEmbedding, column_quantiles

# ---- quantiles -----------------------------------------------------------------------------------


def test_quantiles_of_rows_in_order_are_the_positions():
    """With 1001 rows every quantile falls on a row, but for rounding of the position."""
    x = np.arange(1001, dtype=np.float32)[:, None]
    np.testing.assert_allclose(column_quantiles(x)[0], np.arange(1, 1000), atol=1e-4)


# ---- the embedding -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gaussian", "tied", "tied fractions", "binary"])
def test_a_bucket_is_the_number_of_quantiles_strictly_below(kind):
    x_support = draw(kind, 60)
    x = np.concatenate([x_support, draw(kind, 20, seed=1)])
    embedding = QuantileEmbedding(x_support)
    quantiles = column_quantiles(x_support)
    buckets = np.array([[sum(quantiles[j] < row[j]) / 60 for j in range(4)] for row in x])
    expected = (buckets - buckets[:60].mean(axis=0)) / buckets[:60].std(axis=0)
    np.testing.assert_allclose(embedding.transform(x), expected, rtol=1e-5, atol=1e-5)


def test_quantiles_equal_to_a_tied_value_do_not_count():
    x = np.float32([0] * 5 + [1] * 5)[:, None]
    quantiles = column_quantiles(x)[0]
    assert (quantiles <= 0).sum() > 400  # which counting with >= would give for 0
    embedding = QuantileEmbedding(x)
    low, high = 0, (quantiles < 1).sum() / 10
    np.testing.assert_allclose(embedding.mean, [(low + high) / 2], rtol=1e-6)
    np.testing.assert_allclose(embedding.transform(x)[:, 0], [-1] * 5 + [1] * 5, rtol=1e-6)


def test_a_column_constant_in_the_support_becomes_zero():
    x_support = draw("gaussian", 20)
    x_support[:, 1] = 0.1
    x_query = draw("gaussian", 10, seed=1)
    embedding = QuantileEmbedding(x_support)
    np.testing.assert_array_equal(embedding.std == 0, [False, True, False, False])
    np.testing.assert_array_equal(embedding.transform(x_support)[:, 1], 0)
    np.testing.assert_array_equal(embedding.transform(x_query)[:, 1], 0)


# ---- invariances ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gaussian", "tied", "heavy-tailed"])
def test_the_order_of_support_rows_changes_nothing(kind):
    x_support, x_query = draw(kind, 200), draw(kind, 50, seed=1)
    expected = QuantileEmbedding(x_support).transform(x_query)
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(x_support)
        np.testing.assert_array_equal(QuantileEmbedding(shuffled).transform(x_query), expected)


def test_rows_and_columns_are_embedded_one_by_one():
    x_support, x_query = draw("tied fractions", 80), draw("tied fractions", 30, seed=1)
    whole = QuantileEmbedding(x_support).transform(x_query)
    for j in range(4):
        column = QuantileEmbedding(x_support[:, [j]]).transform(x_query[:, [j]])
        np.testing.assert_array_equal(column[:, 0], whole[:, j])
    for i in range(30):
        row = QuantileEmbedding(x_support).transform(x_query[i : i + 1])
        np.testing.assert_array_equal(row[0], whole[i])


def test_input_is_left_alone():
    x_support, x_query = draw("gaussian", 30), draw("gaussian", 10, seed=1)
    before = x_support.copy(), x_query.copy()
    x_support.flags.writeable = x_query.flags.writeable = False
    QuantileEmbedding(x_support).transform(x_query)
    np.testing.assert_array_equal(x_support, before[0])
    np.testing.assert_array_equal(x_query, before[1])
