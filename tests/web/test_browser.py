"""A page in a real browser that predicts with onnxruntime-web, compared with Python."""

import functools
import json
import queue
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from browser import HERE, find_browser
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraClassifier

FLAGS = (
    "--headless",
    "--no-sandbox",  # which a container's root can't have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, and puts what is posted into a queue."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def __init__(self, posted, *args, **kwargs):
        self.posted = posted
        super().__init__(*args, **kwargs)

    def do_POST(self):  # noqa: N802
        self.posted.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def open_page(tmp_path):
    """A function that opens the page in a browser and returns what the page posts."""
    browser = find_browser()
    for name in ("page.html", "run_client.mjs", "node_modules"):
        (tmp_path / name).symlink_to((HERE / name).resolve())
    (tmp_path / "docs").symlink_to(HERE.parents[1] / "docs")
    posted = queue.Queue()
    handler = functools.partial(Handler, posted, directory=tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    processes = []

    def open_and_wait():
        url = f"http://127.0.0.1:{server.server_port}/page.html"
        command = [browser, *FLAGS, f"--user-data-dir={tmp_path}/profile", url]
        pipe = subprocess.DEVNULL
        processes.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe))
        return json.loads(posted.get(timeout=120))

    yield open_and_wait
    for process in processes:
        process.kill()
        process.wait()
    server.shutdown()
    server.server_close()


def test_a_page_predicts_what_python_does(open_page, classifier_file, tmp_path):
    X, y = load_wine(return_X_y=True)
    labels = np.array([1, 2, 5])[y]
    X_train, X_test, y_train, _ = train_test_split(X, labels, random_state=0)
    classifier = MitraClassifier(n_estimators=1).fit(X_train, y_train)
    classifier.save(tmp_path / "bundle.wlrn")
    (tmp_path / "model.onnx").symlink_to(classifier_file)
    job = {"bundle": "bundle.wlrn", "onnx": "model.onnx", "query": X_test.ravel().tolist()}
    (tmp_path / "job.json").write_text(json.dumps(job))
    result = open_page()
    assert "error" not in result, result["error"]
    assert "Chrome" in result["agent"]
    assert result["names"] == [1, 2, 5]
    assert result["labels"] == classifier.predict(X_test).tolist()
    expected = classifier.predict_proba(X_test)
    np.testing.assert_allclose(result["probabilities"], expected, rtol=0, atol=1e-5)
