"""The classifier."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from ._base import BaseMitra
from ._bundles.estimators import CLASSIFIER
from ._bundles.fields import BundleFields, pack
from ._common.arguments import explain_unexpected
from ._common.means import log_softmax, softmax
from ._common.progress import stage
from ._errors import BundleError
from ._fit import EncodedTable, default_temperature, tune_temperature
from ._fitted import FittedModel
from ._members.functions import Rows
from ._network.network import Network
from ._network.runtime import Provider
from ._params import ALIAS_HINTS
from ._targets.classes import ClassTarget, check_labels, keep_integers

if TYPE_CHECKING:
    from ._sklearn import ClassifierMixin
else:
    from sklearn.base import ClassifierMixin

# For ``fit``, which has no ``sample_weight``.
_HINTS = {
    "sample_weight": "The network reads each support row once, whatever its weight. Pass "
    "class_weight to weight classes, or repeat rows. See 'Weights of rows' on the page "
    "'Probabilities' of the documentation."
}


class MitraClassifier(ClassifierMixin, BaseMitra):
    """Classifier that reads the training table in context, with Mitra's Tab2D network.

    ``fit`` trains no weights of the network: it picks a support set of training rows and encodes
    them. In prediction, a pretrained transformer passes the support set and the query rows through
    its layers and outputs logits of the classes.

    A prediction is the weighted mean of an ensemble. Its members are several such passes, most of
    which also show features of a simple model. With 100 training rows or more, scikit-learn's
    gradient boosting and extra trees are members, too. See ``members`` and ``member_weights``.

    .. warning::
        A fitted classifier, its pickle and its bundle contain training data: the encoded columns
        and labels of the support set, and all categories of categorical columns. Share them only
        with people who may see the data.

    See [1]_ for the network and [2]_ for the method.

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
        Largest number of training rows in the support set; None uses all rows. The time and memory
        of the first prediction grow with it. Those of later predictions grow more slowly.

    n_estimators : int, default=None
        Number of ensemble members that use the network. All but the first see the classes in a
        random order and some columns reversed. With more classes than the checkpoint has outputs,
        all see them unchanged and differ in their class trees; see the notes. None is one for each
        kind if ``members`` is a list, and otherwise the checkpoint's recommendation: 4 for "mini",
        1 for others.

    members : {"auto", "plain"} or list of str, default="auto"
        The kind of each ensemble member. For members that use the network, it determines what the
        network sees:

        - ``"plain"``: the table as it is.
        - ``"target_encoding"``: the table, with the mean target of a row's category in place of the
          category in columns of 30 categories or more. All kinds below do this as well.
        - ``"components"``: the table and its principal components.
        - ``"scores"``: the table and the logits of an additive logistic regression, which is fitted
          to all training rows. The logits of support rows are out of fold. The member's own logits
          are blended with these, which have a weight of 0.3.
        - ``"compressed"``: components and scores instead of the table. With many columns, this
          takes much less time.
        - Several of these joined by "+", such as ``"components+scores"``.

        Two kinds need no network. scikit-learn fits them to all training rows:

        - ``"boosting"``: histogram gradient boosting.
        - ``"extra_trees"``: 100 extremely randomised trees, fitted to at most 20,000 rows.

        A list of only these two needs no checkpoint: ``model`` is then neither looked up nor
        downloaded, and no network runs.

        "auto" is one plain member if ``n_estimators`` is 1. Otherwise it is a mix of kinds, or only
        "compressed" in tables of more than 40 columns. With 100 training rows or more, it includes
        extra trees and, with up to ten classes, boosting, unless ``member_weights`` is "equal".

    member_weights : {"auto", "equal"} or list of float, default="auto"
        The weight of each member in the average of the log-probabilities.

        - "auto" learns the weights of boosting, of extra trees, and of all other members together,
          if there are boosting or extra trees. The weights minimise the log loss of a third of
          the rows, 500 at most, which are held out. A small penalty favours the network. Members
          with a weight of 0 cost nothing in predictions.
        - "equal" gives all members the same weight.
        - A list has a weight for each member, the members that use the network first.

    support_sampling : {"balanced", "equal", "stratified", "random"}, default="balanced"
        How to select the support set if there are more than ``max_support`` rows. "balanced" and
        "equal" select the same number of rows from every class, "stratified" numbers in proportion
        to the classes, and "random" ignores the classes. If a class has too few rows, "balanced"
        fills its places with rows of other classes, and "equal" leaves them empty like the
        JavaScript package ``@wlearn/mitra``.

    prior_correction : bool, default=True
        Whether to correct probabilities for the difference between the class frequencies of the
        support set and those of training. If False, the network's probabilities are kept.

    class_weight : dict or "balanced", default=None
        Weight of each class, by its label. Labels that are not in the dict have a weight of 1.
        Probabilities are multiplied by the weights and normalised, as if each class had this many
        times its rows. "balanced" is as if all classes had the same number of rows.

    softmax_temperature : float or "auto", default=None
        The logits of the network's members are divided by this temperature. Values above 1 make
        probabilities less extreme. None is 1 if all members are plain and there are no more classes
        than outputs. Otherwise it is lower, from 0.9 for two classes to 0.5 for ten or more. "auto"
        chooses the temperature in ``fit`` by the log loss of up to 384 training rows, held out in
        three folds; ``fit`` then takes the time of three more fits with their first predictions.
        With boosting or extra trees, "auto" is the same as None, since the mixture has its own
        temperature, chosen together with the weights.

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
        1 prints a line for each stage of ``fit`` with its time, and shows a progress bar if a
        prediction takes several chunks of rows. Both go to stderr.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    member_weights_ : ndarray of shape (n_members,), float64
        Weight of each ensemble member, the members that use the network first.
    class_prior_ : ndarray of shape (n_classes,), float64
        Frequency of each class in training.
    support_indices_ : ndarray of shape (n_support,), int64
        Indices of the training rows in the support set, ascending. Not available in a classifier
        loaded from another package's bundle.
    X_support_ : ndarray of shape (n_support, n_encoded), float32
        The support set, with categories encoded and missing values filled in. Each feature is one
        encoded column, or up to five for dates. If float32 could hardly tell a column's values
        apart, such as times in seconds since 1970, the column's mean in training is subtracted.
    y_support_ : ndarray of shape (n_support,), int64
        Class ids of the support set: indices in ``classes_``.
    context_nbytes_ : int
        Size of the cached context in bytes, available after the first prediction; 0 if nothing is
        cached.
    softmax_temperature_ : float
        The temperature chosen by ``softmax_temperature="auto"``. Available only with "auto".
    checkpoint_ : dict
        ``name`` and ``sha256`` of the checkpoint in use. Not available if ``members`` names only
        kinds that need no network.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of ``X`` were strings.

    See Also
    --------
    MitraRegressor : The regressor for numeric targets.

    Notes
    -----
    Columns of numbers, booleans, strings, categories and dates need no preparation. A category
    becomes its rank. Missing values and unseen categories become the mean of the training column.
    Columns that are constant in training are left out. Scaling makes no difference, since the
    network sees quantiles.

    A column of strings that are all numbers, such as "10" and "-1.5e3", is a column of numbers.
    With leading zeros, such as "007", the strings are categories. Dates, and ISO 8601 strings of
    dates, become days since 1970, year, month, weekday and hour, as far as these vary in training.
    Times with a time zone are converted to UTC. Durations become days. Free text is refused.

    ``prior_correction``, ``class_weight``, ``softmax_temperature``, ``n_jobs``, ``providers``,
    ``precision``, ``cache_context`` and ``verbose`` can be changed after ``fit``. The other
    parameters, and "auto" as a temperature, take effect in the next ``fit``.

    If there are more classes than the checkpoint has outputs, usually ten, each ensemble member is
    a class tree: the network tells groups of similar classes apart, and then the classes of each
    group. Random column weights make the trees of the members differ. With up to 100 classes, a
    member takes the time and memory of two for the first prediction. Later predictions pass through
    the network once for every group and once more.

    With ``n_estimators=1``, ``support_sampling="equal"`` and ``prior_correction=False``, a fit is
    the same as in ``@wlearn/mitra`` if no column is constant. That package doesn't leave out
    constant columns, but the bundles that it writes predict the same here as there, with or without
    such columns.

    On one machine, a row has bit-identical probabilities alone, in batches of any size and order,
    after cloning and refitting, and after a round trip through a pickle or a bundle.

    References
    ----------
    .. [1] X. Zhang et al., "Mitra: Mixed Synthetic Priors for Enhancing Tabular Foundation
       Models", NeurIPS 2025.
    .. [2] ``autogluon/tabular/models/mitra`` in AutoGluon 1.6.3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_mitra import MitraClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, test_size=0.4, random_state=0, stratify=y)
    >>> clf = MitraClassifier().fit(X_train, y_train)
    >>> print(f"{clf.score(X_test, y_test):.2f}")
    0.99
    """

    _task = "classification"
    _bundle_type = CLASSIFIER
    _capabilities: ClassVar[set[str]] = {"classifier", "predictProba"}
    _javascript_params: ClassVar[dict[str, Any]] = {
        **BaseMitra._javascript_params,
        "support_sampling": "equal",
        "prior_correction": False,
    }
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMitra._parameter_constraints,
        "support_sampling": [StrOptions({"balanced", "equal", "stratified", "random"})],
        "prior_correction": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "softmax_temperature": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
            None,
        ],
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
        support_sampling: Literal["balanced", "equal", "stratified", "random"] = "balanced",
        prior_correction: bool = True,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        softmax_temperature: float | Literal["auto"] | None = None,
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
        self.support_sampling = support_sampling
        self.prior_correction = prior_correction
        self.class_weight = class_weight
        self.softmax_temperature = softmax_temperature
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.providers = providers
        self.precision = precision
        self.cache_context = cache_context
        self.verbose = verbose

    @explain_unexpected(_HINTS)
    def fit(self, X: Any, y: ArrayLike) -> "MitraClassifier":
        """Select the support set, encode it, and build the ensemble members.

        No weights of the network are trained. The checkpoint is looked up, and downloaded if it is
        on the hub, unless ``members`` names only kinds that need no network. The network runs here
        only for ``softmax_temperature="auto"``, or to choose the weights if boosting or extra trees
        are among the members. Otherwise it first runs in the first prediction.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Numbers, booleans, strings, categories, dates or durations. NaN, None, and pandas' NA
            and NaT are missing values. A sparse matrix is made dense, up to 1 GiB.
        y : array-like of shape (n_samples,)
            Class labels, all numbers or all strings.

        Returns
        -------
        self : MitraClassifier

        Raises
        ------
        CheckpointError
            If ``model`` can't be found, downloaded or used for classification.
        TypeError, ValueError
            If a parameter, ``X`` or ``y`` is invalid.
        """
        return self._fit(X, y)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint is gone or has changed since ``fit``.
        TypeError, ValueError
            If ``X`` doesn't match the training table.
        """
        return softmax(self._predict(X))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the probabilities of the classes.

        They are computed from the logits, so they are exact even where a probability rounds to 0.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``. See :meth:`predict_proba` for the errors raised.
        """
        return log_softmax(self._predict(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Labels with the dtype of ``classes_``. See :meth:`predict_proba` for the errors raised.

        Warns
        -----
        UserWarning
            Without a ``class_weight``, once for each fit and line of your code: if a class has less
            than 5 % of the training rows, and no row is predicted to be of it, although some are
            likely to be.
        """
        copy = self._copy()  # probabilities and classes then come from the same fit
        probabilities = copy.predict_proba(X)
        copy._warn_of_missed(probabilities)
        labels: NDArray[Any] = copy.classes_[probabilities.argmax(axis=1)]
        return labels

    # ------------------------------------------------------------ learned attributes

    @property
    def classes_(self) -> NDArray[Any]:
        """The class labels, ascending."""
        return self._class_target.classes

    @property
    def class_prior_(self) -> NDArray[np.float64]:
        """Frequencies of the classes in training."""
        return self._class_target.prior

    @property
    def softmax_temperature_(self) -> float:
        """The temperature chosen by ``softmax_temperature="auto"``."""
        temperature = self._class_target.temperature
        if temperature is None:
            raise AttributeError(
                'softmax_temperature_ is available only with softmax_temperature="auto".'
            )
        return temperature

    @property
    def _class_target(self) -> ClassTarget:
        target = self._fitted().target
        assert isinstance(target, ClassTarget)
        return target

    # ------------------------------------------------------------ implementation

    def _check_target(self, y: Any) -> Any:
        check_labels(y)
        return keep_integers(y)

    def _fit_target(
        self, y: NDArray[Any], network: Network | None
    ) -> tuple[ClassTarget, NDArray[np.int64]]:
        target, ids = ClassTarget.fit(y)
        if network is not None and target.n_classes > network.config.dim_output == 1:
            raise ValueError(
                f"The checkpoint {self.model!r} has only one output and can't tell classes apart. "
                f"Got {target.n_classes} classes. Use another checkpoint."
            )
        target.weights(self.class_weight)  # raises an error if they are invalid
        return target, ids

    def _calibrated(
        self, model: FittedModel, table: EncodedTable, network: Network | None
    ) -> FittedModel:
        if self.softmax_temperature != "auto":
            return model
        with stage(self._title, "temperature"):
            temperature = tune_temperature(
                model, table, self._settings(), network, self._make_runtime()
            )
        assert isinstance(model.target, ClassTarget)
        return replace(model, target=replace(model.target, temperature=temperature))

    def _ready(self) -> "MitraClassifier":
        ready = super()._ready()
        ready._temperature()  # raises an error if "auto" was set after fit
        return ready

    def _predictions(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Average the members' logits, and correct them for the support's class frequencies."""
        model, target = self._model, self._class_target
        correction = target.log_correction(
            model.support.y, self.class_weight, to_prior=self.prior_correction
        )
        if model.weights is None:
            logits = model.answers(rows, outputs)
            return target.inverse_transform(logits, self._temperature(), correction)
        to_prior = target.log_correction(model.support.y)
        network = None
        if model.members:
            logits = model.answers(rows, outputs)
            network = log_softmax(target.inverse_transform(logits, self._temperature(), to_prior))
        return model.mix(rows, network) + (correction - to_prior)

    def _warn_of_missed(self, probabilities: NDArray[np.float64]) -> None:
        """Warn, once for each fit, if a rare class is likely among rows but not predicted."""
        target = self._class_target
        missed = target.find_missed(probabilities)
        if missed is None or self.class_weight is not None:
            return
        # The same text for all folds of a cross-validation, so that one of them warns.
        tune = "Tune the threshold with scikit-learn's TunedThresholdClassifierCV, or pass"
        self._model.warn_of_class(
            f"No row was predicted to be of class {target.classes.tolist()[missed]!r}, which is "
            "rare in training, although some rows are likely to be of it. 'predict' takes the most "
            f"probable class. {tune if target.n_classes == 2 else 'Pass'} class_weight. See the "
            "page 'Imbalanced classes and thresholds' of the user guide."
        )

    def _temperature(self) -> float:
        if self.softmax_temperature is None:
            return default_temperature(self._model)
        if not isinstance(self.softmax_temperature, str):
            return self.softmax_temperature
        if self._class_target.temperature is None:
            raise ValueError(
                "softmax_temperature='auto' takes effect in fit, but was set after it. Call 'fit' "
                "again, or set a number or None."
            )
        return self._class_target.temperature

    # ------------------------------------------------------------ bundles

    def _pack_params(self) -> dict[str, Any]:
        params = super()._pack_params()
        if isinstance(self.softmax_temperature, str):  # "auto" needs training rows
            params["softmax_temperature"] = self._temperature()
        if isinstance(self.class_weight, dict):  # its keys may be of any type
            params["class_weight"] = None
        return params

    def _pack_others(self) -> dict[str, Any]:
        has_weights = isinstance(self.class_weight, dict)
        weights = pack(self._class_target.weights(self.class_weight)) if has_weights else None
        return {"weights": weights}

    def _unpack_others(self, learned: BundleFields, model: FittedModel) -> None:
        if isinstance(self.class_weight, dict):
            raise BundleError("The parameter 'class_weight' of a bundle can't be an object.")
        if isinstance(self.softmax_temperature, str):
            raise BundleError("The parameter 'softmax_temperature' of a bundle can't be 'auto'.")
        if learned.optional("weights") and isinstance(model.target, ClassTarget):
            weights = learned.array("weights", "<f8", model.target.n_classes)
            learned.require(bool((weights > 0).all()), "weights", "greater than 0")
            self.class_weight = dict(zip(model.target.classes.tolist(), weights.tolist()))
