"""Long waits are announced: once for a fit, and at no cost for short ones."""

import warnings

import pytest
from estimators import both, outputs, small
from tables import make_table

import sklearn_mitra
from sklearn_mitra import LongWaitWarning, MitraClassifier, MitraRegressor
from sklearn_mitra._cli.main import main
from sklearn_mitra._network import context
from sklearn_mitra._network.plan import Speed
from sklearn_mitra._network.runtime import Runtime


@pytest.fixture
def everything_is_long(monkeypatch, short_trial):
    monkeypatch.setattr(context, "_LONG", 0.0)


def waits(function, *args):
    """The warnings of a call about long waits."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    return [warning for warning in caught if warning.category is LongWaitWarning]


# ---- estimators ----------------------------------------------------------------------------------


@both
@pytest.mark.usefixtures("everything_is_long")
def test_a_long_prediction_is_announced_once(cls):
    X, y = make_table(60)
    estimator = small(cls)
    assert not waits(estimator.fit, X, y)
    (warning,) = waits(estimator.predict, X)
    assert warning.filename == __file__
    text = str(warning.message)
    assert text.startswith("Predicting 60 rows, if all differ, will take about ")
    assert "'Memory and speed'" in text and "sklearn_mitra.LongWaitWarning" in text
    assert not waits(estimator.predict, X)
    assert len(waits(estimator.fit(X, y).predict, X)) == 1


@both
@pytest.mark.usefixtures("everything_is_long")
def test_a_fit_that_predicts_held_out_rows_is_announced_and_its_predictions_are_not(cls):
    X, y = make_table(60)
    params = {"n_estimators": None, "members": ["plain", "extra_trees"]}
    if cls is MitraClassifier:
        params["softmax_temperature"] = "auto"
    estimator = small(cls, **params)
    (warning,) = waits(estimator.fit, X, y)
    assert str(warning.message).startswith("Predicting held-out rows, by which fit chooses")
    assert not waits(estimator.predict, X)


@pytest.mark.usefixtures("everything_is_long")
def test_the_folds_of_intervals_are_announced(monkeypatch):
    X, y = make_table(60)
    reg = small(MitraRegressor).fit(X, y)
    monkeypatch.setattr(context, "_LONG", 10.0)
    reg.predict(X)  # this is short
    monkeypatch.setattr(context, "_LONG", 0.0)
    reg._model.context.was_long = False
    (warning,) = waits(reg._model.calibrated, Runtime())
    assert str(warning.message).startswith("Predicting the support rows out of fold")
    assert not waits(reg.predict_interval, X)


@both
def test_short_calls_make_no_trial(cls, monkeypatch):
    monkeypatch.setattr(context, "measure_speed", None)
    X, y = make_table(60)
    params = {"n_estimators": None, "members": ["plain", "extra_trees"]}
    for estimator in (small(cls).fit(X, y), small(cls, **params).fit(X, y)):
        assert not waits(outputs, estimator, X)
        if cls is MitraRegressor:
            assert not waits(estimator.predict_interval, X)


# ---- contexts ------------------------------------------------------------------------------------


def count_many_rows(plan, speed):
    return plan.estimate(10**7, speed)["later_seconds"]


@pytest.fixture
def trials(monkeypatch):
    """A function that sets the machine's speed, and whose list ``made`` grows with each trial."""
    made = []

    def set_speed(flop):
        def measure(*args):
            made.append(flop)
            return Speed(run=0.0, flop=flop, byte=0.0)

        monkeypatch.setattr(context, "measure_speed", measure)

    set_speed.made = made
    return set_speed


def fitted_context():
    X, y = make_table(60)
    return small().fit(X, y)._model.context


def test_the_speed_of_this_machine_decides(trials):
    trials(1e-11)
    slow = fitted_context()
    seconds = slow.foresee(count_many_rows, Runtime())
    assert seconds == count_many_rows(slow.plan(Runtime()), Speed(0.0, 1e-11, 0.0)) > 10
    assert slow.foresee(count_many_rows, Runtime()) is None and slow.was_long
    trials(1e-20)
    fast = fitted_context()
    assert fast.foresee(count_many_rows, Runtime()) is None and not fast.was_long
    assert fast.foresee(count_many_rows, Runtime()) is None
    assert trials.made == [1e-11, 1e-20]  # one for each context


def test_other_devices_are_not_tried(trials):
    trials(1e-11)
    elsewhere = Runtime(providers=(("SomeExecutionProvider", ()),))
    assert fitted_context().foresee(count_many_rows, elsewhere) is None
    assert not trials.made


# ---- the command line ----------------------------------------------------------------------------


@pytest.mark.usefixtures("everything_is_long")
def test_commands_announce_whole_tables_not_pieces(tmp_path, capsys):
    X, y = make_table(60)
    small().fit(X, y).save(tmp_path / "model.wlrn")
    table = "\n".join(",".join(map(str, row)) for row in [["a", "b", "c", "d"][: X.shape[1]], *X])
    (tmp_path / "table.csv").write_text(table)
    assert main(["predict", f"{tmp_path}/model.wlrn", f"{tmp_path}/table.csv"]) == 0
    assert "will take" not in capsys.readouterr().err
    assert len(waits(sklearn_mitra.load(tmp_path / "model.wlrn").predict, X)) == 1
