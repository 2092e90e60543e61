"""What tuning the weights to a table gains, on the larger tables of benchmarks/accuracy.py.

    python -m benchmarks.finetuning [--steps 100] [--rows 2000] [--quick] [--large]

Tables have 1600 rows or more; 60 % of them, 20,000 at most, are for training. They are those of the
comparison of default members: of both halves, so some are ones that the members were chosen on.
``--large`` measures one step of a network of 75.7 million random weights instead.
"""

import os
import resource
import tempfile
import time
import warnings

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, r2_score

from sklearn_mitra import MitraClassifier, MitraRegressor

from ._checkpoints import LARGE, TINY, write_checkpoint
from ._peers import encoded
from ._scores import clipped, interval
from ._tables import choose_half, split_table
from ._tools import make_axes, make_parser, parse, print_table, write

FEWEST_ROWS, MOST_ROWS = 1600, 20_000
SCORES = {"classification": "log loss", "regression": "R2"}
ESTIMATORS = {"classification": MitraClassifier, "regression": MitraRegressor}
PEERS = {
    "classification": {
        "forest": RandomForestClassifier(300, random_state=0),
        "boosting": HistGradientBoostingClassifier(random_state=0),
    },
    "regression": {
        "forest": RandomForestRegressor(300, random_state=0),
        "boosting": HistGradientBoostingRegressor(random_state=0),
    },
}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--task", choices=list(SCORES), nargs="*", help="default: both")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="default: all")
    parser.add_argument("--steps", type=int, default=100, help="of tuning")
    parser.add_argument("--lr", type=float, help="learning rate")
    parser.add_argument("--rows", type=int, default=2000, help="most rows to predict")
    parser.add_argument("--large", action="store_true", help="one step of 75.7 M weights")
    options = parse(parser)
    warnings.simplefilter("ignore")  # of unseen levels, of targets with outliers
    if options.large:
        measure_step(options)
        return
    results = {task: compare(task, options) for task in options.task or SCORES}
    write(options, "finetuning", results, plot(results))


def compare(task, options):
    """Scores and seconds of the models, by table."""
    by_table = {}
    for table in choose_half(task, "all"):
        chosen = ["load_digits"] if options.quick else options.only
        if chosen and table.item not in chosen:
            continue
        X, y = table.load()
        if len(X) < FEWEST_ROWS:
            continue
        X, X_test, y, y_test = split_table(X, y, 0, task, 60 if options.quick else options.rows)
        most = 100 if options.quick else MOST_ROWS
        X, y = X[:most], y[:most]
        scores, seconds, best = run(task, X, y, X_test, y_test, options)
        by_table[table.item] = {
            "rows": len(X),
            "best step": best,
            "scores": scores,
            "seconds": seconds,
        }
        line = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        print(f"{table.item} {X.shape}, step {best} kept: {line}", flush=True)
    if by_table:
        summarise(task, by_table)
    return by_table


def run(task, X, y, X_test, y_test, options):
    """Scores, seconds of fit and prediction, and the step whose weights were kept."""
    from sklearn_mitra.export.finetune import finetune, read_history

    scores, seconds = {}, {}

    def score(name, fit):
        start = time.process_time()  # the same on an idle machine and a busy one
        model = fit()
        predicted = model.predict_proba(X_test) if task == "classification" else None
        predicted = model.predict(X_test) if predicted is None else clipped(predicted)
        seconds[name] = time.process_time() - start
        scores[name] = float(
            r2_score(y_test, predicted)
            if task == "regression"
            else log_loss(y_test, predicted, labels=np.unique(y))
        )

    estimator = ESTIMATORS[task]()
    tuning = {"learning_rate": options.lr} if options.lr else {}
    with tempfile.TemporaryDirectory() as folder:
        directory = os.path.join(folder, "tuned")
        score("mitra", lambda: estimator.fit(X, y))
        score(
            "mitra, tuned",
            lambda: finetune(
                estimator,
                X,
                y,
                directory=directory,
                n_steps=2 if options.quick else options.steps,
                **tuning,
            ),
        )
        best = min(read_history(directory), key=lambda line: line["validation_loss"])["step"]
    for name, peer in PEERS[task].items():
        model = encoded(peer, impute=name == "forest")
        score(name, lambda model=model: model.fit(X, y))
    return scores, seconds, best


def summarise(task, by_table):
    """Print means over the tables, and differences from the model that isn't tuned."""
    scores = {
        name: np.array([table["scores"][name] for table in by_table.values()])
        for name in next(iter(by_table.values()))["scores"]
    }
    rows = []
    for name, values in scores.items():
        differences = values - scores["mitra"]
        better = differences < 0 if task == "classification" else differences > 0
        seconds = np.median([table["seconds"][name] for table in by_table.values()])
        cells = [interval(differences), int(better.sum())] if name != "mitra" else ["", ""]
        rows.append([name, float(values.mean()), *cells, float(seconds)])
    header = ["", f"mean {SCORES[task]}", "against untuned (95 %)", "better", "processor s"]
    print_table(f"{SCORES[task]}, {len(by_table)} tables", header, rows)


def plot(results):
    """The change by tuning, against the number of training rows."""
    figure, panels = make_axes(len(results))
    for panel, (task, by_table) in zip(panels, results.items()):
        for item, table in by_table.items():
            change = table["scores"]["mitra, tuned"] - table["scores"]["mitra"]
            panel.plot(table["rows"], change, "o", color="tab:blue")
            panel.annotate(item, (table["rows"], change), fontsize=7)
        panel.axhline(0, color="grey", linewidth=1)
        panel.set(xscale="log", xlabel="training rows", ylabel=f"change of {SCORES[task]}")
    return figure


def measure_step(options):
    """Print time and memory of a step of 75.7 million weights, 512 support rows x 20 columns."""
    from sklearn.datasets import make_classification

    from sklearn_mitra.export.finetune import finetune, read_history

    X, y = make_classification(2000, 20, n_informative=10, random_state=0)
    n_steps = 1 if options.quick else 3
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "random")
        os.mkdir(model)
        write_checkpoint(model, TINY if options.quick else LARGE)
        start = time.perf_counter()
        finetune(
            MitraClassifier(model=model, max_support=64),
            X[:1000],
            y[:1000],
            X_val=X[-50:],
            y_val=y[-50:],
            directory=os.path.join(folder, "tuned"),
            n_steps=n_steps,
            support_size=512,
            query_size=256,
        )
        whole = time.perf_counter() - start
        history = read_history(os.path.join(folder, "tuned"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = history[-1]["seconds"] / n_steps
    print_table(
        "One step of 75.7 M weights: 512 support rows and 256 queries x 20 columns",
        ["seconds", "peak memory of the process, GB", "seconds in all"],
        [[seconds, peak / 1e9, whole]],
    )


if __name__ == "__main__":
    main()
