"""Targets with an extreme range: clipped or transformed, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.warnings import warn_user

KINDS = ("none", "clip", "asinh")

# A range of more than this many interquartile ranges is extreme. Those of normal distributions are
# about 5, of exponential distributions about 7.
_EXTREME = 20
# Targets more than this many interquartile ranges from the quartiles are outliers.
_FAR = 5
# Up to this share of outliers is taken for mistakes, more for a heavy tail.
_FEW = 0.01
# The smallest width of asinh, relative to the range. With a smaller one, targets overflow float64.
_NARROWEST = 1e-307
# With fewer targets, quartiles are too uncertain.
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class TargetTransform:
    """The transform of targets before they are scaled to 0..1.

    Attributes
    ----------
    kind : {"none", "clip", "asinh"}
    values : tuple of (float, float)
        For "clip", the smallest and the largest target to keep. For "asinh", which is nearly
        linear in the middle and logarithmic outside, the middle and its width.
    """

    kind: str = "none"
    values: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def fit(cls, y: NDArray[np.float64], kind: str) -> "TargetTransform":
        """Learn from the training targets.

        Parameters
        ----------
        y : ndarray of shape (n_rows,), float64
        kind : {"auto", "none", "clip", "asinh"}
            "auto" does nothing unless the range is extreme. Then it clips outliers if they are
            few, applies asinh otherwise, and warns of it.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # targets near the limits of float64
            low, middle, high = np.quantile(y, [0.25, 0.5, 0.75]).tolist()
            width, spread = high - low, float(np.std(y))
            is_outlier = (y < low - _FAR * width) | (y > high + _FAR * width)
        n_outliers = int(is_outlier.sum())
        if kind == "auto":
            is_extreme = width > 0 and np.ptp(y) > _EXTREME * width and len(y) >= _FEWEST_ROWS
            if not is_extreme:
                return cls()
            kind = "clip" if n_outliers <= max(1, _FEW * len(y)) else "asinh"
            _warn(y, n_outliers, kind)
        if kind == "clip":
            kept = y[~is_outlier] if width > 0 else y
            return cls(kind, (float(kept.min()), float(kept.max())))
        if kind == "asinh":
            span = float(np.ptp(y))
            width = min(max(width or spread, _NARROWEST * span), span)
            return cls(kind, (middle, width or 1.0))
        return cls()

    def transform(self, y: Any) -> Any:
        """Targets of any shape, float64, transformed."""
        first, second = self.values
        if self.kind == "clip":
            return np.clip(y, first, second)
        return np.arcsinh((y - first) / second) if self.kind == "asinh" else y

    def inverse_transform(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform targets (n_rows,) back."""
        first, second = self.values
        return np.sinh(y) * second + first if self.kind == "asinh" else y

    def fits(self, low: float, high: float) -> bool:
        """Whether the ends of a range stay distinct and finite, both ways."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            ends = self.transform(np.array([low, high]))
            return bool(
                ends[0] < ends[1] and np.isfinite([ends, self.inverse_transform(ends)]).all()
            )

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {"kind": self.kind, "values": pack(self.values)}

    @classmethod
    def unpack(cls, fields: BundleFields) -> "TargetTransform":
        """Read what :meth:`pack` wrote."""
        kind = fields.get("kind", f"one of {[*KINDS]}", str)
        fields.require(kind in KINDS, "kind", f"one of {[*KINDS]}")
        first, second = fields.array("values", "<f8", 2).tolist()
        fits = first <= second if kind == "clip" else second > 0
        fields.require(fits or kind == "none", "values", "ascending, or a middle and a width")
        return cls(kind, (first, second))


def _warn(y: NDArray[np.float64], n_outliers: int, kind: str) -> None:
    outcome = {
        "clip": f"{n_outliers} of {len(y)} targets are outliers and are clipped",
        "asinh": f"{n_outliers} of {len(y)} targets are far out, so all are transformed by asinh",
    }
    warn_user(
        f"The targets range from {y.min():.6g} to {y.max():.6g}, more than {_EXTREME} times their "
        f"interquartile range. {outcome[kind]}. Check them for mistakes. Use "
        "target_transform='none' to leave them as they are, or scikit-learn's "
        "TransformedTargetRegressor for another transform."
    )
