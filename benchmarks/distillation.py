"""How good and how fast the students of Mitra are, beside boosting of the labels and their teacher.

    python -m benchmarks.distillation [--half report] [--splits 3] [--n-rows 2000] [--quick]
    python -m benchmarks.distillation --bulk

The tables and splits are those of ``benchmarks.accuracy``. The teacher has only members that use
the network. Boosting is scikit-learn's, on the labels. "part of the way" is how far the student
gets from boosting, 0, to the teacher, 1. ``--bulk`` also predicts 1,000,000 rows × 20 columns in
one call.
"""

import time
import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score

from sklearn_mitra import DistilledClassifier, DistilledRegressor, MitraClassifier, MitraRegressor

from ._peers import encoded
from ._scores import clipped
from ._tables import choose_half, shorten, split_table
from ._tools import make_axes, make_parser, make_table, measure, parse, print_table, write

_SCORES = {"classification": "log loss", "regression": "R2"}
_MODELS = ["boosting", "student", "teacher"]


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--half", choices=["decide", "report", "all", "middle"], default="report")
    parser.add_argument("--task", choices=list(_SCORES), action="append", help="default: both")
    parser.add_argument("--splits", type=int, default=3, help="of each table")
    parser.add_argument("--rows", type=int, default=500, help="most rows to predict")
    parser.add_argument("--n-rows", type=int, default=2000, help="that the student learns from")
    parser.add_argument("--n-jobs", type=int, help="threads of the teacher")
    parser.add_argument("--bulk", action="store_true", help="predict 1,000,000 rows as well")
    options = parse(parser)
    if options.quick:
        options.splits, options.rows, options.n_rows = 1, 60, 100
    results = {task: compare(task, options) for task in options.task or list(_SCORES)}
    figure = plot(results)
    if options.bulk:
        results["bulk"] = predict_bulk(1000 if options.quick else 1_000_000, options)
    write(options, "distillation", results, figure)


def compare(task, options):
    """Scores by table and model, and seconds of 1000 rows: means over splits."""
    tables = choose_half(task, "all" if options.quick else options.half)
    if options.quick:
        tables = [table for table in tables if table.package == "sklearn"][:1]
    results = {}
    for table in tables:
        X, y = table.load()
        if options.half == "middle":
            X, y = shorten(X, y, task)
        if options.quick:
            X, y = X[:150], y[:150]
        runs = []
        for seed in range(options.splits):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of scaling, of unseen levels, of poor teachers
                runs.append(run(task, options, *split_table(X, y, seed, task, options.rows)))
        results[table.item] = {key: float(np.mean([r[key] for r in runs])) for key in runs[0]}
        row = "  ".join(f"{name} {value:.3g}" for name, value in results[table.item].items())
        print(f"{table.item} {X.shape}: {row}", flush=True)
    summarise(task, results)
    return results


def make_student(task, options):
    mitra, distilled = {
        "classification": (MitraClassifier, DistilledClassifier),
        "regression": (MitraRegressor, DistilledRegressor),
    }[task]
    teacher = mitra(member_weights="equal", n_jobs=options.n_jobs)
    return distilled(teacher, n_rows=options.n_rows, keep_teacher=True)


def make_boosting(task):
    if task == "regression":
        return encoded(HistGradientBoostingRegressor(random_state=0), impute=False)
    return encoded(HistGradientBoostingClassifier(random_state=0), impute=False)


def run(task, options, X, X_test, y, y_test):
    """Scores of all models, and seconds of two of them, for one split."""
    start = time.perf_counter()
    student = make_student(task, options).fit(X, y)
    fit_seconds = time.perf_counter() - start
    boosting = make_boosting(task).fit(X, y)
    models = {"boosting": boosting, "student": student, "teacher": student.teacher_}
    scores = {name: score(task, model, X_test, y_test) for name, model in models.items()}
    many = X_test.iloc[np.arange(1000) % len(X_test)]
    seconds = measure(
        {name: lambda m=models[name]: m.predict(many) for name in ("boosting", "student")}, 5
    )
    times = {f"seconds, {name}": value for name, value in seconds.items()}
    return {**scores, "seconds, fit": fit_seconds, **times}


def score(task, model, X, y):
    if task == "regression":
        return r2_score(y, model.predict(X))
    p = clipped(model.predict_proba(X))
    return log_loss(y, p, labels=np.arange(p.shape[1]))


def summarise(task, results):
    """Print scores, how far students get, and how long they take."""
    rows = [[table, *_row(scores)] for table, scores in results.items()]
    names = ["seconds, student", "seconds, boosting", *_MODELS]
    means = {name: float(np.mean([r[name] for r in results.values()])) for name in names}
    ratios = [r["seconds, student"] / r["seconds, boosting"] for r in results.values()]
    rows.append(["mean", *_row(means)[:4], f"{np.mean(ratios):.2f}"])
    header = ["", *_MODELS, "part of the way", "1000 rows, student / boosting"]
    print_table(f"{task}, {_SCORES[task]}, {len(results)} tables", header, rows)


def _row(scores):
    boosting, student, teacher = (scores[name] for name in _MODELS)
    way = (student - boosting) / (teacher - boosting) if teacher != boosting else 1.0
    ratio = scores["seconds, student"] / scores["seconds, boosting"]
    cells = [f"{value:.3f}" for value in (boosting, student, teacher)]
    return [*cells, f"{way:.2f}", f"{ratio:.2f}"]


def predict_bulk(n_rows, options):
    """Seconds of many rows in one call."""
    X, y, many = make_table(500, n_rows, 20)
    student = make_student("classification", options).fit(X, y)
    boosting = HistGradientBoostingClassifier(random_state=0).fit(X, y)
    models = {"boosting": boosting, "student": student}
    seconds = measure({n: lambda m=m: m.predict(many) for n, m in models.items()}, 1, False)
    ratio = seconds["student"] / seconds["boosting"]
    rows = [[f"{n_rows} rows", *seconds.values(), ratio]]
    print_table("One call, seconds", ["", *seconds, "ratio"], rows)
    return {"seconds": seconds, "ratio": ratio}


def plot(results):
    """A point for every table: the student's gain over boosting, against the teacher's."""
    figure, panels = make_axes(len(results))
    for panel, (task, by_table) in zip(panels, results.items()):
        sign = -1 if task == "classification" else 1
        gains = {
            name: [sign * (scores[name] - scores["boosting"]) for scores in by_table.values()]
            for name in ("teacher", "student")
        }
        ends = [min(0, *gains["teacher"]), max(0, *gains["teacher"])]
        panel.plot(ends, ends, color="grey", linewidth=1)
        panel.plot(gains["teacher"], gains["student"], "o", alpha=0.7)
        panel.set(title=f"{task}, {_SCORES[task]}", xlabel="teacher better by", ylabel="student")
    return figure


if __name__ == "__main__":
    main()
