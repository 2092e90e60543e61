"""How many rows per second, and how long a search over parameters takes.

    python -m benchmarks.throughput [--quick]

Rows per second against the number of rows to predict, with the embedded checkpoint in 4 views
and in 1, beside a random forest; and a grid search with one and with two workers.
"""

from joblib.externals.loky import get_reusable_executor
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

from sklearn_mitra import MitraClassifier

from ._tools import (
    make_axes,
    make_parser,
    make_table,
    measure,
    parse,
    plot_growth,
    print_table,
    write,
)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parse(parser)
    if options.quick:
        options.rows, options.features, options.repeats = 64, 5, 1
    results = {"rows_per_second": rows_per_second(options), "grid_search": grid_search(options)}
    write(options, "throughput", results, plot(results["rows_per_second"]))


def rows_per_second(options):
    """By model, then by number of rows."""
    counts = [1, 10, 100] if options.quick else [1, 10, 100, 1000, 10000]
    X, y, query = make_table(options.rows, counts[-1], options.features)
    n_trees = 10 if options.quick else 300
    models = {
        "mitra, 4 views": MitraClassifier(max_support=options.rows, n_estimators=4),
        "mitra, 1 view": MitraClassifier(max_support=options.rows, n_estimators=1),
        "forest": RandomForestClassifier(n_trees, n_jobs=-1, random_state=0),
    }
    rates = {name: {} for name in models}
    for model in models.values():
        model.fit(X, y)
    for count in counts:
        tasks = {n: lambda m=m, c=count: m.predict_proba(query[:c]) for n, m in models.items()}
        for name, seconds in measure(tasks, options.repeats).items():
            rates[name][count] = count / seconds
    rows = [[str(count), *(rates[name][count] for name in models)] for count in counts]
    title = f"Rows per second, mini, {options.rows} training rows x {options.features} features"
    print_table(title, ["rows at once", *models], rows)
    return rates


def grid_search(options):
    """Seconds for 3 values of ``max_support`` with 3 folds each, and the refit."""
    n = options.rows
    X, y, _ = make_table(n, 1, options.features)
    grid = {"max_support": [n // 8, n // 4, n // 2]}
    model = MitraClassifier(n_estimators=1 if options.quick else None)

    def search(n_jobs):
        GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X, y)

    tasks = {
        "n_jobs=1": lambda: search(1),
        "n_jobs=2, new workers": (stop_workers, lambda: search(2)),
        "n_jobs=2, the same workers": lambda: search(2),
    }
    seconds = measure(tasks, options.repeats, warm_up=False)
    rows = [[name, time, seconds["n_jobs=1"] / time] for name, time in seconds.items()]
    title = f"Grid search over max_support {grid['max_support']}, 3 folds, seconds"
    print_table(title, ["", "seconds", "times as fast"], rows)
    stop_workers()
    return seconds


def stop_workers():
    get_reusable_executor().shutdown(wait=True)


def plot(rates):
    figure, (panel,) = make_axes(1)
    plot_growth(panel, rates, "rows at once", "rows per second")
    return figure


if __name__ == "__main__":
    main()
