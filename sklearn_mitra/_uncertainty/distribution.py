"""What is predicted of a target beyond one number: its distribution, one for each row."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_levels(levels: ArrayLike, name: str) -> NDArray[np.float64]:
    """Probabilities, in an array of any shape.

    Raises
    ------
    ValueError
        If they are not numbers from 0 to 1. It calls them ``name``.
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

    :meth:`MitraRegressor.predict_distribution` returns it. The quantile function of each row is
    linear between knots. So all that is asked of a distribution is exact, but for rounding.
    ``len`` is the number of rows, and rows can be taken as from an array of one axis.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_knots) or (n_knots,), float64
        Targets, ascending; of all rows if there is one axis. Where some are equal, they have the
        probability between them.
    probabilities : ndarray of shape (n_rows, n_knots) or (n_knots,), float64
        That a target is at most the knot's: ascending from 0 to 1.
    modes : ndarray of shape (n_rows,), float64

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
        """Distributions of some of the rows: a slice, integers or booleans; or of one row."""
        values, probabilities = (
            knots if knots.ndim == 1 else np.atleast_2d(knots[rows])
            for knots in (self._values, self._probabilities)
        )
        return PredictiveDistribution(values, probabilities, np.atleast_1d(self._modes[rows]))

    # ------------------------------------------------------------ what is asked of it

    def cdf(self, y: ArrayLike) -> NDArray[np.float64]:
        """Probabilities that targets are at most ``y``.

        Parameters
        ----------
        y : float or array-like of shape (n_rows,)

        Returns
        -------
        probabilities : ndarray of shape (n_rows,), float64
        """
        y = self._of_rows(y)[:, None]
        # of knots with the same value, the last
        last = (self._values <= y).sum(axis=1) - 1
        low, high, p_low, p_high = self._segments(last)
        width = high - low
        share = np.clip((y[:, 0] - low) / np.where(width > 0, width, 1), 0, 1)
        p = np.minimum(p_low + (p_high - p_low) * share, p_high)
        n_knots = self._values.shape[-1]
        return np.where(last < 0, 0.0, np.where(last == n_knots - 1, 1.0, p))

    def quantile(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Targets that are not exceeded with given probabilities.

        Parameters
        ----------
        levels : float or array-like of shape (n_levels,)
            Probabilities, 0 to 1.

        Returns
        -------
        quantiles : ndarray of shape (n_rows, n_levels), or (n_rows,) of one number; float64
            Those of a higher level are never less.

        Raises
        ------
        ValueError
            If ``levels`` are not such numbers.
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
        # halves, since the difference of values at the limits of float64 is beyond them
        with np.errstate(over="ignore"):
            inside: NDArray[np.float64] = low + (high / 2 - low / 2) * (2 * share)
        return np.minimum(inside, high)

    def mean(self) -> NDArray[np.float64]:
        """Means of the rows, ndarray of shape (n_rows,), float64."""
        middles = self._values[..., 1:] / 2 + self._values[..., :-1] / 2
        return (self._masses() * middles).sum(axis=1) + np.zeros(len(self))

    def median(self) -> NDArray[np.float64]:
        """Medians of the rows, ndarray of shape (n_rows,), float64."""
        return self._quantile(0.5)

    def mode(self) -> NDArray[np.float64]:
        """Most likely targets, ndarray of shape (n_rows,), float64.

        With target bins, the middle of the densest bin; else of the shortest interval that holds
        half of the probability.
        """
        return self._modes.copy()

    def std(self) -> NDArray[np.float64]:
        """Standard deviations of the rows, ndarray of shape (n_rows,), float64."""
        mean = self.mean()[:, None]
        with np.errstate(over="ignore"):
            low, high = self._values[..., :-1] - mean, self._values[..., 1:] - mean
        scale = np.maximum(np.abs(low), np.abs(high)).max(axis=1, keepdims=True)
        scale = np.where(
            scale > 0, scale, 1
        )  # squares of small or large targets are beyond float64
        low, high = low / scale, high / scale
        squares = (low * low + low * high + high * high) / 3
        return np.sqrt((self._masses() * squares).sum(axis=1)) * scale[:, 0]

    def crps(self, y: ArrayLike) -> NDArray[np.float64]:
        """Continuous ranked probability scores: the mean pinball loss of all quantiles, twice.

        In the units of the target, and for a distribution that is sure of a value the absolute
        error. Less is better.

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
            raise ValueError("'y' must be finite to be scored. Got infinity.")
        low, high, mass = self._values[..., :-1], self._values[..., 1:], self._masses()
        width = high - low
        # E|Y - y|, segment by segment; inside the one that holds y, |.| has two slopes
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
                f"'y' must be a number, or an array of shape ({len(self)},), a target for each "
                f"row. Got shape {targets.shape}."
            )
        if np.isnan(targets).any():
            raise ValueError("'y' must be numbers. Got NaN.")
        return np.broadcast_to(targets, (len(self),))

    def _masses(self) -> NDArray[np.float64]:
        """Probabilities of segments, (n_rows or 1, n_knots - 1)."""
        return np.atleast_2d(self._probabilities[..., 1:] - self._probabilities[..., :-1])

    def _segments(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """Values and probabilities (n_rows,) at the ends of a segment of each row.

        It is given by the knot that it starts at, for each row or for all.
        """
        n_knots = self._values.shape[-1]
        starts = np.broadcast_to(np.clip(starts, 0, n_knots - 2), (len(self),))
        rows = np.arange(len(self))
        return tuple(
            knots[starts + i] if knots.ndim == 1 else knots[rows, starts + i]
            for knots in (self._values, self._probabilities)
            for i in (0, 1)
        )


# ---- made of others ------------------------------------------------------------------------------


def constant(value: float, n_rows: int) -> PredictiveDistribution:
    """Distributions of rows that are sure of a value."""
    return PredictiveDistribution(np.full(2, value), np.array([0.0, 1.0]), np.full(n_rows, value))


def join(parts: Sequence[PredictiveDistribution]) -> PredictiveDistribution:
    """The rows of several, one after the other. What one's rows share, all rows do."""
    values, probabilities = (
        knots[0] if knots[0].ndim == 1 else np.concatenate(knots)
        for knots in ([p._values for p in parts], [p._probabilities for p in parts])
    )
    return PredictiveDistribution(values, probabilities, np.concatenate([p._modes for p in parts]))


def transform(
    distribution: PredictiveDistribution,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> PredictiveDistribution:
    """Distributions of an ascending function of the target: its knots and modes are taken along."""
    values = np.maximum.accumulate(function(distribution._values), axis=-1)  # in spite of rounding
    modes = function(distribution._modes)
    return PredictiveDistribution(values, distribution._probabilities, modes)
