"""skops stores fitted estimators and pipelines, of the types that the guide lists and no others."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io
from estimators import both, same
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException
from snippets import ROOT, read_blocks

from sklearn_mitra import (
    DistilledClassifier,
    DistilledRegressor,
    MitraClassifier,
    MitraRegressor,
)

N_ROWS = 90
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RNG.normal(size=(N_ROWS, 4)), columns=["a", "b", "c", "d"])
MIXED = NUMBERS.assign(
    kind=RNG.choice(["x", "y"], N_ROWS),
    level=[f"level {i % 40}" for i in range(N_ROWS)],
    day=pd.date_range("2024-01-01", periods=N_ROWS),
)
MIXED.loc[::7, ["a", "kind"]] = None
TARGET = NUMBERS["a"] + NUMBERS["b"] ** 2
Classifier = partial(MitraClassifier, max_support=40, n_estimators=2)
Regressor = partial(MitraRegressor, max_support=40, n_estimators=2)
# (X, y, estimator)
CASES = {
    "classes": (NUMBERS, TARGET > 0, Classifier()),
    "plain": (NUMBERS, TARGET > 0, Classifier(members="plain")),
    "columns of every kind": (MIXED, TARGET > 0, Classifier()),
    "labels, weights": (NUMBERS, np.where(TARGET > 0, "b", "a"), Classifier(class_weight={"a": 2})),
    "temperature": (NUMBERS, TARGET > 0, Classifier(softmax_temperature="auto")),
    "many classes": (NUMBERS, np.arange(N_ROWS) % 11, Classifier(n_estimators=1)),
    "trees": (
        NUMBERS,
        TARGET > 0,
        Classifier(members=["plain", "boosting"], member_weights=[1, 1, 1]),
    ),
    "seeds": (NUMBERS, TARGET > 0, Classifier(random_state=np.random.RandomState(0))),
    "numbers": (NUMBERS, TARGET, Regressor()),
    "numbers, columns of every kind": (MIXED, TARGET, Regressor()),
    "targets far out": (NUMBERS, np.exp(9 * TARGET), Regressor(target_transform="asinh")),
    "distilled, classes": (MIXED, TARGET > 0, DistilledClassifier(Classifier(), n_rows=90)),
    "distilled, numbers": (NUMBERS, TARGET, DistilledRegressor(Regressor(), n_rows=90)),
    "pipeline": (
        MIXED,
        TARGET > 0,
        make_pipeline(
            make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"])),
            Classifier(),
        ),
    ),
}


def trusted():
    """The list of the guide."""
    names = {}
    exec(read_blocks(ROOT / "docs" / "guide" / "mlflow.md")[0].code, names)
    return names["TRUSTED"]


@pytest.fixture(scope="module")
def fitted():
    fitted = {name: (X, estimator.fit(X, y)) for name, (X, y, estimator) in CASES.items()}
    with_intervals = Regressor().fit(NUMBERS, TARGET)
    with_intervals.predict_interval(NUMBERS)
    return {**fitted, "intervals": (NUMBERS, with_intervals)}


@pytest.mark.parametrize("name", [*CASES, "intervals"])
def test_estimators_predict_the_same_from_a_file(fitted, name, tmp_path):
    X, estimator = fitted[name]
    skops.io.dump(estimator, tmp_path / "model.skops")
    again = skops.io.load(tmp_path / "model.skops", trusted=trusted())
    assert type(again) is type(estimator)
    if hasattr(estimator, "predict_proba"):
        same(again.predict_proba(X), estimator.predict_proba(X))
    same(again.predict(X), estimator.predict(X))
    if name == "intervals":
        same(again.predict_interval(X), estimator.predict_interval(X))


def test_the_guide_lists_the_types_of_files_exactly(fitted):
    found = set()
    for _, estimator in fitted.values():
        found |= {*skops.io.get_untrusted_types(data=skops.io.dumps(estimator))}
    assert trusted() == sorted(found)


@both
def test_nothing_of_the_package_is_made_without_trust(cls):
    data = skops.io.dumps(cls(max_support=40).fit(NUMBERS, TARGET > 0))
    with pytest.raises(UntrustedTypesFoundException, match=re.escape(f"{cls.__module__}.")):
        skops.io.loads(data, trusted=[])


def test_a_file_of_another_version_warns(monkeypatch):
    estimator = Classifier().fit(NUMBERS, TARGET > 0)
    monkeypatch.setattr("sklearn_mitra._base.__version__", "99.1")
    data = skops.io.dumps(estimator)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="made by sklearn-mitra 99.1"):
        skops.io.loads(data, trusted=trusted())
