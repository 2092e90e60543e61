"""What an estimator has learned, as a whole: how it is pickled, copied and disposed of."""

import warnings
from abc import abstractmethod
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

from ._errors import DisposedError
from ._params import Parametrised
from ._version import __version__

_VERSION_KEY = "_sklearn_mitra_version"

# What fit learns beside attributes that end in an underscore.
_LEARNED = (
    *("_conformal", "_context", "_encoder", "_level_means", "_onnx_sha256", "_seed"),
    *("_transform", "_views"),
)

E = TypeVar("E", bound="Pickled")


class Pickled(Parametrised):
    """An estimator whose pickles hold what it has learned, but no context and no weights."""

    @abstractmethod
    def _make_context(self) -> None:
        """Make the context for what was learned."""

    def dispose(self) -> None:
        """Forget the support set and everything else that was learned.

        Predictions raise a ``DisposedError`` from then on, until the next ``fit``. The memory that
        the network works in stays with onnxruntime, for other estimators to use, until
        :func:`sklearn_mitra.clear_sessions`.
        """
        state = vars(self._snapshot())
        kept = {n: v for n, v in state.items() if n not in _LEARNED and not n.endswith("_")}
        self.__dict__ = {**kept, "_disposed": True}

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: parameters, what ``fit`` learned, and the version.

        The cached context (megabytes that can be computed again) and the sessions are left out;
        the first prediction makes them anew. Weights are never in a pickle: it names the
        checkpoint and its sha256.
        """
        state = {**super().__getstate__(), _VERSION_KEY: __version__}
        state.pop("_context", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop(_VERSION_KEY, None)
        if version not in (None, __version__):
            warnings.warn(
                f"This pickle of a {type(self).__name__} was made by sklearn-mitra {version}, and "
                f"this is {__version__}: it may fail or predict something else. Fit again, or keep "
                "models as bundles, which all later versions read.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
        if "X_support_" in state:
            self._make_context()

    def _snapshot(self: E) -> E:
        """The estimator as it is now, in one piece, whatever other threads do to it meanwhile.

        ``fit`` and ``dispose`` replace the whole ``__dict__``, so it is never half of something.
        The learned attributes themselves are shared; none of them is changed once it is there.
        """
        snapshot = object.__new__(type(self))
        snapshot.__dict__ = self.__dict__.copy()
        return snapshot

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "X_support_")

    def _check_ready(self) -> None:
        """Raise an error unless it is fitted and its parameters are right."""
        self._check_fitted()
        self._check_params()  # some take effect in prediction, and may have been set since fit

    def _check_fitted(self) -> None:
        if getattr(self, "_disposed", False):
            raise DisposedError(
                f"This {type(self).__name__} instance was disposed of: its support is gone. "
                "Call 'fit' again before using it."
            )
        check_is_fitted(self)
