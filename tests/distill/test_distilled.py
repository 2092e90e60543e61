"""The distilled estimators: what they learn, from what, and among scikit-learn's tools."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from estimators import same
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator
from tables import make_frame, make_separated_classes, make_table, make_targets, make_three_classes

from sklearn_mitra import (
    DistilledClassifier,
    DistilledRegressor,
    MitraClassifier,
    MitraRegressor,
)

TEACHERS = {DistilledClassifier: LogisticRegression(), DistilledRegressor: Ridge()}
both = pytest.mark.parametrize("cls", [*TEACHERS], ids=lambda cls: cls.__name__)
pytestmark = pytest.mark.filterwarnings("ignore:Gradient boosting of the labels")


def small(cls=DistilledClassifier, teacher=None, **params):
    teacher = TEACHERS[cls] if teacher is None else teacher
    return cls(teacher, **{"student": Ridge(), "n_rows": 60, **params})


# ---- scikit-learn --------------------------------------------------------------------------------


CHECKS = [
    pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name}")
    for distilled in (small(), small(DistilledRegressor))
    for estimator, check in estimator_checks_generator(distilled)
    # It is skipped unless SCIPY_ARRAY_API is set before scipy is imported.
    if (name := getattr(check, "func", check).__name__) != "check_array_api_input"
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    check(estimator)


@both
def test_pickles_predict_the_same(cls):
    X, y = make_frame()
    fitted = small(cls, make_pipeline(_Numbers(), TEACHERS[cls])).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    same(again.predict(X), fitted.predict(X))
    assert again.fidelity_ == fitted.fidelity_
    with pytest.raises(AttributeError):
        clone(fitted).student_  # noqa: B018


class _Numbers(StandardScaler):
    """The column of numbers "b" of a frame that has others as well."""

    def fit(self, X, y=None):
        return super().fit(X[["b"]], y)

    def transform(self, X):
        assert list(X.columns) == ["a", "b", "c", "level"]
        return super().transform(X[["b"]])


def test_searches_reach_the_parameters_of_teachers():
    X, y = make_table(60, 3)
    model = DistilledClassifier(MitraClassifier(n_estimators=1), n_rows=60)
    search = GridSearchCV(model, {"teacher__max_support": [2, 30]}, cv=2).fit(X, y)
    assert search.best_params_ == {"teacher__max_support": 30}
    assert search.best_estimator_.teacher.max_support == 30
    assert model.teacher.max_support == 512


@both
def test_none_is_mitra(cls):
    assert cls().teacher is None and cls().student is None
    X, y = make_table(40, 2)
    fitted = cls(n_rows=40, keep_teacher=True).fit(X, y)
    mitra = MitraClassifier if cls is DistilledClassifier else MitraRegressor
    assert type(fitted.teacher_) is mitra
    assert fitted.teacher_.get_params() == mitra().get_params()
    assert fitted.score(X, y) > 0.5


# ---- students and teachers -----------------------------------------------------------------------


def test_students_of_good_teachers_are_better_than_boosting_of_labels():
    X, y = load_breast_cancer(return_X_y=True)
    fitted = small(teacher=make_pipeline(StandardScaler(), LogisticRegression()))
    fitted.set_params(student=None, n_rows=500)
    fidelity = fitted.fit(X[:100, :10], y[:100]).fidelity_
    assert fidelity["n_held_out"] == 20
    names = ["teacher_log_loss", "student_log_loss", "boosting_log_loss"]
    losses = [fidelity[name] for name in names]
    assert losses[1] < (losses[0] + losses[2]) / 2
    assert 0 <= fidelity["divergence"] < 0.1

    X, y = load_diabetes(return_X_y=True)
    fidelity = small(DistilledRegressor, student=None, n_rows=500).fit(X, y).fidelity_
    assert fidelity["student_r2"] > (fidelity["teacher_r2"] + fidelity["boosting_r2"]) / 2
    assert 0.9 < fidelity["agreement_r2"] <= 1


def test_students_predict_nearly_what_teachers_do():
    X, y = make_three_classes(150)
    fitted = small(keep_teacher=True, student=None, n_rows=600).fit(X, y)
    new = np.random.default_rng(1).normal(size=(100, 3))
    expected = fitted.teacher_.predict_proba(new)
    assert np.abs(fitted.predict_proba(new) - expected).mean() < 0.03
    assert (fitted.predict(new) == fitted.teacher_.predict(new)).mean() > 0.95


@both
def test_a_teacher_that_memorises_does_not_give_labels_away(cls):
    # No row says anything about its label, so whoever predicts labels of training rows well has
    # been shown them. The nearest neighbour of a training row is that row itself.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    teacher = {
        DistilledClassifier: KNeighborsClassifier(1),
        DistilledRegressor: KNeighborsRegressor(1),
    }[cls]
    assert clone(teacher).fit(X, y).score(X, y) == 1
    fitted = small(cls, teacher, student=DecisionTreeRegressor(random_state=0), n_rows=200)
    fitted.fit(X, y)  # the tree learns what it is told exactly, and there are no mixed rows
    assert ((fitted.predict(X) > 0.5) == y).mean() < 0.6


@both
def test_held_out_rows_are_unknown_to_the_student_that_is_scored(cls):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), rng.integers(0, 2, 400)
    teacher = {
        DistilledClassifier: KNeighborsClassifier(1),
        DistilledRegressor: KNeighborsRegressor(1),
    }[cls]
    fidelity = small(cls, teacher, student=None, n_rows=600).fit(X, y).fidelity_
    if cls is DistilledClassifier:
        assert fidelity["student_log_loss"] > np.log(2)  # no better than always 0.5
    else:
        assert fidelity["student_r2"] < 0


class _Recorder(LogisticRegression):
    """Records the tables that it sees, in a list that its clones share."""

    seen: list = []

    def fit(self, X, y):
        self.seen.append(("fit", X))
        return super().fit(X, y)

    def predict_proba(self, X):
        self.seen.append(("ask", X))
        return super().predict_proba(X)


def tables_seen(**params):
    X, y = make_table(50, 3)
    _Recorder.seen = []
    unlabelled = params.pop("X_unlabelled", None)
    small(teacher=_Recorder(), **params).fit(X, y, X_unlabelled=unlabelled)
    return X, _Recorder.seen


def rows(table):
    return {tuple(row) for row in table}


def test_training_rows_are_answered_by_teachers_that_have_not_seen_them():
    X, seen = tables_seen(n_rows=50)
    # a fold, its mixed rows, four folds; no teacher of all rows is needed
    assert [what for what, _ in seen] == ["fit", "ask", "ask", *["fit", "ask"] * 4]
    asked = []
    fits = [table for what, table in seen if what == "fit"]
    folds = [seen[i][1] for i in (1, 4, 6, 8, 10)]
    for fitted, fold in zip(fits, folds):
        assert not rows(fitted) & rows(fold)
        assert rows(fitted) | rows(fold) == rows(X)
        asked += list(rows(fold))
    assert sorted(asked) == sorted(rows(X))
    mixed = seen[2][1]
    for j in range(3):  # rows mixed for the scored student hold nothing of the held-out rows
        assert set(mixed[:, j]) <= set(fits[0][:, j])


def test_mixed_rows_fill_up_and_a_teacher_of_all_rows_answers_them():
    X, seen = tables_seen(n_rows=70)
    (fit, fitted), (ask, mixed) = seen[-2:]
    assert (fit, ask) == ("fit", "ask")
    same(fitted, X)
    assert len(mixed) == 20
    assert not rows(mixed) <= rows(X)


def test_of_many_rows_some_are_answered():
    X, seen = tables_seen(n_rows=20)
    assert len(rows(X)) == 50
    folds = [seen[i][1] for i in (1, 4, 6, 8, 10)]
    assert len(set().union(*map(rows, folds))) == 20
    assert len(seen[0][1]) == 46  # teachers still learn from all other rows


def test_rows_without_labels_are_answered_as_well():
    unlabelled = np.random.default_rng(1).normal(size=(7, 3))
    _, seen = tables_seen(n_rows=50, X_unlabelled=unlabelled)
    same(seen[-1][1], unlabelled)

    # where there are only unlabelled rows, the student learns from them
    X, y = make_targets(60)
    far = X + 100
    student = DecisionTreeRegressor(random_state=0)
    plain = small(DistilledRegressor, LinearRegression(), student=student).fit(X, y)
    fitted = small(DistilledRegressor, LinearRegression(), student=student)
    fitted.fit(X, y, X_unlabelled=far)
    truth = LinearRegression().fit(X, y).predict(far)
    np.testing.assert_allclose(fitted.predict(far), truth, atol=1e-4)
    assert np.abs(plain.predict(far) - truth).mean() > 1


# ---- tables --------------------------------------------------------------------------------------


@both
def test_columns_of_every_kind(cls):
    X, y = make_frame(80)
    X["day"] = pd.date_range("2024-01-01", periods=80)
    before = X.copy()
    mitra = MitraClassifier if cls is DistilledClassifier else MitraRegressor
    fitted = cls(mitra(n_estimators=1, max_support=30), n_rows=100).fit(X, y)
    pd.testing.assert_frame_equal(X, before)
    assert fitted.score(X, y) > 0.4
    assert list(fitted.feature_names_in_) == list(X.columns)
    with pytest.warns(UserWarning, match="unseen categories, such as 'new'"):
        fitted.predict(X.assign(level="new"))
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(X.rename(columns={"a": "z"}))


def test_labels_keep_their_type():
    X, y = make_three_classes()
    labels = np.array(["no", "yes", "maybe"])[y]
    fitted = small().fit(X, labels)
    assert fitted.classes_.tolist() == ["maybe", "no", "yes"]
    assert (fitted.predict(X) == labels).mean() > 0.8
    assert fitted.decision_function(X).shape == (60, 3)
    np.testing.assert_allclose(fitted.decision_function(X).sum(axis=1), 0, atol=1)
    np.testing.assert_allclose(np.log(fitted.predict_proba(X)), fitted.predict_log_proba(X))
    two = small().fit(X, y > 0)
    assert two.classes_.dtype == bool
    np.testing.assert_allclose(
        1 / (1 + np.exp(-two.decision_function(X))), two.predict_proba(X)[:, 1]
    )


def test_classes_that_a_fold_lacks():
    X, y = make_separated_classes(3)
    y[-1] = 3  # a class of one row
    fitted = small().fit(X, y)
    assert fitted.predict_proba(X).shape == (18, 4)
    assert np.isfinite(fitted.fidelity_["teacher_log_loss"])
    # without its only row, there is one class, of which most classifiers refuse to learn
    y = np.zeros(18)
    y[4] = 1
    assert set(small(n_rows=30).fit(X, y).predict(X)) <= {0, 1}
    only = small().fit(X, np.full(18, "a"))
    same(only.predict_proba(X), np.ones((18, 1)))
    assert only.predict(X[:2]).tolist() == ["a", "a"]


def test_rows_have_the_same_bits_in_any_batch():
    X, y = make_frame(80)
    teacher = MitraClassifier(n_estimators=1, max_support=30)
    fitted = small(teacher=teacher, student=None).fit(X, y)
    whole = fitted.predict_proba(X)
    same(np.concatenate([fitted.predict_proba(X[i : i + 3]) for i in range(0, 80, 3)]), whole)


# ---- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "student",
    [
        Ridge(),
        DecisionTreeRegressor(random_state=0),
        HistGradientBoostingRegressor(random_state=0),  # of one output
        make_pipeline(StandardScaler(), Ridge()),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1]}, cv=2),
    ],
    ids=lambda student: type(student).__name__,
)
def test_students_of_one_output_or_several(student):
    X, y = make_three_classes(90)
    fitted = small(student=student).fit(X, y)
    assert fitted.score(X, y) > 0.6
    assert fitted.student is student and not hasattr(student, "n_features_in_")


@both
def test_teachers_are_kept_only_if_asked_for(cls):
    X, y = make_table()
    teacher = clone(TEACHERS[cls])
    fitted = small(cls, teacher, keep_teacher=True, n_rows=50).fit(X, y)
    same(fitted.teacher_.predict(X), clone(teacher).fit(X, y).predict(X))
    assert not hasattr(teacher, "coef_")
    fitted.set_params(keep_teacher=False).fit(X, y)
    assert not hasattr(fitted, "teacher_")


@both
def test_the_seed_decides_and_no_global_one(cls):
    X, y = make_table(60, 4)

    def values(seed):
        fitted = small(cls, random_state=seed, student=None, n_rows=90).fit(X, y)
        return getattr(fitted, "decision_function", fitted.predict)(X)

    before = repr(np.random.get_state())  # noqa: NPY002
    same(values(0), values(0))
    assert (values(0) != values(1)).any()
    same(values(np.random.RandomState(3)), values(np.random.RandomState(3)))
    values(None)
    assert repr(np.random.get_state()) == before  # noqa: NPY002


def test_progress_is_printed_if_asked_for(capsys):
    X, y = make_table(50)
    small().fit(X, y)
    assert capsys.readouterr().out == ""
    small(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert re.fullmatch(
        r"\[DistilledClassifier\] The teacher answered fold 1 of 5: \d+\.\d s", lines[0]
    )
    assert "The student learned from 60 rows" in lines[-1]


# ---- metadata ------------------------------------------------------------------------------------


class _Weighted(LogisticRegression):
    """Records the weights of the rows that it is fitted to."""

    weights: list = []

    def fit(self, X, y, sample_weight=None):
        self.weights.append((X, sample_weight))
        return super().fit(X, y, sample_weight)


def test_metadata_is_routed_to_the_teacher_and_cut_into_folds():
    X, y = make_table(40)
    weight = X[:, 0] ** 2 + 1
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        small().fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        _Weighted.weights = []
        teacher = _Weighted().set_fit_request(sample_weight=True)
        small(teacher=teacher).fit(X, y, sample_weight=weight)
        assert len(_Weighted.weights) == 6
        for rows, weights in _Weighted.weights:
            same(weights, rows[:, 0] ** 2 + 1)
        with pytest.raises(TypeError, match="unexpected argument"):
            small().fit(X, y, sample_wheight=weight)


def test_rows_without_labels_are_routed_through_pipelines():
    X, y = make_targets(60)
    far = X + 100
    student = DecisionTreeRegressor(random_state=0)
    with config_context(enable_metadata_routing=True):
        model = small(DistilledRegressor, LinearRegression(), student=student)
        model.set_fit_request(X_unlabelled=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("model", model)], transform_input=["X_unlabelled"]
        )
        pipeline.fit(X, y, X_unlabelled=far)
        truth = LinearRegression().fit(X, y).predict(far)
        np.testing.assert_allclose(pipeline.predict(far), truth, atol=1e-4)
        search = GridSearchCV(model, {"n_rows": [60, 90]}, cv=2)
        search.fit(X, y, X_unlabelled=far[:30])
        np.testing.assert_allclose(search.predict(far[:30]), truth[:30], atol=1e-4)


# ---- errors and warnings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"teacher": LinearSVC()}, "'teacher' parameter .* implementing 'fit' and 'predict_proba'"),
        ({"student": StandardScaler()}, "'student' parameter .* 'fit' and 'predict'"),
        ({"n_rows": 4}, "'n_rows' parameter"),
        ({"n_rows": 50.0}, "'n_rows' parameter"),
        ({"random_state": "a"}, "'random_state' parameter"),
        ({"keep_teacher": 3}, "'keep_teacher' parameter"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_parameters(params, message):
    X, y = make_table()
    with pytest.raises(ValueError, match=message):
        small().set_params(**params).fit(X, y)


def test_wrong_tables():
    X, y = make_table()
    with pytest.raises(ValueError, match=r"needs 2 rows or more. Got n_samples = 1"):
        small().fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="X has 3 features, but DistilledClassifier is expecting"):
        small().fit(X, y, X_unlabelled=X[:, :3])
    with pytest.raises(ValueError, match="infinity or a value too large"):
        small().fit(X, y, X_unlabelled=np.where(X == X[3], np.inf, X))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        small().fit(X, np.where(y, np.nan, 1.0))


@both
def test_a_fit_that_fails_leaves_the_previous_one(cls):
    X, y = make_table()
    fitted = small(cls).fit(X, y)
    before = fitted.predict(X)
    with pytest.raises(ValueError, match="infinity"):
        fitted.fit(X[:, :3], np.where(y, 5, 3), X_unlabelled=np.full((2, 3), np.inf))
    same(fitted.predict(X), before)


class _Infinite(DummyRegressor):
    def predict(self, X):
        return np.full(len(X), np.inf)


def test_teachers_must_answer_finite_numbers():
    X, y = make_targets()
    with pytest.raises(ValueError, match=r"The teacher _Infinite\(\) answered inf for some rows"):
        small(DistilledRegressor, _Infinite()).fit(X, y)


@both
def test_teachers_and_students_that_are_worse_than_boosting_are_warned_of(cls):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] > 0).astype(int)
    poor = {DistilledClassifier: DummyClassifier(), DistilledRegressor: DummyRegressor()}[cls]
    good = {
        DistilledClassifier: LogisticRegression(C=1e3),
        DistilledRegressor: DecisionTreeRegressor(random_state=0),
    }[cls]
    with pytest.warns(
        UserWarning, match="better than the teacher: teacher_.*use boosting"
    ) as caught:
        small(cls, poor, n_rows=400).fit(X, y)
    assert caught[0].filename == __file__
    dummy = DummyRegressor()
    with pytest.warns(UserWarning, match="better than the student: .*Raise 'n_rows'"):
        small(cls, good, student=dummy, n_rows=400).fit(X, y)


@pytest.mark.filterwarnings("error")
def test_good_students_are_not_warned_of():
    X, y = load_diabetes(return_X_y=True)
    small(DistilledRegressor, n_rows=300).fit(X[:150], y[:150])
