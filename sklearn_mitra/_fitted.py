"""The fitted model: everything that ``fit`` learned, and predictions of encoded rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common.folds import fold_sizes
from ._common.means import average
from ._common.progress import duration
from ._common.warnings import LongWaitWarning, warn_once, warn_user
from ._members.functions import Rows
from ._members.member import EnsembleMember
from ._members.target_encoding import TargetEncoding
from ._members.target_views import NumberView
from ._members.tree_models import TreeModel
from ._network.context import Cache, Context, Member
from ._network.network import Network
from ._network.plan import Plan, Speed
from ._network.runtime import Runtime
from ._preprocessing.encoder import TableEncoder
from ._preprocessing.queries import DistinctRows, Queries
from ._targets.classes import ClassTarget
from ._targets.numbers import NumberTarget
from ._uncertainty.conformal import Conformal
from ._uncertainty.distribution import PredictiveDistribution, transform
from ._uncertainty.held_out import N_FOLDS, Table, cut_folds, predict_held_out
from ._uncertainty.mixture import BinnedMember, mix
from ._uncertainty.weights import Weights

# Rows per chunk if no member uses the network.
ROWS_WITHOUT_NETWORK = 10_000


class Support(NamedTuple):
    """The training rows that the network reads.

    Attributes
    ----------
    x : ndarray of shape (n_support, n_encoded), float32
    y : ndarray of shape (n_support,), int64 or float64
        Class ids, or targets.
    indices : ndarray of shape (n_support,), int64, or None
        Indices of these training rows, ascending; None if a bundle doesn't record them.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    indices: NDArray[np.int64] | None = None


class CheckpointId(NamedTuple):
    """Identity of the checkpoint that a model was fitted with.

    Attributes
    ----------
    name : str
        The name as requested.
    sha256 : str
        SHA-256 of the weights.
    onnx_sha256 : str or None
        SHA-256 of the interchange file, if it is known.
    """

    name: str
    sha256: str
    onnx_sha256: str | None

    @classmethod
    def of(cls, network: Network) -> "CheckpointId":
        """The identity of a network's checkpoint."""
        return cls(network.file.name, network.file.sha256, network.onnx_sha256)


class Outputs(NamedTuple):
    """The network's outputs for a chunk of a table.

    Attributes
    ----------
    chunk : DistinctRows
    rows : Rows
        The rows of the chunk as members receive them, with the target encoding if there is one.
    by_member : list of ndarray of shape (n_distinct, n_outputs), float32
    """

    chunk: DistinctRows
    rows: Rows
    by_member: list[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """Everything that ``fit`` learned.

    It never changes, except for two caches: ``context`` holds the network's keys and values, and
    ``conformal`` is computed from out-of-fold predictions of the support set when it is first
    needed. It also remembers that it has warned of a rare class.

    Attributes
    ----------
    encoder : TableEncoder
    target : ClassTarget or NumberTarget
    support : Support
    target_encoding : TargetEncoding or None
    members : list of EnsembleMember
    checkpoint : CheckpointId or None
        None if ``fit`` needed no network. There are no members then.
    seed : int
    feature_names : ndarray of shape (n_features,) or None
    conformal : Conformal or None
    models : tuple of (TreeModel or None)
        The members that need no network; None for those whose weight is 0.
    weights : Weights or None
        None if all members use the network and have the same weight.
    """

    encoder: TableEncoder
    target: ClassTarget | NumberTarget
    support: Support
    target_encoding: TargetEncoding | None
    members: list[EnsembleMember]
    checkpoint: CheckpointId | None
    seed: int
    feature_names: NDArray[Any] | None = None
    conformal: Conformal | None = None
    models: tuple[TreeModel | None, ...] = ()
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if self.members:
            vars(self)["context"] = self.new_context(self.tables())

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: all but the context, which can be computed again.

        A copy may give its own warning of a rare class.
        """
        return {n: v for n, v in vars(self).items() if n not in ("context", "warned_of_class")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    @property
    def context(self) -> Context:
        """The network's context for the members' support tables. Without members, there is none."""
        return vars(self)["context"]

    @property
    def member_weights(self) -> NDArray[np.float64]:
        """Weight of each member, the network's members first. They add up to 1."""
        if self.weights is None:
            n_members = max(1, self.n_members)  # a constant target may have none
            return np.full(n_members, 1 / n_members)
        return np.array([*self.weights.network, *self.weights.models])

    @property
    def n_members(self) -> int:
        """Number of the network's members whose weight is not 0. A class tree counts as one."""
        return len(self.members) // self.members[0].target.n_nodes if self.members else 0

    # ------------------------------------------------------------ support set

    def tables(self) -> list[Table]:
        """The support set and its target as each member shows them to the network."""
        x, y = self._shown_support(), self.target.transform(self.support.y)
        return [member.support(x, y) for member in self.members]

    def _shown_support(self) -> NDArray[np.float32]:
        """The support set as members receive it, with the target encoding if there is one."""
        x = self.support.x
        return x if self.target_encoding is None else self.target_encoding.support(x)

    def new_context(self, tables: list[Table]) -> Context:
        """A context of these tables, for the same checkpoint."""
        assert self.checkpoint is not None
        return Context(self.checkpoint.name, self.checkpoint.sha256, self.target.task, tables)

    # ------------------------------------------------------------ query rows

    def outputs(
        self, queries: Queries, runtime: Runtime, cache: Cache, title: str | None = None
    ) -> Iterator[Outputs]:
        """Pass a table through the network, chunk by chunk.

        There are no chunks if the target is constant, since that needs no network.

        Parameters
        ----------
        queries : Queries
        runtime : Runtime
        cache : bool or "auto"
            Whether to cache the context.
        title : str, default=None
            Title of a progress bar. None shows no bar.
        """
        if self.target.is_constant:
            return
        n_rows, ready = ROWS_WITHOUT_NETWORK, list[Member]()
        if self.members:
            name = "first_seconds" if self.context.nbytes is None else "later_seconds"
            self.warn_of_wait(
                f"Predicting {len(queries):,} rows, if all differ,",
                lambda plan, speed: plan.estimate(len(queries), speed)[name],
                runtime,
                cache,
            )
            plan, ready = self.context.prepare(runtime, cache)
            n_rows = plan.chunk_rows
        for chunk in queries.chunks(n_rows, title):
            rows, by_member = self.run(chunk.rows, ready)
            yield Outputs(chunk, rows, by_member)

    def warn_of_wait(
        self,
        what: str,
        count: Callable[[Plan, Speed], float],
        runtime: Runtime,
        cache: Cache = False,
    ) -> None:
        """Warn of the first long wait for the network; see :meth:`Context.foresee`."""
        seconds = self.context.foresee(count, runtime, cache)
        if seconds is not None:
            warn_user(
                f"{what} will take about {duration(seconds)}. The page 'Memory and speed' of the "
                "user guide says what makes it faster, and verbose=1 shows progress. To silence "
                "this warning, ignore sklearn_mitra.LongWaitWarning.",
                LongWaitWarning,
            )

    def warned_like(self, other: "FittedModel") -> None:
        """Warn of no more waits if another model of the same fit has warned of one."""
        if self.members and other.members:
            self.context.was_long = other.context.was_long

    def warn_of_class(self, message: str) -> None:
        """Warn of a rare class, at most once."""
        if not vars(self).setdefault("warned_of_class", False):
            vars(self)["warned_of_class"] = True
            warn_once(message)

    def run(
        self, x: NDArray[np.float32], ready: Sequence[Member]
    ) -> tuple[Rows, list[NDArray[np.float32]]]:
        """Pass encoded rows (n_rows, n_encoded) through the network, for each of its members."""
        if self.target_encoding is not None:
            x = self.target_encoding.query(x)
        rows = Rows(x)
        return rows, [r.outputs(m.query(rows)) for r, m in zip(ready, self.members)]

    def inverse_transform(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> Iterator[NDArray[Any]]:
        """Convert outputs to each member's answers: logits or scaled targets."""
        for member, output in zip(self.members, outputs):
            yield member.target.inverse_transform(output, rows)

    def answers(self, rows: Rows, outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """The weighted mean of the answers of the network's members."""
        by_member = None
        if self.weights is not None:
            weights = [weight for weight in self.weights.network if weight]
            by_member = np.repeat(weights, len(self.members) // len(weights)).tolist()
        return average(self.inverse_transform(rows, outputs), by_member)

    def mix(self, rows: Rows, network: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """The weighted mean of all members' answers for encoded rows.

        Parameters
        ----------
        rows : Rows
        network : ndarray of shape (n_rows, n_classes) or (n_rows,), float64, or None
            Mean log-probabilities or targets of the network's members.
        """
        if self.weights is None:
            assert network is not None
            return network
        models = [None if model is None else model.answers(rows.x) for model in self.models]
        return self.weights.mix(network, models)

    def targets(self, rows: Rows, outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """A regressor's predictions (n_rows,) for encoded rows."""
        assert isinstance(self.target, NumberTarget)
        network = None
        if self.members:
            network = self.target.inverse_transform(self.answers(rows, outputs))
        return self.mix(rows, network)

    # ------------------------------------------------------------ uncertainty

    def distributions(
        self,
        rows: Rows,
        outputs: Sequence[NDArray[np.float32]],
        runtime: Runtime,
        title: str | None = None,
    ) -> PredictiveDistribution:
        """A regressor's predictive distributions for encoded rows.

        With target bins, they are the mixture of the members' densities. With one output, or with
        weighted members, they come from the residuals of held-out rows. ``title`` begins the
        progress bar of these, if they are not known yet; None shows no bar.
        """
        assert isinstance(self.target, NumberTarget)
        if self.weights is not None:
            answers = self.target.scale(self.targets(rows, outputs))[:, None]
            scaled = self.calibrated(runtime, title).predict(rows.x, answers)
        elif outputs[0].shape[1] > 1:
            views = [m.target for m in self.members if isinstance(m.target, NumberView)]
            densities = zip(views, outputs)
            scaled = mix([BinnedMember.of(view, output, rows) for view, output in densities])
        else:
            answers = np.column_stack([*self.inverse_transform(rows, outputs)])
            scaled = self.calibrated(runtime, title).predict(rows.x, answers)
        return transform(scaled, self.target.inverse_transform)

    def calibrated(self, runtime: Runtime, title: str | None = None) -> Conformal:
        """The distribution of residuals, from out-of-fold predictions of the support rows."""
        if self.conformal is not None:
            return self.conformal
        target, y = self.target, self.support.y
        assert isinstance(target, NumberTarget)
        folds = cut_folds(y, N_FOLDS, self.seed)
        if len(y) < 2:
            raise ValueError(
                "Quantiles and intervals need at least two support rows, to predict each of them "
                f"from the others. Got {len(y)}. Fit with more rows or a larger max_support."
            )
        sizes = fold_sizes(len(y), folds)
        self.warn_of_wait(
            "Predicting the support rows out of fold, once for all intervals and quantiles,",
            lambda plan, speed: plan.seconds_of_folds(sizes, speed),
            runtime,
        )
        x = self._shown_support()
        answers = predict_held_out(
            self.members, x, target.transform(y), folds, self.new_context, runtime, title
        )
        conformal = Conformal.fit(x, target.scale(y), answers, self.seed)
        vars(self)["conformal"] = conformal
        return conformal
