"""Numeric targets: scaled to 0..1, the range that the network expects, and back."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._bundles.estimators import Stored
from .._bundles.fields import BundleFields, pack
from .._common.missing import is_missing
from .transform import TargetTransform


@dataclass(frozen=True)
class NumberTarget:
    """The range and transform of the training targets.

    Attributes
    ----------
    low, high : float
        The range that is scaled to 0..1, either of all training rows or of the support set.
    reshaping : TargetTransform
        The transform of targets before they are scaled.
    """

    low: float
    high: float
    reshaping: TargetTransform
    task: ClassVar[str] = "regression"
    n_classes: ClassVar[int] = 0

    @classmethod
    def fit(cls, y: NDArray[Any], kind: str) -> "tuple[NumberTarget, NDArray[np.float64]]":
        """Learn from training targets, and return them as float64.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
        kind : {"auto", "none", "clip", "asinh"}
            See :meth:`TargetTransform.fit`.

        Raises
        ------
        ValueError
            If a target or the range is not finite.
        """
        y = y.astype(np.float64)
        if not np.isfinite(y).all():  # strings, or checks are turned off
            raise _missing_target(y[~np.isfinite(y)][0])
        low, high = float(y.min()), float(y.max())
        if high - low == np.inf:
            raise ValueError(
                f"The range of y is too large for float64: {low} to {high}. Scale it, for example "
                "with sklearn.compose.TransformedTargetRegressor."
            )
        return cls(low, high, TargetTransform.fit(y, kind)), y

    @property
    def is_constant(self) -> bool:
        """Whether all targets are equal. That value is then always predicted."""
        return self.low == self.high

    def scaled_by(self, y: NDArray[np.float64]) -> "NumberTarget":
        """A copy with the range of these targets."""
        return replace(self, low=float(y.min()), high=float(y.max()))

    def without(self, y: NDArray[np.float64]) -> "NumberTarget":
        """The target after rows are held out. Its range stays that of all training rows."""
        return self

    def constant_answers(self, n_rows: int) -> NDArray[np.float64]:
        """Predictions of ``n_rows`` rows, if all targets are equal."""
        return np.full(n_rows, self.low)

    # ------------------------------------------------------------ to the network and back

    @property
    def _ends(self) -> tuple[float, float]:
        return self.reshaping.transform(self.low), self.reshaping.transform(self.high)

    def transform(self, y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets (n_rows,) as they are shown to the network."""
        low, high = self._ends
        if low == high:
            return np.zeros(len(y), np.float32)
        with np.errstate(over="ignore"):  # rows outside the range of the support set
            scaled = (self.reshaping.transform(y) - low) / (high - low)
            return scaled.astype(np.float32)

    def scale(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets (n_rows,), scaled without clipping outliers."""
        low, high = self._ends
        if self.reshaping.kind == "asinh":
            y = self.reshaping.transform(y)
        with np.errstate(over="ignore"):  # outliers that :meth:`transform` clips
            return (y - low) / (high - low)

    def inverse_transform(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale targets of any shape back, limited to the range of float64."""
        low, high = self._ends
        # Very large targets are computed as sixteenths, which is exact and avoids overflow.
        unit = 1 / 16 if max(abs(low), abs(high)) > 1e300 else 1.0
        largest = np.finfo(np.float64).max * unit
        with np.errstate(over="ignore"):
            targets = y * ((high - low) * unit) + low * unit
        targets = np.clip(targets, -largest, largest) / unit
        if self.reshaping.kind == "asinh":  # beyond the range, its inverse grows exponentially
            targets = np.clip(targets, low, high)
        return self.reshaping.inverse_transform(targets)

    # ------------------------------------------------------------ bundles

    def pack(self, y: NDArray[np.float64]) -> dict[str, Any]:
        """Fields to store in a bundle, with the targets of the support set."""
        limits = [self.low, self.high]
        return {"range": pack(limits), "targets": pack(y), "transform": self.reshaping.pack()}

    @classmethod
    def unpack(
        cls, fields: BundleFields, stored: Stored
    ) -> "tuple[NumberTarget, NDArray[np.float64]]":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        low, high = fields.array("range", "<f8", 2).tolist()
        is_range = 0 <= high - low < np.inf
        fields.require(is_range, "range", "the smallest and the largest target")
        targets = fields.array("targets", "<f8", len(stored.y))
        fields.require(low <= targets.min() and targets.max() <= high, "targets", "in 'range'")
        is_same = bool((targets.astype(np.float32) == stored.y).all())
        fields.require(is_same, "targets", "those of 'support_y'")
        reshaping = TargetTransform.unpack(fields.fields("transform"))
        fits = low == high or reshaping.fits(low, high)
        fields.require(fits, "transform", "one that fits 'range'")
        return cls(low, high, reshaping), targets


def check_numbers(y: Any) -> None:
    """Raise an error if targets are missing or not numeric, clearer than scikit-learn's."""
    values = np.asarray(y)
    is_read = values.ndim and values.dtype.kind in "OU"
    for target in values.ravel().tolist() if is_read else []:
        if is_missing(target):
            raise _missing_target(target)
        try:
            float(target)
        except ValueError:
            raise ValueError(
                f"MitraRegressor needs numeric targets. Got {target!r}. For classes, use "
                "MitraClassifier."
            ) from None
        except TypeError:  # scikit-learn's own checks report it
            pass


def _missing_target(target: Any) -> ValueError:
    return ValueError(
        f"Input y contains NaN, infinity or missing values, such as {target!r}. Leave out the rows "
        "without a target."
    )
