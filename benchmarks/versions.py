"""How long an answer takes in two environments, such as two versions of onnxruntime.

    python -m benchmarks.versions PYTHON PYTHON [--quick]

Both interpreters run the package of this clone with the embedded checkpoint. They take turns, each
time in a new process. A ratio is the first one's time divided by the second one's.
"""

import statistics

from sklearn_mitra import MitraClassifier

from ._child import in_child
from ._internals import onnxruntime
from ._tools import (
    make_axes,
    make_parser,
    make_table,
    measure_steps,
    parse,
    plot_steps,
    print_table,
    write,
)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("pythons", nargs=2, metavar="PYTHON", help="interpreter of an environment")
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--query-rows", type=int, default=1000, help="rows to predict at once")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each interpreter")
    parser.add_argument("--repeats", type=int, default=3, help="in each process")
    options = parse(parser)
    if options.quick:
        options.rows, options.query_rows, options.features = 64, 100, 5
        options.rounds = options.repeats = 1
    size = options.rows, options.query_rows, options.features, options.repeats
    runs = ([], [])
    for _ in range(options.rounds):
        for by_round, python in zip(runs, options.pythons):
            by_round.append(in_child("versions", "measure_mini", *size, python=python))
    names = [f"{i}: onnxruntime {by_round[0]['version']}" for i, by_round in enumerate(runs, 1)]
    seconds = {
        step: {
            name: statistics.median(run["seconds"][step] for run in by_round)
            for name, by_round in zip(names, runs)
        }
        for step in runs[0][0]["seconds"]
    }
    ratios = {step: times[names[0]] / times[names[1]] for step, times in seconds.items()}
    title = f"mini, 4 views, {options.rows} training rows x {options.features} features, seconds"
    rows = [[step, *times.values(), ratios[step]] for step, times in seconds.items()]
    print_table(title, ["", *names, "ratio"], rows)
    figure, (panel,) = make_axes(1)
    plot_steps(panel, "mini, 4 views", seconds)
    write(options, "versions", {"seconds": seconds, "ratios": ratios}, figure)


def measure_mini(n_rows, n_query, n_features, repeats):
    """In a process of its own: the version of onnxruntime, and medians by step."""
    X, y, query = make_table(n_rows, n_query, n_features)
    seconds = measure_steps({"mini": MitraClassifier(max_support=n_rows)}, X, y, query, repeats)
    return {
        "version": onnxruntime.__version__,
        "seconds": {step: times["mini"] for step, times in seconds.items()},
    }


if __name__ == "__main__":
    main()
