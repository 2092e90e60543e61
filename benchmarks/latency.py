"""How long an answer takes with the embedded checkpoint, beside a random forest.

    python -m benchmarks.latency [--rows 512] [--features 20] [--repeats 9] [--quick]

The two take turns, and medians are compared, so that what else the machine does falls on
both. A ratio above 1 says how many times longer Mitra takes.
"""

import argparse
import statistics
import time

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from sklearn_mitra import MitraClassifier


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=512, help="training rows, all of them support")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.features, options.repeats = 64, 5, 2
    X, y = make_classification(
        options.rows + 1000, options.features, n_informative=options.features // 2, random_state=0
    )
    train, query = (X[: options.rows], y[: options.rows]), X[options.rows :]
    models = {
        "mitra": MitraClassifier(max_support=options.rows),
        "forest": RandomForestClassifier(300, n_jobs=-1, random_state=0),
    }
    models["mitra"].fit(*train).predict_proba(query[:1])  # sessions are made once per process
    steps = {
        "fit and 1 row": lambda model: model.fit(*train).predict_proba(query[:1]),
        "1 row, again": lambda model: model.predict_proba(query[:1]),
        "1000 rows, again": lambda model: model.predict_proba(query),
    }
    print(f"{options.rows} training rows x {options.features} features, medians in seconds")
    print(f"{'':<18}{'mitra':>9}{'forest':>9}{'ratio':>8}")
    for step, run in steps.items():
        seconds = {name: [] for name in models}
        for _ in range(options.repeats):
            for name, model in models.items():
                start = time.perf_counter()
                probabilities = run(model)
                seconds[name].append(time.perf_counter() - start)
                assert np.isfinite(probabilities).all()
        mitra, forest = (statistics.median(seconds[name]) for name in models)
        print(f"{step:<18}{mitra:>9.3f}{forest:>9.3f}{mitra / forest:>8.2f}")


if __name__ == "__main__":
    main()
