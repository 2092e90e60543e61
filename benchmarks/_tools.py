"""What the scripts share: taking turns, tables, and files of results."""

import argparse
import importlib.util
import inspect
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import make_classification

from sklearn_mitra import MitraClassifier

# Seconds before a task is timed: the threads of the one before spin for a while after their work.
_PAUSE = 0.1

# Other kinds of arithmetic that this version of the estimators offers.
PRECISIONS = ["int8"] if "precision" in inspect.signature(MitraClassifier).parameters else []

_PACKAGES = (
    "sklearn-mitra",
    "onnxruntime",
    "numpy",
    "scikit-learn",
    "torch",
    "autogluon.tabular",
    "tabicl",
    "xgboost",
    "lightgbm",
    "catboost",
)
_PUBLISHED = Path(__file__).parent / "results"


def make_parser(description):
    """The arguments that all scripts have.

    Parameters
    ----------
    description : str
        A module's docstring, of which the first line is taken.

    Returns
    -------
    parser : argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="for the JSON and the plot; default: benchmarks/results, or a new folder if --quick",
    )
    return parser


def parse(parser):
    """Parse the command line, and see that nothing is missing before anything is measured.

    Returns
    -------
    options : argparse.Namespace
        With ``out`` an existing folder.
    """
    options = parser.parse_args()
    for package in ("matplotlib", "safetensors"):
        if importlib.util.find_spec(package) is None:
            sys.exit(f"The benchmarks need {package}: pip install '.[benchmarks]'")
    if options.out is None:
        options.out = Path(tempfile.mkdtemp()) if options.quick else _PUBLISHED
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def measure(tasks, repeats, warm_up=True):
    """Time tasks in turns, so that what else the machine does falls on all of them.

    Parameters
    ----------
    tasks : dict of str to (callable or (callable, callable))
        Of a pair, the first prepares the second and is not timed.
    repeats : int
        Rounds that count.
    warm_up : bool, default=True
        Whether one more round comes before these.

    Returns
    -------
    seconds : dict of str to float
        Medians.
    """
    seconds = {name: [] for name in tasks}
    for _ in range(repeats + warm_up):
        for name, task in tasks.items():
            prepare, run = task if isinstance(task, tuple) else (None, task)
            if prepare:
                prepare()
            time.sleep(_PAUSE)
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[-repeats:]) for name, times in seconds.items()}


def measure_steps(models, X, y, query, repeats):
    """Time the three steps of every comparison of whole estimators.

    Parameters
    ----------
    models : dict of str to classifier
    X, y, query : ndarray
        As :func:`make_table` returns them.
    repeats : int

    Returns
    -------
    seconds : dict of str to dict of str to float
        Medians, by step, then by model.
    """
    steps = {
        "fit and 1 row": lambda model: _predict(model.fit(X, y), query[:1]),
        "1 row, again": lambda model: _predict(model, query[:1]),
        f"{len(query)} rows, again": lambda model: _predict(model, query),
    }
    seconds = {}
    for step, run in steps.items():
        tasks = {name: lambda run=run, m=model: run(m) for name, model in models.items()}
        seconds[step] = measure(tasks, repeats)
    return seconds


def _predict(model, rows):
    assert np.isfinite(model.predict_proba(rows)).all()


def make_table(n_train, n_query, n_features, dtype=np.float64):
    """A table of two classes, of at least 3 features.

    Returns
    -------
    X, y : ndarray of shape (n_train, n_features) and (n_train,)
    query : ndarray of shape (n_query, n_features)
    """
    X, y = make_classification(
        n_train + n_query,
        n_features,
        n_informative=(n_features + 1) // 2,
        n_redundant=0,
        random_state=0,
    )
    X = X.astype(dtype)
    return X[:n_train], y[:n_train], X[n_train:]


def print_table(title, header, rows):
    """Print a table in Markdown, with three significant digits.

    Parameters
    ----------
    title : str
    header : list of str
    rows : list of list of (str, int or float)
    """
    cells = [header, *([_format(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    print(f"\n{title}\n")
    for line in (cells[0], rule, *cells[1:]):
        pairs = list(zip(line, widths))
        first, *others = [pairs[0][0].ljust(pairs[0][1]), *(c.rjust(w) for c, w in pairs[1:])]
        print("| " + " | ".join([first, *others]) + " |", flush=True)


def print_ratios(title, seconds, peers):
    """Print seconds and ratios, with a row for every step and kind of arithmetic.

    Parameters
    ----------
    title : str
    seconds : dict of str to dict of str to float
        By step, then by model.
    peers : list of str
        The models to compare with.

    Returns
    -------
    ratios : dict of str to dict of str to float
        By row, then by peer.
    """
    rows, ratios = [], {}
    for step, times in seconds.items():
        for ours in ("mitra", *PRECISIONS):
            name = step if ours == "mitra" else f"{step}, {ours}"
            ratios[name] = {peer: times[ours] / times[peer] for peer in peers}
            rows.append([name, times[ours], *(times[p] for p in peers), *ratios[name].values()])
    print_table(title, ["", "mitra", *peers, *(f"ratio to {peer}" for peer in peers)], rows)
    return ratios


def _format(value):
    if not isinstance(value, float):
        return str(value)
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(0, digits)}f}"


def make_axes(n_panels):
    """A figure and its panels, two in a row.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
    """
    from matplotlib.figure import Figure  # without pyplot, a file is drawn by Agg

    n_rows, n_columns = math.ceil(n_panels / 2), min(2, n_panels)
    figure = Figure(figsize=(5 * n_columns, 3.6 * n_rows), layout="constrained")
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for panel in axes:
        panel.grid(alpha=0.3)
    return figure, axes


def plot_growth(panel, lines, xlabel, ylabel):
    """Draw lines on logarithmic axes, where a straight line is a power.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
    lines : dict of str to dict of int to float
        By label; y by x.
    xlabel, ylabel : str
    """
    from matplotlib.ticker import LogFormatter

    for label, points in lines.items():
        panel.plot(list(points), list(points.values()), marker="o", label=label)
    panel.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    panel.set_xticks(list(points), labels=[str(x) for x in points])
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter(LogFormatter())
    panel.legend(fontsize="small")


def plot_steps(panel, title, seconds):
    """Draw a line of points for every step, in a colour for every model."""
    for model in next(iter(seconds.values())):
        times = [by_model[model] for by_model in seconds.values()]
        panel.plot(times, range(len(seconds)), "o", label=model, alpha=0.8)
    panel.set(title=title, xlabel="seconds", xscale="log", ylim=(len(seconds) - 0.5, -0.5))
    panel.set_yticks(range(len(seconds)), labels=list(seconds))
    panel.legend(fontsize="x-small")


def write(options, name, results, figure):
    """Write ``name.json`` and ``name.png`` into ``options.out``.

    Parameters
    ----------
    options : argparse.Namespace
        Go into the JSON, too, but for the folder.
    name : str
    results : dict
    figure : matplotlib.figure.Figure
    """
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    report = {"settings": settings, "machine": _facts(), "results": results}
    (options.out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    figure.savefig(options.out / f"{name}.png", dpi=110)
    print(f"\n{options.out / name}.json and .png written")


def _facts():
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
    return {"cpu": _cpu_model(), "cores": joblib.cpu_count(), "versions": versions}


def _cpu_model():
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
