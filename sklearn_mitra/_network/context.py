"""The support tables of an ensemble as the network remembers them, ready for query rows."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._errors import CheckpointError
from .budget import Kept, context_budget, keep, make_room
from .locks import make_lock
from .network import Network, Support
from .plan import SLOW, Plan, Speed, Workload, measure_speed
from .resolve import resolve_stored
from .runtime import Runtime

# Contexts are built one at a time: a build uses all threads, and only the first of several
# concurrent predictions may build.
_building = make_lock()

# Seconds that are worth a warning.
_LONG = 10.0

Cache = bool | Literal["auto"]


class Member(NamedTuple):
    """A member of the ensemble, ready to be run: all its rows go through one session."""

    network: Network
    session: Any
    support: Support

    def outputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run query rows (n_rows, n_features), float32; see :meth:`Network.outputs`.

        Raises
        ------
        CheckpointError
            If a row gets NaN or infinity. A class may get minus infinity, but not every class.
        """
        outputs = self.network.outputs(self.session, self.support, x)
        is_wrong = ~np.isfinite(outputs.max(axis=1))
        if is_wrong.any():
            raise CheckpointError(
                f"The network of {self.network.file.name!r} gives NaN or infinity for "
                f"{is_wrong.sum()} of {len(x)} rows. Its weights are damaged, or too large for "
                "the precision: try another checkpoint."
            )
        return outputs


class _State:
    """What a context has found and computed for one way of running it."""

    def __init__(self, network: Network, plan: Plan, settings: tuple[Any, ...]) -> None:
        self.network = network
        self.identity = network.file.identity
        self.plan = plan
        self.settings = settings
        self.kept = Kept(plan.context_nbytes)  # a list of Support
        self.was_made = False


class Context:
    """The support tables of an ensemble's members.

    Making one costs nothing. :meth:`prepare` finds the network and computes its keys and values
    of the tables, once. If they are not to be kept, or can't be, support and query go through
    the network together in every prediction.

    Parameters
    ----------
    name, sha256 : str
        The checkpoint: as asked for, and what its weights have to be.
    task : {"classification", "regression"}
    tables : list of (ndarray of shape (n_support, n_features), ndarray of shape (n_support,))
        The columns, float32, and class ids, int64, or scaled targets, float32, that each member
        is to see. Their sizes may differ.
    """

    def __init__(
        self,
        name: str,
        sha256: str,
        task: str,
        tables: list[tuple[NDArray[np.float32], NDArray[Any]]],
    ) -> None:
        self._name = name
        self._sha256 = sha256
        self._task = task
        self.tables = tables
        self._state: _State | None = None
        self._speed: Speed | None = None
        self.was_long = False

    def plan(self, runtime: Runtime, cache: Cache = "auto") -> Plan:
        """How the members are run; see :meth:`prepare` for the parameters and errors."""
        return self._find(runtime, cache).plan

    def prepare(self, runtime: Runtime, cache: Cache = "auto") -> tuple[Plan, list[Member]]:
        """Find the network and pass the support tables through it, if not done yet.

        Parameters
        ----------
        runtime : Runtime
        cache : bool or "auto", default="auto"
            Whether to keep the keys and values; "auto" keeps them if they fit the budget of all
            contexts. They are dropped when others need its room, and made again.

        Returns
        -------
        plan : Plan
            How the members are run.
        members : list of Member
            For one prediction.

        Raises
        ------
        CheckpointError
            If the checkpoint can't be had, or is not the one of the fit, or of before.
        ValueError
            If the network can't be run so.
        """
        state = self._find(runtime, cache)
        network, keeps, kept = state.network, state.plan.keeps, state.kept
        supports = kept.value
        if supports is None:
            with _building:
                supports = kept.value
                if supports is None:
                    make_room(kept.nbytes)
                    supports = [network.remember(x, y, keeps, runtime) for x, y in self.tables]
                    kept.value, state.was_made = supports, True
        if keeps:
            keep(kept)
        session = network.open(keeps, runtime)
        return state.plan, [Member(network, session, support) for support in supports]

    @property
    def nbytes(self) -> int | None:
        """Size of the keys and values that are kept, in bytes; None before :meth:`prepare`."""
        state = self._state
        if state is None or not state.was_made:
            return None
        return 0 if state.kept.value is None else state.plan.context_nbytes

    def measure(self, runtime: Runtime, cache: Cache = "auto") -> tuple[Plan, Speed]:
        """How the members are run, and how fast this machine is at the moment.

        To see that, the network runs on a support of one row. See :meth:`prepare` for the
        parameters and errors.
        """
        plan = self.plan(runtime, cache)
        x, y = self.tables[0]
        trial = Context(self._name, self._sha256, self._task, [(x[:1], y[:1])])
        trial_plan, (member,) = trial.prepare(runtime, plan.keeps)
        workload = member.support.workload
        return plan, measure_speed(member.outputs, workload, trial_plan.chunk_rows)

    def foresee(
        self, count: Callable[[Plan, Speed], float], runtime: Runtime, cache: Cache = "auto"
    ) -> float | None:
        """Estimate how long something will take that may take long on the CPU.

        No trial is made for what is short even on a slow machine, and only one of each context.

        Parameters
        ----------
        count : callable
            The seconds it takes, given how the members are run and the speed of the machine.
        runtime, cache
            See :meth:`prepare`.

        Returns
        -------
        seconds : float or None
            None if it is not long, or not the first to be: ``was_long`` says so.
        """
        if self.was_long or not runtime.is_cpu:
            return None
        state = self._state  # the weights are looked at when they are used
        if state is None or state.settings != _settings(runtime, cache):
            plan = self.plan(runtime, cache)
        else:
            plan = state.plan
        if count(plan, SLOW) < _LONG:
            return None
        if self._speed is None:
            _, self._speed = self.measure(runtime, cache)
        seconds = count(plan, self._speed)
        self.was_long = seconds >= _LONG
        return seconds if self.was_long else None

    def _find(self, runtime: Runtime, cache: Cache) -> _State:
        state = self._state
        settings = _settings(runtime, cache)
        if state is None:
            network = self._resolve()  # perhaps a download, so not under the lock
        else:
            self._check_unchanged(state)
            if state.settings == settings:
                return state
            network = state.network
        network.check_runtime(runtime)
        workloads = [
            Workload(network.config, len(x), x.shape[1], runtime.precision) for x, _ in self.tables
        ]
        plan = Plan.make(workloads, cache, network.can_keep)
        with _building:
            if self._state is state:  # or another thread was faster
                self._state = _State(network, plan, settings)
                return self._state
        return self._find(runtime, cache)

    def _resolve(self) -> Network:
        network = resolve_stored(self._name, self._task, self._sha256)
        if network.file.sha256 != self._sha256:
            raise CheckpointError(
                f"The weights of {self._name!r} are not those of the fit: the sha256 was "
                f"{self._sha256} and is {network.file.sha256} now. Fit again, or restore the "
                "former checkpoint."
            )
        return network

    def _check_unchanged(self, state: _State) -> None:
        """Old keys and values with new weights would give wrong answers, and no error."""
        file = state.network.file
        try:
            identity = file.identity
            unchanged = identity == state.identity or file.sha256 == self._sha256
        except OSError:
            unchanged = False
        if unchanged:
            state.identity = identity  # another one is that of a copy, or has another owner or mode
        else:
            raise CheckpointError(
                f"The weights of {self._name!r} have been replaced or deleted since they were "
                "first used. Fit again, or restore the former checkpoint."
            )


def _settings(runtime: Runtime, cache: Cache) -> tuple[Any, ...]:
    """What a plan depends on beside the tables."""
    return runtime.precision, cache, context_budget()
