"""The regressor."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions

from ._base import BaseMitra
from ._bundles.estimators import REGRESSOR
from ._common.arguments import explain_unexpected
from ._members.functions import Rows
from ._network.network import Network
from ._network.runtime import Provider
from ._params import ALIAS_HINTS
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

# For ``fit``, which has no ``sample_weight``.
_HINTS = {
    "sample_weight": "The network reads each support row once, whatever its weight. Repeat rows "
    "instead. See 'Weights of rows' on the page 'Probabilities' of the documentation."
}

# Indices of some rows of a table, and the distributions of these rows.
Part = tuple[NDArray[np.int64], PredictiveDistribution]


class MitraRegressor(RegressorMixin, BaseMitra):
    """Regressor that reads the training table in context, with Mitra's Tab2D network.

    ``fit`` trains no weights of the network: it picks a support set of training rows and encodes
    them. In prediction, a pretrained transformer passes the support set and the query rows through
    its layers and outputs targets, scaled to the range of the training targets.

    A prediction is the weighted mean of an ensemble. Its members are several such passes, most of
    which also show features of a simple model. With 1000 training rows or more, scikit-learn's
    gradient boosting and extra trees are members, too. See ``members`` and ``member_weights``.

    .. warning::
        A fitted regressor, its pickle and its bundle contain training data: the encoded columns
        and targets of the support set, and all categories of categorical columns. Share them only
        with people who may see the data.

    Parameters
    ----------
    model : str or PathLike, default="mini"
        The checkpoint:

        - ``"mini"``: 2.4 million parameters, embedded in this package.
        - ``"mitra"``: AutoGluon's checkpoint with 75.7 million parameters, from the Hugging Face
          hub. ``"mitra-2"`` is its second version.
        - ``"organisation/name"`` or ``"organisation/name@revision"``: a repository of the hub.
        - A directory with ``config.json`` and ``model.safetensors``.
        - An ``.onnx`` file that ``sklearn-mitra convert`` made from one of these, or any other with
          the same inputs. Every prediction then passes the support set through the
          network again.

    max_support : int or None, default=512
        Largest number of training rows in the support set, selected at random; None uses all rows.
        The time and memory of the first prediction grow with it. Those of later predictions grow
        more slowly.

    n_estimators : int, default=None
        Number of ensemble members that use the network. All but the first see some columns
        reversed, chosen at random, and every second plain member sees the target reversed. None is
        one for each kind if ``members`` is a list, and otherwise the checkpoint's recommendation: 4
        for "mini", 1 for others.

    members : {"auto", "plain"} or list of str, default="auto"
        The kind of each ensemble member. For members that use the network, it determines what the
        network sees:

        - ``"plain"``: the table as it is.
        - ``"target_encoding"``: the table, with the mean target of a row's category in place of the
          category in columns of 30 categories or more. All kinds below do this as well.
        - ``"components"``: the table and its principal components.
        - ``"scores"``: the table and the prediction of the baseline, which mixes additive ridge
          regression and boosted trees in the proportion that is best out of fold. The baseline is
          fitted to all training rows, up to 10,000. Predictions for support rows are out of fold.
        - ``"compressed"``: components and scores instead of the table. With many columns, this
          takes much less time.
        - ``"residual"``: the table, with the residuals of the baseline as the target. 20 % of the
          member's answer is added to the baseline's prediction.
        - Several of these joined by "+", such as ``"components+residual"``.

        Two kinds need no network. scikit-learn fits them to all training rows:

        - ``"boosting"``: histogram gradient boosting.
        - ``"extra_trees"``: 100 extremely randomised trees, fitted to at most 20,000 rows.

        A list of only these two needs no checkpoint: ``model`` is then neither looked up nor
        downloaded, and no network runs.

        "auto" is one plain member if ``n_estimators`` is 1. Otherwise it is a mix of kinds, or only
        "compressed+residual" in tables with more than 40 columns or more rows than ``max_support``.
        With 1000 training rows or more, it includes boosting and extra trees, unless
        ``member_weights`` is "equal".

    member_weights : {"auto", "equal"} or list of float, default="auto"
        The weight of each member in the average of the predictions.

        - "auto" learns the weights of boosting, of extra trees, and of all other members together,
          if there are boosting or extra trees. The weights minimise the squared error of held-out
          rows: a third of the rows, 500 at most, or all rows in three folds if there are fewer than
          1000. A small penalty favours the network. Members with a weight of 0 cost nothing in
          predictions. Intervals and quantiles use the residuals of the same rows.
        - "equal" gives all members the same weight.
        - A list has a weight for each member, the members that use the network first.

    target_transform : {"auto", "none", "clip", "asinh"}, default="auto"
        The transform of targets before they are scaled to the range that the network expects.

        - "clip" replaces outliers, which are more than 5 interquartile ranges from the quartiles,
          with the nearest other target.
        - "asinh" is for heavy tails. It is nearly linear in the middle and logarithmic outside, and
          is inverted in predictions.
        - "auto" does nothing unless the range is more than 20 interquartile ranges. Then it warns,
          and uses "clip" if at most 1 % of the rows are outliers, and "asinh" otherwise.
        - "none" leaves targets as they are. If all members are plain, targets are also scaled by
          the range of the support set, as in the JavaScript package, and not by that of all
          training rows.

    random_state : int, RandomState instance or None, default=42
        Seed of the choice of support rows and of the random differences between members. With an
        int, the support rows are those that the JavaScript package ``@wlearn/mitra`` selects for
        this seed.

    n_jobs : int, default=None
        Number of threads of onnxruntime. None is all cores that this process may use, or its share
        of them in a joblib worker process; -1 is all cores. Threads never outnumber cores.

    providers : list of (str or (str, dict)), default=None
        Execution providers of onnxruntime in order of preference, each given as its name or as a
        pair of name and options. None is the CPU.

    precision : {"float32", "int8"}, default="float32"
        "int8" computes most matrix products in 8-bit integers, which is faster, takes less memory
        and is slightly less accurate. A row's prediction then depends slightly on the rows that are
        predicted with it. The weights are converted once and kept in the cache folder of
        ``huggingface_hub``.

    cache_context : bool or "auto", default="auto"
        Whether to cache the context, the network's keys and values of the support set. This makes
        later predictions many times faster than the first; ``context_nbytes_`` is the size. "auto"
        caches the context if it fits the budget, which is a quarter of the machine's memory for the
        contexts of all estimators; see :func:`~sklearn_mitra.set_context_budget`. Without a cached
        context, and always with an ``.onnx`` file, every prediction passes the support set through
        the network again.

    verbose : int, default=0
        1 prints a line for each stage of ``fit`` with its time, and shows progress bars if a
        prediction takes several chunks of rows and while support rows are predicted out of fold
        for quantiles. All go to stderr.

    Attributes
    ----------
    target_min_, target_max_ : float
        Range of the targets in training, which the network's answers are scaled to. It is the range
        of the support set if ``target_transform="none"`` and all members are plain, and in a
        regressor loaded from another package's bundle.
    member_weights_ : ndarray of shape (n_members,), float64
        Weight of each ensemble member, the members that use the network first.
    target_transform_ : str
        How the targets were transformed: "none", "clip" or "asinh".
    support_indices_ : ndarray of shape (n_support,), int64
        Indices of the training rows in the support set, ascending. Not available in a regressor
        loaded from another package's bundle.
    X_support_ : ndarray of shape (n_support, n_encoded), float32
        The support set, with categories encoded and missing values filled in. Each feature is one
        encoded column, or up to five for dates. If float32 could hardly tell a column's values
        apart, such as times in seconds since 1970, the column's mean in training is subtracted.
    y_support_ : ndarray of shape (n_support,), float64
        Targets of the support set.
    context_nbytes_ : int
        Size of the cached context in bytes, available after the first prediction; 0 if nothing is
        cached.
    checkpoint_ : dict
        ``name`` and ``sha256`` of the checkpoint in use. Not available if ``members`` names only
        kinds that need no network.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of ``X`` were strings.

    See Also
    --------
    MitraClassifier : The classifier. Its notes and references apply to the regressor as well.

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

    @explain_unexpected(ALIAS_HINTS)
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

    @explain_unexpected(_HINTS)
    def fit(self, X: Any, y: ArrayLike) -> "MitraRegressor":
        """Select the support set, encode it, and build the ensemble members.

        No weights of the network are trained. The checkpoint is looked up, and downloaded if it is
        on the hub, unless ``members`` names only kinds that need no network. The network runs here
        only if boosting or extra trees are among the members, to choose the weights. Otherwise it
        first runs in the first prediction.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Numbers, booleans, strings, categories, dates or durations. NaN, None, and pandas' NA
            and NaT are missing values. A sparse matrix is made dense, up to 1 GiB.
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
            If a parameter, ``X`` or ``y`` is invalid.
        """
        return self._fit(X, y)

    def predict(
        self, X: Any, output: Literal["mean", "median", "mode"] = "mean"
    ) -> NDArray[np.float64]:
        """Predict the targets of rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.
        output : {"mean", "median", "mode"}, default="mean"
            "mean" is the weighted mean of the members' predictions. "median" and "mode" belong to
            the distributions of ``predict_distribution``. With target bins and a single member, the
            mode is AutoGluon's prediction.

        Returns
        -------
        y : ndarray of shape (n_samples,), float64

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint is gone or has changed since ``fit``.
        TypeError, ValueError
            If ``X`` doesn't match the training table, or ``output`` is none of these.
        """
        if output == "mean":
            return self._predict(X)
        if output not in ("median", "mode"):
            raise ValueError(
                f"'output' must be 'mean', 'median' or 'mode'. Got {output!r} instead."
            )
        return _collect(self._distributions(X), getattr(PredictiveDistribution, output))

    def predict_quantiles(self, X: Any, quantiles: ArrayLike) -> NDArray[np.float64]:
        """Predict quantiles of the targets of rows.

        With a checkpoint of one output, such as "mini", the first call after ``fit`` also makes
        out-of-fold predictions of the support rows, to learn their residuals. That takes about five
        times as long as the first prediction. The result is kept, also in pickles and bundles.
        With boosting or extra trees among the members, ``fit`` does this.
        The same holds for all methods except ``predict`` with ``output="mean"``.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            A table with the columns of training.
        quantiles : array-like of shape (n_quantiles,)
            Probabilities, 0 to 1, in any order.

        Returns
        -------
        y : ndarray of shape (n_rows, n_quantiles), float64
            Never decreasing with the probability.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint is gone or has changed since ``fit``.
        TypeError, ValueError
            If ``X`` doesn't match the training table, ``quantiles`` are not probabilities, or there
            is only one support row.

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
        """Predict intervals that contain the targets of rows with a given probability.

        The probabilities of a target below and above the interval are equal.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            A table with the columns of training.
        coverage : float, default=0.9
            The probability, between 0 and 1. With one output and ``n`` support rows, no interval
            reaches further than the residuals of these rows, so the largest possible coverage is
            about ``1 - 2 / (n + 1)``.

        Returns
        -------
        y : ndarray of shape (n_rows, 2), float64
            Lower and upper ends.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            See :meth:`predict_quantiles`.
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
        """Predict standard deviations of the targets of rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            A table with the columns of training.

        Returns
        -------
        std : ndarray of shape (n_rows,), float64
            Standard deviations of the predictive distributions, in the units of the target.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            See :meth:`predict_quantiles`.
        """
        return _collect(self._distributions(X), PredictiveDistribution.std)

    def predict_distribution(self, X: Any) -> PredictiveDistribution:
        """Predict distributions of the targets of rows, for several summaries of one prediction.

        They take 4 to 8 kB of memory for each row, or 64 kB with 1000 target bins and four members
        if some of these are residual. ``predict_quantiles`` keeps only what it returns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            A table with the columns of training.

        Returns
        -------
        distribution : PredictiveDistribution
            One distribution for each row.

        Raises
        ------
        NotFittedError, CheckpointError, TypeError, ValueError
            See :meth:`predict_quantiles`.
        """
        indices, parts = zip(*self._distributions(X))
        return join(parts)[np.argsort(np.concatenate(indices))]

    # ------------------------------------------------------------ learned attributes

    @property
    def target_min_(self) -> float:
        """Lower end of the target range that is scaled to 0..1."""
        return self._number_target.low

    @property
    def target_max_(self) -> float:
        """Upper end of the target range that is scaled to 0..1."""
        return self._number_target.high

    @property
    def target_transform_(self) -> str:
        """How the targets were transformed: "none", "clip" or "asinh"."""
        return self._number_target.reshaping.kind

    @property
    def _number_target(self) -> NumberTarget:
        target = self._fitted().target
        assert isinstance(target, NumberTarget)
        return target

    # ------------------------------------------------------------ implementation

    def _check_target(self, y: Any) -> Any:
        check_numbers(y)
        return y

    def _fit_target(
        self, y: NDArray[Any], network: Network | None
    ) -> tuple[NumberTarget, NDArray[np.float64]]:
        return NumberTarget.fit(y, self.target_transform)

    def _predictions(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Average the members' scaled targets, and scale them back."""
        return self._model.targets(rows, outputs)

    def _distributions(self, X: Any) -> Iterator[Part]:
        """Predictive distributions of a table's rows, chunk by chunk."""
        ready = self._ready()
        n_rows, chunks = ready._outputs(X)
        target, runtime = ready._number_target, ready._make_runtime()
        if target.is_constant:
            return iter([(np.arange(n_rows), constant(target.low, n_rows))])
        return (
            (
                chunk.indices,
                ready._model.distributions(rows, outputs, runtime, ready._title)[chunk.places],
            )
            for chunk, rows, outputs in chunks
        )

    def _predict_with_quantiles(
        self, X: Any, levels: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The results of ``predict`` and ``predict_quantiles``, from one run of the network."""
        ready = self._ready()
        n_rows, chunks = ready._outputs(X)
        means = ready._number_target.constant_answers(n_rows)
        quantiles = np.tile(means[:, None], len(levels))
        runtime = ready._make_runtime()
        for chunk, rows, outputs in chunks:
            means[chunk.indices] = ready._predictions(rows, outputs)[chunk.places]
            parts = ready._model.distributions(rows, outputs, runtime, ready._title)
            quantiles[chunk.indices] = parts.quantile(levels)[chunk.places]
        return means, quantiles


def _collect(
    parts: Iterable[Part], summary: Callable[[PredictiveDistribution], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Summaries of all rows, in the order of the table."""
    pairs = [(indices, summary(part)) for indices, part in parts]
    indices, values = (np.concatenate(arrays) for arrays in zip(*pairs))
    ordered = np.empty_like(values)
    ordered[indices] = values
    return ordered
