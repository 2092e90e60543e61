"""Predictive distributions from target bins: the mixture of the members' densities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._common.means import average, softmax
from .._members.functions import Rows
from .._members.target_views import NumberView
from .._network.bins import bin_edges
from .distribution import PredictiveDistribution

# The smallest width of a member's bins, in units of the training range. If a baseline predicts the
# targets exactly, all bins of its residuals are at one value.
_LEAST = 1e-12


class BinnedMember:
    """A member's density of a scaled target: uniform within each bin.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_bins), float32
        Logits of the bins.
    mirror : bool
        Whether the member is shown ``1 - y`` in place of a scaled target ``y``.
    scale : float
        Width of the member's bins, relative to those of a plain member.
    shifts : ndarray of shape (n_rows,), float64, or None
        Shift of each row's bins: the member's target ``y`` is the scaled target
        ``scale * y + shift``. None is no shift.
    """

    def __init__(
        self,
        outputs: NDArray[np.float32],
        mirror: bool,
        scale: float = 1.0,
        shifts: NDArray[np.float64] | None = None,
    ) -> None:
        masses = softmax(outputs)
        if mirror:  # the edges are symmetric about 0.5, so this reverses the bins
            masses = np.ascontiguousarray(masses[:, ::-1])
        self.masses = masses
        self.edges = bin_edges(outputs.shape[1]).astype(np.float64)
        self.scale = max(scale, _LEAST)
        self.is_shifted = shifts is not None
        self._shifts = np.zeros(len(masses)) if shifts is None else shifts

    @classmethod
    def of(cls, target: NumberView, outputs: NDArray[np.float32], rows: Rows) -> "BinnedMember":
        """The density that an ensemble member predicts for query rows."""
        baseline = target.baseline
        if baseline is None:
            return cls(outputs, target.mirror)
        scale = baseline.share * (baseline.high - baseline.low)
        shift = baseline.share * baseline.low
        return cls(outputs, target.mirror, scale, baseline.query(rows) + shift)

    def knots(self) -> NDArray[np.float64]:
        """Edges of the bins of each row, (n_rows, n_bins + 1), in units of the scaled target."""
        return self.edges * self.scale + self._shifts[:, None]

    def densities(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Densities at scaled targets (n_rows, n_values)."""
        y, bins = self._find(y)
        masses = np.take_along_axis(self.masses, bins, axis=1)
        is_bin = (y >= self.edges[0]) & (y <= self.edges[-1])
        return np.where(is_bin, masses / (np.diff(self.edges)[bins] * self.scale), 0)

    def probabilities(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cumulative probabilities at scaled targets (n_rows, n_values)."""
        y, bins = self._find(y)
        inside = np.clip((y - self.edges[bins]) / np.diff(self.edges)[bins], 0, 1)
        masses = np.take_along_axis(self.masses, bins, axis=1)
        return np.take_along_axis(_cumulate(self.masses), bins, axis=1) + masses * inside

    def _find(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scaled targets on the member's own scale, and the bins that contain them."""
        y = (y - self._shifts[:, None]) / self.scale
        bins = np.searchsorted(self.edges, y, side="right") - 1
        return y, np.clip(bins, 0, len(self.edges) - 2)


def mix(members: Sequence[BinnedMember]) -> PredictiveDistribution:
    """The mixture of members with equal weights, as distributions of the scaled targets.

    Its knots are the edges of all members' bins. Its mode is the middle of the densest interval
    between two knots, or of the first of these if there are several.

    Parameters
    ----------
    members : sequence of BinnedMember
        Densities of the same rows.
    """
    if not any(member.is_shifted for member in members):
        masses = average([member.masses for member in members])
        edges = members[0].edges
        centres = (edges[:-1] + edges[1:]) / 2
        modes = centres[masses.argmax(axis=1)]
        return PredictiveDistribution(edges, _close(_cumulate(masses)), modes)
    values = np.sort(np.hstack([member.knots() for member in members]), axis=1)
    middles = (values[:, :-1] + values[:, 1:]) / 2
    probabilities = average([member.probabilities(values) for member in members])
    densities = average([member.densities(middles) for member in members])
    # there is no density between edges that differ only by rounding
    least = 1e-6 * min(member.scale for member in members) / members[0].masses.shape[1]
    densities = np.where(np.diff(values, axis=1) > least, densities, 0)
    modes = middles[np.arange(len(middles)), densities.argmax(axis=1)]
    return PredictiveDistribution(values, _close(probabilities), modes)


def _cumulate(masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative probabilities (n_rows, n_bins + 1) at the edges."""
    return np.hstack([np.zeros((len(masses), 1)), np.cumsum(masses, axis=1)])


def _close(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative probabilities that ascend from exactly 0 to 1, despite rounding."""
    probabilities = np.maximum.accumulate(np.clip(probabilities, 0, 1), axis=1)
    probabilities[:, 0], probabilities[:, -1] = 0, 1
    return probabilities
