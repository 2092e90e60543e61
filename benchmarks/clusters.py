"""How many rows per second do workers of a Dask cluster predict?

    python -m benchmarks.clusters [--quick]

One and two local worker processes of one thread each, beside ``predict_proba`` in this process with
one thread. Every run passes the support through the network first, once in every process that
predicts; in the last line, which passes the estimator itself to ``map_partitions``, once for every
partition.
"""

import contextlib
import pickle

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from sklearn_mitra import MitraClassifier

from ._tools import make_axes, make_parser, make_table, measure, parse, print_table, write

_ALONE = "predict_proba"


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--query", type=int, default=2400, help="rows to predict")
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    options = parse(parser)
    if options.quick:
        options.rows, options.features, options.query, options.repeats = 64, 5, 60, 1
    rates = rows_per_second(options)
    rows = [[name, rate, rate / rates[_ALONE]] for name, rate in rates.items()]
    title = (
        f"Rows per second, mini, 1 view, {options.rows} training rows x {options.features} "
        f"features, {options.query} rows in {options.partitions} partitions"
    )
    print_table(title, ["", "rows per second", f"ratio to {_ALONE}"], rows)
    write(options, "clusters", {"rows_per_second": rates}, plot(rates))


def rows_per_second(options):
    """By way of predicting."""
    X, y, query = make_table(options.rows, options.query, options.features)
    clf = MitraClassifier(max_support=options.rows, n_estimators=1, n_jobs=1).fit(X, y)
    expected, state = clf.predict_proba(query), pickle.dumps(clf)
    table = dd.from_pandas(pd.DataFrame(query), npartitions=options.partitions)

    def check(probabilities):
        assert np.array_equal(probabilities, expected)

    def predict_on(client, model):
        meta = dict.fromkeys(clf.classes_, float)
        answers = table.map_partitions(_predict_proba, model, meta=meta)
        check(client.compute(answers).result())

    with contextlib.ExitStack() as stack:
        clients = [_start(stack, n) for n in (1, 2)]
        tasks = {
            _ALONE: lambda: check(pickle.loads(state).predict_proba(query)),
            "1 worker": lambda: predict_on(clients[0], dask.delayed(clf)),
            "2 workers": lambda: predict_on(clients[1], dask.delayed(clf)),
            "2 workers, not delayed": lambda: predict_on(clients[1], clf),
        }
        seconds = measure(tasks, options.repeats)
    return {name: options.query / time for name, time in seconds.items()}


def _start(stack, n_workers):
    cluster = LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0")
    return stack.enter_context(Client(stack.enter_context(cluster)))


def _predict_proba(part, clf):
    return pd.DataFrame(clf.predict_proba(part.to_numpy()), part.index, clf.classes_)


def plot(rates):
    figure, (panel,) = make_axes(1)
    panel.barh(list(rates), list(rates.values()))
    panel.set(xlabel="rows per second")
    panel.invert_yaxis()
    return figure


if __name__ == "__main__":
    main()
