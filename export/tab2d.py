"""Tab2D in plain PyTorch: what is traced to the interchange file, and what is trained.

The network of AutoGluon's Mitra on its CPU path, with the same names in the state dict, made of
operations that have a counterpart in ONNX. ``docs/export.md`` lists what differs from upstream
and why; the tests hold both against each other.

Axis letters: b tables of a batch, s support rows, q query rows, n rows of either kind,
f features, t = f + 1 tokens of a row (token 0 carries the label), d dim, h heads, e = d / h,
c outputs.

References
----------
``autogluon/tabular/models/mitra/_internal/models/tab2d.py`` and ``embedding.py``
(AutoGluon 1.6.3).
"""

import math

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

# Upstream writes it over padded rows, to keep them out of the quantiles. Real values beyond it
# are then misjudged; that is upstream's, too.
_PADDED_VALUE = 9999.0


class Tab2D(nn.Module):
    """The network.

    Support and query rows pass the layers as one stream: all attend to the support rows.

    Parameters
    ----------
    config : sklearn_mitra._network.config.Config
        Any of upstream's: a classifier, a regressor with one output, or one with bins
        (``dim_output > 1``), whose support labels are bins, embedded as classes are.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        n_classes = config.dim_output if config.labels_are_classes else None
        self.x_embedding = FeatureEmbedding(config.dim)
        self.y_embedding = LabelEmbedding(config.dim, n_classes)
        self.layers = nn.ModuleList(
            Layer(config.dim, config.n_heads) for _ in range(config.n_layers)
        )
        self.final_layer_norm = nn.LayerNorm(config.dim)
        self.final_layer = nn.Linear(config.dim, config.dim_output)

    @classmethod
    def from_checkpoint(cls, checkpoint):
        """The network with a checkpoint's weights, for inference.

        Parameters
        ----------
        checkpoint : sklearn_mitra._network.checkpoint.Checkpoint

        Returns
        -------
        network : Tab2D
            In float32, whatever the file has.
        """
        with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, to be replaced
            network = cls(checkpoint.config)
        network.load_state_dict(load_file(checkpoint.weights_file), strict=True)
        return network.eval()

    def forward(self, x_support, y_support, x_query, padding_obs_support):
        """Outputs for the query rows.

        Parameters
        ----------
        x_support : Tensor of shape (b, s, f), float32
        y_support : Tensor of shape (b, s), int64 or float32
            Class ids, bins, or (a regressor with one output) targets scaled to 0..1.
        x_query : Tensor of shape (b, q, f), float32
        padding_obs_support : Tensor of shape (b, s), bool
            Support rows that only fill up the batch. As in upstream, they count for nothing in
            the embedding, but the attention does see them.

        Returns
        -------
        outputs : Tensor of shape (b, q, c), or (b, q) for a regressor with one output, float32
            Logits of the classes or of the bins, or scaled targets.
        """
        n_support = x_support.shape[1]
        x = embed_quantiles(x_support, x_query, padding_obs_support)
        x = self.x_embedding(x)
        y = self.y_embedding(y_support, padding_obs_support, x_query.shape[1])
        x = torch.cat([y.unsqueeze(2), x], dim=2)  # (b, n, t, d)
        for layer in self.layers:
            x = layer(x, n_support)
        outputs = self.final_layer(self.final_layer_norm(x[:, n_support:, 0]))  # (b, q, c)
        is_value = self.config.task == "regression" and self.config.dim_output == 1
        return outputs.squeeze(2) if is_value else outputs


# ---- layers --------------------------------------------------------------------------------------


class Layer(nn.Module):
    """Attention across rows, MLP, attention across features, MLP; each added to its input.

    Parameters
    ----------
    dim, n_heads : int
    """

    def __init__(self, dim, n_heads):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(dim)
        self.attention1 = Attention(dim, n_heads)
        self.layer_norm2 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, 4 * dim)
        self.linear2 = nn.Linear(4 * dim, dim)
        self.layer_norm3 = nn.LayerNorm(dim)
        self.attention2 = Attention(dim, n_heads)
        self.layer_norm4 = nn.LayerNorm(dim)
        self.linear3 = nn.Linear(dim, 4 * dim)
        self.linear4 = nn.Linear(4 * dim, dim)

    def forward(self, x, n_support):
        """(b, n, t, d) to the same; the first ``n_support`` rows are the support."""
        columns = self.layer_norm1(x).transpose(1, 2)  # (b, t, n, d)
        x = x + self.attention1(columns, columns[:, :, :n_support]).transpose(1, 2)
        x = x + self.linear2(gelu(self.linear1(self.layer_norm2(x))))
        rows = self.layer_norm3(x)  # (b, n, t, d)
        x = x + self.attention2(rows, rows)
        return x + self.linear4(gelu(self.linear3(self.layer_norm4(x))))


class Attention(nn.Module):
    """Multi-head attention.

    Parameters
    ----------
    dim, n_heads : int
    """

    def __init__(self, dim, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.o = nn.Linear(dim, dim)

    def forward(self, x, context):
        """Tokens (b, g, n, d) that attend to (b, g, m, d), in each of g groups apart."""
        q, k, v = self._heads(self.q(x)), self._heads(self.k(context)), self._heads(self.v(context))
        a = _attend(q, k, v)  # (b * g, h, n, e)
        return self.o(a.transpose(1, 2).reshape(x.shape))

    def _heads(self, x):
        """(b, g, n, d) to (b * g, h, n, e)."""
        return x.flatten(0, 1).unflatten(2, (self.n_heads, -1)).transpose(1, 2)


def _attend(q, k, v):
    """Attention (..., n, e) of (..., n, e) to (..., m, e)."""
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        # torch's fused kernel takes ten times as long backwards, for lack of such a product
        return (q / math.sqrt(q.shape[-1]) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype) @ v
    return scaled_dot_product_attention(q, k, v)


# ---- embeddings ----------------------------------------------------------------------------------


class FeatureEmbedding(nn.Module):
    """A value to a token.

    Parameters
    ----------
    dim : int
    """

    def __init__(self, dim):
        super().__init__()
        self.x_embedding = nn.Linear(1, dim)
        nn.init.normal_(self.x_embedding.weight)
        nn.init.normal_(self.x_embedding.bias)

    def forward(self, x):
        """(b, n, f) to (b, n, f, d)."""
        return self.x_embedding(x.unsqueeze(3))


class LabelEmbedding(nn.Module):
    """Labels to tokens: of the support by their value, of the query a mask.

    Parameters
    ----------
    dim : int
    n_classes : int or None
        None is for labels that are numbers.
    """

    def __init__(self, dim, n_classes):
        super().__init__()
        self.y_embedding = nn.Linear(1, dim) if n_classes is None else nn.Embedding(n_classes, dim)
        self.y_mask = nn.Embedding(1, dim)
        nn.init.normal_(self.y_embedding.weight)

    def forward(self, y_support, padding, n_query):
        """(b, s) labels to (b, s + q, d); padded rows have zeros."""
        if isinstance(self.y_embedding, nn.Embedding):
            y = self.y_embedding(torch.where(padding, 0, y_support))
        else:
            y = self.y_embedding(y_support.unsqueeze(2))
        y = torch.where(padding.unsqueeze(2), 0.0, y)
        return torch.cat([y, self.y_mask.weight.expand(y.shape[0], n_query, -1)], dim=1)


def embed_quantiles(x_support, x_query, padding):
    """Values to standardised counts of the support's quantiles below them.

    Parameters
    ----------
    x_support : Tensor of shape (b, s, f), float32
    x_query : Tensor of shape (b, q, f), float32
    padding : Tensor of shape (b, s), bool

    Returns
    -------
    embedded : Tensor of shape (b, s + q, f), float32
        Support rows, then query rows. A column constant in the support is 0.
    """
    padding = padding.unsqueeze(2)
    n_valid = (~padding).sum(dim=1, keepdim=True)  # (b, 1, 1)
    x_support = torch.where(padding, _PADDED_VALUE, x_support)
    x = torch.cat([x_support, x_query], dim=1)  # (b, n, f)
    counts = count_below(column_quantiles(x_support), x.transpose(1, 2)).transpose(1, 2)
    buckets = counts.float() / n_valid

    def mean_of_support(values):
        # in float64: the one place where the order of summation could be seen
        support = torch.where(padding, 0.0, values[:, : x_support.shape[1]])
        return (support.double().sum(dim=1, keepdim=True) / n_valid).float()

    centred = buckets - mean_of_support(buckets)
    variance = mean_of_support(centred.square())
    is_padded = pad(padding, (0, 0, 0, x_query.shape[1]))  # (b, n, 1), False for query rows
    return torch.where(is_padded | (variance == 0), 0.0, centred / variance.sqrt())


def column_quantiles(x):
    """The 0.001 to 0.999 quantiles of every column, bit for bit as ``torch.quantile``.

    ``torch.quantile`` has no counterpart in ONNX.

    Parameters
    ----------
    x : Tensor of shape (b, s, f), float32

    Returns
    -------
    quantiles : Tensor of shape (b, f, 999), float32
        Ascending.
    """
    ordered = x.sort(dim=1).values
    position = torch.arange(1, 1000, dtype=torch.float32, device=x.device) / 1000
    position = position * (x.shape[1] - 1)
    a = ordered.index_select(1, position.floor().long())  # (b, 999, f)
    b = ordered.index_select(1, position.ceil().long())
    # torch.lerp starts from the nearer end, with one fused multiply-add. A product of two
    # float32 is exact in float64, so one rounding at the end stands for the fused operation.
    weight = (position - position.floor()).unsqueeze(1)
    near_a = weight < 0.5
    step = torch.where(near_a, weight, weight - 1).double()
    quantiles = torch.where(near_a, a, b).double() + step * (b - a).double()
    return quantiles.float().transpose(1, 2)


def count_below(boundaries, x):
    """How many boundaries lie strictly below each value, as ``torch.searchsorted`` counts.

    A binary search in the open, since ONNX has none. Comparing every value with every boundary
    would take a boolean for each pair.

    Parameters
    ----------
    boundaries : Tensor of shape (..., m), float32
        Ascending.
    x : Tensor of shape (..., n), float32

    Returns
    -------
    counts : Tensor of shape (..., n), int64
    """
    n_steps = boundaries.shape[-1].bit_length()
    boundaries = pad(boundaries, (0, 2**n_steps - 1 - boundaries.shape[-1]), value=math.inf)
    counts = torch.zeros_like(x, dtype=torch.int64)
    for step in (2**i for i in reversed(range(n_steps))):
        is_below = boundaries.gather(-1, counts + (step - 1)) < x
        counts = counts + step * is_below.long()
    return counts
