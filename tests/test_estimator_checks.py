"""scikit-learn's own checks of an estimator, on both estimators."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_mitra import MitraClassifier, MitraRegressor

# With the defaults every prediction runs four members, and most checks predict only to see that it
# works: one member does. These are also run with four members, with trees, and with tables that are
# larger than the support.
IN_FULL = [{"n_estimators": 1}]
PARAMS = [
    *IN_FULL,
    {"n_estimators": 1, "max_support": 30},
    {"members": ["extra_trees"]},
    {"members": ["plain", "boosting"], "member_weights": [1, 2]},
    {},
]
AGAIN = {
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_fit_idempotent",
    "check_methods_subset_invariance",
}
# These predict hundreds of rows.
SLOW = {
    "check_classifiers_train",
    "check_regressors_train",
    "check_regressor_data_not_an_array",
}
# It is skipped unless SCIPY_ARRAY_API is set before scipy is imported.
LEFT_OUT = {"check_array_api_input"}


def list_checks():
    for cls in (MitraClassifier, MitraRegressor):
        for params in PARAMS:
            for estimator, check in estimator_checks_generator(cls(**params)):
                name = getattr(check, "func", check).__name__
                arguments = list(getattr(check, "keywords", {}).values())
                if name not in LEFT_OUT and (params in IN_FULL or name in AGAIN):
                    test_id = "-".join(map(str, (estimator, name, *arguments)))
                    marks = [pytest.mark.slow] if name in SLOW else []
                    yield pytest.param(estimator, check, id=test_id, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(list_checks()))
def test_check(estimator, check):
    check(estimator)
