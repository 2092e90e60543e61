"""The only file of the benchmarks that uses private names of the package."""

import math

from sklearn_mitra._checkpoint import Config, expected_shapes, resolve_checkpoint
from sklearn_mitra._graph import build_graph
from sklearn_mitra._sessions import _make_options, onnxruntime, resolve_providers, resolve_threads
from sklearn_mitra._workload import Workload

__all__ = [
    "Config",
    "encode",
    "encode_flop",
    "expected_shapes",
    "make_session",
    "onnxruntime",
    "onnxruntime",
    "predict_nbytes",
    "resolve_checkpoint",
]


def encode(estimator):
    """Pass the support set of a fitted estimator through the network, which fills its context."""
    estimator._context.prepare(resolve_threads(None), resolve_providers(None))


def encode_flop(config, n_support, n_features):
    """Floating point operations of :func:`encode`, for one view."""
    return sum(Workload(config, n_support, n_features).encode_flop())


def predict_nbytes(config):
    """Size of the float32 weights that query rows pass through."""
    shapes = expected_shapes(config)
    _, names = build_graph("predict", config, shapes)
    return 4 * sum(math.prod(shapes[name]) for name in names)


def make_session(model):
    """A session with the options that the estimators use.

    Parameters
    ----------
    model : bytes
        A serialized ONNX model.

    Returns
    -------
    session : onnxruntime.InferenceSession
    """
    options = _make_options(resolve_threads(None))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
