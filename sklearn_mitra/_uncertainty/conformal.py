"""Conformal prediction: distributions of a target from the residuals of held-out rows.

Each residual is divided by a scale that boosted trees predict for the row, so intervals are wider
where residuals are larger.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._common.means import average
from .._members.boosted_trees import Trees, fit_trees
from .distribution import PredictiveDistribution
from .held_out import N_FOLDS, cut_folds

# Largest number of knots of a distribution. More residuals are reduced to this many quantiles.
_MOST_KNOTS = 1000
# Trees fitted to fewer residuals are of no use.
_FEWEST_ROWS = 40
# Columns that trees read beside the table's: mean and deviation of the members' predictions.
_N_FURTHER = 2
# Share of the scale that the trees predict; the rest is constant. Pinball loss on the tables of
# benchmarks/uncertainty.py was .1487 with this, .1499 with 0 and .1515 with 1; see
# benchmarks/README.md.
_SHARE = 0.5
# The smallest scale. The mean over residuals is 1.
_LEAST = 0.1
# Larger residuals, in units of the training range, could overflow.
_LARGEST = 1e100


@dataclass(frozen=True)
class Conformal:
    """Residuals of held-out rows, and the scale of the residual of any row.

    Targets are scaled to 0..1.

    Attributes
    ----------
    residuals : ndarray of shape (n_knots,), float64
        Ascending, each divided by its scale. The residual of another row is at most the ``k``-th
        of these with probability ``k / (n_knots + 1)``.
    mode : float
        The middle of the shortest interval that holds half of the residuals.
    trees : Trees or None
        Predict a row's scale, which is 1 on average. With None, all scales are 1.
    """

    residuals: NDArray[np.float64]
    mode: float
    trees: Trees | None

    @classmethod
    def fit(
        cls,
        x: NDArray[np.float32],
        y: NDArray[np.float64],
        answers: NDArray[np.float64],
        seed: int,
    ) -> "Conformal":
        """Fit to held-out rows.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float32
        y : ndarray of shape (n_rows,), float64
            Scaled targets.
        answers : ndarray of shape (n_rows, n_members), float64
            Held-out predictions of each ensemble member.
        seed : int
        """
        residuals = np.clip(y - average(answers.T), -_LARGEST, _LARGEST)
        trees, scales = None, np.ones(len(x))
        size = float(np.abs(residuals).mean())
        shown = _show(x, answers)
        varying = np.flatnonzero(np.ptp(shown, axis=0) > 0)
        if len(x) >= _FEWEST_ROWS and size > 0 and len(varying):
            relative = np.abs(residuals) / size
            folds = cut_folds(relative, N_FOLDS, seed)
            whole, held_out = fit_trees(shown, relative, varying, folds, seed)
            trees = whole * _SHARE
            trees.values[0] += 1 - _SHARE
            scales = np.maximum(_SHARE * held_out + 1 - _SHARE, _LEAST)
        ordered = np.sort(residuals / scales)
        half = len(ordered) // 2
        start = int(np.argmin(ordered[half:] - ordered[: len(ordered) - half]))
        mode = float(ordered[start] + ordered[start + half]) / 2
        if len(ordered) > _MOST_KNOTS:
            places = np.arange(1, len(ordered) + 1) / (len(ordered) + 1)
            ordered = np.interp(np.arange(1, _MOST_KNOTS + 1) / (_MOST_KNOTS + 1), places, ordered)
        return cls(ordered, mode, trees)

    def predict(
        self, x: NDArray[np.float32], answers: NDArray[np.float64]
    ) -> PredictiveDistribution:
        """Distributions of the scaled targets of query rows.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float32
        answers : ndarray of shape (n_rows, n_members), float64
            Predictions of each ensemble member.
        """
        scales = np.ones(len(x))
        if self.trees is not None:
            scales = np.maximum(self.trees.transform(_show(x, answers)), _LEAST)
        centres = average(answers.T)
        # Nothing is known beyond the smallest and the largest residual. Each of these two has the
        # remaining probability on its side, 1 / (n + 1).
        residuals = self.residuals[[0, *range(len(self.residuals)), -1]]
        n_levels = len(self.residuals) + 1
        levels = np.concatenate([np.arange(n_levels) / n_levels, [1.0]])
        values = centres[:, None] + scales[:, None] * residuals
        return PredictiveDistribution(values, levels, centres + scales * self.mode)

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {
            "residuals": pack(self.residuals),
            "mode": self.mode,
            "trees": None if self.trees is None else self.trees.pack(),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int) -> "Conformal":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError.

        Parameters
        ----------
        fields : BundleFields
        n_features : int
            Number of columns that trees may read.
        """
        residuals = fields.array("residuals", "<f8", None)
        fits = 1 < len(residuals) <= _MOST_KNOTS and bool((np.diff(residuals) >= 0).all())
        fits = fits and bool((np.abs(residuals) <= _LARGEST / _LEAST).all())
        needed = f"2 to {_MOST_KNOTS} numbers, ascending, small enough to compute with"
        fields.require(fits, "residuals", needed)
        mode: float = fields.get("mode", "a number", float)
        fits = bool(residuals[0] <= mode <= residuals[-1])
        fields.require(fits, "mode", "between the residuals")
        trees = None
        if fields.optional("trees"):
            trees = Trees.unpack(fields.fields("trees"), n_features + _N_FURTHER)
        return cls(residuals, mode, trees)


def _show(x: NDArray[np.float32], answers: NDArray[np.float64]) -> NDArray[np.float32]:
    """The columns that trees read: the table's, and mean and deviation of the predictions."""
    centres = average(answers.T)
    deviations = np.sqrt(average((answers.T - centres) ** 2))
    limited = np.clip(np.column_stack([centres, deviations]), -1e30, 1e30)
    return np.hstack([x, limited.astype(np.float32)])
