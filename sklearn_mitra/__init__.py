"""In-context tabular models as scikit-learn estimators: Mitra Tab2D on onnxruntime."""

from ._classifier import MitraClassifier
from ._distill.classifier import DistilledClassifier
from ._distill.regressor import DistilledRegressor
from ._errors import BundleError, CheckpointError, DisposedError
from ._load import load, register_loaders
from ._network.budget import clear_sessions, set_context_budget
from ._regressor import MitraRegressor
from ._uncertainty.distribution import PredictiveDistribution
from ._version import __version__

__all__ = [
    "BundleError",
    "CheckpointError",
    "DisposedError",
    "DistilledClassifier",
    "DistilledRegressor",
    "MitraClassifier",
    "MitraRegressor",
    "PredictiveDistribution",
    "__version__",
    "clear_sessions",
    "load",
    "register_loaders",
    "set_context_budget",
]
