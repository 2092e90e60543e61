"""Predictions of Dask's partitions, and searches, on a cluster of two worker processes."""

import os
import pickle
import signal

import dask
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from distributed.protocol import serialize
from estimators import both, small
from sklearn.model_selection import GridSearchCV
from snippets import ROOT, run_page
from tables import make_sales, make_table

from sklearn_mitra import MitraClassifier, clear_sessions
from sklearn_mitra._network import budget, sessions
from sklearn_mitra._network.runtime import Runtime

N_PARTITIONS = 12


def predict_proba(part, clf):
    """Probabilities of a partition, which may be empty."""
    values = clf.predict_proba(part) if len(part) else np.empty((0, len(clf.classes_)))
    return pd.DataFrame(values, part.index, clf.classes_)


def predict(part, model, empty):
    return pd.Series(model.predict(part) if len(part) else empty, part.index, name="answer")


def map_proba(table, clf):
    meta = dict.fromkeys(clf.classes_, float)
    return table.map_partitions(predict_proba, dask.delayed(clf), meta=meta)


def map_predict(table, model):
    empty = getattr(model, "classes_", np.empty(0))[:0]
    meta = ("answer", empty.dtype)
    return table.map_partitions(predict, dask.delayed(model), empty, meta=meta)


def same_frame(a, b):
    """The same to the bit; Dask has a string type of its own for an index."""
    assert a.dtypes.tolist() == b.dtypes.tolist()
    assert [a.columns.tolist(), a.index.tolist()] == [b.columns.tolist(), b.index.tolist()]
    np.testing.assert_array_equal(a.to_numpy(), b.to_numpy())


# --------------------------------------------------------------------------------------------
# Partitions, in this process
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "yes"], [3, 5], [False, True]], ids=repr)
def test_partitions_of_a_filtered_table_predict_what_the_table_does(labels):
    frame, y = make_sales()
    clf = small(n_estimators=2, n_jobs=1).fit(frame, np.array(labels)[y])
    table = dd.from_pandas(frame, npartitions=N_PARTITIONS)
    table, frame = table[table["size"] > 1], frame[frame["size"] > 1]
    with dask.config.set(scheduler="synchronous"):
        sizes = table.map_partitions(len).compute()
        assert {0, 1} < {*sizes}
        probabilities, answers = map_proba(table, clf), map_predict(table, clf)
        assert probabilities.columns.tolist() == labels
        same_frame(probabilities.compute(), predict_proba(frame, clf))
        expected = frame.assign(answer=clf.predict(frame))[["answer"]]
        same_frame(answers.to_frame().compute(), expected)
        same_frame(table.assign(answer=answers)[["answer"]].compute(), expected)


def test_partitions_may_have_categories_of_their_own():
    frame, y = make_sales()
    clf = small(n_jobs=1).fit(frame, y)
    parts = [frame.iloc[i : i + 16].copy() for i in range(0, 96, 16)]
    for part in parts:
        part["colour"] = part["colour"].astype(object).astype("category").cat.as_ordered()
    parts[0]["colour"] = parts[0]["colour"].cat.reorder_categories(["red", "blue", "green"])
    assert len({tuple(part["colour"].cat.categories) for part in parts}) > 1
    table = dd.from_map(lambda i: parts[i], range(len(parts)), meta=parts[0][:0])
    predicted = map_proba(table, clf).compute(scheduler="synchronous")
    same_frame(predicted, predict_proba(frame, clf))


# --------------------------------------------------------------------------------------------
# A cluster of two processes
# --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    """A client of two worker processes of a thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)  # workers would inherit it
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        yield client


def predict_and_look(part, clf):
    """Where a partition is predicted, whether the context was there before, and what is kept."""
    was_there = hasattr(clf, "context_nbytes_")
    clf.predict_proba(part)
    kept = [ref() for ref in budget._kept]
    seen = {
        "process": os.getpid(),
        "was_there": was_there,
        "n_sessions": len(sessions._sessions),
        "n_contexts": sum(one is not None and one.value is not None for one in kept),
        "n_threads": Runtime.resolve(clf.n_jobs).n_threads,
    }
    return pd.DataFrame(seen, part.index[:1])


def predict_and_die_once(part, clf, marker):
    """Predict, but be killed before the answer of one partition is out, the first time."""
    answer = predict_proba(part, clf)
    if "row 048" in part.index and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


@both
def test_a_cluster_predicts_the_same_bits(cls, client):
    frame, y = make_sales()
    model = small(cls, n_estimators=2).fit(frame, y)
    table = dd.from_pandas(frame, npartitions=N_PARTITIONS)
    expected = frame.assign(answer=model.predict(frame))[["answer"]]
    same_frame(map_predict(table, model).compute().to_frame(), expected)
    if cls is MitraClassifier:
        same_frame(map_proba(table, model).compute(), predict_proba(frame, model))


def test_a_worker_has_one_context_of_one_thread_and_a_session_for_each_of_its_two_graphs(client):
    frame, y = make_sales()
    clf = small().fit(frame, y)
    assert clf.n_jobs is None
    table = dd.from_pandas(frame, npartitions=N_PARTITIONS)
    client.run(clear_sessions)
    meta = {"process": int, "was_there": bool, "n_sessions": int, "n_contexts": int}
    meta["n_threads"] = int
    seen = table.map_partitions(predict_and_look, dask.delayed(clf), meta=meta).compute()
    assert len(seen) == N_PARTITIONS
    processes = {*seen["process"]}
    assert processes <= {*client.run(os.getpid).values()}
    assert sorted(seen["process"][~seen["was_there"]]) == sorted(processes)
    assert {*seen["n_sessions"]} == {2}
    assert {*seen["n_contexts"]} == {*seen["n_threads"]} == {1}


def test_an_estimator_travels_without_its_context(client):
    X, y = make_table(100, 10)
    clf = small(max_support=100).fit(X, y)
    expected = clf.predict_proba(X)
    support = clf.X_support_.nbytes + clf.y_support_.nbytes + clf.support_indices_.nbytes
    assert clf.context_nbytes_ > 1000 * support
    _, frames = serialize(clf)
    for n_bytes in (len(pickle.dumps(clf)), sum(map(len, frames))):
        assert n_bytes < 2 * support
    there = client.submit(MitraClassifier.predict_proba, clf, X).result()
    np.testing.assert_array_equal(there, expected, strict=True)


def test_a_search_on_the_cluster_has_the_same_scores(client):
    frame, y = make_sales()
    grid = {"max_support": [10, 40]}
    scores = []
    for backend in ("dask", "sequential"):
        with joblib.parallel_config(backend=backend):
            search = GridSearchCV(small(), grid, cv=3, scoring="neg_log_loss", error_score="raise")
            results = search.fit(frame, y).cv_results_
        scores.append([results[f"split{i}_test_score"].tolist() for i in range(3)])
    assert scores[0] == scores[1]
    assert len({*sum(scores[0], [])}) == 6


def test_a_killed_worker_loses_nothing(client, tmp_path):
    frame, y = make_sales()
    clf = small().fit(frame, y)
    table = dd.from_pandas(frame, npartitions=N_PARTITIONS)
    before, marker = {*client.run(os.getpid).values()}, tmp_path / "killed"
    meta = dict.fromkeys(clf.classes_, float)
    rest = dask.delayed(clf), marker
    predicted = table.map_partitions(predict_and_die_once, *rest, meta=meta).compute()
    same_frame(predicted, predict_proba(frame, clf))
    assert marker.exists()
    client.wait_for_workers(2)
    assert len(before - {*client.run(os.getpid).values()}) == 1


def test_the_guide_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_page(ROOT / "docs" / "guide" / "clusters.md") > 3
