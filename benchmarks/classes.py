"""How good and how fast predictions of many classes are.

    python -m benchmarks.classes [--quick] [--csv FILE --target COLUMN]

Tables of more classes than the checkpoint has outputs: the defaults beside one classifier for each
class (OneVsRestClassifier), extra trees and a forest. Without a file, the table is scikit-learn's
digits, each dealt out to several classes by how much ink it has. With ``--csv``, it is any table
of numbers in a file, such as UCI's letter recognition.
"""

import csv
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier

from sklearn_mitra import MitraClassifier

from ._scores import clipped
from ._tools import make_axes, make_parser, parse, print_table, write

_KEYS = ["accuracy", "log loss", "fit and 1 row", "all rows, again"]


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--csv", metavar="FILE", help="with a header")
    parser.add_argument("--target", metavar="COLUMN", help="the column of the classes in the file")
    parser.add_argument("--classes", type=int, default=26, help="for the digits")
    parser.add_argument("--train", type=int, default=600, help="training rows")
    parser.add_argument("--rows", type=int, default=400, help="rows to predict")
    parser.add_argument("--splits", type=int, default=2)
    options = parse(parser)
    if options.quick:
        options.classes, options.train, options.rows, options.splits = 11, 66, 20, 1
    results = compare(options)
    write(options, "classes", results, plot(results))


def compare(options):
    """Accuracy, log loss, and seconds of fit and 1 row and of all rows, by model."""
    X, y = read(options) if options.csv else deal(options.classes)
    few, n_trees = (1, 10) if options.quick else (4, 300)
    models = {
        "mitra": MitraClassifier(max_support=None, n_estimators=few),
        "mitra, 1 member": MitraClassifier(max_support=None, n_estimators=1),
        "mitra, one for each class": OneVsRestClassifier(
            MitraClassifier(max_support=None, n_estimators=few)
        ),
        "forest": RandomForestClassifier(n_trees, n_jobs=-1, random_state=0),
        "extra trees": ExtraTreesClassifier(n_trees, n_jobs=-1, random_state=0),
    }
    scores = {name: [] for name in models}
    for split in range(options.splits):
        sizes = {"train_size": options.train, "test_size": options.rows}
        table = train_test_split(X, y, **sizes, stratify=y, random_state=split)
        for name, model in models.items():
            scores[name].append(score(model, *table))
    means = {name: dict(zip(_KEYS, np.mean(rows, axis=0))) for name, rows in scores.items()}
    title = f"{len(np.unique(y))} classes, {options.train} training rows x {X.shape[1]} features"
    print_table(title, ["", *_KEYS], [[name, *row.values()] for name, row in means.items()])
    return means


def score(model, X_train, X_test, y_train, y_test):
    times = [time.perf_counter()]
    model.fit(X_train, y_train).predict_proba(X_test[:1])
    times.append(time.perf_counter())
    probabilities = model.predict_proba(X_test)
    times.append(time.perf_counter())
    best = model.classes_[probabilities.argmax(axis=1)]
    loss = log_loss(y_test, clipped(probabilities), labels=model.classes_)
    return accuracy_score(y_test, best), loss, *np.diff(times)


def deal(n_classes):
    """The digits, each dealt out to about the same number of classes, by the sum of its pixels."""
    X, digits = load_digits(return_X_y=True)
    y = np.empty(len(X), np.int64)
    first = 0
    for digit in range(10):
        rows = np.flatnonzero(digits == digit)
        n_parts = n_classes // 10 + (digit < n_classes % 10)
        by_ink = rows[np.argsort(X[rows].sum(axis=1), kind="stable")]
        for i, part in enumerate(np.array_split(by_ink, n_parts)):
            y[part] = first + i
        first += n_parts
    return X, y


def read(options):
    with open(options.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != options.target]
    X = np.array([[float(row[name]) for name in names] for row in rows])
    return X, np.array([row[options.target] for row in rows])


def plot(results):
    figure, (panel,) = make_axes(1)
    for name, row in results.items():
        panel.plot(row["fit and 1 row"], row["accuracy"], "o")
        panel.annotate(name, (row["fit and 1 row"], row["accuracy"]))
    panel.set(xscale="log", xlabel="seconds, fit and 1 row", ylabel="accuracy")
    return figure


if __name__ == "__main__":
    main()
