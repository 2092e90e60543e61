"""How sure a classifier is: the temperature of its logits, and their class frequencies."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from ._base import BaseMitra
from ._common.fields import brief
from ._common.means import average
from ._members.kinds import recommend_temperature
from ._network.network import Network
from ._uncertainty.temperature import choose_temperature, cut_folds


class CalibratedClassifier(BaseMitra):
    """A classifier whose logits are divided by a temperature, and corrected for frequencies.

    Not to be used itself.
    """

    prior_correction: bool
    class_weight: Mapping[Any, float] | Literal["balanced"] | None
    softmax_temperature: float | Literal["auto"] | None
    classes_: NDArray[Any]
    class_prior_: NDArray[np.float64]
    softmax_temperature_: float

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMitra._parameter_constraints,
        "prior_correction": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "softmax_temperature": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
            None,
        ],
    }

    def _check_ready(self) -> None:
        super()._check_ready()
        self._temperature()  # "auto" may have been set since fit

    def _pack_params(self) -> dict[str, Any]:
        params = super()._pack_params()
        if isinstance(self.softmax_temperature, str):  # "auto" takes training rows to choose
            params["softmax_temperature"] = self._temperature()
        if isinstance(self.class_weight, dict):  # its keys may be of any type
            params["class_weight"] = None
        return params

    def _combine(self, answers: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Average the views' logits, and correct them for the support's class frequencies."""
        mean = average(answers)
        with np.errstate(over="ignore"):  # a tiny temperature makes -inf of all but the largest
            scaled = (mean - mean.max(axis=1, keepdims=True)) / self._temperature()
        corrected: NDArray[np.float64] = scaled + self._log_correction()
        return corrected

    def _temperature(self) -> float:
        if self.softmax_temperature is None:
            return self._default_temperature()
        if not isinstance(self.softmax_temperature, str):
            return self.softmax_temperature
        if not hasattr(self, "softmax_temperature_"):
            raise ValueError(
                "softmax_temperature='auto' takes effect in fit, and was set after it. Call 'fit' "
                "again, or set a number or None."
            )
        return self.softmax_temperature_

    def _default_temperature(self) -> float:
        if all(view.is_plain and view.node is None for view in self._views):
            return 1.0
        return recommend_temperature(len(self.classes_))

    def _learn_held_out(
        self, x: NDArray[np.float32], y: NDArray[np.int64], network: Network
    ) -> None:
        self.__dict__.pop("softmax_temperature_", None)
        if self.softmax_temperature != "auto":
            return
        default = self._default_temperature()
        folds = [] if self._is_foregone() else cut_folds(y, self._seed)
        held_out = [self._hold_out(x, y, rows, network) for rows in folds]
        if held_out:
            logits, corrections = map(np.concatenate, zip(*held_out))
            held_out_y = y[np.concatenate(folds)]
            default = choose_temperature(logits, corrections, held_out_y, default)
        self.softmax_temperature_ = default

    def _hold_out(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.int64],
        rows: NDArray[np.int64],
        network: Network,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits (n_rows, n_classes) of training rows by a fit to the others.

        And of the same shape, how each is to be corrected for class frequencies.
        """
        fold = self._snapshot()
        fold.prior_correction, fold.class_weight = True, None  # as the held out rows are
        others = np.setdiff1d(np.arange(len(y)), rows)
        fold.class_prior_ = np.bincount(y[others], minlength=len(self.classes_)) / len(others)
        fold._take_support(x[others], y[others], network)
        # nothing is kept: these tables and rows go through the network once
        plan, members = fold._context.prepare(fold._make_runtime(), False)
        chunks = [rows[i : i + plan.chunk_rows] for i in range(0, len(rows), plan.chunk_rows)]
        logits = [average(fold._restore(*fold._run_views(x[chunk], members))) for chunk in chunks]
        correction = np.tile(fold._log_correction(), (len(rows), 1))
        return np.concatenate(logits), correction

    def _log_correction(self) -> NDArray[np.float64]:
        """What takes logits from the class frequencies of the support to those that are wanted."""
        n_classes = len(self.classes_)
        support = np.bincount(self.y_support_, minlength=n_classes) / len(self.y_support_)
        wanted = self.class_prior_ if self.prior_correction else support
        if self.class_weight == "balanced":
            wanted = np.full(n_classes, 1 / n_classes)
        # A class without support rows keeps what the network gives it.
        correction = np.divide(wanted, support, out=np.ones(n_classes), where=support > 0)
        log_correction: NDArray[np.float64] = np.log(correction) + np.log(self._class_weights())
        return log_correction

    def _class_weights(self) -> NDArray[np.float64]:
        """Weights (n_classes,) of a dict; else 1."""
        weights = self.class_weight
        if not isinstance(weights, dict):
            return np.ones(len(self.classes_))
        labels = self.classes_.tolist()
        for label, weight in weights.items():
            # as in scikit-learn: a fold may lack a class, but what weighs one class only is a slip
            if label not in labels and not weights.keys() >= {*labels}:
                raise ValueError(
                    f"class_weight has a weight for {label!r}, which is not a class, and none for "
                    f"some of the classes. They are {brief(labels)}."
                )
            if not isinstance(weight, Real) or not 0 < float(weight) < np.inf:
                raise ValueError(
                    f"Weights of classes must be finite and more than 0. Got {weight!r} for "
                    f"{label!r} in class_weight."
                )
        return np.array([weights.get(label, 1) for label in labels], np.float64)
