"""The quantile embedding against PyTorch's quantiles and AutoGluon's embedding.

Equal to the bit on CPUs with fused multiply-add (x86-64 with AVX2, ARM64); without it PyTorch
itself gives other bits.
"""

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.embedding import Tab2DQuantileEmbeddingX

from sklearn_mitra._quantiles import QuantileEmbedding, column_quantiles

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")

Q = torch.arange(1, 1000, dtype=torch.float) / 1000

# n_rows, generator -> float32 (n_rows, 4)
COLUMNS = {
    "gaussian": lambda n, rng: rng.normal(size=(n, 4)),
    "small": lambda n, rng: rng.normal(size=(n, 4)) * 1e-30,
    "subnormal": lambda n, rng: rng.normal(size=(n, 4)) * 1e-40,
    "large": lambda n, rng: rng.normal(size=(n, 4)) * 1e37,
    "offset": lambda n, rng: rng.normal(size=(n, 4)) + 1e5,
    "heavy-tailed": lambda n, rng: np.exp(8 * rng.normal(size=(n, 4))),
    "mixed scales": lambda n, rng: rng.normal(size=(n, 4)) * [1e-5, 1.0, 1e5, 1e20],
    "tied": lambda n, rng: rng.integers(0, 3, (n, 4)),
    "tied fractions": lambda n, rng: rng.integers(-5, 5, (n, 4)) / 7,
    "binary": lambda n, rng: rng.random((n, 4)) < 0.03,
    "constant": lambda n, rng: np.full((n, 4), 0.1),
}
SIZES = [*range(1, 41), 100, 255, 256, 257, 500, 511, 512, 513, 999, 1000, 1001, 1002, 2001, 4096]


def draw(kind, n_rows, seed=0):
    return COLUMNS[kind](n_rows, np.random.default_rng(seed)).astype(np.float32)


def upstream(x_support, x_query):
    """AutoGluon's embedding. It writes into its arguments, which here are copies."""
    support, query = Tab2DQuantileEmbeddingX(dim=1)(
        torch.tensor(x_support[None]),
        torch.tensor(x_query[None]),
        torch.zeros((1, len(x_support)), dtype=torch.bool),
        torch.zeros((1, x_support.shape[1]), dtype=torch.bool),
    )
    return support[0].numpy(), query[0].numpy()


# ---- quantiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COLUMNS)
def test_quantiles_are_those_of_torch_to_the_bit(kind):
    for n_rows in SIZES:
        x = draw(kind, n_rows, seed=n_rows)
        expected = torch.quantile(torch.tensor(x), Q, dim=0).T.numpy()
        quantiles = column_quantiles(x)
        assert quantiles.dtype == np.float32
        np.testing.assert_array_equal(quantiles, expected, err_msg=f"{n_rows} rows")


def test_quantiles_of_rows_in_order_are_the_positions():
    """With 1001 rows every quantile falls on a row, but for rounding of the position."""
    x = np.arange(1001, dtype=np.float32)[:, None]
    np.testing.assert_allclose(column_quantiles(x)[0], np.arange(1, 1000), atol=1e-4)


# ---- the embedding -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 10, 100, 512, 1500])
def test_embedding_is_that_of_autogluon(kind, n_rows):
    x_support, x_query = draw(kind, n_rows), draw(kind, 64, seed=1)
    x_query[:4] = x_support[0]  # on a tie with the support
    embedding = QuantileEmbedding(x_support)
    support, query = upstream(x_support, x_query)
    for embedded, expected in ((x_support, support), (x_query, query)):
        embedded = embedding.transform(embedded)
        assert embedded.dtype == np.float32
        # Buckets are equal; only the sums over the support are rounded differently.
        np.testing.assert_allclose(embedded, expected, rtol=2e-6, atol=2e-6)


def test_query_rows_beyond_the_support():
    x_support = draw("gaussian", 50)
    far = np.float32([[-1e30] * 4, [1e30] * 4])
    np.testing.assert_allclose(
        QuantileEmbedding(x_support).transform(far), upstream(x_support, far)[1], rtol=2e-6
    )


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
