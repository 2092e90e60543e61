"""How long an answer takes, beside models that answer the same question.

    python -m benchmarks.latency [--quick] [--full] [--tabicl]

The embedded checkpoint is compared with scikit-learn's models. ``--full`` adds a network of
75.7 million random weights, beside AutoGluon's implementation of it. ``--tabicl`` compares both
sizes with TabICL's classifier. A ratio above 1 says how many times longer Mitra takes.
"""

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from sklearn_mitra import MitraClassifier

from ._tools import (
    PRECISIONS,
    make_axes,
    make_parser,
    make_table,
    measure_steps,
    parse,
    plot_steps,
    print_ratios,
    write,
)

TITLES = {"mini": "mini, 4 views", "full": "75.7 M parameters, 1 view", "tabicl": "TabICL"}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--query-rows", type=int, default=1000, help="rows to predict at once")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9, help="with mini")
    parser.add_argument("--full", action="store_true", help="75.7 M parameters, too")
    parser.add_argument("--full-repeats", type=int, default=5, help="with 75.7 M parameters")
    parser.add_argument("--tabicl", action="store_true", help="beside TabICL, too")
    parser.add_argument("--tabicl-repeats", type=int, default=3, help="beside TabICL")
    options = parse(parser)
    if options.quick:
        options.rows, options.query_rows, options.features = 64, 100, 5
        options.repeats = options.full_repeats = options.tabicl_repeats = 1
    # These say what is missing before anything is measured.
    if options.full:
        from . import _full
    if options.tabicl:
        from . import _tabicl
    results = {"mini": compare_mini(options)}
    if options.full:
        results["full"] = _full.compare(options)
    if options.tabicl:
        results["tabicl"] = _tabicl.compare(options)
    figure, axes = make_axes(len(results))
    for panel, (name, part) in zip(axes, results.items()):
        plot_steps(panel, TITLES[name], part["seconds"])
    write(options, "latency", results, figure)


def compare_mini(options):
    X, y, query = make_table(options.rows, options.query_rows, options.features)
    n_trees = 10 if options.quick else 300
    models = {
        "mitra": MitraClassifier(max_support=options.rows),
        **{p: MitraClassifier(max_support=options.rows, precision=p) for p in PRECISIONS},
        "forest": RandomForestClassifier(n_trees, n_jobs=-1, random_state=0),
        "boosting": HistGradientBoostingClassifier(random_state=0),
    }
    seconds = measure_steps(models, X, y, query, options.repeats)
    title = f"mini, 4 views, {options.rows} training rows x {options.features} features, seconds"
    return {"seconds": seconds, "ratios": print_ratios(title, seconds, ["forest", "boosting"])}


if __name__ == "__main__":
    main()
