"""How an estimator is pickled and copied."""

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from ._version import __version__

if TYPE_CHECKING:
    from ._sklearn import BaseEstimator
else:
    from sklearn.base import BaseEstimator

_VERSION_KEY = "_sklearn_mitra_version"

E = TypeVar("E", bound="Pickled")


class Pickled(BaseEstimator, ABC):
    """An estimator whose pickles hold what it has learned, but no context and no weights."""

    @abstractmethod
    def _make_context(self) -> None:
        """Make the context for what was learned."""

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
