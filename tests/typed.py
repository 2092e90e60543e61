"""What type checkers say of the public classes: ``make lint`` reads this file, nothing runs it.

Where a line is wrong, mypy has to say so: an ``ignore`` that it doesn't need is an error.
"""

import numpy as np

import sklearn_mitra
from sklearn_mitra import (
    DistilledClassifier,
    DistilledRegressor,
    MitraClassifier,
    MitraRegressor,
    PredictiveDistribution,
    load,
)


def right() -> None:
    classifier = MitraClassifier(max_support=None, providers=[("CPUExecutionProvider", {"a": 1})])
    probabilities = classifier.fit([[1.0]], [0]).set_params(verbose=1).predict_proba([[1.0]])
    probabilities.argmax(axis=1)
    size: int = classifier.context_nbytes_
    score: float = MitraRegressor(cache_context=False).fit(np.ones((2, 1)), [0, 1]).score([], [])
    bundle: bytes = load("model.wlrn").save()
    regressor = MitraRegressor().fit(np.ones((2, 1)), [0, 1])
    distribution: PredictiveDistribution = regressor.predict_distribution([[1.0]])
    width = np.diff(regressor.predict_interval([[1.0]], coverage=0.5))
    print(width, distribution[0].crps(1.0), regressor.predict([[1.0]], output="median"))
    distilled = DistilledClassifier(classifier, n_rows=50).set_fit_request(X_unlabelled=True)
    distilled.fit([[1.0]], [0], X_unlabelled=[[2.0]]).predict_proba([[1.0]]).argmax(axis=1)
    loss: float = DistilledRegressor().fit([[1.0]], [0.5]).fidelity_["student_r2"]
    print(loss)
    print(size, score, bundle, classifier.get_params()["max_support"])


def wrong() -> None:
    MitraClassifier(max_support="abc")  # type: ignore[arg-type]
    MitraClassifier(depth=3)  # type: ignore[call-arg]
    MitraRegressor(precision="float16")  # type: ignore[arg-type]
    sklearn_mitra.MitraForest  # type: ignore[attr-defined]  # noqa: B018
    MitraClassifier().foo  # type: ignore[attr-defined]  # noqa: B018
    MitraClassifier().fit([[1]], [1]).foo  # type: ignore[attr-defined]  # noqa: B018
    MitraRegressor().predict([[1]], output="best")  # type: ignore[arg-type]
    MitraRegressor().predict_proba([[1]])  # type: ignore[attr-defined]
    DistilledClassifier(n_rows="all")  # type: ignore[arg-type]
    DistilledRegressor().predict_proba([[1]])  # type: ignore[attr-defined]
