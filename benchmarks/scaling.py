"""How the cost of a prediction grows with the table.

    python -m benchmarks.scaling [--quick]

The first prediction (with the fit) and a later one, with the embedded checkpoint, against support
rows, query rows, features and views, and what ``estimate_cost`` says of them. What isn't varied
stays at 256 support rows, 100 query rows, 20 features and 1 view.
"""

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

BASE = {"support rows": 256, "query rows": 100, "features": 20, "views": 1}
VALUES = {
    "support rows": [32, 64, 128, 256, 512, 1024, 2048],
    "query rows": [1, 10, 100, 1000, 10000],
    "features": [5, 10, 20, 50, 100, 200],
    "views": [1, 2, 4, 8],
}
QUICK_BASE = {"support rows": 32, "query rows": 10, "features": 5, "views": 1}
QUICK_VALUES = {
    "support rows": [16, 64],
    "query rows": [1, 100],
    "features": [3, 10],
    "views": [1, 2],
}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parse(parser)
    base, values = BASE, VALUES
    if options.quick:
        base, values, options.repeats = QUICK_BASE, QUICK_VALUES, 1
    results = {name: vary(name, values[name], base, options.repeats) for name in values}
    write(options, "scaling", {"base": base, "seconds": results}, plot(results))


def vary(name, values, base, repeats):
    """Seconds of the first and of a later prediction, by value; all of them take turns."""
    tasks, estimates = {}, {}
    for value in values:
        size = {**base, name: value}
        X, y, query = make_table(size["support rows"], size["query rows"], size["features"])
        model = MitraClassifier(max_support=len(X), n_estimators=size["views"]).fit(X, y)
        estimates[value] = model.estimate_cost(len(query))
        tasks["fit and first", value] = lambda m=model, X=X, y=y, q=query: m.fit(X, y).predict(q)
        tasks["later", value] = lambda m=model, q=query: m.predict(q)
    seconds = measure(tasks, repeats)
    by_kind = {kind: {v: seconds[kind, v] for v in values} for kind in ("fit and first", "later")}
    by_kind["first, estimated"] = {v: cost.first_seconds for v, cost in estimates.items()}
    by_kind["later, estimated"] = {v: cost.later_seconds for v, cost in estimates.items()}
    rows = [[str(value), *(by_value[value] for by_value in by_kind.values())] for value in values]
    print_table(f"Seconds against {name}", [name, *by_kind], rows)
    return by_kind


def plot(results):
    figure, axes = make_axes(len(results))
    for panel, (name, by_kind) in zip(axes, results.items()):
        plot_growth(panel, by_kind, name, "seconds")
    return figure


if __name__ == "__main__":
    main()
