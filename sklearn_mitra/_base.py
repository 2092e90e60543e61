"""The base of the classifier and the regressor: fit, predict, state and bundles."""

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import validate_data

from ._bundles.canonical import MAX_INTEGER
from ._bundles.estimators import Stored, read_bundle
from ._bundles.fields import BundleFields
from ._common.fields import brief
from ._common.files import written
from ._common.warnings import warn_user
from ._errors import BundleError, DisposedError
from ._estimates import Estimated
from ._fit import EncodedTable, Settings, fit_model
from ._fitted import FittedModel, Outputs
from ._members.functions import Rows
from ._members.kinds import PLAIN, need_network
from ._network.checkpoint import CHECKPOINTS
from ._network.network import Network
from ._network.resolve import resolve_network
from ._network.runtime import Runtime
from ._params import NOT_STORED
from ._persistence import (
    LoadOptions,
    check_support,
    foreign_seed,
    pack_model,
    unpack_foreign,
    unpack_model,
)
from ._preprocessing.queries import Queries
from ._preprocessing.table import check_table
from ._targets.classes import ClassTarget
from ._targets.numbers import NumberTarget
from ._version import __version__

_CAPABILITIES = (  # those that wlearn knows
    *("classifier", "regressor", "predictProba", "decisionFunction"),
    *("sampleWeight", "csr", "earlyStopping"),
)
_VERSION_KEY = "_sklearn_mitra_version"
_LONGEST_MESSAGE = 1000  # about a wrong parameter in a bundle

E = TypeVar("E", bound="BaseMitra")


class BaseMitra(Estimated):
    """Base class of both estimators.

    ``_model`` holds everything that ``fit`` learned, except scikit-learn's attributes for the
    columns. ``fit`` replaces all of them at once, with the whole ``__dict__``, and public methods
    work on a copy of it, so they never see a half-finished fit of another thread.
    """

    _model: FittedModel
    _bundle_type: ClassVar[str]
    _capabilities: ClassVar[set[str]]
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    # Parameters with which a fit is the same as in JavaScript.
    _javascript_params: ClassVar[dict[str, Any]] = {"members": PLAIN, "n_estimators": 1}

    # ------------------------------------------------------------ defined by the subclasses

    @abstractmethod
    def _check_target(self, y: Any) -> Any:
        """Check y where scikit-learn's checks are missing or unclear, and return it for them."""

    @abstractmethod
    def _fit_target(
        self, y: NDArray[Any], network: Network | None
    ) -> tuple[ClassTarget | NumberTarget, NDArray[Any]]:
        """Learn the target from y, and return y as class ids or float64.

        ``network`` is None if no member uses it.
        """

    @abstractmethod
    def _predictions(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Predictions for encoded rows, given the members' outputs."""

    # ------------------------------------------------------------ learned attributes

    @property
    def X_support_(self) -> NDArray[np.float32]:
        """The support set, encoded."""
        return self._fitted().support.x

    @property
    def y_support_(self) -> NDArray[Any]:
        """Class ids or targets of the support set."""
        return self._fitted().support.y

    @property
    def support_indices_(self) -> NDArray[np.int64]:
        """Indices of the training rows in the support set."""
        indices = self._fitted().support.indices
        if indices is None:
            raise AttributeError("The bundle doesn't record the indices of its support rows.")
        return indices

    @property
    def checkpoint_(self) -> dict[str, str]:
        """Name and SHA-256 of the checkpoint in use."""
        checkpoint = self._fitted().checkpoint
        if checkpoint is None:
            raise AttributeError("There is no checkpoint_: no ensemble member needs the network.")
        return {"name": checkpoint.name, "sha256": checkpoint.sha256}

    @property
    def member_weights_(self) -> NDArray[np.float64]:
        """The weight of each ensemble member."""
        return self._fitted().member_weights

    @property
    def context_nbytes_(self) -> int:
        """Size of the cached context in bytes, int.

        Available after the first prediction. 0 if nothing is cached; see ``cache_context``.
        """
        model = self._fitted()
        nbytes = model.context.nbytes if model.members else 0
        if nbytes is None:
            raise AttributeError("context_nbytes_ is available after the first prediction.")
        return nbytes

    @property
    def capabilities(self) -> dict[str, bool]:
        """Capabilities of the model for wlearn, dict of str to bool."""
        return {name: name in self._capabilities for name in _CAPABILITIES}

    # ------------------------------------------------------------ fit and predict

    def _fit(self: E, X: Any, y: Any) -> E:
        learner = self._copy()  # until this succeeds, predictions use the previous fit
        learner._check_params()
        with config_context(skip_parameter_validation=True):
            learner._learn(X, y)
        self.__dict__ = vars(learner)
        return self

    def _read_training(
        self, X: Any, y: Any, runtime: Runtime
    ) -> tuple[Any, ClassTarget | NumberTarget, NDArray[Any], Network | None]:
        """Check a training table, and return it with its target and the network, if any."""
        y = self._check_target(y)
        y = validate_data(self, y=y, y_numeric=self._task == "regression")
        X = check_table(self, X, reset=True)
        check_consistent_length(X, y)
        network = None
        if need_network(self.members):
            network = resolve_network(self.model, self._task)
            network.check_runtime(runtime)
        target, y = self._fit_target(y, network)
        return X, target, y, network

    def _learn(self, X: Any, y: Any) -> None:
        runtime = self._make_runtime()
        X, target, y, network = self._read_training(X, y, runtime)
        names = getattr(self, "feature_names_in_", None)
        model, table = fit_model(X, target, y, self._settings(), network, names, runtime)
        self._model = self._calibrated(model, table, network)
        self._model.warned_like(model)
        self.__dict__.pop("_disposed", None)

    def _calibrated(
        self, model: FittedModel, table: EncodedTable, network: Network | None
    ) -> FittedModel:
        """Add what is learned from predictions of training rows; by default, nothing."""
        return model

    def _settings(self) -> Settings:
        given = {name: getattr(self, name) for name in Settings._fields if hasattr(self, name)}
        return Settings(**given, title=self._title)

    def _predict(self, X: Any) -> NDArray[np.float64]:
        """Logits or targets of the rows of a table."""
        ready = self._ready()
        n_rows, chunks = ready._outputs(X)
        answers = ready._model.target.constant_answers(n_rows)
        for chunk, rows, outputs in chunks:
            answers[chunk.indices] = ready._predictions(rows, outputs)[chunk.places]
        return answers

    def _outputs(self, X: Any) -> tuple[int, Iterator[Outputs]]:
        """The number of rows of a table, and the network's outputs for them, chunk by chunk."""
        queries = Queries(check_table(self, X, reset=False), self._model.encoder)
        queries.unseen.warn()
        return len(queries), self._model.outputs(
            queries, self._make_runtime(), self.cache_context, self._title
        )

    # ------------------------------------------------------------ state

    def _copy(self: E) -> E:
        """A consistent snapshot of the estimator, unaffected by other threads."""
        copy = object.__new__(type(self))
        copy.__dict__ = self.__dict__.copy()
        return copy

    def _ready(self: E) -> E:
        """A snapshot that is fitted and has valid parameters; otherwise an error is raised."""
        copy = self._copy()
        copy._fitted()
        copy._check_params()  # some take effect in predictions, and may have been set after fit
        return copy

    def _fitted(self) -> FittedModel:
        """The fitted model; an error is raised if there is none."""
        state, name = self.__dict__, type(self).__name__  # another thread may call fit or dispose
        if "_model" in state:
            return state["_model"]
        if state.get("_disposed"):
            raise DisposedError(
                f"This {name} instance was disposed of and has no support set any more. "
                "Call 'fit' again before using it."
            )
        raise NotFittedError(
            f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before "
            "using this estimator."
        )

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.sparse = True
        return tags

    def dispose(self) -> None:
        """Forget the support set and everything else that was learned.

        Predictions then raise a ``DisposedError`` until the next ``fit``. onnxruntime keeps the
        network's working memory for other estimators, until :func:`sklearn_mitra.clear_sessions`.
        """
        state = vars(self._copy())
        kept = {n: v for n, v in state.items() if n != "_model" and not n.endswith("_")}
        self.__dict__ = {**kept, "_disposed": True}

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: parameters, the fitted model, and the version.

        The cached context is left out, and the first prediction computes it again. Pickles never
        contain the network's weights, only the name of the checkpoint and its SHA-256.
        """
        return {**super().__getstate__(), _VERSION_KEY: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop(_VERSION_KEY, None)
        if version not in (None, __version__):
            warn_user(
                f"This pickle of a {type(self).__name__} was made by sklearn-mitra {version}, but "
                f"this is version {__version__}. It may fail, or its predictions may differ. Fit "
                "again, or save models as bundles, which all later versions can read."
            )
        super().__setstate__(state)

    # ------------------------------------------------------------ bundles

    def save(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Write the fitted estimator as a ``.wlrn`` bundle.

        A bundle contains the support set, which consists of training rows, and all categories of
        categorical columns. It does not contain the network's weights.

        Parameters
        ----------
        path : str or PathLike, default=None
            A file to write the bundle to as well. An existing file is replaced once the new one is
            complete, and keeps its mode. A new file can be read only by its owner. A stream, such
            as ``/dev/stdout``, is written to directly.

        Returns
        -------
        bundle : bytes

        Raises
        ------
        BundleError
            If a bundle can't hold one of the class labels, targets or categories.
        OSError
            If ``path`` is empty, a directory, or can't be written.
        """
        ready = self._ready()
        bundle = pack_model(ready._model, ready._pack_params(), ready._pack_others())
        if path is not None:
            with written(path, private=True) as file:
                file.write(bundle)
        return bundle

    def _pack_params(self) -> dict[str, Any]:
        params = {}
        for name, value in self.get_params(deep=False).items():
            if name in NOT_STORED:
                continue
            if name == "model":
                checkpoint = self._model.checkpoint  # of the fit, even if another was set since
                value = os.fsdecode(value) if checkpoint is None else checkpoint.name
            elif name == "max_support" and value is not None:
                value = min(value, MAX_INTEGER)
            elif name == "random_state" and not isinstance(value, (Integral, type(None))):
                value = self._model.seed  # the seed that was drawn from the generator
            elif name == "member_weights" and not isinstance(value, str):
                value = [float(weight) for weight in value]
            elif isinstance(value, tuple):
                value = list(value)
            params[name] = value.item() if isinstance(value, np.generic) else value
        return params

    def _pack_others(self) -> dict[str, Any]:
        """Further fields to store in a bundle."""
        return {}

    @classmethod
    def load(
        cls: type[E],
        source: Any,
        model: str | os.PathLike[str] | None = None,
        n_estimators: int | None = None,
        trusted: bool = False,
    ) -> E:
        """Read an estimator from a ``.wlrn`` bundle.

        Parameters
        ----------
        source : str, PathLike or bytes-like
            A file, or the bundle itself.
        model : str or PathLike, default=None
            The checkpoint or ``.onnx`` file to use, as for the estimator's parameter ``model``.
            None is the checkpoint named in the bundle, or "mini" if it names none, like bundles of
            the JavaScript package. If no member needs the network, nothing is looked up, and this
            is the parameter for the next ``fit``.
        n_estimators : int, default=None
            Number of ensemble members to use. None is all members in the bundle, or one for a
            bundle of the JavaScript package.
        trusted : bool, default=False
            Whether you trust the bundle's author. If not, the checkpoint named in the bundle must
            be embedded or in the hub's cache: no other file or directory is looked up, and nothing
            is downloaded, just because a bundle names it.

        Returns
        -------
        estimator : object
            Fitted, with default ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.

        Raises
        ------
        BundleError
            If the bundle is damaged, of another type, or made with other weights.
        CheckpointError
            If the checkpoint is not available.

        Warns
        -----
        UserWarning
            If the bundle was made with an ``.onnx`` file, and ``model`` isn't given.
        """
        return cls._from_stored(read_bundle(source), LoadOptions(model, n_estimators, trusted))

    @classmethod
    def _from_stored(cls: type[E], stored: Stored, options: LoadOptions) -> E:
        if stored.type_id != cls._bundle_type:
            raise BundleError(
                f"Expected a bundle of type {cls._bundle_type}. Got {stored.type_id}."
            )
        check_support(stored)
        if stored.learned is None:
            params = {
                "max_support": stored.max_support,
                "random_state": foreign_seed(stored),
                **cls._javascript_params,
            }
            estimator = cls._with_stored_params(params, options)
            n_members = estimator.n_estimators or 1
            model = unpack_foreign(stored, estimator.model, n_members, options)
        else:
            params = stored.learned.get("params", "an object", dict)
            estimator = cls._with_stored_params(params, options)
            model = unpack_model(stored, stored.learned, options)
            estimator._unpack_others(stored.learned, model)
            if options.model is None and model.members and model.checkpoint is not None:
                estimator.model = model.checkpoint.name  # the next fit uses the verified one
            elif options.model is None and not options.trusted:
                if estimator.model not in CHECKPOINTS:  # nothing was looked up, let alone verified
                    estimator.model = cls().model
        estimator.n_features_in_ = len(model.encoder.columns)
        if model.feature_names is not None:
            estimator.feature_names_in_ = model.feature_names
        estimator._model = model
        return estimator

    @classmethod
    def _with_stored_params(cls: type[E], params: Mapping[str, Any], options: LoadOptions) -> E:
        """An unfitted estimator with checked parameters."""
        wanted = {"model": options.model, "n_estimators": options.n_estimators}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        cls(**wanted)._validate_params()  # a caller's mistake is not the bundle's fault
        names = set(cls().get_params()) - NOT_STORED
        if not set(params) <= names:
            unknown = brief(sorted(set(params) - names))
            raise BundleError(f"Unknown parameters in the bundle: {unknown}.")
        estimator = cls(**{**params, **wanted})
        try:
            estimator._validate_params()
        except InvalidParameterError as error:
            message = f"A parameter in the bundle is invalid. {error}"
            raise BundleError(message[:_LONGEST_MESSAGE]) from None
        return estimator

    def _unpack_others(self, learned: BundleFields, model: FittedModel) -> None:
        """Read what :meth:`_pack_others` wrote."""
