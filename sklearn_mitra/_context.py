"""The support as the network remembers it, and query rows against it."""

import os
import threading

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

    def find(self):
        """Find the checkpoint, and decide what to keep, if not done yet.

        Raises
        ------
        CheckpointError
            If the checkpoint can't be had or is not the one of the fit, or of before.
        """
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
        self.workload = Workload(checkpoint.config, *self._x_support.shape, self._precision)
        self._kind = self._choose_graph(checkpoint)
        self._checkpoint = checkpoint  # at last, since other threads look for it

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
        self.find()  # perhaps a download, so not under the lock
        if self._supports is not None:
            return
        with _building:
            if self._supports is None:
                encode = None
                if self.is_kept:
                    encode = self._get_session("encode", n_threads, providers)
                self._supports = [self._remember(view, encode) for view in self._views]

    @property
    def is_prepared(self):
        """Whether :meth:`prepare` is done."""
        return self._supports is not None

    @property
    def is_kept(self):
        """Whether keys and values are kept. There after :meth:`find`, as all that follows."""
        return self._kind == "predict"

    @property
    def nbytes(self):
        """Size of the keys and values that are kept, in bytes."""
        return self.n_views * self.workload.context_nbytes if self.is_kept else 0

    @property
    def n_views(self):
        """Number of ensemble views."""
        return len(self._views)

    @property
    def chunk_rows(self):
        """How many query rows to run at a time, by the bytes they need."""
        # Without a context, every run passes the support anew: as few runs as memory allows.
        workspace = _WORKSPACE if self.is_kept else _total_memory() // 4
        return max(2, workspace // self.workload.query_row_nbytes)

    def with_one_row(self):
        """A context of one support row and view, to be prepared in no time."""
        return Context(
            self._name,
            self._sha256,
            self._task,
            self._x_support[:1],
            self._y_support[:1],
            self._views[:1],
            self.is_kept,
            self._precision,
        )

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
            release = not self.is_kept and self._is_large(len(x))
            output = run(session, {"x_query": query, **support}, release=release)["output"].numpy()
            if self._kind == "interchange":
                output = fill_outputs(output[0], self._checkpoint.config)
            results.append((view, output))
        return results

    def _get_session(self, kind, n_threads, providers):
        return get_session(self._checkpoint, kind, n_threads, providers, self._precision)

    def _choose_graph(self, checkpoint):
        if checkpoint.profile is not None:
            return "interchange"
        keeps = self._cache
        if isinstance(keeps, str):  # "auto"
            keeps = self.n_views * self.workload.context_nbytes <= _total_memory() // 4
        return "predict" if keeps else "fused"

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
            support = run(encode, support, self._allocate(), release=self._is_large(0))
        return embedding.transform, support

    def _is_large(self, n_query):
        """Whether a run that passes the support takes more memory than it is worth to hold on to.

        Smaller pieces would not go back to the system anyway, but be scattered in the process.
        """
        w = self.workload
        return w.context_nbytes + n_query * w.query_row_nbytes > _WORKSPACE

    def _allocate(self):
        """Arrays for a view's keys and values.

        They are NumPy's own and not from onnxruntime's pool of memory, where they would keep
        what encoding took beside them from being given back.
        """
        w = self.workload
        names = [f"{kind}_{i}" for i in range(w.config.n_layers) for kind in ("key", "value")]
        return dict(zip(names, np.empty((len(names), *w.context_shape), w.context_dtype)))


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
