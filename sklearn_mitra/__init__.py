"""In-context tabular models as scikit-learn estimators: Mitra Tab2D on onnxruntime."""

from importlib.metadata import version as _version

from ._classifier import MitraClassifier
from ._errors import BundleError, CheckpointError, DisposedError
from ._regressor import MitraRegressor
from ._sessions import clear_sessions
from ._wlearn import load, register_loaders

__version__ = _version("sklearn-mitra")

__all__ = [
    "BundleError",
    "CheckpointError",
    "DisposedError",
    "MitraClassifier",
    "MitraRegressor",
    "__version__",
    "clear_sessions",
    "load",
    "register_loaders",
]
