"""The network as ONNX graphs, written node by node from a checkpoint's configuration.

Three graphs serve one network:

=========  ==========================================  =================================
graph      inputs                                      outputs
=========  ==========================================  =================================
encode     ``x_support``, ``y_support``                ``key_i``, ``value_i`` per layer
predict    ``x_query``, ``key_i``, ``value_i``         ``output``
fused      ``x_support``, ``y_support``, ``x_query``   ``output``
=========  ==========================================  =================================

Only support rows are keys and values of the attention across rows, so what ``encode``
returns (the *context*) is all that a query row ever needs of the support, and ``predict``
may be given any number of query rows at a time.

Weights are not in the graphs: each one is declared as external under its name in the
checkpoint and handed over when a session is made.

Axis letters: s support rows, q query rows, r rows of either kind, f features,
t = f + 1 tokens of a row (token 0 carries the label), d dim, h heads, e = d / h.
The residual stream is kept as a matrix of shape (r * t, d), rows first.

References
----------
The network is ``Tab2D`` of AutoGluon 1.6.3, CPU path:
``autogluon/tabular/models/mitra/_internal/models/tab2d.py``.
"""

from typing import Any

from onnx import TensorProto, helper

from .config import Config
from .nodes import Nodes

# Most rows of the support that run at a time. With mini, 512 rows x 20 features and 2 threads,
# blocks of 16 and 32 rows took 15 % and 4 % longer, 128 as long, the support in one piece 9 %.
_BLOCK_ROWS = 64

# Tokens of a row that pass the end of the last layer. A matrix of one row takes another kernel,
# which rounds differently: with two tokens there is none, and a row alone gets the very bits that
# it gets among others. In the attention across rows it is repeated to that end.
_LABEL_TOKENS = 2

# Most attention scores of a block, for wide tables and large supports: 64 MiB.
_BLOCK_SCORES = 2**24


def build_graph(
    kind: str, config: Config, shapes: dict[str, tuple[int, ...]], precision: str = "float32"
) -> tuple[bytes, list[str]]:
    """Write one of the three graphs.

    Parameters
    ----------
    kind : {"encode", "predict", "fused"}
    config : Config
        ``dim``, ``dim_output``, ``n_layers``, ``n_heads``, ``labels_are_classes``.
    shapes : dict of str to tuple of int
        Shape of every weight, as :func:`~.config.expected_shapes` gives it.
    precision : {"float32", "int8"}, default="float32"
        Of the matrix products with the layers' weights. With "int8" the weights are those of
        :func:`~.int8.quantized_weights`, and the other factor is quantized, too,
        with one scale for all of its rows. Keys and values of wide heads are then in float16.

    Returns
    -------
    model : bytes
        A serialized ``ModelProto`` of a few kilobytes.
    weights : list of str
        The weights that the graph refers to and that a session must be given.
    """
    g = Nodes(config, shapes, precision)
    if kind == "encode":
        inputs, outputs = _support_inputs(config), _context_values(g)
        _encode(g)
    elif kind == "predict":
        inputs, outputs = [_X_QUERY, *_context_values(g)], [_OUTPUT]
        _predict(g)
    else:
        inputs, outputs = [*_support_inputs(config), _X_QUERY], [_OUTPUT]
        _encode(g)
        _predict(g)
    return g.serialize(kind, inputs, outputs), sorted(g.weights)


# ---------------------------------------------------------------- inputs and outputs

_X_QUERY = helper.make_tensor_value_info("x_query", TensorProto.FLOAT, ["q", "f"])
_OUTPUT = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["q", "c"])


def _support_inputs(config: Config) -> list[Any]:
    label = TensorProto.INT64 if config.labels_are_classes else TensorProto.FLOAT
    return [
        helper.make_tensor_value_info("x_support", TensorProto.FLOAT, ["s", "f"]),
        helper.make_tensor_value_info("y_support", label, ["s"]),
    ]


def _context_values(g):
    config = g.config
    shape = ["t", config.n_heads, "s", config.dim // config.n_heads]
    return [
        helper.make_tensor_value_info(f"{kind}_{i}", g.context_type, shape)
        for i in range(config.n_layers)
        for kind in ("key", "value")
    ]


# ---------------------------------------------------------------- the network


def _encode(g):
    """Support rows through all layers, each leaving its keys and values behind.

    From the attention on, rows don't see each other until the next layer's keys: that stretch
    runs block by block, in a Scan. Its working memory is then small enough to stay in a
    cache, and doesn't grow with the square of the support.
    """
    n_tokens = _n_tokens(g, "x_support")
    n_rows = _n_rows(g, "x_support")
    x = _embed(g, "x_support", _embed_labels(g))
    k, v = _project(g, g.norm(x, "layers.0.layer_norm1"), "layers.0.attention1", "kv")
    blocks = _cut_rows(g, x, n_rows, n_tokens)  # (n_blocks, rows of a block, t, d)
    for i in range(g.config.n_layers):
        _leave_behind(g, f"key_{i}", k, n_rows, n_tokens)
        _leave_behind(g, f"value_{i}", v, n_rows, n_tokens)
        if i + 1 < g.config.n_layers:  # nothing reads the support after its last keys
            blocks, k, v = _layer_in_blocks(g, blocks, i, n_tokens)


def _cut_rows(g, x, n_rows, n_tokens):
    """(s * t, d) to (n_blocks, n, t, d): the fewest blocks not too large, filled up."""
    # a row has h * t * s scores in the attention across rows and h * t * t across features
    row_scores = g.op("Mul", n_tokens, g.op("Add", n_rows, n_tokens))
    most = g.op("Div", g.ints(_BLOCK_SCORES // g.config.n_heads), row_scores)
    most = g.op("Max", g.ints(1), g.op("Min", g.ints(_BLOCK_ROWS), most))
    # ceil(s / most) blocks of ceil(s / n_blocks) rows each, so that few rows fill up the last
    n_blocks = _divide_up(g, n_rows, most)
    n = _divide_up(g, n_rows, n_blocks)
    missing = g.op("Mul", g.op("Sub", g.op("Mul", n, n_blocks), n_rows), n_tokens)
    x = g.op("Pad", x, g.op("Concat", g.ints(0, 0), missing, g.ints(0)))
    shape = g.op("Concat", n_blocks, n, n_tokens, g.ints(g.config.dim))
    return g.op("Reshape", x, shape)


def _divide_up(g, a, b):
    return g.op("Div", g.op("Sub", g.op("Add", a, b), g.ints(1)), b)


def _layer_in_blocks(g, blocks, i, n_tokens):
    """Layer i on each block, and the keys and values that the next layer makes of it."""
    with g.body() as body:
        shape = g.op("Shape", f"block_{i}")
        x = g.op("Reshape", f"block_{i}", g.ints(-1, g.config.dim))
        x = _layer(g, x, g.norm(x, f"layers.{i}.layer_norm1"), i, n_tokens)
        z = g.norm(x, f"layers.{i + 1}.layer_norm1")
        rows = (x, *_project(g, z, f"layers.{i + 1}.attention1", "kv"))
        outputs = [g.op("Reshape", row, shape) for row in rows]
    return g.scan(body, f"block_{i}", blocks, outputs)


def _leave_behind(g, name, x, n_rows, n_tokens):
    """Keys or values of the support's real rows, (t, h, s, e), under a name."""
    rows = g.op("Mul", n_rows, n_tokens)
    x = g.op("Slice", g.op("Reshape", x, g.ints(-1, g.config.dim)), g.ints(0), rows)
    x = g.cast(x, g.context_type)
    g.op("Transpose", _split_heads(g, x, n_tokens), perm=[1, 2, 0, 3], output=name)


def _predict(g):
    """Query rows through all layers, then the head on the label token."""
    n_tokens = _n_tokens(g, "x_query")
    mask = g.weight("y_embedding.y_mask.weight")  # (1, d)
    shape = g.op("Concat", _n_rows(g, "x_query"), g.ints(1))
    x = _embed(g, "x_query", g.op("Expand", mask, shape))
    for i in range(g.config.n_layers):
        z = g.norm(x, f"layers.{i}.layer_norm1")
        is_last = i + 1 == g.config.n_layers
        x = _layer(g, x, z, i, n_tokens, may_be_alone=True, label_only=is_last)
    x = g.linear(g.norm(x, "final_layer_norm"), "final_layer")
    x = g.op("Reshape", x, g.ints(-1, _LABEL_TOKENS, g.config.dim_output))
    g.op("Gather", x, g.scalar(0), axis=1, output="output")


def _layer(g, x, z, i, n_tokens, may_be_alone=False, label_only=False):
    """One layer: (r * t, d) to (r * t, d), or to (r * 2, d) if only token 0 is wanted.

    ``z`` is ``layer_norm1(x)``, which the caller needs for its own projections as well. A row
    that ``may_be_alone`` has the same bits alone as among others.
    """
    layer = f"layers.{i}"

    # attention across rows: every feature column attends to the support's rows
    (q,) = _project(g, z, f"{layer}.attention1", "q")
    q = _split_heads(g, q, n_tokens)
    if may_be_alone:
        n_rows = _n_rows(g, q)
        q = _repeat_lone_row(g, q, n_rows)
    q = g.op("Transpose", q, perm=[1, 2, 0, 3])  # (t, h, r, e)
    a = g.op("Attention", g.cast(q, g.context_type), f"key_{i}", f"value_{i}")
    a = g.op("Transpose", g.cast(a, TensorProto.FLOAT), perm=[2, 0, 1, 3])
    if may_be_alone:
        a = g.op("Slice", a, g.ints(0), n_rows)
    a = _merge_heads(g, a)
    x = g.op("Add", x, g.linear(a, f"{layer}.attention1.o"))
    x = _mlp(g, x, f"{layer}.layer_norm2", f"{layer}.linear1", f"{layer}.linear2")

    # attention across features: every row attends to its own tokens
    z = g.norm(x, f"{layer}.layer_norm3")
    k, v = (
        g.op("Transpose", _split_heads(g, kv, n_tokens), perm=[0, 2, 1, 3])  # (r, h, t, e)
        for kv in _project(g, z, f"{layer}.attention2", "kv")
    )
    if label_only:
        x, z = _label_tokens(g, x, n_tokens), _label_tokens(g, z, n_tokens)
        n_tokens = g.ints(_LABEL_TOKENS)
    (q,) = _project(g, z, f"{layer}.attention2", "q")
    q = g.op("Transpose", _split_heads(g, q, n_tokens), perm=[0, 2, 1, 3])
    a = g.op("Attention", q, k, v)
    a = _merge_heads(g, g.op("Transpose", a, perm=[0, 2, 1, 3]))
    x = g.op("Add", x, g.linear(a, f"{layer}.attention2.o"))
    return _mlp(g, x, f"{layer}.layer_norm4", f"{layer}.linear3", f"{layer}.linear4")


def _project(g, z, attention, names):
    """Queries, keys or values of an attention, each (r * t, d)."""
    return [g.linear(z, f"{attention}.{name}") for name in names]


def _mlp(g, x, norm, widen, narrow):
    hidden = g.op("Gelu", g.linear(g.norm(x, norm), widen), approximate="none")
    return g.op("Add", x, g.linear(hidden, narrow))


def _embed(g, x, labels):
    """Embed x (r, f) and put the label embeddings (r, d) before it: (r * t, d)."""
    w = g.op("Reshape", g.weight("x_embedding.x_embedding.weight"), g.ints(g.config.dim))
    x = g.op("Mul", g.op("Unsqueeze", x, g.ints(2)), w)  # (r, f, d)
    x = g.op("Add", x, g.weight("x_embedding.x_embedding.bias"))
    tokens = g.op("Concat", g.op("Unsqueeze", labels, g.ints(1)), x, axis=1)  # (r, t, d)
    return g.op("Reshape", tokens, g.ints(-1, g.config.dim))


def _embed_labels(g):
    """Embeddings of y_support: (s, d)."""
    w = g.weight("y_embedding.y_embedding.weight")
    if g.config.labels_are_classes:
        return g.op("Gather", w, "y_support", axis=0)
    return g.linear(g.op("Unsqueeze", "y_support", g.ints(1)), "y_embedding.y_embedding")


def _label_tokens(g, x, n_tokens):
    """Token 0 of every row, and 1 for company: (r * t, d) to (r * 2, d)."""
    shape = g.op("Concat", g.ints(-1), n_tokens, g.ints(g.config.dim))
    x = g.op("Reshape", x, shape)
    x = g.op("Slice", x, g.ints(0), g.ints(_LABEL_TOKENS), g.ints(1))
    return g.op("Reshape", x, g.ints(-1, g.config.dim))


def _repeat_lone_row(g, x, n_rows):
    """(1, t, h, e) to (2, t, h, e); more rows as they are."""
    is_alone = g.op("Cast", g.op("Equal", n_rows, g.ints(1)), to=TensorProto.INT64)
    times = g.op("Add", is_alone, g.ints(1))
    return g.op("Expand", x, g.op("Concat", times, g.ints(1, 1, 1)))


def _split_heads(g, x, n_tokens):
    """(r * t, d) to (r, t, h, e)."""
    c = g.config
    heads = g.ints(c.n_heads, c.dim // c.n_heads)
    return g.op("Reshape", x, g.op("Concat", g.ints(-1), n_tokens, heads))


def _merge_heads(g, x):
    """(r, t, h, e) to (r * t, d)."""
    return g.op("Reshape", x, g.ints(-1, g.config.dim))


def _n_rows(g, x):
    return g.op("Shape", x, start=0, end=1)


def _n_tokens(g, x):
    return g.op("Add", g.op("Shape", x, start=1, end=2), g.ints(1))
