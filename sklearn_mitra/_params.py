"""The parameters that both estimators share, and their validation."""

import os
from abc import ABC
from collections.abc import Sequence
from numbers import Integral, Real
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from sklearn import get_config
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions

from ._common.fields import brief
from ._members.kinds import check_members
from ._network.config import MOST_ESTIMATORS
from ._network.runtime import Provider, Runtime

if TYPE_CHECKING:
    from ._sklearn import BaseEstimator
else:
    from sklearn.base import BaseEstimator

# Parameters that depend on the machine and the user, not on the model.
NOT_STORED = {"n_jobs", "providers", "cache_context", "verbose"}

# wlearn's names for two of the parameters.
_ALIASES = {"maxSupport": "max_support", "seed": "random_state"}
# ``set_params`` accepts them. A constructor can't: scikit-learn's ``clone`` compares what it passed
# with what ``get_params`` returns.
ALIAS_HINTS = {
    alias: f"That is its name in JavaScript. Pass {name!r}." for alias, name in _ALIASES.items()
}

E = TypeVar("E", bound="Parametrised")


class Parametrised(BaseEstimator, ABC):
    """An estimator with these parameters. Subclasses add the constructor and further parameters."""

    _task: ClassVar[str]  # "classification" or "regression"

    model: str | os.PathLike[str]
    max_support: int | None
    n_estimators: int | None
    members: str | Sequence[str]
    member_weights: str | Sequence[float]
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    providers: Sequence[Provider] | None
    precision: Literal["float32", "int8"]
    cache_context: bool | Literal["auto"]
    verbose: int

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str, os.PathLike],
        "max_support": [Interval(Integral, 1, None, closed="left"), None],
        "n_estimators": [Interval(Integral, 1, MOST_ESTIMATORS, closed="both"), None],
        "members": [str, list, tuple],  # check_members checks the rest
        "member_weights": [StrOptions({"auto", "equal"}), list, tuple, np.ndarray],
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "providers": [list, tuple, None],
        "precision": [StrOptions({"float32", "int8"})],
        "cache_context": [StrOptions({"auto"}), "boolean"],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **options: Any) -> None:
        """Have errors about the arguments of methods name no private base class."""
        super().__init_subclass__(**options)
        for base in cls.__mro__:
            if issubclass(base, Parametrised) and not hasattr(base, "_task"):  # not public
                for name, member in vars(base).items():
                    function = getattr(member, "__func__", member)  # of a class method
                    if isinstance(function, FunctionType) and not name.startswith("_"):
                        function.__qualname__ = name

    def set_params(self: E, **params: Any) -> E:
        """Set the parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name. Two of them may also have wlearn's names: ``maxSupport`` for
            ``max_support`` and ``seed`` for ``random_state``.

        Returns
        -------
        self : object
        """
        for alias, name in _ALIASES.items():
            if alias in params:
                if name in params:
                    raise ValueError(f"{alias!r} is another name of {name!r}: pass only one.")
                params[name] = params.pop(alias)
        super().set_params(**params)
        return self

    @property
    def _title(self) -> str | None:
        """What begins reports of progress; None if there are none."""
        return type(self).__name__ if self.verbose else None

    def _make_runtime(self) -> Runtime:
        return Runtime.resolve(self.n_jobs, self.providers, self.precision)

    def _check_params(self) -> None:
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()

    def _validate_params(self) -> None:
        super()._validate_params()
        check_members(self.members, self._task, type(self).__name__)
        if not isinstance(self.member_weights, str):
            _check_weights(self.member_weights, type(self).__name__)


def _check_weights(weights: Sequence[float], estimator: str) -> None:
    are_weights = all(
        isinstance(weight, Real) and not isinstance(weight, bool) and 0 <= float(weight) < np.inf
        for weight in weights
    )
    if not (are_weights and len(weights) and sum(weights) > 0):
        raise InvalidParameterError(
            f"The 'member_weights' parameter of {estimator} must be 'auto', 'equal', or a list of "
            "one finite, non-negative number for each member, not all of them 0. "
            f"Got {brief(weights)} instead."
        )
