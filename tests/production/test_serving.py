"""The service of docs/serving: answers, limits and reloading, over HTTP to a real server."""

import asyncio
import hashlib
import http.client
import json
import re
import runpy
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from service_process import RunningService, ask, wait_for
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from snippets import ROOT, run_page
from tables import make_json_table

from sklearn_mitra import MitraClassifier, MitraRegressor

N_ROWS, MAX_ROWS, MAX_BYTES = 96, 8, 2000


FRAME = make_json_table(N_ROWS)
LABELS = np.where(FRAME["count"] > 4, "many", "few")
# as JSON has them: null where a value is missing
ROWS = [{k: None if pd.isna(v) else v for k, v in r.items()} for r in FRAME.to_dict("records")]


class Served:
    """A running service of one of two bundles, and what each of them predicts."""

    def __init__(self, path):
        self.path, self.bundles, self.probabilities = path, [], {}
        for seed in (1, 2):
            estimator = MitraClassifier(max_support=40, n_estimators=2, random_state=seed)
            self.bundles.append(estimator.fit(FRAME, LABELS).save())
            self.probabilities[name_of(self.bundles[-1])] = estimator.predict_proba(FRAME)
        path.write_bytes(self.bundles[0])
        self.service = RunningService(
            path, max_rows=MAX_ROWS, max_bytes=MAX_BYTES, batch_rows=16, watch_seconds=0.05
        )

    def status(self):
        return self.service.ask("GET", "/health/ready")[1]

    def use(self, data):
        """Replace the file, and wait for a change of the status that this makes."""
        former = self.status()
        temporary = self.path.with_suffix(".new")
        temporary.write_bytes(data)
        temporary.replace(self.path)
        return wait_for(lambda: (status := self.status()) != former and status)

    def check(self, asked, indices):
        """See that an answer is to the bit what the estimator that it names predicts of rows."""
        status, answer = asked
        assert status == 200, answer
        probabilities = self.probabilities[answer["model"]][indices]
        assert answer["classes"] == ["few", "many"]
        assert answer["probabilities"] == probabilities.tolist()
        assert answer["predictions"] == np.array(["few", "many"])[probabilities.argmax(1)].tolist()


def name_of(bundle):
    return hashlib.sha256(bundle).hexdigest()[:12]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("served") / "model.wlrn")
    with served.service as service:
        wait_for(lambda: service.ask("GET", "/health/ready")[0] == 200)
        yield served


@pytest.mark.parametrize("n_clients", [1, 8, 32])
def test_every_client_gets_what_the_estimator_predicts(served, n_clients):
    starts = range(0, N_ROWS, 3 if n_clients == 1 else 1)
    indices = [[(start + i) % N_ROWS for i in range(1 + start % 4)] for start in starts]
    requests = [[ROWS[i] for i in rows] for rows in indices]
    asked = served.service.predict_from_clients(requests, n_clients)
    for answered, rows in zip(asked, indices):
        served.check(answered, rows)


ROW = dict(ROWS[1])
WRONG = {
    "no JSON": (b"{", "body: Invalid JSON"),
    "no object": ([ROW], "body: Input should be an object"),
    "no rows": ({"rows": []}, "rows: List should have at least 1 item"),
    "a row that is a list": ({"rows": [ROW, [1, 2]]}, "rows.1: Input should be an object"),
    "a misspelt field": ({"rows": [ROW], "proba": True}, "proba: Extra inputs"),
    "a column too few": ({"rows": [{"size": 1, "count": 2, "day": None}]}, "value: ['kind']"),
    "a column too many": ({"rows": [{**ROW, "Size": 1}]}, "Unknown: ['Size']"),
    "text in a number": ({"rows": [{**ROW, "size": "big"}]}, "column 'size', the argument must"),
    "infinity": ({"rows": [{**ROW, "size": float("inf")}]}, "too large for float32 in column 'si"),
    "too many digits": ({"rows": [{**ROW, "count": 10**400}]}, "for float32 in column 'count'"),
    "a number in a category": ({"rows": [{**ROW, "kind": 7}]}, "column 'kind', training held cat"),
    "a list in a category": ({"rows": [{**ROW, "kind": ["red"]}]}, "column 'kind', training held"),
    "no date": ({"rows": [{**ROW, "day": "soon"}]}, "column 'day', training held dates; got 'so"),
}


@pytest.mark.parametrize(("body", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_named(served, body, message):
    status, answer, _ = served.service.ask("POST", "/predict", body)
    assert status == 422
    assert message in answer["detail"]


def test_a_wrong_row_is_an_error_of_its_sender_alone(served):
    wrong = [{**ROW, "day": "soon"}]
    requests = [wrong if i % 3 == 1 else [ROWS[i]] for i in range(36)]
    for i, asked in enumerate(served.service.predict_from_clients(requests, 12)):
        if i % 3 == 1:
            assert asked[0] == 422 and "'day'" in asked[1]["detail"]
        else:
            served.check(asked, [i])


def test_requests_of_too_many_rows_or_bytes_are_refused(served):
    status, answer = served.service.predict([ROW] * (MAX_ROWS + 1))
    assert status == 413 and f"at most {MAX_ROWS} rows. Got {MAX_ROWS + 1}" in answer["detail"]
    served.check(served.service.predict(ROWS[:MAX_ROWS]), range(MAX_ROWS))
    long = {"rows": [{**ROW, "kind": "x" * MAX_BYTES}]}
    status, answer, _ = served.service.ask("POST", "/predict", long)
    assert status == 413 and f"at most {MAX_BYTES} bytes" in answer["detail"]


def test_the_bytes_of_a_body_of_unknown_length_are_counted(served):
    parts = (b" " * 100 for _ in range(1000))  # sent in chunks, without a Content-Length
    status, answer, _ = served.service.ask("POST", "/predict", parts)
    assert status == 413 and f"at most {MAX_BYTES} bytes" in answer["detail"]
    served.check(served.service.predict([ROW]), [1])


def test_a_new_file_is_loaded_under_load(served):
    answered, done = [], threading.Event()

    def keep_asking(i):
        while True:
            is_last = done.is_set()
            answered.append((i, served.service.predict([ROWS[i]])))
            if is_last:
                return

    for bundle in served.bundles[::-1]:
        answered.clear()
        done.clear()
        with ThreadPoolExecutor(8) as pool:
            clients = pool.map(keep_asking, range(8))
            try:
                wait_for(lambda: len(answered) > 8)
                assert served.use(bundle) == {"model": name_of(bundle), "error": None}
            finally:
                done.set()
            list(clients)  # raises what was raised there
        for i, asked in answered:
            served.check(asked, [i])
        assert {asked[1]["model"] for _, asked in answered} == {*served.probabilities}


def test_a_damaged_file_keeps_the_former_model(served):
    good, name = served.bundles[0], name_of(served.bundles[0])
    damaged = bytearray(good)
    damaged[-1] ^= 1
    status = served.use(damaged)
    assert status["model"] == name and "was not loaded: " in status["error"]
    assert served.service.ask("GET", "/health/ready")[0] == 200
    served.check(served.service.predict([ROW]), [1])
    assert served.service.ask("POST", "/reload")[:2] == (409, status)
    assert served.use(good) == {"model": name, "error": None}
    assert served.service.ask("POST", "/reload")[:2] == (200, {"model": name, "error": None})


@pytest.mark.parametrize("is_whole", [False, True], ids=["body", "answer"])
def test_a_client_that_leaves_is_at_most_a_line_in_the_log(served, is_whole):
    """Amid its body, or while the answer is computed."""
    body = json.dumps({"rows": [ROW] * MAX_ROWS}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    before = served.service.read_log()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", served.service.port)) as client:
            client.sendall(head.encode() + (body if is_whole else body[:-1]))
    n_lines = 0 if is_whole else 3
    wait_for(lambda: served.service.read_log()[len(before) :].count("\n") >= n_lines)
    served.check(served.service.predict([ROW]), [1])
    added = served.service.read_log()[len(before) :].splitlines()
    assert len(added) == n_lines
    assert all(line.endswith("A client left before its request was complete.") for line in added)


def test_nothing_went_wrong_in_the_server(served):
    assert "Traceback" not in served.service.read_log()


def test_before_there_is_a_model_and_with_a_full_queue(tmp_path):
    """The model is a pickle, of a pipeline whose table has no names."""
    X = FRAME[["size", "count"]].to_numpy()
    pipeline = make_pipeline(StandardScaler(), MitraRegressor(max_support=30, n_estimators=1))
    expected = pipeline.fit(X, X[:, 1]).predict(X)
    rows = [{"x0": row["size"], "x1": row["count"]} for row in ROWS]
    path = tmp_path / "model.joblib"
    settings = {"batch_ms": 1000, "max_waiting": 1, "watch_seconds": 0.05}
    with RunningService(path, **settings) as service:
        assert service.ask("GET", "/health/live")[:2] == (200, {"live": True})
        status, answer, headers = service.ask("POST", "/predict", {"rows": rows})
        assert status == 503 and "No such file" in answer["detail"] and headers["Retry-After"]
        assert service.ask("GET", "/health/ready")[0] == 503
        joblib.dump(pipeline, path)
        wait_for(lambda: service.ask("GET", "/health/ready")[0] == 200)
        status, answer = service.predict(rows)
        assert status == 200 and answer["predictions"] == expected.tolist()
        assert {*answer} == {"model", "predictions"}
        connections = [http.client.HTTPConnection("127.0.0.1", service.port) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            body = {"rows": rows[:1]}
            asked = list(pool.map(lambda c: ask(c, "POST", "/predict", body), connections))
        statuses = {status for status, _, _ in asked}
        assert statuses == {200, 429}
        assert all(headers["Retry-After"] == "1" for s, _, headers in asked if s == 429)
        for connection in connections:
            connection.close()


@pytest.fixture
def program():
    """What the program defines."""
    return runpy.run_path(str(ROOT / "docs" / "serving" / "service.py"))


@pytest.mark.parametrize("columns", [["size", "count", "kind"], None], ids=["frame", "array"])
def test_the_context_is_cached_once_a_model_is_loaded(columns, program, tmp_path):
    table = FRAME[["size", "count"]].to_numpy() if columns is None else FRAME[columns]
    classifier = MitraClassifier(max_support=30, n_estimators=1).fit(table, LABELS)
    classifier.save(tmp_path / "model.wlrn")
    assert program["load_model"](tmp_path / "model.wlrn")[0].context_nbytes_ > 0


def test_the_example_of_the_guide_is_answered_as_it_says(program, tmp_path, monkeypatch):
    page = ROOT / "docs" / "guide" / "serving.md"
    monkeypatch.chdir(tmp_path)
    run_page(page)
    text = page.read_text(encoding="utf-8")
    (body,) = re.findall(r"--data '(.*?)'", text, re.DOTALL)
    (shown,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = json.loads(shown)
    model = program["load_model"](Path("model.wlrn"))
    (answer,) = program["predict"](model, [program["Query"].model_validate_json(body).rows])
    assert answer.keys() == shown.keys()
    assert answer["predictions"] == shown["predictions"] and answer["classes"] == shown["classes"]
    np.testing.assert_allclose(answer["probabilities"], shown["probabilities"], atol=1e-3)


class Recording(MitraClassifier):
    def predict_proba(self, X):
        self.sizes.append(len(X))
        return super().predict_proba(X)


def test_what_waits_is_predicted_together(program):
    estimator = Recording(max_support=30, n_estimators=1).fit(FRAME, LABELS)
    estimator.sizes = []

    async def run():
        service = program["Service"]()
        service.model = estimator, "name"
        futures = [asyncio.get_running_loop().create_future() for _ in range(90)]
        for i, future in enumerate(futures):
            service.queue.put_nowait((ROWS[i : i + 3], future))
        futures[7].cancel()  # as if its client had gone
        worker = asyncio.create_task(service.work())
        answers = await asyncio.gather(*futures, return_exceptions=True)
        worker.cancel()
        return answers

    answers = asyncio.run(run())
    assert estimator.sizes == [258, 12]  # the first batch ends with the request that reaches 256
    probabilities = estimator.predict_proba(FRAME)
    for i, answer in enumerate(answers):
        if i != 7:
            assert answer["probabilities"] == probabilities[i : i + 3].tolist()
