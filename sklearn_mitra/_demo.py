"""A comparison of the estimators with scikit-learn's on real tables."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

from ._classifier import MitraClassifier
from ._regressor import MitraRegressor
from ._version import __version__

_CLASSIFICATION = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "digits": load_digits,
}
_REGRESSION = {"diabetes": load_diabetes}


def run() -> None:
    """Fit and score three models on four tables, 60 % of the rows for training."""
    print(f"sklearn-mitra {__version__}: checkpoint 'mini', defaults, scikit-learn's bundled data")
    print()
    _print_row("data", "model", "AUC", "log loss", "fit s", "predict s")
    for name, load in _CLASSIFICATION.items():
        X, y = load(return_X_y=True)
        classifiers = (
            MitraClassifier(),
            RandomForestClassifier(random_state=0),
            HistGradientBoostingClassifier(random_state=0),
        )
        _compare(name, X, y, classifiers, "predict_proba", _score_classes)
    print()
    _print_row("data", "model", "R²", "", "fit s", "predict s")
    for name, load in _REGRESSION.items():
        X, y = load(return_X_y=True)
        regressors = (
            MitraRegressor(),
            RandomForestRegressor(random_state=0),
            HistGradientBoostingRegressor(random_state=0),
        )
        _compare(name, X, y, regressors, "predict", _score_numbers)


def _compare(
    name: str,
    X: Any,
    y: Any,
    models: Sequence[Any],
    method: str,
    score: Callable[[Any, Any], tuple[str, str]],
) -> None:
    """Print a row for each model: its scores, and the seconds of fitting and of predicting."""
    classes = y if method == "predict_proba" else None
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, random_state=0, stratify=classes
    )
    for model in models:
        start = time.perf_counter()
        model.fit(X_train, y_train)
        fitted = time.perf_counter()
        predictions = getattr(model, method)(X_test)
        fit_time, predict_time = fitted - start, time.perf_counter() - fitted
        value, loss = score(y_test, predictions)
        model_name = type(model).__name__
        _print_row(name, model_name, value, loss, f"{fit_time:.2f}", f"{predict_time:.2f}")


def _score_classes(y: Any, probabilities: Any) -> tuple[str, str]:
    scores = probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
    auc = roc_auc_score(y, scores, multi_class="ovr")
    return f"{auc:.3f}", f"{log_loss(y, probabilities):.3f}"


def _score_numbers(y: Any, predictions: Any) -> tuple[str, str]:
    return f"{r2_score(y, predictions):.3f}", ""


def _print_row(
    data: str, model: str, score: str, loss: str, fit_time: str, predict_time: str
) -> None:
    print(f"{data:<15}{model:<33}{score:>7}{loss:>10}{fit_time:>9}{predict_time:>11}")
