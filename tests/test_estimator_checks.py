"""scikit-learn's own checks of an estimator, on both estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_mitra import MitraClassifier, MitraRegressor


@parametrize_with_checks(
    [
        MitraClassifier(),
        MitraClassifier(max_support=30),
        MitraRegressor(),
        MitraRegressor(max_support=30),
    ]
)
def test_check(estimator, check):
    check(estimator)
