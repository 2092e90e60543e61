"""The quantile embedding of Mitra, in NumPy.

A value becomes the number of the support's 999 quantiles that lie strictly below it,
standardised by the support's own mean and deviation. Values are float32, as upstream; only
the two sums over the support are accumulated in float64, since NumPy adds up a column in
float32 less exactly than PyTorch does.

References
----------
``Tab2DQuantileEmbeddingX`` in
``autogluon/tabular/models/mitra/_internal/models/embedding.py`` (AutoGluon 1.6.3).
"""

import numpy as np
from numpy.typing import NDArray

# The largest number that a table may hold: quantiles interpolate between two values, so their
# difference has to be finite in float32.
LARGEST_SHOWN = float(np.finfo(np.float32).max) / 2

_LEVELS = np.arange(1, 1000, dtype=np.float32) / np.float32(1000)


class QuantileEmbedding:
    """The embedding of one support table, for its own rows and for query rows.

    Parameters
    ----------
    x_support : ndarray of shape (n_support, n_features), float32
        Finite.

    Attributes
    ----------
    quantiles : ndarray of shape (n_features, 999), float32
        The 0.001 to 0.999 quantiles of each column.
    mean, std : ndarray of shape (n_features,), float32
        Of the support's bucket numbers, which are counts divided by ``n_support``.
        A column constant in the support has ``std`` 0 and is embedded as 0.
    """

    def __init__(self, x_support: NDArray[np.float32]) -> None:
        self.n_support = np.float32(len(x_support))
        self.quantiles = column_quantiles(x_support)
        buckets = self._buckets(x_support)
        self.mean = buckets.mean(axis=0, dtype=np.float64).astype(np.float32)
        variance = np.square(buckets - self.mean).mean(axis=0, dtype=np.float64)
        self.std = np.sqrt(variance.astype(np.float32))

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed rows.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float32
            Finite.

        Returns
        -------
        embedded : ndarray of shape (n_rows, n_features), float32
        """
        centred = self._buckets(x) - self.mean
        return np.divide(centred, self.std, out=np.zeros_like(centred), where=self.std > 0)

    def _buckets(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        buckets = np.empty(x.shape, np.float32)
        for j, quantiles in enumerate(self.quantiles):
            buckets[:, j] = np.searchsorted(quantiles, x[:, j], side="left")
        return buckets / self.n_support


def column_quantiles(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 999 inner permille quantiles of every column, bit for bit as ``torch.quantile``.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32

    Returns
    -------
    quantiles : ndarray of shape (n_features, 999), float32
    """
    ordered = np.sort(x, axis=0)
    position = _LEVELS * np.float32(len(x) - 1)
    below = position.astype(np.int64)
    weight = (position - below.astype(np.float32))[:, None]
    a, b = ordered[below], ordered[np.ceil(position).astype(np.int64)]
    # lerp starts from the nearer end, with one fused multiply-add. A product of two float32
    # is exact in float64, so one rounding at the end stands for the fused operation.
    near_a = weight < 0.5
    step = np.where(near_a, weight, weight - np.float32(1)).astype(np.float64)
    return (step * (b - a) + np.where(near_a, a, b)).astype(np.float32).T.copy()
