"""How sure a regressor is: quantiles, intervals and distributions of the target."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._base import Answered, BaseMitra
from ._bundles.estimators import Stored
from ._bundles.fields import BundleFields
from ._loading import LoadOptions
from ._members.functions import Rows
from ._members.member import View
from ._members.target_views import Direction
from ._targets.numbers import TargetScale
from ._targets.transform import TargetTransform
from ._uncertainty.conformal import Conformal
from ._uncertainty.distribution import (
    PredictiveDistribution,
    check_levels,
    constant,
    join,
    transform,
)
from ._uncertainty.held_out import N_FOLDS, cut_folds, predict_held_out
from ._uncertainty.mixture import BinnedMember, mix

# Distributions of some of a table's rows, and which these are.
Part = tuple[NDArray[np.int64], PredictiveDistribution]


class UncertainRegressor(BaseMitra):
    """A regressor that predicts distributions; not to be used itself.

    With target bins, they are the mixture of the members' densities. With one output, they are
    of the residuals of support rows that were held out; these are computed when they are first
    needed, and kept.
    """

    target_min_: float
    target_max_: float
    _transform: TargetTransform
    _conformal: Conformal | None = None

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the targets of rows.

        With a checkpoint of one output, such as "mini", the first call after ``fit`` also
        predicts support rows from others, to see how far off predictions are. That takes about
        five times as long as the first prediction. It is kept, and goes into pickles and bundles.
        The same holds for all methods but ``predict`` with ``output="mean"``.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            Columns as in training.
        quantiles : array-like of shape (n_quantiles,)
            Probabilities, 0 to 1, in any order.

        Returns
        -------
        y : ndarray of shape (n_rows, n_quantiles), float64
            Those of higher probabilities are never less.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint of the fit is gone or has changed.
        TypeError, ValueError
            If ``X`` is not of the kind seen in training, ``quantiles`` are not probabilities, or
            there is only one support row.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_mitra import MitraRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = MitraRegressor(n_estimators=1, max_support=100).fit(X[:300], y[:300])
        >>> reg.predict_quantiles(X[300:], [0.1, 0.5, 0.9]).shape
        (142, 3)
        """
        levels = check_levels(quantiles, "quantiles")
        if levels.ndim != 1:
            raise ValueError(
                f"'quantiles' must have one axis, as in [0.1, 0.5, 0.9]. Got {quantiles!r} instead."
            )
        return collect(self._distributions(X), lambda part: part.quantile(levels))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Intervals that targets of rows lie in with a given probability.

        As much probability is below the interval as above.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            Columns as in training.
        coverage : float, default=0.9
            The probability, more than 0 and less than 1. With one output and ``n`` support rows,
            no interval reaches further than the residuals of these rows, and so none covers more
            than about ``1 - 2 / (n + 1)``.

        Returns
        -------
        y : ndarray of shape (n_rows, 2), float64
            Lower and upper ends.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            As ``predict_quantiles`` raises them.
        """
        checked = check_levels(coverage, "coverage")
        if checked.ndim or not 0 < checked < 1:
            raise ValueError(
                f"'coverage' must be a number between 0 and 1, such as 0.9. Got {coverage!r} "
                "instead."
            )
        tail = (1 - float(checked)) / 2
        return collect(self._distributions(X), lambda part: part.quantile([tail, 1 - tail]))

    def predict_std(self, X: Any) -> NDArray[np.float64]:
        """Standard deviations of the predicted distributions of rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            Columns as in training.

        Returns
        -------
        std : ndarray of shape (n_rows,), float64
            In the units of the target.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            As ``predict_quantiles`` raises them.
        """
        return collect(self._distributions(X), PredictiveDistribution.std)

    def predict_distribution(self, X: Any) -> PredictiveDistribution:
        """Distributions of the targets of rows, to ask several things of them.

        They take 4 to 8 kB of memory for each row, and 64 kB with four members of 1000 target bins
        some of which are detrended. ``predict_quantiles`` keeps no more than what it returns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            Columns as in training.

        Returns
        -------
        distribution : PredictiveDistribution
            Of ``n_rows`` rows.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            As ``predict_quantiles`` raises them.
        """
        indices, parts = zip(*self._distributions(X))
        return join(parts)[np.argsort(np.concatenate(indices))]

    # ------------------------------------------------------------ bundles

    def _pack_learned(self) -> dict[str, Any]:
        packed = super()._pack_learned()
        if self._conformal is not None:  # readers of any version may skip it
            packed["heldOut"] = self._conformal.pack()
        return packed

    def _take_back(self, stored: Stored, learned: BundleFields, options: LoadOptions) -> None:
        super()._take_back(stored, learned, options)
        if "heldOut" in learned:
            n_columns = self._shown_support().shape[1]
            conformal = Conformal.unpack(learned.fields("heldOut"), n_columns)
            if options.n_estimators is None:  # another ensemble is off by something else
                self._conformal = conformal

    # ------------------------------------------------------------ how

    @property
    def _scale(self) -> TargetScale:
        return TargetScale(self.target_min_, self.target_max_, self._transform)

    def _distributions(self, X: Any) -> Iterator[Part]:
        """Distributions of a table's rows, chunk by chunk; to be called by a public method."""
        fitted = self.__dict__  # the next fit has another
        self = self._snapshot()
        self._check_ready()
        n_rows, chunks = self._run(X)
        if self._is_foregone():
            return iter([(np.arange(n_rows), constant(self.target_min_, n_rows))])
        return self._spread(chunks, fitted)

    def _spread(self, chunks: Iterable[Answered], fitted: dict[str, Any]) -> Iterator[Part]:
        for chunk, rows, outputs in chunks:
            yield chunk.indices, self._distribution(rows, outputs, fitted)[chunk.places]

    def _distribution(
        self, rows: Rows, outputs: list[NDArray[np.float32]], fitted: dict[str, Any]
    ) -> PredictiveDistribution:
        """Distributions of encoded rows, by the views' outputs."""
        if outputs[0].shape[1] > 1:
            scaled = mix([_see(v, rows, out) for v, out in zip(self._views, outputs)])
        else:
            if self._conformal is None:
                self._conformal = fitted["_conformal"] = self._calibrate()
            answers = np.column_stack([*self._restore(rows, outputs)])
            scaled = self._conformal.predict(rows.x, answers)
        return transform(scaled, self._scale.invert)

    def _predict_with_quantiles(
        self, X: Any, levels: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What ``predict`` and ``predict_quantiles`` return, by one run of the network."""
        fitted = self.__dict__
        self = self._snapshot()
        self._check_ready()
        n_rows, chunks = self._run(X)
        means = self._start_answers(n_rows)
        quantiles = np.full((n_rows, len(levels)), self.target_min_)
        for chunk, rows, outputs in chunks:
            predicted = self._combine(self._restore(rows, outputs))
            means[chunk.indices] = predicted[chunk.places]
            of_rows = self._distribution(rows, outputs, fitted).quantile(levels)
            quantiles[chunk.indices] = of_rows[chunk.places]
        return means, quantiles

    def _calibrate(self) -> Conformal:
        """Predict support rows that are held out, and learn from how far off that is."""
        if any(v.trend is not None and v.trend.held_out is None for v in self._views):
            raise ValueError(
                "The bundle of this regressor is of a former format, without what quantiles and "
                "intervals need. Fit again; predict works as it is."
            )
        y = self.y_support_
        folds = cut_folds(y, N_FOLDS, self._seed)
        if any(np.isin(view.rows, fold).all() for view in self._views for fold in folds):
            raise ValueError(
                "Quantiles and intervals need two support rows or more, to predict each of them "
                f"from others. Got {len(y)}; fit with more rows, or a larger max_support."
            )
        x, runtime = self._shown_support(), self._make_runtime()
        tables = self._views, x, self._network_target(y), folds
        answers = predict_held_out(*tables, self._new_context, runtime)
        return Conformal.fit(x, self._scale.apply(y), answers, self._seed)


def _see(view: View, rows: Rows, outputs: NDArray[np.float32]) -> BinnedMember:
    """A view's outputs for rows as densities of the scaled target."""
    trend = view.trend
    mirror = isinstance(view.target, Direction) and view.target.mirror
    if trend is None:
        return BinnedMember(outputs, mirror)
    scale, shift = trend.share * (trend.high - trend.low), trend.share * trend.low
    return BinnedMember(outputs, mirror, scale, rows.apply(trend.function)[:, 0] + shift)


def collect(
    parts: Iterable[Part], summary: Callable[[PredictiveDistribution], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """What a summary makes of each row, in the order of the table."""
    pairs = [(indices, summary(part)) for indices, part in parts]
    indices, values = (np.concatenate(arrays) for arrays in zip(*pairs))
    ordered = np.empty_like(values)
    ordered[indices] = values
    return ordered
