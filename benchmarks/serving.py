"""How long a client of the service waits, with requests predicted together and one by one.

    python -m benchmarks.serving [--quick]

The service of docs/serving runs twice, once as it is and once with ``MITRA_BATCH_ROWS=1``. Clients
send one row at a time and wait for the answer. The two services take turns, round after round.
"""

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from sklearn_mitra import MitraClassifier

from ._tools import make_axes, make_parser, make_table, parse, plot_growth, print_table, write

SERVICES = {
    "together": {},
    "one by one": {"MITRA_BATCH_ROWS": "1", "MITRA_BATCH_MS": "0"},
}
PERCENTILES = {"median": 50, "95 %": 95, "99 %": 99}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--requests", type=int, default=100, help="of all clients, in a round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parse(parser)
    if options.quick:
        options.rows, options.features, options.requests, options.rounds = 64, 5, 32, 1
    results = compare(options)
    figure, (panel,) = make_axes(1)
    waits = {f"{s}, {p}": {} for s in SERVICES for p in ("median", "99 %")}
    for n_clients, by_service in results.items():
        for service, found in by_service.items():
            for percentile in ("median", "99 %"):
                waits[f"{service}, {percentile}"][n_clients] = found[percentile]
    plot_growth(panel, waits, "clients", "milliseconds")
    write(options, "serving", results, figure)


def compare(options):
    """By number of clients, then by service: milliseconds of a request, requests per second."""
    X, y, query = make_table(options.rows, options.requests, options.features)
    classifier = MitraClassifier(max_support=options.rows).fit(X, y)
    expected = classifier.predict_proba(query)
    bodies = [json.dumps({"rows": [{f"x{j}": v for j, v in enumerate(r)}]}) for r in query.tolist()]
    results = {}
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model.wlrn"
        classifier.save(path)
        ports = {n: stack.enter_context(running(path, s)) for n, s in SERVICES.items()}
        for n_clients in (1, 8, 32):
            waits = {name: [] for name in SERVICES}
            rates = {name: [] for name in SERVICES}
            for i in range(options.rounds + 1):
                for name, port in ports.items():
                    start = time.perf_counter()
                    asked = ask(port, bodies, n_clients)
                    seconds = time.perf_counter() - start
                    assert [answer for _, answer in asked] == expected.tolist()
                    if i:  # the first round only warms up
                        waits[name] += [1000 * wait for wait, _ in asked]
                        rates[name].append(len(bodies) / seconds)
            results[n_clients] = {
                name: {
                    **{p: float(np.percentile(waits[name], q)) for p, q in PERCENTILES.items()},
                    "requests per second": statistics.median(rates[name]),
                }
                for name in SERVICES
            }
    print_results(options, results)
    return results


def print_results(options, results):
    columns = [*PERCENTILES, "requests per second"]
    rows = []
    for n_clients, by_service in results.items():
        together, alone = by_service.values()
        ratios = [together[c] / alone[c] for c in columns]
        for name, found in by_service.items():
            rows.append([f"{n_clients}, {name}", *(found[c] for c in columns)])
        rows.append([f"{n_clients}, ratio", *ratios])
    title = (
        f"Milliseconds of a request of 1 row, mini, {options.rows} training rows x "
        f"{options.features} features"
    )
    print_table(title, ["clients", *columns], rows)


@contextmanager
def running(path, settings):
    """The port of a service that is ready, while the block runs."""
    folder = Path(__file__).parents[1] / "docs" / "serving"
    command = [sys.executable, "-m", "uvicorn", "--app-dir", folder, "service:app", "--port", "0"]
    environment = {**os.environ, **settings, "MITRA_MODEL": str(path)}
    process = subprocess.Popen(
        [*command, "--no-access-log"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        port, is_loaded = None, False
        while port is None or not is_loaded:
            line = process.stderr.readline()
            if not line or "ERROR" in line:
                raise RuntimeError(f"The service did not start. It needs '.[serve]'. {line}")
            found = re.search(r"running on http://.*:(\d+)", line)
            port = int(found[1]) if found else port
            is_loaded = is_loaded or "Loaded model" in line
        yield port
    finally:
        process.terminate()
        process.communicate()


def ask(port, bodies, n_clients):
    """Seconds and probabilities of each request; each client waits for one answer at a time."""

    def send(mine):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        asked = []
        for body in mine:
            start = time.perf_counter()
            connection.request("POST", "/predict", body)
            data = connection.getresponse().read()
            asked.append((time.perf_counter() - start, json.loads(data)["probabilities"][0]))
        connection.close()
        return asked

    with ThreadPoolExecutor(n_clients) as pool:
        parts = list(pool.map(send, [bodies[i::n_clients] for i in range(n_clients)]))
    return [parts[i % n_clients][i // n_clients] for i in range(len(bodies))]


if __name__ == "__main__":
    main()
