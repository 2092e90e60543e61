"""``python -m sklearn_mitra``: the estimators beside scikit-learn's on real tables."""

import time

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

from . import MitraClassifier, MitraRegressor, __version__

_CLASSIFICATION = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "digits": load_digits,
}
_REGRESSION = {"diabetes": load_diabetes}


def main():
    """Fit and score three models on four tables, 60 % of the rows for training."""
    print(
        f"sklearn-mitra {__version__}: checkpoint 'mini', defaults, scikit-learn's bundled data\n"
    )
    print(f"{'data':<15}{'model':<33}{'AUC':>7}{'log loss':>10}{'fit s':>9}{'predict s':>11}")
    for name, load in _CLASSIFICATION.items():
        X, y = load(return_X_y=True)
        parts = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
        for model in (
            MitraClassifier(),
            RandomForestClassifier(random_state=0),
            HistGradientBoostingClassifier(random_state=0),
        ):
            probabilities, fit_time, predict_time = _run(model, "predict_proba", *parts[:3])
            binary = probabilities.shape[1] == 2
            scores = probabilities[:, 1] if binary else probabilities
            auc = roc_auc_score(parts[3], scores, multi_class="ovr")
            loss = log_loss(parts[3], probabilities)
            print(
                f"{name:<15}{type(model).__name__:<33}{auc:>7.3f}{loss:>10.3f}"
                f"{fit_time:>9.2f}{predict_time:>11.2f}"
            )
    print(f"\n{'data':<15}{'model':<33}{'R²':>7}{'':>10}{'fit s':>9}{'predict s':>11}")
    for name, load in _REGRESSION.items():
        X, y = load(return_X_y=True)
        parts = train_test_split(X, y, test_size=0.4, random_state=0)
        for model in (
            MitraRegressor(),
            RandomForestRegressor(random_state=0),
            HistGradientBoostingRegressor(random_state=0),
        ):
            values, fit_time, predict_time = _run(model, "predict", *parts[:3])
            print(
                f"{name:<15}{type(model).__name__:<33}{r2_score(parts[3], values):>7.3f}{'':>10}"
                f"{fit_time:>9.2f}{predict_time:>11.2f}"
            )


def _run(model, method, X_train, X_test, y_train):
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fitted = time.perf_counter()
    predictions = getattr(model, method)(X_test)
    return predictions, fitted - start, time.perf_counter() - fitted


if __name__ == "__main__":
    main()
