"""The only file of the benchmarks that uses private names of the package."""

import math

from sklearn_mitra._fit import fit_encoded
from sklearn_mitra._network import sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config, expected_shapes
from sklearn_mitra._network.graph import build_graph
from sklearn_mitra._network.ort import onnxruntime
from sklearn_mitra._network.plan import Workload
from sklearn_mitra._network.runtime import Runtime

__all__ = [
    "Config",
    "encode",
    "encode_flop",
    "expected_shapes",
    "fit_to_support",
    "make_session",
    "onnxruntime",
    "predict_nbytes",
    "resolve_checkpoint",
]


def encode(estimator):
    """Pass the support set of a fitted estimator through the network, which fills its context."""
    estimator._model.context.prepare(Runtime.resolve())


def encode_flop(config, n_support, n_features):
    """Floating point operations of :func:`encode`, for one ensemble member."""
    return sum(Workload(config, n_support, n_features).encode_flop())


def fit_to_support(estimator, X, y, rows):
    """Fit a copy of an estimator whose support is these rows, whatever it would choose.

    Parameters
    ----------
    estimator : MitraClassifier or MitraRegressor
    X, y : table of n_samples rows, and their targets
    rows : ndarray of int64
        Ascending.

    Returns
    -------
    fitted : object
    """

    class Chosen(type(estimator)):
        def _calibrated(self, model, table, network):
            settings, names = self._settings(), model.feature_names
            return fit_encoded(table, settings, network, model.seed, names, indices=rows)

    return Chosen(**estimator.get_params()).fit(X, y)


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
    runtime = Runtime.resolve()
    return sessions.make_session(model, sessions.make_options(runtime), runtime)
