"""The session cache: shared, bounded, safe in threads and after a fork."""

import multiprocessing
import subprocess
import sys
import threading
import weakref

import joblib
import numpy as np
import pytest
from estimators import run_in_threads
from processes import added_memory
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_predict

from sklearn_mitra import MitraClassifier, MitraRegressor, clear_sessions
from sklearn_mitra._network import sessions
from sklearn_mitra._network.resolve import resolve_network
from sklearn_mitra._network.runtime import Runtime

X, Y = load_iris(return_X_y=True)
SMALL = {"max_support": 30, "n_estimators": 1}


@pytest.fixture(autouse=True)
def no_sessions():
    clear_sessions()
    yield
    clear_sessions()


def test_clones_folds_and_refits_share_sessions():
    estimator = MitraClassifier(max_support=30, n_estimators=2)
    cross_val_predict(estimator, X, Y, cv=4)
    clone(estimator).fit(X, Y).predict(X)
    kinds = sorted(key[0] for key in sessions._sessions)
    assert kinds == ["encode", "fused", "predict"]  # fused: held-out rows, to choose weights by


@pytest.mark.slow
def test_sessions_differ_by_task_and_threads():
    MitraClassifier(**SMALL, n_jobs=2).fit(X, Y).predict(X)
    MitraRegressor(**SMALL, n_jobs=2).fit(X, Y).predict(X)
    assert len(sessions._sessions) == 4
    MitraRegressor(**SMALL, n_jobs=1).fit(X, Y).predict(X)
    assert len(sessions._sessions) == 6


@pytest.mark.slow
def test_the_number_of_sessions_is_bounded_and_the_oldest_go():
    network = resolve_network("mini", "classification")
    oldest = weakref.ref(network.open(True, Runtime()))
    for n_threads in range(2, 2 + sessions._MOST_SESSIONS):
        network.open(True, Runtime(n_threads))
    assert len(sessions._sessions) == sessions._MOST_SESSIONS
    assert oldest() is None


def test_a_forgotten_session_can_still_be_run_by_its_holder():
    network = resolve_network("mini", "regression")
    session = network.open(False, Runtime())
    inputs = {
        "x_support": np.eye(3, dtype=np.float32),
        "y_support": np.zeros(3, np.float32),
        "x_query": np.ones((2, 3), np.float32),
    }
    before = sessions.run(session, inputs)["output"].numpy()
    clear_sessions()
    after = sessions.run(session, inputs)["output"].numpy()
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(before, after)


def test_estimators_stay_fitted_when_sessions_are_cleared():
    classifier = MitraClassifier(**SMALL).fit(X, Y)
    before = classifier.predict_proba(X)
    clear_sessions()
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_concurrent_requests_make_one_session():
    network = resolve_network("mini", "classification")
    sessions = run_in_threads(lambda: network.open(True, Runtime()))
    assert len(sessions) == 8
    assert len(set(map(id, sessions))) == 1


def test_an_open_session_does_not_wait_for_one_being_made():
    network = resolve_network("mini", "classification")
    session = network.open(True, Runtime())
    with sessions._making:
        thread = threading.Thread(target=lambda: found.append(network.open(True, Runtime())))
        found = []
        thread.start()
        thread.join(timeout=60)
        assert found == [session]


@pytest.mark.slow
def test_memory_that_encoding_took_is_given_back():
    """Otherwise the process would keep more than 100 MB."""
    assert added_memory("mini", 300, 60) < 70e6


def _predict_in_child(classifier, queue):
    queue.put((len(sessions._sessions), classifier.predict_proba(X)))


@pytest.mark.slow
def test_a_forked_child_starts_with_no_sessions_and_predicts_the_same():
    classifier = MitraClassifier(**SMALL, n_jobs=2).fit(X, Y)
    expected = classifier.predict_proba(X)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_predict_in_child, args=(classifier, queue))
    child.start()
    try:
        n_sessions, probabilities = queue.get(timeout=60)
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        child.kill()
    assert n_sessions == 0
    np.testing.assert_array_equal(probabilities, expected)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


@pytest.mark.slow
def test_a_fork_while_another_thread_predicts_does_not_hang_the_child():
    classifiers = [MitraClassifier(**SMALL, n_jobs=2, random_state=i).fit(X, Y) for i in range(20)]
    expected = MitraClassifier(**SMALL, n_jobs=2).fit(X, Y).predict_proba(X)
    stop = threading.Event()

    def predict_on():
        while not stop.is_set():
            for classifier in classifiers:
                clone(classifier).fit(X, Y).predict(X[:2])

    thread = threading.Thread(target=predict_on)
    thread.start()
    context = multiprocessing.get_context("fork")
    try:
        for _ in range(5):
            queue = context.Queue()
            classifier = MitraClassifier(**SMALL, n_jobs=2).fit(X, Y)
            child = context.Process(target=_predict_in_child, args=(classifier, queue))
            child.start()
            try:
                np.testing.assert_array_equal(queue.get(timeout=60)[1], expected)
                child.join(timeout=60)
                assert child.exitcode == 0
            finally:
                child.kill()
    finally:
        stop.set()
        thread.join()


# multiprocessing ends its children by os._exit; a server's may leave through sys.exit, which
# destroys what is left in the interpreter.
_FORK_AND_EXIT = """
import os, sys, time
from sklearn.datasets import load_iris
from sklearn_mitra import MitraClassifier
X, y = load_iris(return_X_y=True)
classifier = MitraClassifier(max_support=20, n_estimators=1, n_jobs=2).fit(X, y)
expected = classifier.predict_proba(X)
child = os.fork()
if not child:
    assert (classifier.predict_proba(X) == expected).all()
    sys.exit(7)
for _ in range(300):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.1)
os.kill(child, 9)
"""


@pytest.mark.slow
def test_a_forked_child_can_exit():
    assert subprocess.run([sys.executable, "-c", _FORK_AND_EXIT]).returncode == 7


@pytest.mark.parametrize(
    ("setting", "n_threads"),
    [(None, joblib.cpu_count()), ("1", 1), ("4096", joblib.cpu_count())],
    ids=["all cores", "a worker's share", "no more than the cores"],
)
def test_threads_without_n_jobs(setting, n_threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if setting:
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert Runtime.resolve().n_threads == n_threads
