"""How good quantiles and intervals of targets are on real tables, beside forests and boosting.

    python -m benchmarks.uncertainty [--half report] [--splits 3] [--rows 500] [--quick]

The tables of numbers and the splits are those of ``benchmarks.accuracy``; what was chosen was
chosen with ``--half decide``. All losses and widths are divided by the standard deviation of the
targets to predict.
"""

import time
import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import mean_pinball_loss

from sklearn_mitra import MitraRegressor

from ._peers import encoded
from ._scores import interval
from ._tables import REGRESSION, choose_half, split_table
from ._tools import make_axes, make_parser, parse, print_table, write

LEVELS = np.round(np.arange(0.05, 1, 0.1), 2)  # the outer ones are the ends of the interval
COVERAGE = 0.9
_REFERENCE = "quantile forest"


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--half", choices=["decide", "report", "all"], default="report")
    parser.add_argument("--splits", type=int, default=3, help="of each table")
    parser.add_argument("--rows", type=int, default=500, help="most rows to predict")
    parser.add_argument("--without", nargs="*", default=[], help="models to leave out")
    options = parse(parser)
    tables = choose_half("regression", options.half)
    if options.quick:
        options.splits, options.rows = 1, 60
        tables = [table for table in tables if table.package == "sklearn"][:1]
        tables = tables or [table for table in REGRESSION if table.package == "sklearn"]
    scores = {}
    for table in tables:
        X, y = table.load()
        if options.quick:
            X, y = X[:150], y[:150]
        splits = [split_table(X, y, i, "regression", options.rows) for i in range(options.splits)]
        for name, model in make_models(10 if options.quick else 300).items():
            if name not in options.without:
                runs = [run(model, *split) for split in splits]
                scores.setdefault(name, {})[table.item] = {
                    key: float(np.mean([r[key] for r in runs])) for key in runs[0]
                }
        row = "  ".join(
            f"{n} {s[table.item]['pinball loss']:.3f} {s[table.item]['coverage']:.2f}"
            for n, s in scores.items()
        )
        print(f"{table.item} {X.shape}: {row}", flush=True)
    summarise(scores)
    write(options, "uncertainty", scores, plot(scores))


def make_models(n_trees):
    """By name, each a model of a DataFrame with ``predict_quantiles``."""
    return {
        "mitra": MitraRegressor(),
        "quantile forest": QuantileForest(n_trees),
        "forest, out of bag": OutOfBag(n_trees),
        "boosting": QuantileBoosting(),
    }


class QuantileForest(BaseEstimator):
    """Meinshausen's quantile regression forest: training targets, weighted by shared leaves."""

    def __init__(self, n_trees):
        self.n_trees = n_trees

    def fit(self, X, y):
        forest = RandomForestRegressor(self.n_trees, min_samples_leaf=5, random_state=0, n_jobs=-1)
        self.model_ = encoded(forest).fit(X, y)
        self.order_ = np.argsort(y, kind="stable")
        self.y_ = y[self.order_]
        self.leaves_ = self._leaves(X)[self.order_]
        return self

    def _leaves(self, X):
        columns, forest = self.model_[:-1], self.model_[-1]
        return forest.apply(columns.transform(X))

    def predict_quantiles(self, X, quantiles):
        weights = np.zeros((len(X), len(self.y_)))
        for own, theirs in zip(self._leaves(X).T, self.leaves_.T):
            shared = own[:, None] == theirs
            weights += shared / shared.sum(axis=1, keepdims=True)
        cumulated = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
        # a level is reached at the first target whose cumulated weight is no less
        places = [(cumulated < q - 1e-12).sum(axis=1) for q in quantiles]
        return self.y_[np.minimum(np.column_stack(places), len(self.y_) - 1)]


class OutOfBag(BaseEstimator):
    """A forest, and the quantiles of its out-of-bag residuals, the same for all rows."""

    def __init__(self, n_trees):
        self.n_trees = n_trees

    def fit(self, X, y):
        forest = RandomForestRegressor(self.n_trees, random_state=0, n_jobs=-1, oob_score=True)
        self.model_ = encoded(forest).fit(X, y)
        self.residuals_ = y - self.model_[-1].oob_prediction_
        return self

    def predict_quantiles(self, X, quantiles):
        added = np.quantile(self.residuals_, quantiles, method="weibull")
        return self.model_.predict(X)[:, None] + added


class QuantileBoosting(BaseEstimator):
    """A histogram gradient boosting for each quantile; sorted, since they may cross."""

    def fit(self, X, y):
        boosting = {
            q: HistGradientBoostingRegressor(loss="quantile", quantile=q, random_state=0)
            for q in LEVELS
        }
        self.models_ = {q: encoded(b, impute=False).fit(X, y) for q, b in boosting.items()}
        return self

    def predict_quantiles(self, X, quantiles):
        return np.sort(np.column_stack([self.models_[q].predict(X) for q in quantiles]), axis=1)


def run(model, X, X_test, y, y_test):
    """Loss, coverage, width and crossings of a model fitted to a split, and seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scaling, of unseen levels
        start = time.perf_counter()
        model.fit(X, y)
        model.predict_quantiles(X_test[:1], LEVELS)
        fitted = time.perf_counter()
        quantiles = model.predict_quantiles(X_test, LEVELS)
        rows = (time.perf_counter() - fitted) * 1000 / len(X_test)
    low, high = quantiles[:, 0], quantiles[:, -1]
    unit = y_test.std()
    losses = [mean_pinball_loss(y_test, q, alpha=a) for q, a in zip(quantiles.T, LEVELS)]
    return {
        "pinball loss": np.mean(losses) / unit,
        "coverage": np.mean((low <= y_test) & (y_test <= high)),
        "width": np.mean(high - low) / unit,
        "fit": fitted - start,
        "1000 rows": rows,
    }


def summarise(scores):
    """Print means over tables, and differences of losses to the quantile forest."""
    keys = ["pinball loss", "coverage", "width", "fit", "1000 rows"]
    losses = {n: np.array([r["pinball loss"] for r in s.values()]) for n, s in scores.items()}
    rows = []
    for name, by_table in scores.items():
        values = {key: np.array([r[key] for r in by_table.values()]) for key in keys}
        coverage = values["coverage"]
        row = [
            f"{values['pinball loss'].mean():.4f}",
            f"{coverage.mean():.3f}",
            f"{coverage.min():.2f} to {coverage.max():.2f}",
            f"{values['width'].mean():.2f}",
        ]
        if _REFERENCE in losses:
            wins = (losses[name] < losses[_REFERENCE]).sum()
            row += [f"{wins} of {len(coverage)}", interval(losses[_REFERENCE] - losses[name])]
        rows.append([name, *row, *(f"{values[key].mean():.2f}" for key in keys[3:])])
    header = ["", "pinball loss", "coverage", "of tables", "width"]
    header += ["wins", "better by"] * (_REFERENCE in losses) + ["fit", "1000 rows"]
    title = f"{COVERAGE:.0%} intervals and {len(LEVELS)} quantiles, {len(by_table)} tables"
    print_table(f"{title}; against the {_REFERENCE}", header, rows)


def plot(scores):
    """Coverage of the interval and loss, a point for every table."""
    figure, panels = make_axes(2)
    for i, by_table in enumerate(scores.values()):
        coverage = [r["coverage"] for r in by_table.values()]
        panels[0].plot(coverage, [i] * len(coverage), "o", alpha=0.6)
    panels[0].axvline(COVERAGE, color="grey", linewidth=1)
    panels[0].set(title=f"{COVERAGE:.0%} intervals", xlabel="share of targets inside")
    panels[0].set_yticks(range(len(scores)), labels=list(scores))
    ours = [r["pinball loss"] for r in scores["mitra"].values()]
    for name, by_table in scores.items():
        if name != "mitra":
            theirs = [r["pinball loss"] for r in by_table.values()]
            panels[1].plot(theirs, ours, "o", alpha=0.6, label=name)
    most = max(ours)
    panels[1].plot([0, most], [0, most], color="grey", linewidth=1)
    panels[1].set(title="pinball loss", xlabel="others", ylabel="mitra")
    panels[1].legend(fontsize="small")
    return figure


if __name__ == "__main__":
    main()
