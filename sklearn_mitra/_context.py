"""The support as the network remembers it, and query rows against it."""

import os
import threading
import time

import numpy as np

from ._checkpoint import resolve_checkpoint
from ._errors import CheckpointError
from ._outputs import fill_outputs, targets_to_bins
from ._quantiles import QuantileEmbedding
from ._sessions import get_session, run
from ._workload import Workload

# Working memory of a run on query rows, in bytes. Per-row times are flat within some percent
# from 32 to 128 MiB (mini with 4, 20 and 100 features); small tables like it to fit a cache.
_WORKSPACE = 64 * 2**20

# Size of the trials that tell the machine's speed: a tenth of a second or so.
_TRIAL_FLOP = 10**10
_TRIAL_NBYTES = 2**26

# Contexts are built one at a time: a build uses all threads, and only the first of several
# concurrent predictions may build.
_building = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_building.acquire,
        after_in_parent=_building.release,
        after_in_child=_building.release,
    )


class Context:
    """A support set under its ensemble views, ready for query rows.

    Making one costs nothing. :meth:`prepare` finds the checkpoint and computes the network's
    keys and values of the support, once. If they are not to be kept, or can't be with an
    ``.onnx`` file, support and query go through the network together in every prediction.

    Parameters
    ----------
    name, sha256 : str
        The checkpoint: as asked for, and what its weights have to be.
    task : {"classification", "regression"}
    x_support : ndarray of shape (n_support, n_features), float32
        Without the columns that are constant in training.
    y_support : ndarray of shape (n_support,), int64 or float32
        Class ids or scaled targets.
    views : list of View
    cache : bool or "auto"
        Whether to keep the keys and values; "auto" keeps them if they take no more than a
        quarter of the machine's memory.
    precision : {"float32", "int8"}
        Of the graphs; an ``.onnx`` file has its own.
    """

    def __init__(
        self,
        name,
        sha256,
        task,
        x_support,
        y_support,
        views,
        cache="auto",
        precision="float32",
    ):
        self._name = name
        self._sha256 = sha256
        self._task = task
        self._x_support = x_support
        self._y_support = y_support
        self._views = views
        self._cache = cache
        self._precision = precision
        self._checkpoint = None
        self._supports = None

    def prepare(self, n_threads, providers):
        """Find the checkpoint and pass the support through the network, if not done yet.

        Parameters
        ----------
        n_threads : int
        providers : tuple of str

        Raises
        ------
        CheckpointError
            If the checkpoint can't be had or is not the one of the fit.
        """
        self._find()  # perhaps a download, so not under the lock
        if self._supports is not None:
            return
        with _building:
            if self._supports is None:
                encode = None
                if self._kind == "predict":
                    encode = self._get_session("encode", n_threads, providers)
                self._supports = [self._remember(view, encode) for view in self._views]

    @property
    def kept_nbytes(self):
        """Size of the keys and values that are kept, in bytes; None before :meth:`prepare`."""
        return None if self._supports is None else self._planned_nbytes

    @property
    def chunk_rows(self):
        """How many query rows to run at a time, by the bytes they need."""
        # Without a context, every run passes the support anew: as few runs as memory allows.
        workspace = _WORKSPACE if self._kind == "predict" else _total_memory() // 4
        return max(2, workspace // self._workload.query_row_nbytes)

    def estimate(self, n_rows, n_threads, providers):
        """What predictions will take, by a short trial of one support row.

        Parameters
        ----------
        n_rows : int
            Rows to predict.
        n_threads : int
        providers : tuple of str

        Returns
        -------
        estimate : dict
            What :meth:`sklearn_mitra.MitraClassifier.estimate_cost` promises.
        """
        self._find()
        run, flop, byte = self._measure_speed(n_threads, providers)
        n_chunks = -(-n_rows // self.chunk_rows)
        encode = run + flop * _weigh(self._workload.encode_flop())
        later = n_chunks * run + flop * _weigh(self._workload.predict_flop(n_rows))
        if self._kind == "predict":
            later += n_chunks * byte * self._workload.context_nbytes
            first = encode + later
        else:
            first = later = later + n_chunks * encode
        n_views = len(self._views)
        return {
            "context_nbytes": self._planned_nbytes,
            "peak_nbytes": self._peak_nbytes(n_rows),
            "first_seconds": n_views * first,
            "later_seconds": n_views * later,
        }

    def outputs(self, x, n_threads, providers):
        """Run query rows through the network, once for every view.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float32
            At most ``chunk_rows`` rows, for bounded memory.
        n_threads : int
        providers : tuple of str

        Returns
        -------
        outputs : list of (View, ndarray of shape (n_rows, n_outputs), float32)
        """
        session = self._get_session(self._kind, n_threads, providers)
        results = []
        for view, (transform, support) in zip(self._views, self._supports):
            query = transform(view.columns(x))
            output = run(session, {"x_query": query, **support})["output"].numpy()
            if self._kind == "interchange":
                output = fill_outputs(output[0], self._checkpoint.config)
            results.append((view, output))
        return results

    def _get_session(self, kind, n_threads, providers):
        return get_session(self._checkpoint, kind, n_threads, providers, self._precision)

    def _find(self):
        """Find the checkpoint, and choose its graph; once found, see that it is still the same."""
        if self._checkpoint is not None:
            self._check_unchanged()
            return
        checkpoint = resolve_checkpoint(self._name, self._task)
        if checkpoint.sha256 != self._sha256:
            raise CheckpointError(
                f"The weights of {self._name!r} are not those of the fit: the sha256 was "
                f"{self._sha256} and is {checkpoint.sha256} now. Fit again, or bring the former "
                "checkpoint back."
            )
        self._identity = checkpoint.identity
        self._workload = Workload(checkpoint.config, *self._x_support.shape, self._precision)
        self._kind = self._choose_graph(checkpoint)
        self._checkpoint = checkpoint  # at last, since other threads look for it

    def _choose_graph(self, checkpoint):
        if checkpoint.profile is not None:
            return "interchange"
        keeps = self._cache
        if isinstance(keeps, str):  # "auto"
            keeps = len(self._views) * self._workload.context_nbytes <= _total_memory() // 4
        return "predict" if keeps else "fused"

    @property
    def _planned_nbytes(self):
        is_kept = self._kind == "predict"
        return len(self._views) * self._workload.context_nbytes if is_kept else 0

    def _peak_nbytes(self, n_rows):
        """Memory that predictions add to that of the process, at most about."""
        query = min(n_rows, self.chunk_rows) * self._workload.query_row_nbytes
        # the weights as they are, and once or twice in the layout of the kernels
        weights = self._checkpoint.config.n_parameters * (1 if self._precision == "int8" else 4)
        if self._kind == "predict":
            encode = self._workload.encode_nbytes
            return 2 * weights + self._planned_nbytes + max(encode, 2 * query)  # the pool doubles
        return 3 * weights + self._workload.encode_nbytes + query

    def _measure_speed(self, n_threads, providers):
        """Seconds of a run as such, of a weighed operation, and of reading a byte from memory."""
        probe = Context(
            self._name,
            self._sha256,
            self._task,
            self._x_support[:1],
            self._y_support[:1],
            self._views[:1],
            self._kind == "predict",
            self._precision,
        )
        probe.prepare(n_threads, providers)
        row_flop = _weigh(probe._workload.predict_flop(1))
        n_rows = int(np.clip(_TRIAL_FLOP // row_flop, 2, probe.chunk_rows))
        rows = np.resize(self._x_support, (n_rows, self._x_support.shape[1]))
        one, many = (
            _time(lambda x=x: probe.outputs(x, n_threads, providers)) for x in (rows[:1], rows)
        )
        flop = max(many - one, many / 2) / ((n_rows - 1) * row_flop)  # the half, if they are odd
        memory = np.ones(_TRIAL_NBYTES // 4, np.float32)
        return max(0, one - flop * row_flop), flop, _time(memory.sum) / memory.nbytes

    def _check_unchanged(self):
        """Old keys and values with new weights would give wrong answers, and no error."""
        try:
            unchanged = self._checkpoint.identity == self._identity
        except OSError:
            unchanged = False
        if not unchanged:
            raise CheckpointError(
                f"The weights of {self._name!r} have been replaced or deleted since they were "
                "first used. Fit again, or bring the former checkpoint back."
            )

    def _remember(self, view, encode):
        """What to do with the columns of query rows, and what to tell the graph of the support."""
        x = view.columns(self._x_support)
        y = view.targets(self._y_support)
        if self._kind == "interchange":  # it takes tables as they are, a batch of them
            padding = np.zeros((1, len(x)), bool)
            table = {"x_support": x[None], "y_support": y[None], "padding_obs_support": padding}
            return (lambda query: query[None]), table
        config = self._checkpoint.config
        if config.labels_are_classes and config.task == "regression":
            y = targets_to_bins(y, config.dim_output)
        embedding = QuantileEmbedding(x)
        support = {"x_support": embedding.transform(x), "y_support": y}
        if encode is not None:
            support = run(encode, support, self._allocate())
        return embedding.transform, support

    def _allocate(self):
        """Arrays for a view's keys and values.

        They are NumPy's own and not from onnxruntime's pool of memory, where they would keep
        what encoding took beside them from being given back.
        """
        w = self._workload
        names = [f"{kind}_{i}" for i in range(w.config.n_layers) for kind in ("key", "value")]
        return {name: np.empty(w.context_shape, w.context_dtype) for name in names}


def _weigh(flop):
    """Those of attentions count twice: they take about twice the time."""
    dense, attention = flop
    return dense + 2 * attention


def _time(function):
    """Seconds of a call, the shortest of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _total_memory():
    """Memory of the machine or container in bytes; 8 GiB where the system doesn't say."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            return min(total, int(file.read()))
    except (OSError, ValueError):  # no control groups, or "max"
        return total
