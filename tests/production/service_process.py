"""The service of docs/serving in a process of its own, and clients for it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from snippets import ROOT

_WAIT = 120  # seconds at most: on a busy machine, the imports alone take many


class RunningService:
    """Run the service while the ``with`` block runs.

    Parameters
    ----------
    model : Path
        The file to serve, which need not exist yet.
    **settings : object
        By name, such as ``max_rows=5``.
    """

    def __init__(self, model, **settings):
        settings = {f"MITRA_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment = {**os.environ, **settings, "MITRA_MODEL": str(model)}
        self._log = model.with_suffix(".log")

    def __enter__(self):
        command = ["-m", "uvicorn", "--app-dir", ROOT / "docs" / "serving", "service:app"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, "--port", "0"],
                cwd=ROOT,
                env=self._environment,
                stderr=log,
                stdout=subprocess.DEVNULL,
            )
        return self

    def __exit__(self, *exception):
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(_WAIT) in (0, -signal.SIGTERM), self.read_log()

    def read_log(self):
        return self._log.read_text()

    @property
    def port(self):
        """The port, once there is one."""
        return int(wait_for(lambda: re.search(r"running on http://.*:(\d+)", self.read_log()))[1])

    def ask(self, method, path, body=None):
        """The status, headers and parsed body of one response, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_WAIT)
        status, answer, headers = ask(connection, method, path, body)
        connection.close()
        return status, answer, headers

    def predict(self, rows):
        """The status and parsed body of the response to these rows."""
        return self.ask("POST", "/predict", {"rows": rows})[:2]

    def predict_from_clients(self, requests, n_clients):
        """The same for each of several requests, sent by clients that each wait for their answers.

        Parameters
        ----------
        requests : list of list of dict
        n_clients : int
        """

        def send(mine):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_WAIT)
            asked = [ask(connection, "POST", "/predict", {"rows": rows})[:2] for rows in mine]
            connection.close()
            return asked

        with ThreadPoolExecutor(n_clients) as pool:
            parts = list(pool.map(send, [requests[i::n_clients] for i in range(n_clients)]))
        return [parts[i % n_clients][i // n_clients] for i in range(len(requests))]


def ask(connection, method, path, body=None):
    """Send a body: a value that becomes JSON, bytes, or an iterator of bytes."""
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    connection.request(method, path, data)
    response = connection.getresponse()
    return response.status, json.loads(response.read()), response.headers


def wait_for(condition):
    """What a function returns, once it is true."""
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("It did not happen.")
