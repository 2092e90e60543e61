"""The regressor."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions

from ._base import BaseMitra
from ._bundles.estimators import REGRESSOR
from ._members.functions import Rows
from ._network.network import Network
from ._network.runtime import Provider
from ._targets.numbers import NumberTarget, check_numbers
from ._targets.transform import KINDS
from ._uncertainty.distribution import (
    PredictiveDistribution,
    check_levels,
    constant,
    join,
)

if TYPE_CHECKING:
    from ._sklearn import RegressorMixin
else:
    from sklearn.base import RegressorMixin

# Distributions of some of a table's rows, and which these are.
Part = tuple[NDArray[np.int64], PredictiveDistribution]


class MitraRegressor(RegressorMixin, BaseMitra):
    """Regressor that reads the training table in context, with Mitra's Tab2D network.

    ``fit`` trains no weights of the network: it picks a support set of training rows and encodes
    them. In prediction, a pretrained transformer passes the support set and the query rows through
    its layers and outputs targets, scaled to the range of the training targets.

    A prediction is the weighted mean of an ensemble: of several such passes, most of which also
    show features of a simple model, and, from 1000 training rows on, of scikit-learn's gradient
    boosting and extra trees. See ``members`` and ``member_weights``.

    .. warning::
        A fitted regressor, its pickle and its bundle contain training rows: the encoded
        columns and targets of the support, and all levels of the categorical columns. Share
        them as you would share the data.

    Parameters
    ----------
    model : str or PathLike, default="mini"
        The checkpoint:

        - ``"mini"``: 2.4 million parameters, embedded in this package,
        - ``"mitra"``: AutoGluon's, 75.7 million parameters, from the Hugging Face hub;
          ``"mitra-2"`` is its second version,
        - ``"organisation/name"`` or ``"organisation/name@revision"``: a repository of the hub,
        - a directory with ``config.json`` and ``model.safetensors``,
        - an ``.onnx`` file made of one of these by ``sklearn_mitra.export.convert``, or by
          others with the same inputs. Every prediction then passes the support set through the
          network again.

    max_support : int or None, default=512
        Largest number of training rows in the support set, chosen at random; None is all of them.
        Time and memory of the first prediction grow with it. Those of later predictions grow more
        slowly.

    n_estimators : int, default=None
        Number of ensemble members that the network answers for. All but the first see random
        columns reversed, and every other plain one a reversed target. None is one for each of
        ``members`` if that is a list, else the checkpoint's recommendation, 4 for "mini" and 1 for
        others.

    members : {"auto", "plain"} or list of str, default="auto"
        The kind of each ensemble member. Of a member that the network answers for, it is what the
        network sees:

        - ``"plain"``: the table as it is,
        - ``"target_encoding"``: the table, but in columns of 30 categories or more the mean target
          of a row's category. All kinds below see such columns this way, too,
        - ``"components"``: the table and its principal components,
        - ``"scores"``: the table and the prediction of the baseline, an additive ridge regression
          and boosted trees, of which each has the share that is best out of fold. The baseline is
          fitted to all training rows, 10,000 at most. Support rows have out-of-fold predictions,
        - ``"compressed"``: components and scores instead of the table. In tables of many columns
          this takes much less time,
        - ``"residual"``: the table, and as its target what the baseline leaves. 20 % of the
          member's answer is added to the baseline's prediction,
        - several of these joined by "+", such as ``"components+residual"``.

        Two kinds need no network. scikit-learn fits them to all training rows:

        - ``"boosting"``: histogram gradient boosting,
        - ``"extra_trees"``: 100 extremely randomised trees, of 20,000 rows at most.

        "auto" is one plain member if ``n_estimators`` is 1. Otherwise it is a mix of kinds;
        compressed and residual ones in tables of more than 40 columns, or of more rows than
        ``max_support``. From 1000 training rows on, boosting and extra trees belong to it, unless
        ``member_weights`` is "equal".

    member_weights : {"auto", "equal"} or list of float, default="auto"
        How much each member counts. Predictions are averaged by these weights.

        - "auto" weighs the network's members together against boosting and extra trees, if there
          are any. The weights have the least squared error of held-out rows: 500 rows, or all rows
          in three folds if there are less than 1000. A small penalty favours the network. A member
          without weight costs nothing in prediction. The residuals of these rows are those of
          intervals and quantiles, too.
        - "equal" gives all members the same weight.
        - A list has a number for each member, those of the network first.

    target_transform : {"auto", "none", "clip", "asinh"}, default="auto"
        What is done to targets before they are scaled to the range that the network knows. "clip"
        takes outliers, more than 5 interquartile ranges from the quartiles, for the nearest
        other target; "asinh" is nearly linear in the middle and logarithmic outside, for heavy
        tails, and is inverted in prediction. "auto" does nothing unless the range is
        more than 20 interquartile ranges. Then it warns, and clips outliers if they are 1 % of
        the rows at most, else transforms by "asinh". "none" takes targets as they are; if all
        members are plain, it also scales them by their range in the support, as the JavaScript
        package does, not by that of all training rows.

    random_state : int, RandomState instance or None, default=42
        Chooses the support rows, and the random part of what members see. An int chooses the rows
        that the JavaScript package ``@wlearn/mitra`` chooses for this seed.

    n_jobs : int, default=None
        Threads of onnxruntime. None is all cores that this process may use, or its share of
        them in a worker process of joblib; -1 is all cores. There are never more than cores.

    providers : list of (str or (str, dict)), default=None
        Execution providers of onnxruntime in order of preference, each by its name or as a pair of
        its name and its options. None is the CPU.

    precision : {"float32", "int8"}, default="float32"
        "int8" computes most matrix products in 8-bit integers: faster and smaller, a little less
        accurate, and a row's prediction then depends a little on the rows it is predicted with. The
        weights are converted once and kept in the cache folder of ``huggingface_hub``.

    cache_context : bool or "auto", default="auto"
        Whether to cache the context, the network's keys and values of the support set. A cached
        context makes later predictions many times faster than the first; ``context_nbytes_`` is
        its size. "auto" caches it if it fits the budget, a quarter of the machine's memory for the
        contexts of all estimators; see :func:`~sklearn_mitra.set_context_budget`. Without it, and
        always with an ``.onnx`` file, every prediction passes the support set through the network
        again.

    verbose : int, default=0
        1 shows a progress bar in predictions that take several chunks of rows.

    Attributes
    ----------
    target_min_, target_max_ : float
        Range of the targets in training, which the network's answers are scaled to. It is that of
        the support if ``target_transform="none"`` and all members are plain, and in a regressor
        loaded from a bundle that another package wrote.
    member_weights_ : ndarray of shape (n_members,), float64
        The weight of each ensemble member, those of the network first.
    target_transform_ : str
        "none", "clip" or "asinh": how the targets were transformed.
    support_indices_ : ndarray of shape (n_support,), int64
        Rows of the training data that are the support set, ascending. Missing in a regressor
        loaded from a bundle that another package wrote.
    X_support_ : ndarray of shape (n_support, n_encoded), float32
        The support set with encoded categories and filled missing values. Each feature is one
        encoded column; dates are up to five. If float32 could hardly tell a column's values apart,
        such as times in seconds since 1970, its mean in training is subtracted.
    y_support_ : ndarray of shape (n_support,), float64
        Targets of the support.
    context_nbytes_ : int
        Size of the cached context in bytes, available after the first prediction; 0 if nothing is
        cached.
    checkpoint_ : dict
        ``name`` and ``sha256`` of the checkpoint in use.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if ``X`` had names that are all strings.

    See Also
    --------
    MitraClassifier : The same for classes; its notes and references hold here, too.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_mitra import MitraRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    >>> reg = MitraRegressor().fit(X_train, y_train)
    >>> print(f"{reg.score(X_test, y_test):.2f}")
    0.40
    """

    _task = "regression"
    _bundle_type = REGRESSOR
    _capabilities: ClassVar[set[str]] = {"regressor"}
    _javascript_params: ClassVar[dict[str, Any]] = {
        **BaseMitra._javascript_params,
        "target_transform": "none",
    }
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMitra._parameter_constraints,
        "target_transform": [StrOptions({"auto", *KINDS})],
    }

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = "mini",
        max_support: int | None = 512,
        n_estimators: int | None = None,
        members: str | Sequence[str] = "auto",
        member_weights: Literal["auto", "equal"] | Sequence[float] = "auto",
        target_transform: Literal["auto", "none", "clip", "asinh"] = "auto",
        random_state: int | np.random.RandomState | None = 42,
        n_jobs: int | None = None,
        providers: Sequence[Provider] | None = None,
        precision: Literal["float32", "int8"] = "float32",
        cache_context: bool | Literal["auto"] = "auto",
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.max_support = max_support
        self.n_estimators = n_estimators
        self.members = members
        self.member_weights = member_weights
        self.target_transform = target_transform
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.providers = providers
        self.precision = precision
        self.cache_context = cache_context
        self.verbose = verbose

    def fit(self, X: Any, y: ArrayLike) -> "MitraRegressor":
        """Choose the support rows and encode them.

        No weights of the network are trained. The checkpoint is looked up (and downloaded, if it is
        on the hub). The network itself first runs in the first prediction, unless boosting or extra
        trees are among the members. These are fitted here, and held-out rows are predicted to
        choose the weights.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Numbers, booleans, strings, categories, dates or durations; NaN, None, pandas' NA and
            NaT are missing. A sparse matrix is made dense, up to 1 GiB.
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        self : MitraRegressor

        Raises
        ------
        CheckpointError
            If ``model`` can't be found, downloaded or used for regression.
        TypeError, ValueError
            If a parameter, ``X`` or ``y`` is not of a kind described here.
        """
        return self._fit(X, y)

    def predict(
        self, X: Any, output: Literal["mean", "median", "mode"] = "mean"
    ) -> NDArray[np.float64]:
        """Targets of rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in training.
        output : {"mean", "median", "mode"}, default="mean"
            "mean" is what the network predicts, on average over the ensemble. "median" and "mode"
            are those of ``predict_distribution``; with target bins and one member, the mode is
            AutoGluon's prediction.

        Returns
        -------
        y : ndarray of shape (n_samples,), float64

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint of the fit is gone or has changed.
        TypeError, ValueError
            If ``X`` is not of the kind seen in training, or ``output`` is none of these.
        """
        if output == "mean":
            return self._predict(X)
        if output not in ("median", "mode"):
            raise ValueError(
                f"'output' must be 'mean', 'median' or 'mode'. Got {output!r} instead."
            )
        return _collect(self._distributions(X), getattr(PredictiveDistribution, output))

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the targets of rows.

        With a checkpoint of one output, such as "mini", the first call after ``fit`` also
        predicts support rows from others, to see how far off predictions are. That takes about
        five times as long as the first prediction. It is kept, and goes into pickles and bundles.
        With boosting or extra trees among the members, ``fit`` has done it already.
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
        return _collect(self._distributions(X), lambda part: part.quantile(levels))

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
        return _collect(self._distributions(X), lambda part: part.quantile([tail, 1 - tail]))

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
        return _collect(self._distributions(X), PredictiveDistribution.std)

    def predict_distribution(self, X: Any) -> PredictiveDistribution:
        """Distributions of the targets of rows, to ask several things of them.

        They take 4 to 8 kB of memory for each row, and 64 kB with four members of 1000 target bins
        some of which are residual. ``predict_quantiles`` keeps no more than what it returns.

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

    # ------------------------------------------------------------ what was learned

    @property
    def y_support_(self) -> NDArray[np.float64]:
        """Targets of the support."""
        return self._fitted().support.y

    @property
    def target_min_(self) -> float:
        """Smallest target of the range that is scaled to 0..1."""
        return self._number_target.low

    @property
    def target_max_(self) -> float:
        """Largest target of the range that is scaled to 0..1."""
        return self._number_target.high

    @property
    def target_transform_(self) -> str:
        """How targets were transformed: "none", "clip" or "asinh"."""
        return self._number_target.reshaping.kind

    @property
    def _number_target(self) -> NumberTarget:
        target = self._fitted().target
        assert isinstance(target, NumberTarget)
        return target

    # ------------------------------------------------------------ how

    def _check_target(self, y: Any) -> Any:
        check_numbers(y)
        return y

    def _fit_target(
        self, y: NDArray[Any], network: Network
    ) -> tuple[NumberTarget, NDArray[np.float64]]:
        return NumberTarget.fit(y, self.target_transform)

    def _predictions(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Average the members' scaled targets, and scale them back."""
        return self._model.targets(rows, outputs)

    def _distributions(self, X: Any) -> Iterator[Part]:
        """Distributions of a table's rows, chunk by chunk."""
        ready = self._ready()
        n_rows, chunks = ready._outputs(X)
        target, runtime = ready._number_target, ready._make_runtime()
        if target.is_constant:
            return iter([(np.arange(n_rows), constant(target.low, n_rows))])
        return (
            (chunk.indices, ready._model.distributions(rows, outputs, runtime)[chunk.places])
            for chunk, rows, outputs in chunks
        )

    def _predict_with_quantiles(
        self, X: Any, levels: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What ``predict`` and ``predict_quantiles`` return, by one run of the network."""
        ready = self._ready()
        n_rows, chunks = ready._outputs(X)
        means = ready._number_target.constant_answers(n_rows)
        quantiles = np.tile(means[:, None], len(levels))
        for chunk, rows, outputs in chunks:
            means[chunk.indices] = ready._predictions(rows, outputs)[chunk.places]
            parts = ready._model.distributions(rows, outputs, ready._make_runtime())
            quantiles[chunk.indices] = parts.quantile(levels)[chunk.places]
        return means, quantiles


def _collect(
    parts: Iterable[Part], summary: Callable[[PredictiveDistribution], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """What a summary makes of each row, in the order of the table."""
    pairs = [(indices, summary(part)) for indices, part in parts]
    indices, values = (np.concatenate(arrays) for arrays in zip(*pairs))
    ordered = np.empty_like(values)
    ordered[indices] = values
    return ordered
