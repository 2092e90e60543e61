"""What ``fit`` has learned, as one object: from encoded rows to answers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common.means import average
from ._members.functions import Rows
from ._members.member import EnsembleMember
from ._members.target_encoding import TargetEncoding
from ._members.target_views import NumberView
from ._members.tree_models import TreeModel
from ._network.context import Cache, Context, Member
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

# Rows at a time where trees alone answer.
_ROWS_WITHOUT_NETWORK = 10_000
# Rows that are timed to estimate how long trees take; and about what a block of them takes.
_ROWS_TIMED, _BLOCK_NBYTES = 500, 2**24


class Support(NamedTuple):
    """The training rows that the network reads.

    Attributes
    ----------
    x : ndarray of shape (n_support, n_encoded), float32
    y : ndarray of shape (n_support,), int64 or float64
        Class ids, or targets.
    indices : ndarray of shape (n_support,), int64, or None
        Which training rows they are, ascending; None if a bundle doesn't say.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    indices: NDArray[np.int64] | None = None


class CheckpointId(NamedTuple):
    """Which checkpoint a model was fitted with.

    Attributes
    ----------
    name : str
        As asked for.
    sha256 : str
        Of its weights.
    onnx_sha256 : str or None
        Of its interchange file, if that is known.
    """

    name: str
    sha256: str
    onnx_sha256: str | None


class Outputs(NamedTuple):
    """What the network puts out for a chunk of a table.

    Attributes
    ----------
    chunk : DistinctRows
    rows : Rows
        The chunk as members get it: with the target encoding, if there is one.
    by_member : list of ndarray of shape (n_distinct, n_outputs), float32
    """

    chunk: DistinctRows
    rows: Rows
    by_member: list[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """All that ``fit`` learned.

    It is never changed, but for two caches: ``context``, the network's keys and values, and
    ``conformal``, which takes out-of-fold predictions of the support and is made when it is first
    asked for.

    Attributes
    ----------
    encoder : TableEncoder
    target : ClassTarget or NumberTarget
    support : Support
    target_encoding : TargetEncoding or None
    members : list of EnsembleMember
    checkpoint : CheckpointId
    seed : int
    feature_names : ndarray of shape (n_features,) or None
    conformal : Conformal or None
    models : tuple of (TreeModel or None)
        Members that need no network; None if one has no weight.
    weights : Weights or None
        None if all members are the network's and count alike.
    """

    encoder: TableEncoder
    target: ClassTarget | NumberTarget
    support: Support
    target_encoding: TargetEncoding | None
    members: list[EnsembleMember]
    checkpoint: CheckpointId
    seed: int
    feature_names: NDArray[Any] | None = None
    conformal: Conformal | None = None
    models: tuple[TreeModel | None, ...] = ()
    weights: Weights | None = None

    def __post_init__(self) -> None:
        vars(self)["context"] = self.new_context(self.tables())

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: all but the context, megabytes that can be made again."""
        return {name: value for name, value in vars(self).items() if name != "context"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    @property
    def context(self) -> Context:
        """The members' tables as the network remembers them."""
        return vars(self)["context"]

    @property
    def member_weights(self) -> NDArray[np.float64]:
        """The weight of each member, those of the network first; they add up to 1."""
        if self.weights is None:
            return np.full(self.n_members, 1 / self.n_members)
        return self.weights.by_member

    @property
    def n_members(self) -> int:
        """Number of the network's members; each is one of ``members``, or a tree of them."""
        return len(self.members) // self.members[0].target.n_nodes if self.members else 0

    # ------------------------------------------------------------ the support

    def tables(self) -> list[Table]:
        """The support and its target as each member shows them to the network."""
        x, y = self._shown_support(), self.target.transform(self.support.y)
        return [member.support(x, y) for member in self.members]

    def _shown_support(self) -> NDArray[np.float32]:
        """The support as members get it: with the target encoding, if there is one."""
        x = self.support.x
        return x if self.target_encoding is None else self.target_encoding.support(x)

    def new_context(self, tables: list[Table]) -> Context:
        """A context of these tables, for the same checkpoint."""
        return Context(self.checkpoint.name, self.checkpoint.sha256, self.target.task, tables)

    # ------------------------------------------------------------ query rows

    def outputs(
        self, queries: Queries, runtime: Runtime, cache: Cache, title: str | None = None
    ) -> Iterator[Outputs]:
        """Pass a table through the network, chunk by chunk.

        There are no chunks if the target is constant: no network is needed then.

        Parameters
        ----------
        queries : Queries
        runtime : Runtime
        cache : bool or "auto"
            Whether to keep the context.
        title : str, default=None
            Of a progress bar; None shows none.
        """
        if self.target.is_constant:
            return
        n_rows, ready = _ROWS_WITHOUT_NETWORK, list[Member]()
        if self.members:
            plan, ready = self.context.prepare(runtime, cache)
            n_rows = plan.chunk_rows
        for chunk in queries.chunks(n_rows, title):
            rows, by_member = self.run(chunk.rows, ready)
            yield Outputs(chunk, rows, by_member)

    def run(
        self, x: NDArray[np.float32], ready: Sequence[Member]
    ) -> tuple[Rows, list[NDArray[np.float32]]]:
        """Pass encoded rows (n_rows, n_encoded) through members that the network is ready for."""
        if self.target_encoding is not None:
            x = self.target_encoding.query(x)
        rows = Rows(x)
        return rows, [r.outputs(m.query(rows)) for r, m in zip(ready, self.members)]

    def inverse_transform(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]]
    ) -> Iterator[NDArray[Any]]:
        """Each member's answers for these rows: logits, or scaled targets."""
        for member, output in zip(self.members, outputs):
            yield member.target.inverse_transform(output, rows)

    def mix(self, rows: Rows, network: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """The answers of all members by their weights, for encoded rows.

        Parameters
        ----------
        rows : Rows
        network : ndarray of shape (n_rows, n_classes) or (n_rows,), float64, or None
            Log-probabilities or targets by the network's members together.
        """
        if self.weights is None:
            assert network is not None
            return network
        parts = [] if network is None else [self.weights.network * network]
        for weight, model in zip(self.weights.models, self.models):
            if model is not None:
                parts.append(weight * model.answers(rows.x))
        return sum(parts[1:], parts[0]) / self.weights.temperature

    def estimate_without_network(self, n_rows: int) -> dict[str, float]:
        """What :meth:`BaseMitra.estimate_cost` returns if no network runs: trees are timed."""
        x = np.resize(self._shown_support(), (_ROWS_TIMED, self._shown_support().shape[1]))
        start = time.perf_counter()
        self.mix(Rows(x), None)
        seconds = (time.perf_counter() - start) * n_rows / len(x)
        nbytes = _ROWS_WITHOUT_NETWORK * max(1, self.target.n_classes) * 8 * 4
        return {
            "context_nbytes": 0,
            "peak_nbytes": nbytes + _BLOCK_NBYTES,
            "first_seconds": seconds,
            "later_seconds": seconds,
        }

    def targets(self, rows: Rows, outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """A regressor's predictions (n_rows,) of encoded rows."""
        assert isinstance(self.target, NumberTarget)
        of_network = None
        if self.members:
            scaled = average(self.inverse_transform(rows, outputs))
            of_network = self.target.inverse_transform(scaled)
        return self.mix(rows, of_network)

    # ------------------------------------------------------------ uncertainty

    def distributions(
        self, rows: Rows, outputs: Sequence[NDArray[np.float32]], runtime: Runtime
    ) -> PredictiveDistribution:
        """Distributions of the targets of these rows; only of a regressor.

        With target bins, they are the mixture of the members' densities. With one output, they are
        of the residuals of support rows that were held out.
        """
        assert isinstance(self.target, NumberTarget)
        if self.weights is not None:
            answers = self.target.scale(self.targets(rows, outputs))[:, None]
            scaled = self.calibrated(runtime).predict(rows.x, answers)
        elif outputs[0].shape[1] > 1:
            views = [m.target for m in self.members if isinstance(m.target, NumberView)]
            densities = zip(views, outputs)
            scaled = mix([BinnedMember.of(view, output, rows) for view, output in densities])
        else:
            answers = np.column_stack([*self.inverse_transform(rows, outputs)])
            scaled = self.calibrated(runtime).predict(rows.x, answers)
        return transform(scaled, self.target.inverse_transform)

    def calibrated(self, runtime: Runtime) -> Conformal:
        """The residuals of support rows, each predicted from others, by folds."""
        if self.conformal is not None:
            return self.conformal
        target, y = self.target, self.support.y
        assert isinstance(target, NumberTarget)
        folds = cut_folds(y, N_FOLDS, self.seed)
        if len(y) < 2:
            raise ValueError(
                "Quantiles and intervals need two support rows or more, to predict each of them "
                f"from others. Got {len(y)}; fit with more rows, or a larger max_support."
            )
        x = self._shown_support()
        answers = predict_held_out(
            self.members, x, target.transform(y), folds, self.new_context, runtime
        )
        conformal = Conformal.fit(x, target.scale(y), answers, self.seed)
        vars(self)["conformal"] = conformal
        return conformal
