"""``python -m sklearn_mitra.export.pretrain.evaluate``: a checkpoint beside scikit-learn's models.

    python -m sklearn_mitra.export.pretrain.evaluate [--model NAME] [--beside NAME]
        [--members plain|auto] [--task TASK] [--json FILE]

All models have their defaults, but Mitra's members are plain unless ``--members auto`` asks for
the default, and get the same splits: of tables bundled with scikit-learn, and of synthetic tables
that no training run with a seed below 4294967296 draws. ``--beside`` adds another checkpoint.
"""

import argparse
import json
import sys

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_mitra import CheckpointError, MitraClassifier, MitraRegressor
from sklearn_mitra._network.config import TASKS
from sklearn_mitra._network.resolve import resolve_network, resolve_networks

from .batches import SMALLEST_BUDGET, Shape, draw_batch, draw_shape
from .priors import FAMILIES
from .targets import IGNORED

BUNDLED = {
    "classification": {
        "iris": load_iris,
        "wine": load_wine,
        "breast cancer": load_breast_cancer,
        "digits": load_digits,
    },
    "regression": {"diabetes": load_diabetes},
}

_SEED = 2**33
# Else one table where a model is quite wrong outweighs all others.
_SMALLEST_PROBABILITY = 1e-3
_WORST_R2 = -1.0


def make_models(model, task, members="plain", beside=None):
    """The models to compare, unfitted, by name.

    Parameters
    ----------
    model : str
        See :func:`~sklearn_mitra._network.resolve.resolve_network`.
    task : {"classification", "regression"}
    members : {"plain", "auto"}, default="plain"
        See the estimators. "plain" shows the checkpoint alone.
    beside : str, default=None
        Another checkpoint for "mitra, beside".

    Returns
    -------
    models : dict of str to estimator
    """
    mitra = MitraClassifier if task == "classification" else MitraRegressor
    checkpoints = {"mitra": model} | ({"mitra, beside": beside} if beside else {})
    models = {
        name: mitra(model=checkpoint, members=members) for name, checkpoint in checkpoints.items()
    }
    if task == "classification":
        return models | {
            "forest": RandomForestClassifier(random_state=0),
            "boosting": HistGradientBoostingClassifier(random_state=0),
            "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        }
    return models | {
        "forest": RandomForestRegressor(random_state=0),
        "boosting": HistGradientBoostingRegressor(random_state=0),
        "linear": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
    }


def bundled_splits(name, task, n_splits):
    """Splits of a bundled table, 60 % of the rows for training.

    Parameters
    ----------
    name : str
        A key of ``BUNDLED[task]``.
    task : {"classification", "regression"}
    n_splits : int

    Yields
    ------
    X_train, X_test, y_train, y_test : ndarrays
    """
    X, y = BUNDLED[task][name](return_X_y=True)
    stratify = y if task == "classification" else None
    for seed in range(n_splits):
        yield train_test_split(X, y, test_size=0.4, random_state=seed, stratify=stratify)


def synthetic_splits(family, config, n_tables):
    """Tables of a family, with sizes as in training.

    Parameters
    ----------
    family : str
        A key of :data:`~sklearn_mitra.export.pretrain.priors.FAMILIES`.
    config : sklearn_mitra._network.config.Config
    n_tables : int

    Yields
    ------
    X_train, X_test, y_train, y_test : ndarrays
        Every class of the test rows is among the training rows.
    """
    seed = _SEED + list(FAMILIES).index(family)
    generator = torch.Generator().manual_seed(seed)
    while n_tables:
        _, n_support, n_features = draw_shape(16 * SMALLEST_BUDGET, generator)
        batch = draw_batch(config, Shape(1, n_support, n_features), generator, family)
        X_train, y_train, X_test, y_test = (part[0].numpy() for part in batch[:4])
        is_known = y_test != IGNORED  # targets are never that
        X_test, y_test = X_test[is_known], y_test[is_known]
        if len(set(y_test)) > 1 and len(set(y_train)) > 1:
            n_tables -= 1
            yield X_train, X_test, y_train, y_test


def score(model, X_train, X_test, y_train, y_test):
    """Fit and score.

    Parameters
    ----------
    model : estimator
    X_train, X_test, y_train, y_test : ndarrays

    Returns
    -------
    scores : dict of str to float
        "auc" and "log_loss", or "r2".
    """
    model.fit(X_train, y_train)
    if not hasattr(model, "predict_proba"):
        return {"r2": max(_WORST_R2, r2_score(y_test, model.predict(X_test)))}
    p = model.predict_proba(X_test).astype(np.float64)
    clipped = p.clip(_SMALLEST_PROBABILITY)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return {
        "auc": mean_auc(y_test, p, model.classes_),
        "log_loss": log_loss(y_test, clipped, labels=model.classes_),
    }


def mean_auc(y, probabilities, classes):
    """The mean, over the classes that ``y`` has, of the AUC of one class against the rest.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    probabilities : ndarray of shape (n_rows, n_classes), float64
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    auc : float
        With all classes in ``y``, scikit-learn's of ``multi_class="ovr"``.
    """
    aucs = [roc_auc_score(y == k, p) for k, p in zip(classes, probabilities.T) if (y == k).any()]
    return float(np.mean(aucs))


def mean_scores(models, splits):
    """Mean scores over splits.

    Parameters
    ----------
    models : dict of str to estimator
    splits : iterable
        See :func:`bundled_splits`.

    Returns
    -------
    means : dict of str to dict of str to float
        By model and by score.
    """
    scores = {name: [] for name in models}
    for split in splits:
        for name, model in models.items():
            scores[name].append(score(model, *split))
    return {
        name: {key: float(np.mean([s[key] for s in found])) for key in found[0]}
        for name, found in scores.items()
    }


def evaluate(model, task, n_splits=5, n_tables=20, members="plain", beside=None):
    """Score a checkpoint and print tables.

    Parameters
    ----------
    model, task, members, beside
        See :func:`make_models`.
    n_splits : int, default=5
        Of every bundled table.
    n_tables : int, default=20
        Of every family.

    Returns
    -------
    results : dict
        ``{"sha256": ..., "bundled": {table: {model: {score: mean}}}, "synthetic": {family: ...}}``.
    """
    network = resolve_network(model, task)
    models = make_models(model, task, members, beside)
    results = {"sha256": network.file.sha256, "bundled": {}, "synthetic": {}}
    sources = {
        "bundled": lambda name: bundled_splits(name, task, n_splits),
        "synthetic": lambda name: synthetic_splits(name, network.config, n_tables),
    }
    for (kind, source), names in zip(sources.items(), (BUNDLED[task], FAMILIES)):
        print(f"\n{task}, {kind} tables\n{'':<15}" + "".join(f"{m:>16}" for m in models))
        for name in names:
            results[kind][name] = means = mean_scores(models, source(name))
            cells = (" / ".join(f"{x:.3f}" for x in m.values()) for m in means.values())
            print(f"{name:<15}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    return results


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_mitra.export.pretrain.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="mini", help="checkpoint: a name or a directory")
    parser.add_argument("--beside", metavar="NAME", help="another checkpoint of the same tasks")
    parser.add_argument(
        "--members", choices=["plain", "auto"], default="plain", help="auto: the default"
    )
    parser.add_argument("--task", choices=TASKS, help="default: every task it has weights for")
    parser.add_argument("--json", metavar="FILE", help="write the scores here, too")
    parser.add_argument("--quick", action="store_true", help="few tables, to see that it runs")
    given = parser.parse_args(arguments)
    try:
        if given.task:
            resolve_network(given.model, given.task)
        tasks = [given.task] if given.task else [*resolve_networks(given.model)]
        for task in tasks if given.beside else []:
            resolve_network(given.beside, task)
    except CheckpointError as error:
        parser.error(str(error))
    sizes = {"n_splits": 1, "n_tables": 2} if given.quick else {}
    print("AUC / log loss of classifications, R² of regressions: means")
    options = {**sizes, "members": given.members, "beside": given.beside}
    results = {task: evaluate(given.model, task, **options) for task in tasks}
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            settings = {name: getattr(given, name) for name in ("model", "beside", "members")}
            json.dump({**settings, **results}, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
