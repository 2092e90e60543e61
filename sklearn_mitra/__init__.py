"""In-context tabular models as scikit-learn estimators: Mitra Tab2D on onnxruntime."""

from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._classifier import MitraClassifier
    from ._common.warnings import LongWaitWarning
    from ._distill.classifier import DistilledClassifier
    from ._distill.regressor import DistilledRegressor
    from ._errors import BundleError, CheckpointError, DisposedError
    from ._load import load, register_loaders
    from ._network.budget import clear_sessions, set_context_budget
    from ._regressor import MitraRegressor
    from ._uncertainty.distribution import PredictiveDistribution

__all__ = [
    "BundleError",
    "CheckpointError",
    "DisposedError",
    "DistilledClassifier",
    "DistilledRegressor",
    "LongWaitWarning",
    "MitraClassifier",
    "MitraRegressor",
    "PredictiveDistribution",
    "__version__",
    "clear_sessions",
    "load",
    "register_loaders",
    "set_context_budget",
]

# Names are imported when they are first used (PEP 562), so that ``sklearn-mitra --help`` needs no
# scikit-learn. Type checkers see the imports above.
_MODULES = {
    "BundleError": "_errors",
    "CheckpointError": "_errors",
    "DisposedError": "_errors",
    "DistilledClassifier": "_distill.classifier",
    "DistilledRegressor": "_distill.regressor",
    "LongWaitWarning": "_common.warnings",
    "MitraClassifier": "_classifier",
    "MitraRegressor": "_regressor",
    "PredictiveDistribution": "_uncertainty.distribution",
    "clear_sessions": "_network.budget",
    "load": "_load",
    "register_loaders": "_load",
    "set_context_budget": "_network.budget",
}

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
