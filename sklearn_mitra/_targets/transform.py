"""Targets whose range is extreme: clipped or transformed, and the way back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.warnings import warn_user

KINDS = ("none", "clip", "asinh")

# A normal distribution's range is about 5 times its interquartile range, an exponential one's 7.
_EXTREME = 20
# Targets further from the quartiles than so many interquartile ranges are outliers.
_FAR = 5
# Up to such a share, outliers are taken for mistakes; more of them for a heavy tail.
_FEW = 0.01
# The least width of asinh as a share of the range. That many times it, targets overflow float64.
_NARROWEST = 1e-307
# Of fewer targets, quartiles say too little.
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class TargetTransform:
    """How targets are changed before they are scaled to 0..1.

    Attributes
    ----------
    kind : {"none", "clip", "asinh"}
    values : tuple of (float, float)
        Of "clip" the smallest and largest target that is kept; of "asinh", which is nearly
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
            "auto" warns if it does something. That is if the range is extreme: it clips a few
            outliers, and transforms targets with a heavy tail.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of targets near float64's limits
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
        """Transformed targets (n_rows,) as they were."""
        first, second = self.values
        return np.sinh(y) * second + first if self.kind == "asinh" else y

    def fits(self, low: float, high: float) -> bool:
        """Whether it tells the ends of a range apart, and finds the way back to them."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            ends = self.transform(np.array([low, high]))
            return bool(
                ends[0] < ends[1] and np.isfinite([ends, self.inverse_transform(ends)]).all()
            )

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
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
        "clip": f"{n_outliers} of {len(y)} targets are outliers, and are clipped",
        "asinh": f"{n_outliers} of {len(y)} targets are far out, so all are transformed by asinh",
    }
    warn_user(
        f"The targets range from {y.min():.6g} to {y.max():.6g}, more than {_EXTREME} times their "
        f"interquartile range. {outcome[kind]}. Check them for mistakes. target_transform='none' "
        "takes them as they are; scikit-learn's TransformedTargetRegressor has other transforms."
    )
