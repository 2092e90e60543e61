"""The onnxruntime sessions of this process, shared by all estimators.

A session holds the weights in the layout that its kernels want and a pool of threads, so
one is made per (weights, graph, threads, providers) and kept, whoever asks for it.
"""

import ctypes
import functools
import os
import threading
from collections import OrderedDict

import joblib
import numpy as np

from ._checkpoint import expected_shapes
from ._errors import CheckpointError
from ._quantized import quantized_weights

# From 1.29 on, onnxruntime's official builds report to their maker: they look up a server and
# keep an identifier in the user's cache. The one way to prevent both is this variable, which is
# read while onnxruntime is imported. The environment is left as it was.
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
if _NO_TELEMETRY in os.environ:  # the user has decided
    import onnxruntime
else:
    os.environ[_NO_TELEMETRY] = "1"
    try:
        import onnxruntime
    finally:
        del os.environ[_NO_TELEMETRY]

# encode and predict sessions of the classifier and the regressor, for two checkpoints
_MOST_SESSIONS = 8

# Parameters from which on encode sessions use the weights where they are, in the mapped file,
# rather than a copy in the layout of their kernels. With 75.7 million that saves 271 MB and half
# of the 0.4 s that the session takes, and encoding takes 2 % longer. Sessions for query rows are
# never without: a row's bits would depend on what is predicted with it.
_LARGE = 2**24

_making = threading.Lock()  # sessions are made one at a time, each by all cores
_lock = threading.Lock()  # of the table of sessions
_sessions = OrderedDict()


def get_session(checkpoint, kind, n_threads, providers, precision="float32"):
    """The session for a graph of a checkpoint, made at the first call.

    Parameters
    ----------
    checkpoint : Checkpoint
    kind : {"encode", "predict", "fused", "interchange"}
        "interchange" is the one graph of an ``.onnx`` file.
    n_threads : int
    providers : tuple of str
    precision : {"float32", "int8"}, default="float32"
        An ``.onnx`` file has its own.

    Returns
    -------
    session : onnxruntime.InferenceSession
        Safe to run from several threads. The least recently used session is forgotten when
        there are more than eight; it lives on as long as somebody runs it.

    Raises
    ------
    CheckpointError
        If onnxruntime can't run an ``.onnx`` file.
    """
    key = (checkpoint.identity, checkpoint.config, kind, n_threads, providers, precision)
    session = _find(key)
    if session is None:
        with _making:  # those who need no new session don't wait for it
            session = _find(key)
            if session is None:
                options = _make_options(n_threads)
                if kind == "interchange":
                    session = _open_session(checkpoint.weights_file, options, providers)
                else:
                    session = _make_session(checkpoint, kind, options, providers, precision)
                _keep(key, session)
    return session


def clear_sessions():
    """Forget all onnxruntime sessions of this process, to give their memory back.

    Estimators stay fitted; the next prediction makes the sessions that it needs again.

    Examples
    --------
    >>> import sklearn_mitra
    >>> sklearn_mitra.clear_sessions()
    """
    with _lock:
        _sessions.clear()
        _load_weights.cache_clear()


def run(session, inputs, outputs=None, release=False):
    """Run a session.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    inputs : dict of str to (ndarray or OrtValue)
    outputs : dict of str to ndarray, default=None
        Contiguous arrays to write all outputs into; by default they are new ones.
    release : bool, default=False
        Give the memory that the run has worked in back to the system. Otherwise it is kept for
        the next run.

    Returns
    -------
    outputs : dict of str to OrtValue
        Over the arrays' memory, so that they go into a later run without a copy.
    """
    options = onnxruntime.RunOptions()
    if release:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    inputs = {name: _as_value(value) for name, value in inputs.items()}
    if outputs is None:
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run_with_ort_values(names, inputs, options)))
    outputs = {name: _as_value(array) for name, array in outputs.items()}
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in outputs.items():
        binding.bind_ortvalue_output(name, value)
    session.run_with_iobinding(binding, options)
    return outputs


def resolve_threads(n_jobs):
    """Number of threads for scikit-learn's ``n_jobs``.

    None is all cores this process may use, but no more than ``OMP_NUM_THREADS``: joblib sets
    that variable in its worker processes to their share of the cores. Negative numbers count
    back from all cores.
    """
    cores = joblib.cpu_count()
    if n_jobs is None:
        share = os.environ.get("OMP_NUM_THREADS", "")
        return min(cores, int(share)) if share.isdecimal() and int(share) else cores
    return n_jobs if n_jobs > 0 else max(1, cores + 1 + n_jobs)


def resolve_providers(providers):
    """Execution providers as a tuple; None is the CPU.

    Raises
    ------
    ValueError
        If onnxruntime as installed lacks one of them.
    """
    if providers is None:
        return ("CPUExecutionProvider",)
    available = onnxruntime.get_available_providers()
    for provider in providers or [None]:
        if provider not in available:
            raise ValueError(
                f"The providers parameter must list names out of {', '.join(available)}, which "
                f"this onnxruntime has. Got {providers!r} instead."
            )
    return tuple(providers)


def _find(key):
    with _lock:
        if key in _sessions:
            _sessions.move_to_end(key)
        return _sessions.get(key)


def _keep(key, session):
    with _lock:
        _sessions[key] = session
        while len(_sessions) > _MOST_SESSIONS:
            _sessions.popitem(last=False)


def _as_value(array):
    if isinstance(array, np.ndarray):
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
    return array


@functools.lru_cache(maxsize=2)
def _load_weights(checkpoint, identity, precision):
    """Weights as OrtValues over NumPy's memory, shared by a checkpoint's sessions."""
    is_int8 = precision == "int8"
    weights = quantized_weights(checkpoint) if is_int8 else checkpoint.load_weights()
    return {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in weights.items()
    }


def _make_options(n_threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: warnings are about its own choices, not the user's
    return options


def _make_session(checkpoint, kind, options, providers, precision):
    from ._graph import build_graph  # brings in onnx, which takes a while

    weights = _load_weights(checkpoint, checkpoint.identity, precision)
    config = checkpoint.config
    model, names = build_graph(kind, config, expected_shapes(config), precision)
    options.add_external_initializers(names, [weights[name] for name in names])
    if kind == "encode" and config.n_parameters >= _LARGE and providers == resolve_providers(None):
        options.add_session_config_entry("session.disable_prepacking", "1")
        for name in names:
            options.add_initializer(name, weights[name])
    session = onnxruntime.InferenceSession(model, options, providers=list(providers))
    session.weights = weights  # onnxruntime doesn't keep the arrays alive itself
    return session


def _open_session(path, options, providers):
    try:
        return onnxruntime.InferenceSession(path, options, providers=list(providers))
    except Exception as error:  # onnxruntime's errors have no common base
        reason = " ".join(str(error).split())
        raise CheckpointError(f"onnxruntime can't run {path!r}. Its reason: {reason}") from error


def _before_fork():
    _making.acquire()
    _lock.acquire()


def _after_fork_in_parent():
    _lock.release()
    _making.release()


def _after_fork_in_child():
    # The threads of a session don't exist in the child, and destroying it would wait for them:
    # start anew, and keep the former sessions from ever being destroyed, even at exit.
    global _sessions
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_sessions))
    _sessions = OrderedDict()
    _after_fork_in_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
