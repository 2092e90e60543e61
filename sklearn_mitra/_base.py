"""What the classifier and the regressor share: the sequence of fit and predict."""

import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.utils import Bunch, check_consistent_length, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._columns import UnseenLevels
from ._encoding import TableEncoder
from ._errors import DisposedError
from ._functions import Rows
from ._level_means import fit_level_means
from ._linear import LinearModels
from ._loading import Loaded
from ._members import PLAIN, check_members, choose_kinds, make_views
from ._network.config import Config
from ._network.context import Context, Member
from ._network.network import Network
from ._network.resolve import resolve_network
from ._network.runtime import Provider, Runtime
from ._support import draw_seed
from ._table import DistinctRows, check_table, cut_distinct, take_rows
from ._views import View

# The names that wlearn gives to two of the parameters.
_ALIASES = {"maxSupport": "max_support", "seed": "random_state"}

# Most rows to encode at a time. A table of more is encoded twice: piece by piece to see that all of
# it can be, before the network runs, and again when a piece's turn has come.
_ENCODED_ROWS = 10_000

_CAPABILITIES = (  # that wlearn asks for
    *("classifier", "regressor", "predictProba", "decisionFunction"),
    *("sampleWeight", "csr", "earlyStopping"),
)

# What fit learns beside attributes that end in an underscore.
_LEARNED = (
    *("_conformal", "_context", "_encoder", "_level_means", "_onnx_sha256", "_seed"),
    *("_transform", "_views"),
)

# Distinct rows of a table, the same with the means of their levels, and each view's outputs.
Answered = tuple[DistinctRows, Rows, list[NDArray[np.float32]]]

E = TypeVar("E", bound="BaseMitra")


class BaseMitra(Loaded):
    """Base of both estimators; not to be used itself."""

    max_support: int | None
    members: str | Sequence[str]
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    providers: Sequence[Provider] | None
    precision: Literal["float32", "int8"]
    cache_context: bool | Literal["auto"]
    verbose: int
    _context: Context

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [str, os.PathLike],
        "max_support": [Interval(Integral, 1, None, closed="left"), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "members": [str, list, tuple],  # and as check_members says
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "providers": [list, tuple, None],
        "precision": [StrOptions({"float32", "int8"})],
        "cache_context": [StrOptions({"auto"}), "boolean"],
        "verbose": ["verbose"],
    }

    def set_params(self: E, **params: Any) -> E:
        """Set the parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name. wlearn's names for two of them are understood as well:
            ``maxSupport`` for ``max_support`` and ``seed`` for ``random_state``.

        Returns
        -------
        self : object
        """
        for alias, name in _ALIASES.items():
            if alias in params:
                if name in params:
                    raise ValueError(f"{alias!r} is another name of {name!r}: pass only one.")
                params[name] = params.pop(alias)
        super().set_params(**params)
        return self

    def estimate_cost(self, n_rows: float) -> Bunch:
        """Estimate the time and memory of a prediction, without making it.

        The network runs on a few rows to measure how fast the machine is at the moment. That mostly
        takes some tenths of a second. The sessions it makes are kept for the prediction.

        Parameters
        ----------
        n_rows : int
            Number of rows to predict.

        Returns
        -------
        cost : sklearn.utils.Bunch
            ``first_seconds`` and ``later_seconds``, float: the time of a prediction before and
            after the context is cached. ``context_nbytes``, int: the size of the cached context.
            ``peak_nbytes``, int: the most memory that a prediction adds to the process, beside the
            rows and the predictions. ``context_nbytes`` is exact; the others are right within a
            factor of two or so.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint of the fit is gone or has changed.
        TypeError, ValueError
            If ``n_rows`` is not an integer, or less than 1.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_mitra import MitraRegressor
        >>> reg = MitraRegressor(max_support=100).fit(*load_diabetes(return_X_y=True))
        >>> cost = reg.estimate_cost(1_000_000)
        >>> cost.context_nbytes
        17203200
        >>> cost.later_seconds > reg.estimate_cost(1000).later_seconds
        True
        """
        self = self._snapshot()
        self._check_ready()
        if isinstance(n_rows, float) and n_rows.is_integer():  # such as 1e6
            n_rows = int(n_rows)
        n_rows = int(check_scalar(n_rows, "n_rows", Integral, min_val=1))
        if self._is_foregone():  # no network runs
            keys = ("context_nbytes", "peak_nbytes", "first_seconds", "later_seconds")
            return Bunch(**dict.fromkeys(keys, 0))
        return Bunch(**self._context.estimate(n_rows, self._make_runtime(), self.cache_context))

    def dispose(self) -> None:
        """Forget the support set and everything else that was learned.

        Predictions raise a ``DisposedError`` from then on, until the next ``fit``. The memory that
        the network works in stays with onnxruntime, for other estimators to use, until
        :func:`sklearn_mitra.clear_sessions`.
        """
        state = vars(self._snapshot())
        kept = {n: v for n, v in state.items() if n not in _LEARNED and not n.endswith("_")}
        self.__dict__ = {**kept, "_disposed": True}

    @property
    def context_nbytes_(self) -> int:
        """Memory of the cached context in bytes, int.

        Available after the first prediction. 0 if nothing is kept; see ``cache_context``.
        """
        self = self._snapshot()
        self._check_fitted()
        nbytes = self._context.nbytes
        if nbytes is None:
            raise AttributeError("context_nbytes_ is available after the first prediction.")
        return nbytes

    @property
    def capabilities(self) -> dict[str, bool]:
        """What wlearn asks of a model, dict of str to bool."""
        return dict.fromkeys(_CAPABILITIES, False)

    # ------------------------------------------------------------ what the subclasses differ in

    @abstractmethod
    def _check_target(self, y: Any) -> None:
        """Say of y what scikit-learn's checks would not, or not as clearly."""

    @abstractmethod
    def _learn_target(self, y: NDArray[Any], config: Config) -> NDArray[Any]:
        """Learn from y, and return it as class ids or float64."""

    @abstractmethod
    def _select_support(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Rows for the support, ascending."""

    @abstractmethod
    def _network_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """What was learned of y as the network takes it: class ids, or targets scaled to 0..1."""

    @abstractmethod
    def _start_answers(self, n_rows: int) -> NDArray[np.float64]:
        """An array for the predictions of so many rows."""

    @abstractmethod
    def _is_foregone(self) -> bool:
        """Whether that array holds the predictions already, and no network is needed."""

    @abstractmethod
    def _combine(self, answers: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Predictions from what the views answer."""

    # ------------------------------------------------------------ the usual

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "X_support_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.sparse = True
        return tags

    # ------------------------------------------------------------ fit

    def _fit(self: E, X: Any, y: Any) -> E:
        learner = self._snapshot()  # predictions go on with the former fit, also if this fails
        learner._check_params()
        with config_context(skip_parameter_validation=True):
            learner._learn(X, y)
        self.__dict__ = vars(learner)
        return self

    def _learn(self, X: Any, y: Any) -> None:
        runtime = self._make_runtime()
        self._check_target(y)
        y = validate_data(self, y=y, y_numeric=self._task == "regression")
        X = check_table(self, X, reset=True)
        check_consistent_length(X, y)
        network = resolve_network(self.model, self._task)
        network.check_runtime(runtime)
        y = self._learn_target(y, network.config)
        self._seed = draw_seed(self.random_state)
        self._encoder, x = TableEncoder.fit(X, getattr(self, "feature_names_in_", None))
        self._take_network(network)
        self._take_support(x, y, network)
        self._learn_held_out(x, y, network)
        self.__dict__.pop("_disposed", None)

    def _take_support(self, x: NDArray[np.float32], y: NDArray[Any], network: Network) -> None:
        """Choose the support from encoded training rows and their targets, and make the views."""
        self.support_indices_ = self._select_support(y)
        self.X_support_ = x[self.support_indices_]
        self.y_support_ = y[self.support_indices_]
        self._views = self._make_views(x, self._network_target(y), network)
        self._make_context()

    def _learn_held_out(self, x: NDArray[np.float32], y: NDArray[Any], network: Network) -> None:
        """Learn what takes predictions of training rows. Most estimators learn nothing so."""

    def _make_views(self, x: NDArray[np.float32], y: NDArray[Any], network: Network) -> list[View]:
        """Views of the encoded training rows and their targets as the network takes them."""
        columns, levels = self._encoder.shown, self._encoder.n_levels
        n_recommended, is_sample = network.file.n_estimators, len(self.X_support_) < len(x)
        kinds = choose_kinds(
            self.members, self.n_estimators, n_recommended, len(columns), self._task, is_sample
        )
        models, mean_columns = None, columns
        self.__dict__.pop("_level_means", None)
        is_learned = {*kinds} != {PLAIN} and not self._is_foregone()
        if is_learned:
            rest = self.support_indices_, columns, levels, self._n_classes, self._seed
            fitted = fit_level_means(x, y, *rest)
            if fitted is not None:
                self._level_means, x = fitted
                others = np.setdiff1d(columns, self._level_means.sources)
                mean_columns = np.concatenate([others, np.arange(len(levels), x.shape[1])])
                levels = [*levels, *[0] * self._level_means.n_columns]
        views: list[View] = []
        for part, node in self._divide(kinds, network.config):
            table, support, n_classes = (x, y), self.support_indices_, self._n_classes
            rows = np.arange(len(support))
            if node is not None:
                here, rows, n_classes = node.find(y), node.find(y[support]), node.n_groups
                support = np.searchsorted(here, support[rows])
                table = x[here], node.groups[y[here]]
            if is_learned:
                models = LinearModels(*table, support, mean_columns, levels, n_classes, self._seed)
            views += make_views(
                part, models, rows, columns, n_classes, self._seed, mean_columns, node
            )
        return views

    def _make_context(self) -> None:
        y = self._network_target(self.y_support_)
        x = self._shown_support()
        self._context = self._new_context([view.support(x, y) for view in self._views])

    def _shown_support(self) -> NDArray[np.float32]:
        """The support as views get it: with the means of levels, if there are."""
        x = self.X_support_
        return x if self._level_means is None else self._level_means.support(x)

    def _new_context(self, tables: list[tuple[NDArray[np.float32], NDArray[Any]]]) -> Context:
        name, sha256 = self.checkpoint_["name"], self.checkpoint_["sha256"]
        return Context(name, sha256, self._task, tables)

    # ------------------------------------------------------------ predict

    def _predict(self, X: Any) -> NDArray[np.float64]:
        """What the network predicts of rows, chunk by chunk."""
        self = self._snapshot()
        self._check_ready()
        n_rows, chunks = self._run(X)
        answers = self._start_answers(n_rows)
        for chunk, rows, outputs in chunks:
            predicted = self._combine(self._restore(rows, outputs))
            answers[chunk.indices] = predicted[chunk.places]
        return answers

    def _run(self, X: Any) -> tuple[int, Iterator[Answered]]:
        """Check a table, and run the views on it: its number of rows, and the chunks to come.

        There are none if no network is needed. To be called by what a public method calls, or
        the warning of unseen levels points elsewhere.
        """
        X = check_table(self, X, reset=False)
        unseen = UnseenLevels()
        x = self._encoder.transform(X, unseen) if len(X) <= _ENCODED_ROWS else None
        if x is None:  # see that all of it can be encoded, before the network runs
            for start in range(0, len(X), _ENCODED_ROWS):
                self._encoder.transform(take_rows(X, start, start + _ENCODED_ROWS), unseen)
        unseen.warn(stacklevel=4)
        return len(X), iter(()) if self._is_foregone() else self._run_chunks(X, x)

    def _run_chunks(self, X: Any, x: NDArray[np.float32] | None) -> Iterator[Answered]:
        plan, members = self._context.prepare(self._make_runtime(), self.cache_context)
        chunks = self._chunks(X, x, plan.chunk_rows)
        for chunk in self._show_progress(chunks, len(X), plan.chunk_rows):
            rows, outputs = self._run_views(chunk.rows, members)
            yield chunk, rows, outputs

    def _run_views(
        self, encoded: NDArray[np.float32], members: Sequence[Member]
    ) -> tuple[Rows, list[NDArray[np.float32]]]:
        """Encoded rows with the means of their levels, and each view's outputs."""
        if self._level_means is not None:
            encoded = self._level_means.query(encoded)
        rows, views = Rows(encoded), zip(self._views, members)
        return rows, [member.outputs(view.query(rows)) for view, member in views]

    def _restore(self, rows: Rows, outputs: Sequence[NDArray[np.float32]]) -> list[NDArray[Any]]:
        """What the views' outputs say of these rows: logits, or scaled targets."""
        return [view.restore(output, rows) for view, output in zip(self._views, outputs)]

    def _chunks(
        self, X: Any, x: NDArray[np.float32] | None, chunk_rows: int
    ) -> Iterator[DistinctRows]:
        """The rows of a table to predict, with x its encoded columns if there are."""
        for start in range(0, len(X), _ENCODED_ROWS):
            rows = x
            if rows is None:
                rows = self._encoder.transform(take_rows(X, start, start + _ENCODED_ROWS))
            for chunk in cut_distinct(rows, chunk_rows):
                yield chunk._replace(indices=start + chunk.indices)

    def _show_progress(
        self, chunks: Iterator[DistinctRows], n_rows: int, chunk_rows: int
    ) -> Iterator[DistinctRows]:
        """The chunks, with a progress bar if there are several and it is wanted."""
        if not self.verbose or n_rows <= chunk_rows:
            yield from chunks
            return
        from tqdm import tqdm

        with tqdm(total=n_rows, unit="row", desc=type(self).__name__) as bar:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk.indices))

    def _make_runtime(self) -> Runtime:
        return Runtime.resolve(self.n_jobs, self.providers, self.precision)

    def _check_ready(self) -> None:
        self._check_fitted()
        self._check_params()  # some take effect in prediction, and may have been set since fit

    def _check_fitted(self) -> None:
        if getattr(self, "_disposed", False):
            raise DisposedError(
                f"This {type(self).__name__} instance was disposed of: its support is gone. "
                "Call 'fit' again before using it."
            )
        check_is_fitted(self)

    def _check_params(self) -> None:
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()

    def _validate_params(self) -> None:
        super()._validate_params()
        check_members(self.members, self._task, type(self).__name__)
