"""What the classifier and the regressor share: the sequence of fit and predict."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.utils import Bunch, check_consistent_length, check_scalar
from sklearn.utils.validation import validate_data

from ._loading import Loaded
from ._members.build import learn_views
from ._members.functions import Rows
from ._members.kinds import PLAIN, choose_kinds
from ._members.training_table import TrainingTable
from ._network.config import Config
from ._network.context import Context, Member
from ._network.network import Network
from ._network.resolve import resolve_network
from ._preprocessing.encoder import TableEncoder
from ._preprocessing.queries import DistinctRows, Queries
from ._preprocessing.support import draw_seed
from ._preprocessing.table import check_table

_CAPABILITIES = (  # that wlearn asks for
    *("classifier", "regressor", "predictProba", "decisionFunction"),
    *("sampleWeight", "csr", "earlyStopping"),
)

# Distinct rows of a table, the same with the means of their levels, and each view's outputs.
Answered = tuple[DistinctRows, Rows, list[NDArray[np.float32]]]

E = TypeVar("E", bound="BaseMitra")


class BaseMitra(Loaded):
    """Base of both estimators; not to be used itself."""

    _context: Context
    _capabilities: ClassVar[set[str]]

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
        return {name: name in self._capabilities for name in _CAPABILITIES}

    # ------------------------------------------------------------ what the subclasses differ in

    @abstractmethod
    def _check_target(self, y: Any) -> Any:
        """Say of y what scikit-learn's checks would not, or not as clearly; return it for them."""

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
    def _combine(self, answers: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
        """Predictions from what the views answer."""

    # ------------------------------------------------------------ the usual

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
        y = self._check_target(y)
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
        kinds, n_outputs = self._choose_kinds(len(x), network), network.config.dim_output
        self._settle_target(kinds)
        rest = self._encoder.shown, self._encoder.n_levels, self._n_classes
        table = TrainingTable(x, self._network_target(y), self.support_indices_, *rest)
        self._level_means, self._views = learn_views(kinds, table, n_outputs, self._seed)
        self._make_context()

    def _settle_target(self, kinds: Sequence[str]) -> None:
        """Learn of the target what depends on the support and the members' kinds, if anything."""

    def _learn_held_out(self, x: NDArray[np.float32], y: NDArray[Any], network: Network) -> None:
        """Learn what takes predictions of training rows. Most estimators learn nothing so."""

    def _choose_kinds(self, n_rows: int, network: Network) -> list[str]:
        """The kind of each ensemble member, with a support of so many training rows.

        All are plain if the predictions are known already.
        """
        is_sample = len(self.X_support_) < n_rows
        rest = network.file.n_estimators, len(self._encoder.shown), self._task, is_sample
        kinds = choose_kinds(self.members, self.n_estimators, *rest)
        return [PLAIN] * len(kinds) if self._is_foregone() else kinds

    def _make_context(self) -> None:
        self._context = self._new_context(self._support_tables())

    def _support_tables(self) -> list[tuple[NDArray[np.float32], NDArray[Any]]]:
        """The support and its target as each view shows them to the network."""
        x, y = self._shown_support(), self._network_target(self.y_support_)
        return [view.support(x, y) for view in self._views]

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
        queries = Queries(check_table(self, X, reset=False), self._encoder)
        queries.unseen.warn(stacklevel=4)
        return len(queries), iter(()) if self._is_foregone() else self._run_chunks(queries)

    def _run_chunks(self, queries: Queries) -> Iterator[Answered]:
        plan, members = self._context.prepare(self._make_runtime(), self.cache_context)
        title = type(self).__name__ if self.verbose else None
        for chunk in queries.chunks(plan.chunk_rows, title):
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

    def _restore(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> Iterator[NDArray[Any]]:
        """What each view's outputs say of these rows: logits, or scaled targets.

        One view at a time: of many classes, the logits of all views may be too much for memory.
        """
        return (view.restore(output, rows) for view, output in zip(self._views, outputs))
