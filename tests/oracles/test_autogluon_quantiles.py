"""The quantile embedding against PyTorch's quantiles and AutoGluon's embedding.

Equal to the bit on CPUs with fused multiply-add (x86-64 with AVX2, ARM64); without it PyTorch
itself gives other bits.
"""

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.embedding import Tab2DQuantileEmbeddingX
from columns import COLUMNS, SIZES, draw

from sklearn_mitra._network.quantiles import QuantileEmbedding, column_quantiles

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")

Q = torch.arange(1, 1000, dtype=torch.float) / 1000


def upstream(x_support, x_query):
    """AutoGluon's embedding. It writes into its arguments, which here are copies."""
    support, query = Tab2DQuantileEmbeddingX(dim=1)(
        torch.tensor(x_support[None]),
        torch.tensor(x_query[None]),
        torch.zeros((1, len(x_support)), dtype=torch.bool),
        torch.zeros((1, x_support.shape[1]), dtype=torch.bool),
    )
    return support[0].numpy(), query[0].numpy()


@pytest.mark.parametrize("kind", COLUMNS)
def test_quantiles_are_those_of_torch_to_the_bit(kind):
    for n_rows in SIZES:
        x = draw(kind, n_rows, seed=n_rows)
        expected = torch.quantile(torch.tensor(x), Q, dim=0).T.numpy()
        quantiles = column_quantiles(x)
        assert quantiles.dtype == np.float32
        np.testing.assert_array_equal(quantiles, expected, err_msg=f"{n_rows} rows")


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
