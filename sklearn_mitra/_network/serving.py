"""A checkpoint run by the serving graphs, which can keep what they compute of a support."""

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bins import targets_to_bins
from .checkpoint import Checkpoint
from .config import expected_shapes
from .int8 import quantized_weights
from .network import Network, Support
from .ort import onnxruntime
from .plan import Workload
from .quantiles import QuantileEmbedding
from .runtime import Runtime
from .sessions import get_session, make_options, make_session, run

# Parameters from which on encode sessions use the weights where they are, in the mapped file,
# rather than a copy in the layout of their kernels. With 75.7 million that saves 271 MB and half
# of the 0.4 s that the session takes, and encoding takes 2 % longer. Sessions for query rows are
# never without: a row's bits would depend on what is predicted with it.
_LARGE = 2**24


class ServingNetwork(Network):
    """A checkpoint, run by the graphs of :mod:`~.graph`.

    Parameters
    ----------
    checkpoint : Checkpoint
    """

    file: Checkpoint
    can_keep = True

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.file = checkpoint

    def check_runtime(self, runtime: Runtime) -> None:
        """It runs in every precision."""

    def remember(
        self, x: NDArray[np.float32], y: NDArray[Any], keeps: bool, runtime: Runtime
    ) -> Support:
        if self.config.labels_are_classes and self.config.task == "regression":
            y = targets_to_bins(y, self.config.dim_output)
        workload = Workload(self.config, len(x), x.shape[1], runtime.precision)
        embedding = QuantileEmbedding(x)
        inputs = {"x_support": embedding.transform(x), "y_support": y}
        if keeps:
            encode = self._get_session("encode", runtime)
            inputs = run(encode, inputs, _allocate(workload), release=workload.is_large(0))
        return Support(workload, inputs, embedding.transform, keeps)

    def open(self, keeps: bool, runtime: Runtime) -> Any:
        return self._get_session("predict" if keeps else "fused", runtime)

    def outputs(
        self, session: Any, support: Support, x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        inputs = {"x_query": support.see(x), **support.inputs}
        release = not support.is_kept and support.workload.is_large(len(x))
        return run(session, inputs, release=release)["output"].numpy()

    def _get_session(self, kind: str, runtime: Runtime) -> Any:
        """The session for a graph: "encode", "predict" or "fused"."""
        checkpoint = self.file
        key = (kind, checkpoint.identity, checkpoint.config, runtime)
        return get_session(key, lambda: _make_session(checkpoint, kind, runtime))


def _allocate(workload: Workload) -> dict[str, NDArray[Any]]:
    """Arrays for the keys and values of a support.

    They are NumPy's own and not from onnxruntime's pool of memory, where they would keep what
    encoding took beside them from being given back.
    """
    names = [f"{kind}_{i}" for i in range(workload.config.n_layers) for kind in ("key", "value")]
    shape = (len(names), *workload.context_shape)
    return dict(zip(names, np.empty(shape, workload.context_dtype)))


def _make_session(checkpoint: Checkpoint, kind: str, runtime: Runtime) -> Any:
    from .graph import build_graph  # brings in onnx, which takes a while

    weights = _share_weights(checkpoint, runtime.precision)
    config = checkpoint.config
    model, names = build_graph(kind, config, expected_shapes(config), runtime.precision)
    options = make_options(runtime)
    options.add_external_initializers(names, [weights[name] for name in names])
    if kind == "encode" and config.n_parameters >= _LARGE and runtime.is_cpu:
        options.add_session_config_entry("session.disable_prepacking", "1")
        for name in names:
            options.add_initializer(name, weights[name])
    session = make_session(model, options, runtime)
    session.weights = weights  # onnxruntime doesn't keep the arrays alive itself
    return session


class _Weights(dict[str, Any]):
    """Weights by name; a plain dict can't be referred to weakly."""


# Weights that some session uses, by file and precision, for others to use as well. Sessions
# are made one at a time.
_weights: "weakref.WeakValueDictionary[Any, _Weights]" = weakref.WeakValueDictionary()


def _share_weights(checkpoint: Checkpoint, precision: str) -> _Weights:
    """Weights as OrtValues over NumPy's memory, one copy for all sessions."""
    key = (checkpoint.identity, checkpoint.config, precision)
    weights = _weights.get(key)
    if weights is None:
        is_int8 = precision == "int8"
        arrays = quantized_weights(checkpoint) if is_int8 else checkpoint.load_weights()
        weights = _Weights(
            (name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            for name, array in arrays.items()
        )
        _weights[key] = weights
    return weights
