"""Quality on the tables that scikit-learn brings along.

The bounds are a little below what was measured. They are to catch a wrong step on the way from
table to prediction, which costs more than that. The demo, which ``test_readme.py`` runs, has the
scores on breast cancer and on diabetes.
"""

import pytest
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraClassifier


@pytest.mark.parametrize(
    ("load", "params", "bound"),
    [
        (load_iris, {}, 0.96),
        (load_wine, {}, 0.97),
        # by default: 0.84, in three times the time
        pytest.param(
            load_digits, {"max_support": 200, "n_estimators": 2}, 0.79, marks=pytest.mark.slow
        ),
    ],
)
def test_accuracy(load, params, bound):
    X, y = load(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, random_state=0, stratify=y
    )
    classifier = MitraClassifier(**params).fit(X_train, y_train)
    assert classifier.score(X_test[:200], y_test[:200]) >= bound
