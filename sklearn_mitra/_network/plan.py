"""What predictions take, and how they are cut to fit: sizes, chunks, what is kept, cost.

Nothing here runs a network; :func:`measure_speed` is handed something to run.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .budget import context_budget
from .config import Config
from .int8 import context_dtype
from .memory import total_memory

# Working memory of a run on query rows, in bytes. Per-row times are flat within some percent
# from 32 to 128 MiB (mini with 4, 20 and 100 features); small tables like it to fit a cache.
WORKSPACE = 64 * 2**20

# Most operations of a run without a context, unless the support takes more: a second at 50 GFLOP/s,
# which two cores of 2015 reach. Ctrl-C is noticed between runs.
_RUN_FLOP = 5 * 10**10

# Size of the trials that tell the machine's speed: a tenth of a second or so.
_TRIAL_FLOP = 10**10
_TRIAL_NBYTES = 2**26


@dataclass(frozen=True)
class Workload:
    """The support table of one ensemble member, and the query rows predicted with it.

    Attributes
    ----------
    config : Config
    n_support : int
    n_features : int
        Columns that the network sees.
    precision : {"float32", "int8"}
    """

    config: Config
    n_support: int
    n_features: int
    precision: str = "float32"

    @property
    def n_tokens(self) -> int:
        """Tokens of a row: its features, and its label."""
        return self.n_features + 1

    @property
    def context_shape(self) -> tuple[int, int, int, int]:
        """Shape of a layer's keys, and of its values: (tokens, heads, n_support, dim of a head)."""
        c = self.config
        return self.n_tokens, c.n_heads, self.n_support, c.dim // c.n_heads

    @property
    def context_dtype(self) -> np.dtype[Any]:
        """dtype of keys and values."""
        return context_dtype(self.config, self.precision)

    @property
    def context_nbytes(self) -> int:
        """Size of all layers' keys and values."""
        n_values = 2 * self.config.n_layers * math.prod(self.context_shape)
        return n_values * self.context_dtype.itemsize

    @property
    def query_row_nbytes(self) -> int:
        """Working memory of a query row.

        The residual stream, its norm and the hidden layers of an MLP make about twelve vectors
        of a token; the attentions across rows and features have their scores twice.
        """
        scores = self.config.n_heads * (self.n_support + self.n_tokens)
        return 4 * self.n_tokens * (12 * self.config.dim + 2 * scores)

    @property
    def encode_nbytes(self) -> int:
        """Working memory of the support's way through the network, as measured.

        Eight times the residual stream, and what a block of rows needs, whose attention scores
        are 64 MiB at most.
        """
        return 8 * 4 * self.n_support * self.n_tokens * self.config.dim + 2**26

    def is_large(self, n_query: int) -> bool:
        """Whether a run that passes the support takes more memory than it is worth to hold on to.

        Smaller pieces would not go back to the system anyway, but be scattered in the process.
        """
        return self.context_nbytes + n_query * self.query_row_nbytes > WORKSPACE

    def encode_flop(self) -> tuple[int, int]:
        """Floating point operations that pass the support through the network.

        In its last layer it leaves keys and values behind, and ends there.

        Returns
        -------
        dense, attention : int
            Of the products with weights, and of those with keys and values.
        """
        c, n_tokens = self.config, self.n_support * self.n_tokens
        dense, attention = self._layer_flop()
        n_layers = c.n_layers - 1
        return n_tokens * (n_layers * dense + 4 * c.dim**2), n_tokens * n_layers * attention

    def predict_flop(self, n_rows: int) -> tuple[int, int]:
        """Floating point operations that pass query rows through the network.

        They make no keys and values for the support's.

        Parameters
        ----------
        n_rows : int

        Returns
        -------
        dense, attention : int
        """
        c, n_tokens = self.config, n_rows * self.n_tokens
        dense, attention = self._layer_flop()
        return n_tokens * c.n_layers * (dense - 4 * c.dim**2), n_tokens * c.n_layers * attention

    def _layer_flop(self) -> tuple[int, int]:
        """Of a token in a layer.

        Four projections and an MLP of width 4 dim are 12 dim^2 multiply-adds, across rows and
        again across features. An attention takes 2 dim of them for every key.
        """
        dim = self.config.dim
        return 2 * 2 * 12 * dim**2, 2 * 2 * dim * (self.n_support + self.n_tokens)


class Speed(NamedTuple):
    """Of this machine at the moment, in seconds.

    Attributes
    ----------
    run : float
        Of a run as such.
    flop : float
        Of a floating point operation; those of attentions count twice.
    byte : float
        Of reading a byte from memory.
    """

    run: float
    flop: float
    byte: float


# Two cores of 2015; see _RUN_FLOP.
SLOW = Speed(run=0.0, flop=1 / _RUN_FLOP, byte=0.0)


@dataclass(frozen=True)
class Plan:
    """How the members of an ensemble are run.

    Attributes
    ----------
    workloads : tuple of Workload
        One for each member.
    keeps : bool
        Whether their keys and values are kept between predictions.
    """

    workloads: tuple[Workload, ...]
    keeps: bool

    @classmethod
    def make(
        cls, workloads: Iterable[Workload], cache: bool | Literal["auto"], can_keep: bool
    ) -> "Plan":
        """Decide what to keep.

        Parameters
        ----------
        workloads : iterable of Workload
        cache : bool or "auto"
            "auto" keeps what fits the budget of all contexts.
        can_keep : bool
            Whether the network can at all.
        """
        plan = cls(tuple(workloads), can_keep)
        if isinstance(cache, str):
            return cls(plan.workloads, can_keep and plan.context_nbytes <= context_budget())
        return cls(plan.workloads, can_keep and bool(cache))

    @property
    def context_nbytes(self) -> int:
        """Size of the keys and values that are kept."""
        return sum(w.context_nbytes for w in self.workloads) if self.keeps else 0

    @property
    def chunk_rows(self) -> int:
        """How many query rows to run at a time, by the bytes and operations they need."""
        row_nbytes = max(w.query_row_nbytes for w in self.workloads)
        if self.keeps:
            return max(2, WORKSPACE // row_nbytes)
        # Every run passes the support anew. With rows that take twice as many operations, that is
        # at most a third of the time.
        n_rows = min(
            max(_RUN_FLOP, 2 * _weigh(w.encode_flop())) // _weigh(w.predict_flop(1))
            for w in self.workloads
        )
        return max(2, min(n_rows, total_memory() // 4 // row_nbytes))

    def estimate(self, n_rows: int, speed: Speed) -> dict[str, float]:
        """Bytes and seconds of a prediction.

        Parameters
        ----------
        n_rows : int
        speed : Speed

        Returns
        -------
        cost : dict
            See :meth:`sklearn_mitra.MitraClassifier.estimate_cost`.
        """
        n_chunks = -(-n_rows // self.chunk_rows)
        first = later = 0.0
        for workload in self.workloads:
            encode = speed.run + speed.flop * _weigh(workload.encode_flop())
            query = n_chunks * speed.run + speed.flop * _weigh(workload.predict_flop(n_rows))
            if self.keeps:
                query += n_chunks * speed.byte * workload.context_nbytes
                first, later = first + encode + query, later + query
            else:
                query += n_chunks * encode
                first, later = first + query, later + query
        return {
            "context_nbytes": self.context_nbytes,
            "peak_nbytes": max(self._peak_nbytes(w, n_rows) for w in self.workloads),
            "first_seconds": first,
            "later_seconds": later,
        }

    def seconds_of_folds(self, folds: Iterable[tuple[int, int]], speed: Speed) -> float:
        """Seconds of predictions with other support tables, each of which passes once.

        Parameters
        ----------
        folds : iterable of (int, int)
            The rows of each of these tables, and the query rows that are predicted with it. A
            member shows at most as many rows as now.
        speed : Speed
        """
        seconds = 0.0
        for n_support, n_rows in folds:
            resized = [replace(w, n_support=min(w.n_support, n_support)) for w in self.workloads]
            seconds += Plan(tuple(resized), False).estimate(n_rows, speed)["first_seconds"]
        return seconds

    def _peak_nbytes(self, workload: Workload, n_rows: int) -> int:
        """Memory that predictions add to that of the process, at most about."""
        query = min(n_rows, self.chunk_rows) * workload.query_row_nbytes
        # the weights as they are, and once or twice in the layout of the kernels
        weights = workload.config.n_parameters * (1 if workload.precision == "int8" else 4)
        if self.keeps:  # onnxruntime's pool of memory grows by doubling
            return 2 * weights + self.context_nbytes + max(workload.encode_nbytes, 2 * query)
        return 3 * weights + workload.encode_nbytes + query


def measure_speed(
    predict: Callable[[NDArray[np.float32]], Any], workload: Workload, most_rows: int
) -> Speed:
    """Measure the speed of this machine by a short trial.

    Parameters
    ----------
    predict : callable
        Runs query rows against a support of next to no rows.
    workload : Workload
        Of that support.
    most_rows : int
        To run at a time.
    """
    row_flop = _weigh(workload.predict_flop(1))
    n_rows = int(np.clip(_TRIAL_FLOP // row_flop, 2, most_rows))
    rows = np.zeros((n_rows, workload.n_features), np.float32)
    one, many = _time(lambda: predict(rows[:1])), _time(lambda: predict(rows))
    flop = max(many - one, many / 2) / ((n_rows - 1) * row_flop)  # the half, if they are odd
    memory = np.ones(_TRIAL_NBYTES // 4, np.float32)
    return Speed(max(0, one - flop * row_flop), flop, _time(memory.sum) / memory.nbytes)


def _weigh(flop: tuple[int, int]) -> int:
    """Those of attentions count twice: they take about twice the time."""
    dense, attention = flop
    return dense + 2 * attention


def _time(function: Callable[[], Any]) -> float:
    """Seconds of a call, the shortest of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
