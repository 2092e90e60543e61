"""Targets scaled to 0..1, the range that the network knows, and the way back."""

import numpy as np
from numpy.typing import NDArray

from .transform import TargetTransform


class TargetScale:
    """The scale of targets that are transformed first.

    Parameters
    ----------
    low, high : float
        Range of the targets, of all training rows or of the support.
    transform : TargetTransform
    """

    def __init__(self, low: float, high: float, transform: TargetTransform) -> None:
        self._low, self._high = transform.apply(low), transform.apply(high)
        self._transform = transform

    def show(self, y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets (n_rows,) as the network is to see them."""
        if self._low == self._high:
            return np.zeros(len(y), np.float32)
        with np.errstate(over="ignore"):  # of rows outside a support that gave the range
            scaled = (self._transform.apply(y) - self._low) / (self._high - self._low)
            return scaled.astype(np.float32)

    def apply(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets (n_rows,) scaled without clipping outliers."""
        if self._transform.kind == "asinh":
            y = self._transform.apply(y)
        with np.errstate(over="ignore"):  # of outliers that the transform clips
            return (y - self._low) / (self._high - self._low)

    def invert(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled targets of any shape in their units; those beyond float64 are its largest."""
        low, high = self._low, self._high
        # Computing with a sixteenth of very large targets is exact, and nothing in between
        # overflows.
        unit = 1 / 16 if max(abs(low), abs(high)) > 1e300 else 1.0
        largest = np.finfo(np.float64).max * unit
        with np.errstate(over="ignore"):
            targets = y * ((high - low) * unit) + low * unit
        targets = np.clip(targets, -largest, largest) / unit
        if self._transform.kind == "asinh":  # beyond the range, its inverse soon is far beyond
            targets = np.clip(targets, low, high)
        return self._transform.invert(targets)
