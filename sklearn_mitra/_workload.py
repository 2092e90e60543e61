"""How much arithmetic and memory the network takes, by the sizes of a table."""

import math
from dataclasses import dataclass

from ._checkpoint import Config
from ._quantized import context_dtype


@dataclass(frozen=True)
class Workload:
    """One view of a support set and the query rows predicted with it.

    Attributes
    ----------
    config : Config
    n_support : int
    n_features : int
        Columns that the network sees.
    precision : {"float32", "int8"}
    """

    config: Config
    n_support: int
    n_features: int
    precision: str = "float32"

    @property
    def n_tokens(self):
        """Tokens of a row: its features, and its label."""
        return self.n_features + 1

    @property
    def context_shape(self):
        """Shape of a layer's keys, and of its values: (tokens, heads, n_support, dim of a head)."""
        c = self.config
        return self.n_tokens, c.n_heads, self.n_support, c.dim // c.n_heads

    @property
    def context_dtype(self):
        """dtype of keys and values."""
        return context_dtype(self.config, self.precision)

    @property
    def context_nbytes(self):
        """Size of all layers' keys and values."""
        n_values = 2 * self.config.n_layers * math.prod(self.context_shape)
        return n_values * self.context_dtype.itemsize

    @property
    def query_row_nbytes(self):
        """Working memory of a query row.

        The residual stream, its norm and the hidden layers of an MLP make about twelve vectors
        of a token; the attentions across rows and features have their scores twice.
        """
        scores = self.config.n_heads * (self.n_support + self.n_tokens)
        return 4 * self.n_tokens * (12 * self.config.dim + 2 * scores)

    @property
    def encode_nbytes(self):
        """Working memory of the support's way through the network, as measured.

        Eight times the residual stream, and what a block of rows needs, whose attention scores
        are 64 MiB at most.
        """
        return 8 * 4 * self.n_support * self.n_tokens * self.config.dim + 2**26

    def encode_flop(self):
        """Floating point operations that pass the support through the network.

        In its last layer it leaves keys and values behind, and ends there.

        Returns
        -------
        dense, attention : int
            Of the products with weights, and of those with keys and values.
        """
        c, n_tokens = self.config, self.n_support * self.n_tokens
        dense, attention = self._layer_flop()
        n_layers = c.n_layers - 1
        return n_tokens * (n_layers * dense + 4 * c.dim**2), n_tokens * n_layers * attention

    def predict_flop(self, n_rows):
        """Floating point operations that pass query rows through the network.

        They make no keys and values for the support's.

        Parameters
        ----------
        n_rows : int

        Returns
        -------
        dense, attention : int
        """
        c, n_tokens = self.config, n_rows * self.n_tokens
        dense, attention = self._layer_flop()
        return n_tokens * c.n_layers * (dense - 4 * c.dim**2), n_tokens * c.n_layers * attention

    def _layer_flop(self):
        """Of a token in a layer.

        Four projections and an MLP of width 4 dim are 12 dim^2 multiply-adds, across rows and
        again across features. An attention takes 2 dim of them for every key.
        """
        dim = self.config.dim
        return 2 * 2 * 12 * dim**2, 2 * 2 * dim * (self.n_support + self.n_tokens)
