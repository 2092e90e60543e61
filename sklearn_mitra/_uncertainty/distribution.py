"""Predictive distributions of a target, one for each row."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_levels(levels: ArrayLike, name: str) -> NDArray[np.float64]:
    """Convert probabilities to an array, of any shape.

    Raises
    ------
    ValueError
        If they are not numbers from 0 to 1. Its message calls them ``name``.
    """
    try:
        checked = np.asarray(levels, np.float64)
        are_levels = bool(((checked >= 0) & (checked <= 1)).all())
    except (TypeError, ValueError):
        are_levels = False
    if not are_levels:
        raise ValueError(f"{name!r} must be numbers from 0 to 1. Got {levels!r} instead.")
    return checked


class PredictiveDistribution:
    """Predicted distributions of a target, one for each row.

    :meth:`MitraRegressor.predict_distribution` returns an instance. The quantile function of each
    row is linear between knots, so all results are exact up to rounding. ``len`` gives the number
    of rows, and indexing selects rows as in a one-dimensional array.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_knots) or (n_knots,), float64
        Targets at the knots, ascending; the same for all rows if there is one axis. Equal values
        carry the probability between their knots as a point mass.
    probabilities : ndarray of shape (n_rows, n_knots) or (n_knots,), float64
        Probabilities that a target is at most the knot's value, ascending from 0 to 1.
    modes : ndarray of shape (n_rows,), float64
        Most likely targets.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_mitra import MitraRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MitraRegressor(n_estimators=1, max_support=100).fit(X[:300], y[:300])
    >>> distribution = reg.predict_distribution(X[300:])
    >>> distribution.quantile([0.1, 0.5, 0.9]).shape
    (142, 3)
    >>> bool((distribution.cdf(distribution.median()).round(6) == 0.5).all())
    True
    >>> bool(distribution[:5].crps(y[300:305]).mean() < distribution[:5].std().mean())
    True
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        probabilities: NDArray[np.float64],
        modes: NDArray[np.float64],
    ) -> None:
        self._values = values
        self._probabilities = probabilities
        self._modes = modes

    def __len__(self) -> int:
        return len(self._modes)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} rows>"

    def __getitem__(self, rows: Any) -> "PredictiveDistribution":
        """Select rows by a slice, integers or booleans, or one row by an integer."""
        values, probabilities = (
            knots if knots.ndim == 1 else np.atleast_2d(knots[rows])
            for knots in (self._values, self._probabilities)
        )
        return PredictiveDistribution(values, probabilities, np.atleast_1d(self._modes[rows]))

    # ------------------------------------------------------------ results

    def cdf(self, y: ArrayLike) -> NDArray[np.float64]:
        """Probability of each row's target being at most ``y``.

        Parameters
        ----------
        y : float or array-like of shape (n_rows,)

        Returns
        -------
        probabilities : ndarray of shape (n_rows,), float64
        """
        y = self._of_rows(y)[:, None]
        # the last of several knots with the same value
        last = (self._values <= y).sum(axis=1) - 1
        low, high, p_low, p_high = self._segments(last)
        width = high - low
        share = np.clip((y[:, 0] - low) / np.where(width > 0, width, 1), 0, 1)
        p = np.minimum(p_low + (p_high - p_low) * share, p_high)
        n_knots = self._values.shape[-1]
        return np.where(last < 0, 0.0, np.where(last == n_knots - 1, 1.0, p))

    def quantile(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Quantiles: targets that are not exceeded with the given probabilities.

        Parameters
        ----------
        levels : float or array-like of shape (n_levels,)
            Probabilities, 0 to 1.

        Returns
        -------
        quantiles : ndarray of shape (n_rows, n_levels), or (n_rows,) for a single level; float64
            Never decreasing with the level.

        Raises
        ------
        ValueError
            If ``levels`` are not numbers from 0 to 1, or have more than one axis.
        """
        checked = check_levels(levels, "levels")
        if checked.ndim > 1:
            raise ValueError(f"'levels' must have at most one axis. Got shape {checked.shape}.")
        columns = [self._quantile(level) for level in np.atleast_1d(checked).tolist()]
        quantiles = np.column_stack(columns) if columns else np.empty((len(self), 0))
        return quantiles if checked.ndim else quantiles[:, 0]

    def _quantile(self, level: float) -> NDArray[np.float64]:
        # the first knot that reaches the level ends the segment
        probabilities = np.atleast_2d(self._probabilities)
        before = np.maximum((probabilities < level).sum(axis=1) - 1, 0)
        low, high, p_low, p_high = self._segments(before)
        width = np.where(p_high > p_low, p_high - p_low, 1)
        share = np.clip((level - p_low) / width, 0, 1)
        # halves, since the difference of values near the limits of float64 may overflow
        with np.errstate(over="ignore"):
            inside: NDArray[np.float64] = low + (high / 2 - low / 2) * (2 * share)
        return np.minimum(inside, high)

    def mean(self) -> NDArray[np.float64]:
        """Mean of each row, ndarray of shape (n_rows,), float64."""
        middles = self._values[..., 1:] / 2 + self._values[..., :-1] / 2
        return (self._masses() * middles).sum(axis=1) + np.zeros(len(self))

    def median(self) -> NDArray[np.float64]:
        """Median of each row, ndarray of shape (n_rows,), float64."""
        return self._quantile(0.5)

    def mode(self) -> NDArray[np.float64]:
        """Most likely target of each row, ndarray of shape (n_rows,), float64.

        It is the middle of the densest bin if the checkpoint has target bins, and otherwise the
        middle of the shortest interval that holds half of the probability.
        """
        return self._modes.copy()

    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each row, ndarray of shape (n_rows,), float64."""
        mean = self.mean()[:, None]
        with np.errstate(over="ignore"):
            low, high = self._values[..., :-1] - mean, self._values[..., 1:] - mean
        scale = np.maximum(np.abs(low), np.abs(high)).max(axis=1, keepdims=True)
        # without a scale, squares of very small or large targets would leave float64's range
        scale = np.where(scale > 0, scale, 1)
        low, high = low / scale, high / scale
        squares = (low * low + low * high + high * high) / 3
        return np.sqrt((self._masses() * squares).sum(axis=1)) * scale[:, 0]

    def crps(self, y: ArrayLike) -> NDArray[np.float64]:
        """Continuous ranked probability score: twice the mean pinball loss over all quantiles.

        It has the units of the target. If the distribution is a single value, the score is the
        absolute error. Lower is better.

        Parameters
        ----------
        y : float or array-like of shape (n_rows,)
            The true targets.

        Returns
        -------
        scores : ndarray of shape (n_rows,), float64
        """
        y = self._of_rows(y)[:, None]
        if np.isinf(y).any():
            raise ValueError("'y' must be finite for a score. Got infinity.")
        low, high, mass = self._values[..., :-1], self._values[..., 1:], self._masses()
        width = high - low
        # E|Y - y|, segment by segment; in the one that contains y, |.| has two slopes
        below, above = np.clip(y - low, 0, width), np.clip(high - y, 0, width)
        outside = np.maximum(np.maximum(low - y, y - high), 0)
        wide = np.where(width > 0, width, 1)
        distance = outside + (below * below + above * above) / (2 * wide)
        # E|Y - Y'| / 2 is the integral of F (1 - F)
        p, q = self._probabilities[..., :-1], self._probabilities[..., 1:]
        product = (p + q) / 2 - (p * p + p * q + q * q) / 3
        return (mass * distance - width * product).sum(axis=1)

    # ------------------------------------------------------------ knots

    def _of_rows(self, y: ArrayLike) -> NDArray[np.float64]:
        """Targets, one for each row."""
        targets = np.asarray(y, np.float64)
        if targets.shape not in ((), (len(self),)):
            raise ValueError(
                f"'y' must be a number, or an array of shape ({len(self)},) with a target for "
                f"each row. Got shape {targets.shape}."
            )
        if np.isnan(targets).any():
            raise ValueError("'y' must be numbers. Got NaN.")
        return np.broadcast_to(targets, (len(self),))

    def _masses(self) -> NDArray[np.float64]:
        """Probabilities of the segments, (n_rows or 1, n_knots - 1)."""
        return np.atleast_2d(self._probabilities[..., 1:] - self._probabilities[..., :-1])

    def _segments(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """Values and probabilities (n_rows,) at both ends of one segment of each row.

        ``starts`` are the knots at which these segments start, one for each row or one for all.
        """
        n_knots = self._values.shape[-1]
        starts = np.broadcast_to(np.clip(starts, 0, n_knots - 2), (len(self),))
        rows = np.arange(len(self))
        return tuple(
            knots[starts + i] if knots.ndim == 1 else knots[rows, starts + i]
            for knots in (self._values, self._probabilities)
            for i in (0, 1)
        )


# ---- constructors --------------------------------------------------------------------------------


def constant(value: float, n_rows: int) -> PredictiveDistribution:
    """Distributions of rows whose target is certain."""
    return PredictiveDistribution(np.full(2, value), np.array([0.0, 1.0]), np.full(n_rows, value))


def join(parts: Sequence[PredictiveDistribution]) -> PredictiveDistribution:
    """Concatenate distributions. If rows share knots in one part, they share them in all."""
    values, probabilities = (
        knots[0] if knots[0].ndim == 1 else np.concatenate(knots)
        for knots in ([p._values for p in parts], [p._probabilities for p in parts])
    )
    return PredictiveDistribution(values, probabilities, np.concatenate([p._modes for p in parts]))


def transform(
    distribution: PredictiveDistribution,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> PredictiveDistribution:
    """Distributions of an ascending function of the target, applied to knots and modes."""
    values = np.maximum.accumulate(function(distribution._values), axis=-1)  # despite rounding
    modes = function(distribution._modes)
    return PredictiveDistribution(values, distribution._probabilities, modes)
