"""The regressor."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions

from ._bundles.estimators import REGRESSOR, Stored
from ._bundles.fields import BundleFields, pack
from ._common.means import average
from ._common.missing import is_missing
from ._members.kinds import PLAIN
from ._network.config import Config
from ._network.runtime import Provider
from ._preprocessing.support import select_rows
from ._targets.transform import KINDS, TargetTransform
from ._uncertain import UncertainRegressor, collect
from ._uncertainty.distribution import PredictiveDistribution

if TYPE_CHECKING:
    from ._sklearn import RegressorMixin
else:
    from sklearn.base import RegressorMixin


def _target_error(target: Any) -> ValueError:
    return ValueError(
        f"Input y contains NaN, infinity or missing values, such as {target!r}. Leave out the rows "
        "that have no target."
    )


class MitraRegressor(RegressorMixin, UncertainRegressor):
    """Regressor that reads the training table in context, with Mitra's Tab2D network.

    ``fit`` trains no weights: it picks a support set of training rows and encodes them. In
    prediction, a pretrained transformer passes the support set and the query rows through its
    layers and outputs targets, scaled to the range of the training targets.

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
        Number of ensemble members to average. All but the first see random columns reversed, and
        every other one a reversed target. None is one for each of ``members`` if that is a list,
        else the checkpoint's recommendation, 4 for "mini" and 1 for others.

    members : {"auto", "plain"} or list of str, default="auto"
        What each ensemble member sees:

        - ``"plain"``: the table as it is,
        - ``"means"``: the table, and in columns of 30 levels or more the mean target of a row's
          level instead of the level's rank. All kinds that follow see such columns so, too,
        - ``"components"``: the table, and its principal components,
        - ``"scores"``: the table, and the prediction of a simple model, an additive ridge
          regression and boosted trees, which have the share that is best for rows held out. It is
          fitted to all training rows, 10,000 at most; a support row's prediction is of one that
          hasn't seen the row,
        - ``"compressed"``: components and scores instead of the table. In tables of many columns
          this takes much less time,
        - ``"detrended"``: the table, and as its target what that model leaves. 20 % of the
          member's answer is added to the model's prediction,
        - several of these joined by "+", such as ``"components+detrended"``.

        A list has the kinds of the first members; they are repeated if ``n_estimators`` is more.
        "auto" chooses: a plain member if there is one only, a mix if there are more; in tables of
        more than 40 columns, or of more rows than ``max_support``, compressed and detrended ones.

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
        Chooses the support rows and the views. An int chooses the rows that the JavaScript
        package ``@wlearn/mitra`` chooses for this seed.

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
    _n_classes = 0
    _capabilities: ClassVar[set[str]] = {"regressor"}
    _former_params: ClassVar[dict[str, Any]] = {
        **UncertainRegressor._former_params,
        "target_transform": "none",
    }
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **UncertainRegressor._parameter_constraints,
        "target_transform": [StrOptions({"auto", *KINDS})],
    }

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = "mini",
        max_support: int | None = 512,
        n_estimators: int | None = None,
        members: str | Sequence[str] = "auto",
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
        self.target_transform = target_transform
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.providers = providers
        self.precision = precision
        self.cache_context = cache_context
        self.verbose = verbose

    def fit(self, X: Any, y: ArrayLike) -> "MitraRegressor":
        """Choose the support rows and encode them.

        No weights are trained. The checkpoint is looked up (and downloaded, if it is on the
        hub); the network itself first runs in the first prediction.

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
        return collect(self._distributions(X), getattr(PredictiveDistribution, output))

    def _check_target(self, y: Any) -> Any:
        values = np.asarray(y)
        is_read = values.ndim and values.dtype.kind in "OU"
        for target in values.ravel().tolist() if is_read else []:
            if is_missing(target):
                raise _target_error(target)
            try:
                float(target)
            except ValueError:
                raise ValueError(
                    f"MitraRegressor needs targets that are numbers. Got {target!r}. For classes "
                    "there is MitraClassifier."
                ) from None
            except TypeError:  # scikit-learn's checks have words for None and the like
                pass
        return y

    def _learn_target(self, y: NDArray[Any], config: Config) -> NDArray[np.float64]:
        y = y.astype(np.float64)
        if not np.isfinite(y).all():  # of strings, and of what scikit-learn was told not to check
            raise _target_error(y[~np.isfinite(y)][0])
        low, high = float(y.min()), float(y.max())
        if high - low == np.inf:
            raise ValueError(
                f"The range of y is too large for float64: {low} to {high}. Scale it, for example "
                "with sklearn.compose.TransformedTargetRegressor."
            )
        self.target_min_, self.target_max_ = low, high
        self._transform = TargetTransform.fit(y, self.target_transform)
        self._conformal = None
        return y

    def _select_support(self, y: NDArray[np.float64]) -> NDArray[np.int64]:
        return select_rows(len(y), self.max_support or len(y), self._seed)

    @property
    def target_transform_(self) -> str:
        """How targets were transformed: "none", "clip" or "asinh"."""
        self._check_fitted()
        return self._transform.kind

    def _settle_target(self, kinds: Sequence[str]) -> None:
        # Plain members see the support alone, so they can be scaled by it. Others learn from all
        # training rows, whose targets have to be in the range.
        if self.target_transform == "none" and {*kinds} == {PLAIN}:
            self.target_min_ = float(self.y_support_.min())
            self.target_max_ = float(self.y_support_.max())

    def _network_target(self, y: NDArray[np.float64]) -> NDArray[np.float32]:
        return self._scale.show(y)

    def _start_answers(self, n_rows: int) -> NDArray[np.float64]:
        return np.full(n_rows, self.target_min_)

    def _is_foregone(self) -> bool:
        return self.target_min_ == self.target_max_

    def _combine(self, answers: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Average the views' scaled targets, and scale them back."""
        return self._scale.invert(average(answers))

    def _pack_target(self) -> dict[str, Any]:
        limits = [self.target_min_, self.target_max_]
        return {
            "range": pack(limits),
            "targets": pack(self.y_support_),
            "transform": self._transform.pack(),
        }

    def _take_target(self, stored: Stored, config: Config) -> None:
        self.y_support_ = self._learn_target(stored.y, config)

    def _unpack_target(self, learned: BundleFields, stored: Stored) -> None:
        low, high = learned.array("range", "<f8", 2).tolist()
        is_range = 0 <= high - low < np.inf
        learned.require(is_range, "range", "the smallest and the largest target")
        targets = learned.array("targets", "<f8", len(stored.y))
        learned.require(low <= targets.min() and targets.max() <= high, "targets", "in 'range'")
        is_same = bool((targets.astype(np.float32) == stored.y).all())
        learned.require(is_same, "targets", "those of 'support_y'")
        self.target_min_, self.target_max_, self.y_support_ = low, high, targets
        self._transform = TargetTransform()
        if stored.version > 2:
            self._transform = TargetTransform.unpack(learned.fields("transform"))
            fits = low == high or self._transform.fits(low, high)
            learned.require(fits, "transform", "one that fits 'range'")
