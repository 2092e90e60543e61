"""How much memory predictions take, and whether it grows. On Linux only.

    python -m benchmarks.memory [--quick] [--full]

Every figure is of a process of its own, which reads its peak from the kernel. ``--full`` adds a
network of 75.7 million random weights: on wide tables, with and without memory of the support, and
how many copies of its weights there are.
"""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sklearn_mitra import MitraClassifier

from ._checkpoints import LARGE, TINY, write_checkpoint
from ._child import in_child
from ._tools import PRECISIONS, make_axes, make_parser, make_table, parse, print_table, write


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--full", action="store_true", help="75.7 M parameters, too")
    options = parse(parser)
    if not os.path.exists("/proc/self/status"):
        sys.exit("The peak of a process is read from /proc/self/status, which only Linux has.")
    if options.quick:
        options.rows = [100]
    results = {"query_rows": query_rows(options), "loop": loop(options)}
    if options.full:
        results["full"] = full(options)
    write(options, "memory", results, plot(results))


def query_rows(options):
    size = (64, 5) if options.quick else (512, 20)
    results = {n: in_child("memory", "predict_rows", n, *size) for n in options.rows}
    rows = []
    for n, result in results.items():
        result["above"] = result["peak"] - result["input"] - result["output"]
        keys = ("input", "output", "before", "peak", "above")
        rows.append([str(n), *(result[key] / 1e6 for key in keys)])
    title = f"Memory in MB, mini, 1 view, {size[0]} support rows x {size[1]} features"
    header = ["query rows", "input", "output", "before", "peak", "peak less input and output"]
    print_table(title, header, rows)
    return results


def loop(options):
    """Memory of a process after every tenth fit and prediction, by their number."""
    n, size = (30, (32, 5)) if options.quick else (1000, (128, 10))
    results = in_child("memory", "fit_and_predict", n, *size)
    at_20, at_end = results["20"], results[str(n)]
    rows = [[str(n), at_20 / 1e6, at_end / 1e6, f"{(at_end - at_20) / 1e6:+.1f}"]]
    header = ["fits and predictions", "after the 20th", "after the last", "growth"]
    title = f"Memory in MB, mini, {size[0]} support rows x {size[1]} features"
    print_table(title, header, rows)
    return results


def full(options):
    config, size = (TINY, (32, 10)) if options.quick else (LARGE, (512, 100))
    kinds = {"context kept": {"cache_context": True}, "not kept": {"cache_context": False}}
    if not options.quick:
        kinds |= {f"{p}, kept": {"cache_context": True, "precision": p} for p in PRECISIONS}
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(folder, config)
        weights = os.path.getsize(Path(folder, "model.safetensors"))
        peaks = {
            name: in_child("memory", "predict_wide", folder, *size, kw)
            for name, kw in kinds.items()
        }
        shared = in_child("memory", "share_weights", folder)
    rows = [[name, weights / 1e6, r["context"] / 1e6, r["peak"] / 1e6] for name, r in peaks.items()]
    title = (
        f"Memory in MB, random weights, {size[0]} support and 100 query rows x {size[1]} features"
    )
    print_table(title, ["", "weights", "context", "peak"], rows)
    rows = [[name, size / 1e6, size / weights] for name, size in shared.items()]
    title = "Memory in MB that isn't in files, more than before the first prediction"
    print_table(title, ["after", "memory", "copies of the weights"], rows)
    by_kind = {name: result["peak"] for name, result in peaks.items()}
    return {"weights": weights, "peaks": by_kind, "shared": shared}


def plot(results):
    figure, (left, right) = make_axes(2)
    for key, label in [("peak", "peak"), ("above", "peak less input and output")]:
        points = {n: result[key] / 1e6 for n, result in results["query_rows"].items()}
        left.plot(list(points), list(points.values()), marker="o", label=label)
    left.set(xscale="log", xlabel="query rows", ylabel="MB")
    left.legend(fontsize="small")
    right.plot([int(n) for n in results["loop"]], [size / 1e6 for size in results["loop"].values()])
    right.set(xlabel="fits and predictions", ylabel="MB")
    for panel in (left, right):
        panel.set_ylim(0, 1.1 * panel.get_ylim()[1])
    return figure


# ---- in a process of its own ---------------------------------------------------------------------


def predict_rows(n_query, n_support, n_features):
    X, y, _ = make_table(n_support, 1, n_features)
    model = MitraClassifier(max_support=n_support, n_estimators=1).fit(X, y)
    model.predict_proba(X[:1])
    before = read_status("VmHWM")
    query = np.random.default_rng(0).standard_normal((n_query, n_features))
    output = model.predict_proba(query)
    peak = read_status("VmHWM")
    return {"before": before, "input": query.nbytes, "output": output.nbytes, "peak": peak}


def fit_and_predict(n, n_support, n_features):
    X, y, query = make_table(n_support, 10, n_features)
    sizes = {}
    for i in range(1, n + 1):
        MitraClassifier(n_estimators=1, random_state=i).fit(X, y).predict_proba(query)
        if i % 10 == 0:
            sizes[i] = read_status("VmRSS")
    return sizes


def predict_wide(folder, n_support, n_features, arguments):
    X, y, query = make_table(n_support, 100, n_features)
    model = MitraClassifier(model=folder, max_support=n_support, n_estimators=1, **arguments)
    model.fit(X, y).predict_proba(query)
    return {"context": model.context_nbytes_, "peak": read_status("VmHWM")}


def share_weights(folder):
    """Memory that isn't in files, on tables so small that nothing but the weights counts."""
    X, y, query = make_table(40, 8, 3)
    model = MitraClassifier(model=folder, n_estimators=1)
    MitraClassifier(n_estimators=1).fit(X, y).predict(query)  # what all predictions import
    start, added = read_status("RssAnon"), {}

    def note(step):
        added[step] = read_status("RssAnon") - start

    model.fit(X, y).predict(query)
    note("a first prediction")
    other = clone(model).fit(X[::2], y[::2])
    other.predict(query)
    note("one of another estimator")
    cross_val_score(model, X, y, cv=4)
    note("cross-validation in four folds")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(other.predict, [query] * 16))
    note("predictions in eight threads")
    return added


def read_status(key):
    """A size in bytes, as the kernel counts it.

    VmHWM is the peak of this process; getrusage's ru_maxrss starts with that of its parent.
    """
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))


if __name__ == "__main__":
    main()
