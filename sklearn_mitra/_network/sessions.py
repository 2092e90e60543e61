"""The onnxruntime sessions of this process, shared by all estimators.

A session holds the weights in the layout that its kernels want and a pool of threads, so
one is made per (weights, graph, runtime) and kept, whoever asks for it.
"""

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ort import onnxruntime
from .runtime import Runtime

# encode and predict sessions of the classifier and the regressor, for two checkpoints
_MOST_SESSIONS = 8

_making = threading.Lock()  # sessions are made one at a time, each by all cores
_lock = threading.Lock()  # of the table of sessions
_sessions: OrderedDict[Hashable, Any] = OrderedDict()


def get_session(key: Hashable, make: Callable[[], Any]) -> Any:
    """The session of a key, made at the first call.

    Parameters
    ----------
    key : hashable
        All that the session depends on, its :class:`~.runtime.Runtime` included.
    make : callable
        Makes it. Sessions are made one at a time.

    Returns
    -------
    session : onnxruntime.InferenceSession
        Safe to run from several threads. The least recently used session is forgotten when
        there are more than eight; it lives on as long as somebody runs it.
    """
    session = _find(key)
    if session is None:
        with _making:  # those who need no new session don't wait for it
            session = _find(key)
            if session is None:
                session = make()
                _keep(key, session)
    return session


def make_options(runtime: Runtime) -> Any:
    """Options of a new session, onnxruntime.SessionOptions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.n_threads
    options.inter_op_num_threads = 1
    # Between two operations of the network, 20 microseconds are as good as onnxruntime's default of
    # a millisecond on an idle machine. Beside two busy processes, the first prediction took 4.3
    # seconds instead of 6.2.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "20")
    options.log_severity_level = 3  # errors: warnings are about its own choices, not the user's
    return options


def make_session(model: str | bytes, options: Any, runtime: Runtime) -> Any:
    """A new session, onnxruntime.InferenceSession, for a file or a serialized model."""
    return onnxruntime.InferenceSession(model, options, providers=runtime.as_onnxruntime())


def forget_sessions() -> None:
    """Forget all sessions. One lives on as long as somebody runs it."""
    with _lock:
        _sessions.clear()


def run(
    session: Any,
    inputs: dict[str, Any],
    outputs: dict[str, NDArray[Any]] | None = None,
    release: bool = False,
) -> dict[str, Any]:
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
    results = {name: _as_value(array) for name, array in outputs.items()}
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in results.items():
        binding.bind_ortvalue_output(name, value)
    session.run_with_iobinding(binding, options)
    return results


def _find(key: Hashable) -> Any:
    with _lock:
        if key in _sessions:
            _sessions.move_to_end(key)
        return _sessions.get(key)


def _keep(key: Hashable, session: Any) -> None:
    with _lock:
        _sessions[key] = session
        while len(_sessions) > _MOST_SESSIONS:
            _sessions.popitem(last=False)


def _as_value(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
    return array


def _before_fork() -> None:
    _making.acquire()
    _lock.acquire()


def _after_fork_in_parent() -> None:
    _lock.release()
    _making.release()


def _after_fork_in_child() -> None:
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
