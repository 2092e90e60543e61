"""A comparison of the estimators with scikit-learn's on real tables."""

import time
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
        *parts, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
        for model in (
            MitraClassifier(),
            RandomForestClassifier(random_state=0),
            HistGradientBoostingClassifier(random_state=0),
        ):
            probabilities, *times = _fit_and_predict(model, "predict_proba", *parts)
            scores = probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
            auc = f"{roc_auc_score(y_test, scores, multi_class='ovr'):.3f}"
            loss = f"{log_loss(y_test, probabilities):.3f}"
            _print_row(name, type(model).__name__, auc, loss, *times)
    print()
    _print_row("data", "model", "R²", "", "fit s", "predict s")
    for name, load in _REGRESSION.items():
        X, y = load(return_X_y=True)
        *parts, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
        for model in (
            MitraRegressor(),
            RandomForestRegressor(random_state=0),
            HistGradientBoostingRegressor(random_state=0),
        ):
            values, *times = _fit_and_predict(model, "predict", *parts)
            _print_row(name, type(model).__name__, f"{r2_score(y_test, values):.3f}", "", *times)


def _fit_and_predict(
    model: Any, method: str, X_train: Any, X_test: Any, y_train: Any
) -> tuple[Any, str, str]:
    """Predictions, and the seconds taken by fitting and by predicting, as text."""
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fitted = time.perf_counter()
    predictions = getattr(model, method)(X_test)
    return predictions, f"{fitted - start:.2f}", f"{time.perf_counter() - fitted:.2f}"


def _print_row(
    data: str, model: str, score: str, loss: str, fit_time: str, predict_time: str
) -> None:
    print(f"{data:<15}{model:<33}{score:>7}{loss:>10}{fit_time:>9}{predict_time:>11}")
