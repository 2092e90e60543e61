"""How far probabilities can be taken at their word, on the tables of benchmarks/accuracy.py.

    python -m benchmarks.calibration [--half report] [--splits 1] [--rows 300] [--quick]

Log loss and Brier score are of all probabilities. The calibration error is that of the most
probable class: rows are sorted by its probability into ten groups of the same size, and the mean
probability of a group is compared with the share of rows that are of that class.
"""

import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from sklearn_mitra import MitraClassifier

from ._peers import encoded, one_hot
from ._scores import clipped
from ._tables import choose_half, split_table
from ._tools import make_axes, make_parser, parse, print_table, write

SCORES = ["log loss", "Brier score", "calibration error"]
N_GROUPS = 10


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--half", choices=["decide", "report", "all"], default="report")
    parser.add_argument("--splits", type=int, default=1, help="of each table")
    parser.add_argument("--rows", type=int, default=300, help="most rows to predict")
    parser.add_argument("--n-jobs", type=int, help="threads; default: all cores")
    options = parse(parser)
    tables = choose_half("classification", options.half)
    if options.quick:
        tables = [table for table in tables if table.package == "sklearn"][:1]
        options.rows = 60
    warnings.simplefilter("ignore")  # of scaling, of unseen levels
    scores, pooled = {}, {}
    for table in tables:
        X, y = table.load()
        for seed in range(options.splits):
            split = split_table(X, y, seed, "classification", options.rows)
            compare(table.item, split, options.n_jobs, scores, pooled)
        losses = {name: np.mean(runs[table.item], axis=0)[0] for name, runs in scores.items()}
        row = "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
        print(f"{table.item} {X.shape}: {row}", flush=True)
    scores = {
        name: {item: dict(zip(SCORES, np.mean(runs, axis=0))) for item, runs in by_table.items()}
        for name, by_table in scores.items()
    }
    diagrams = {name: group(np.hstack(runs)) for name, runs in pooled.items()}
    summarise(scores, diagrams)
    results = {"scores": scores, "diagrams": diagrams}
    write(options, "calibration", results, plot(diagrams))


TEMPERATURES = {
    "mitra": None,
    "mitra, temperature 1": 1,
    "mitra, temperature auto": "auto",
}


def predict(X, X_test, y, n_jobs):
    """Probabilities of the test rows by the name of the model."""
    mitra = MitraClassifier(softmax_temperature="auto", n_jobs=n_jobs).fit(X, y)
    for name, temperature in TEMPERATURES.items():
        yield name, mitra.set_params(softmax_temperature=temperature).predict_proba(X_test)
    forest = RandomForestClassifier(300, random_state=0, n_jobs=n_jobs)
    peers = {
        "forest": encoded(forest),
        "boosting": encoded(HistGradientBoostingClassifier(random_state=0), impute=False),
        "linear": one_hot(LogisticRegression(max_iter=2000)),
    }
    for name, peer in peers.items():
        yield name, peer.fit(X, y).predict_proba(X_test)


def compare(item, split, n_jobs, scores, pooled):
    """Add the scores of a split, and its most probable classes, to those of the models."""
    X, X_test, y, y_test = split
    for name, p in predict(X, X_test, y, n_jobs):
        is_right = p.argmax(axis=1) == y_test
        top = np.array([p.max(axis=1), is_right])
        loss = float(log_loss(y_test, clipped(p), labels=np.arange(p.shape[1])))
        scores.setdefault(name, {}).setdefault(item, []).append(
            [loss, brier_score(y_test, p), calibration_error(top)]
        )
        pooled.setdefault(name, []).append(top)


def brier_score(y, p):
    """Mean sum of the squared differences to 1 for a row's class and 0 for others, 0 to 2."""
    return float(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1).mean())


def calibration_error(top):
    """Mean distance of probabilities from frequencies, over groups of rows.

    Parameters
    ----------
    top : ndarray of shape (2, n_rows)
        The probability of the most probable class, and whether it is the right one.
    """
    groups = group(top)
    shares = np.array(groups["rows"]) / top.shape[1]
    return float(shares @ np.abs(np.subtract(groups["probability"], groups["frequency"])))


def group(top):
    """Means of groups of rows of similar probability, and how many rows there are."""
    groups = np.array_split(top[:, np.argsort(top[0], kind="stable")], N_GROUPS, axis=1)
    groups = [g for g in groups if g.shape[1]]
    means = [g.mean(axis=1) for g in groups]
    return {
        "probability": [float(m[0]) for m in means],
        "frequency": [float(m[1]) for m in means],
        "rows": [g.shape[1] for g in groups],
    }


def summarise(scores, diagrams):
    """Print means over tables, and the error of all rows together."""
    rows = []
    for name, by_table in scores.items():
        means = [np.mean([run[key] for run in by_table.values()]) for key in SCORES]
        d = diagrams[name]
        differences = np.subtract(d["probability"], d["frequency"])
        together = np.average(np.abs(differences), weights=d["rows"])
        bias = np.average(differences, weights=d["rows"])
        rows.append([name, *map(float, (*means, together, bias))])
    header = ["", *SCORES, "of all rows together", "probability less frequency"]
    print_table(f"Means of {len(next(iter(scores.values())))} tables", header, rows)


def plot(diagrams):
    """A reliability diagram of each model: frequency against probability."""
    figure, panels = make_axes(len(diagrams))
    for panel, (name, diagram) in zip(panels, diagrams.items()):
        panel.plot([0, 1], [0, 1], color="grey", linewidth=1)
        panel.plot(diagram["probability"], diagram["frequency"], "o-")
        panel.set(title=name, xlim=(0.2, 1), ylim=(0.2, 1))
        panel.set(
            xlabel="mean probability of the most probable class", ylabel="how often it is right"
        )
    return figure


if __name__ == "__main__":
    main()
