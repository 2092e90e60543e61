"""How long an answer takes, beside models that answer the same question.

    python -m benchmarks.latency [--quick] [--full]

The embedded checkpoint is compared with scikit-learn's models. ``--full`` adds a network of
75.7 million random weights, beside AutoGluon's implementation of it. A ratio above 1 says how
many times longer Mitra takes.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from sklearn_mitra import MitraClassifier

from ._tools import PRECISIONS, make_axes, make_parser, make_table, measure, parse, print_table
from ._tools import write as write_results

TITLES = {"mini": "mini, 4 views", "full": "75.7 M parameters, 1 view"}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9, help="with mini")
    parser.add_argument("--full", action="store_true", help="75.7 M parameters, too")
    parser.add_argument("--full-repeats", type=int, default=5, help="with 75.7 M parameters")
    options = parse(parser)
    if options.quick:
        options.rows, options.features, options.repeats, options.full_repeats = 64, 5, 1, 1
    if options.full:
        from . import _full  # says what is missing before anything is measured
    results = {"mini": compare_mini(options)}
    if options.full:
        results["full"] = _full.compare(options)
    figure, axes = make_axes(len(results))
    for panel, (name, part) in zip(axes, results.items()):
        plot(panel, TITLES[name], part["seconds"])
    write_results(options, "latency", results, figure)


def compare_mini(options):
    X, y, query = make_table(options.rows, 1000, options.features)
    models = {
        "mitra": MitraClassifier(max_support=options.rows),
        **{p: MitraClassifier(max_support=options.rows, precision=p) for p in PRECISIONS},
        "forest": RandomForestClassifier(300, n_jobs=-1, random_state=0),
        "boosting": HistGradientBoostingClassifier(random_state=0),
    }
    steps = {
        "fit and 1 row": lambda model: predict(model.fit(X, y), query[:1]),
        "1 row, again": lambda model: predict(model, query[:1]),
        "1000 rows, again": lambda model: predict(model, query),
    }
    seconds = {}
    for step, run in steps.items():
        tasks = {name: lambda run=run, m=model: run(m) for name, model in models.items()}
        seconds[step] = measure(tasks, options.repeats)
    title = f"mini, 4 views, {options.rows} training rows x {options.features} features, seconds"
    return {"seconds": seconds, "ratios": show(title, seconds, ["forest", "boosting"])}


def predict(model, rows):
    probabilities = model.predict_proba(rows)
    assert np.isfinite(probabilities).all()


def show(title, seconds, peers):
    """Print a table with a row for every step and kind of arithmetic.

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


def plot(panel, title, seconds):
    """Draw a line of points for every step, in a colour for every model."""
    for model in next(iter(seconds.values())):
        times = [by_model[model] for by_model in seconds.values()]
        panel.plot(times, range(len(seconds)), "o", label=model, alpha=0.8)
    panel.set(title=title, xlabel="seconds", xscale="log", ylim=(len(seconds) - 0.5, -0.5))
    panel.set_yticks(range(len(seconds)), labels=list(seconds))
    panel.legend(fontsize="x-small")


if __name__ == "__main__":
    main()
