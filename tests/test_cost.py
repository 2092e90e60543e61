"""What predictions cost: trees beside the network, folds for intervals, the line of text."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from estimators import both, small
from scipy.sparse import csr_array
from tables import make_table

from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._cost import Cost
from sklearn_mitra._network import context
from sklearn_mitra._network.plan import Speed

MEMBERS = ["plain", "extra_trees"]


@pytest.fixture
def speed(monkeypatch):
    """Seconds of a run, of an operation and of reading a byte, instead of this machine's."""
    speed = Speed(run=1e-4, flop=1e-12, byte=1e-10)
    monkeypatch.setattr(context, "measure_speed", lambda *args: speed)


def with_trees(cls, weights):
    X, y = make_table()
    return small(cls, n_estimators=None, members=MEMBERS, member_weights=weights).fit(X, y)


# ---- trees beside the network --------------------------------------------------------------------


@both
@pytest.mark.usefixtures("speed")
def test_trees_beside_the_network_are_counted(cls):
    both_kinds, network, trees = (
        with_trees(cls, weights).estimate_cost(10**5) for weights in ([1, 1], [1, 0], [0, 1])
    )
    assert network.first_seconds > network.later_seconds > 0
    assert trees.first_seconds == trees.later_seconds > 0
    assert both_kinds.context_nbytes == network.context_nbytes > trees.context_nbytes == 0
    assert both_kinds.peak_nbytes >= max(network.peak_nbytes, trees.peak_nbytes)
    # with and without the context, the same trees
    extra = both_kinds.later_seconds - network.later_seconds
    assert extra > 0
    assert both_kinds.first_seconds - network.first_seconds == pytest.approx(extra)


# ---- folds for intervals -------------------------------------------------------------------------


@pytest.mark.usefixtures("speed")
def test_the_folds_of_a_first_interval_are_counted_until_they_are_known():
    X, y = make_table(60)
    reg = MitraRegressor(max_support=60, n_estimators=2, members="plain").fit(X, y)
    cost = reg.estimate_cost(1)
    # five supports of four fifths of the rows, and each row once
    assert 2 * cost.first_seconds < cost.interval_seconds < 10 * cost.first_seconds
    assert reg.estimate_cost(1000).interval_seconds == cost.interval_seconds
    reg.predict_interval(X[:2])
    again = reg.estimate_cost(1)
    assert again.interval_seconds == 0
    assert again.later_seconds == cost.later_seconds


@pytest.mark.usefixtures("speed")
def test_no_folds_are_counted_where_there_are_none(make_checkpoint):
    X, y = make_table(60)
    assert small().fit(X, y).estimate_cost(1).interval_seconds == 0
    assert with_trees(MitraRegressor, "auto").estimate_cost(1).interval_seconds == 0
    bins = make_checkpoint(8, 20, 1, 2, "regression")
    assert small(MitraRegressor, model=bins).fit(X, y).estimate_cost(1).interval_seconds == 0
    one_row = small(MitraRegressor, max_support=1).fit(X, y)
    assert one_row.estimate_cost(1).interval_seconds == 0


# ---- fits ----------------------------------------------------------------------------------------


@both
@pytest.mark.usefixtures("short_trial")
@pytest.mark.parametrize(
    "params",
    [{}, {"members": MEMBERS}, {"members": ["boosting"]}, {"n_estimators": 1}],
    ids=str,
)
def test_before_a_fit_the_sizes_are_those_of_the_fitted_model(cls, params, capsys):
    X, y = make_table(90)
    params = {"n_estimators": None, **params}
    if "members" in params and params["members"] == MEMBERS:
        params["member_weights"] = [1, 1]  # learned ones may drop a member
    estimator = small(cls, **params, verbose=1)
    before = dict(vars(estimator))
    cost = estimator.estimate_fit_cost(X, y, 50)
    assert vars(estimator) == before
    assert capsys.readouterr() == ("", "")
    assert cost.fit_seconds > 0
    fitted = estimator.fit(X, y).estimate_cost(50)
    assert {*cost} == {*fitted, "fit_seconds"}
    for key in ("n_rows", "context_nbytes", "peak_nbytes"):
        assert cost[key] == fitted[key]
    assert (cost.interval_seconds > 0) == (fitted.interval_seconds > 0)


@pytest.mark.usefixtures("short_trial")
def test_a_support_larger_than_the_sample_counts_whole():
    X, y = make_table(1300)
    clf = small(max_support=None)
    cost = clf.estimate_fit_cost(X, y)
    assert cost.context_nbytes == clf.fit(X, y).estimate_cost().context_nbytes


@pytest.mark.usefixtures("short_trial")
def test_class_trees_count_before_a_fit():
    X, _ = make_table(90)
    y = np.arange(90) % 13
    clf = small(max_support=60)
    expected = clf.fit(X, y).estimate_cost().context_nbytes
    assert clf.estimate_fit_cost(X, y).context_nbytes == expected > 0


@both
def test_predictions_of_held_out_rows_are_part_of_a_fit(cls, monkeypatch):
    X, y = make_table(90)
    params = {"n_estimators": None, "members": MEMBERS}
    costs = []
    for flop in (1e-12, 1e-7):  # the slow machine takes minutes for the network
        speed = Speed(run=0.0, flop=flop, byte=0.0)
        monkeypatch.setattr(context, "measure_speed", lambda *args, speed=speed: speed)
        costs.append(small(cls, **params).estimate_fit_cost(X, y, 30))
    fast, slow = costs
    # folds with other supports, and the rows to predict are as many as in one of these
    n_folds = 1 if cls is MitraClassifier else 3
    ratio = slow.fit_seconds / slow.first_seconds
    assert 0.7 * n_folds < ratio < 1.3 * n_folds
    assert fast.fit_seconds < slow.fit_seconds / 10
    given = {**params, "member_weights": [1, 1]}
    without = small(cls, **given).estimate_fit_cost(X, y, 30)
    # held-out rows are for the errors of a regressor, too
    assert (without.fit_seconds < slow.fit_seconds / 10) == (cls is MitraClassifier)


@pytest.mark.usefixtures("speed")
def test_a_tuned_temperature_is_part_of_a_fit(monkeypatch):
    X, y = make_table(90)
    slow = Speed(run=0.0, flop=1e-7, byte=0.0)
    monkeypatch.setattr(context, "measure_speed", lambda *args: slow)
    tuned = small(softmax_temperature="auto").estimate_fit_cost(X, y, 30)
    assert 2 * tuned.first_seconds < tuned.fit_seconds < 4 * tuned.first_seconds
    assert small().estimate_fit_cost(X, y, 30).fit_seconds < tuned.fit_seconds / 10


@both
def test_an_estimate_before_a_fit_makes_the_errors_of_fit(cls):
    X, y = make_table(60)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small(cls).estimate_fit_cost(X, y[1:])
    with pytest.raises(ValueError, match="max_support"):
        small(cls, max_support=0).estimate_fit_cost(X, y)
    with pytest.raises(TypeError, match="'n_rows' must be"):
        small(cls).estimate_fit_cost(X, y, "all")
    constant = small(cls).estimate_fit_cost(X, np.zeros(60))
    assert constant.first_seconds == 0 and constant.fit_seconds < 1


# ---- tables and numbers --------------------------------------------------------------------------


@both
@pytest.mark.usefixtures("speed")
def test_a_table_counts_as_its_rows(cls):
    X, y = make_table(60)
    estimator = small(cls).fit(X, y)
    expected = estimator.estimate_cost(60)
    for table in (X, X.tolist(), tuple(X), pd.DataFrame(X), csr_array(X)):
        assert estimator.estimate_cost(table) == expected
    assert estimator.estimate_cost().n_rows == 1000


def test_errors_about_arguments_name_no_private_class():
    with pytest.raises(TypeError, match=r"^estimate_cost\(\) got an unexpected"):
        MitraClassifier().estimate_cost(rows=5)
    with pytest.raises(TypeError, match=r"^estimate_fit_cost\(\) missing 2 required"):
        MitraClassifier().estimate_fit_cost()


@both
def test_a_table_without_rows_is_an_error(cls):
    X, y = make_table(60)
    for table in (X[:0], []):
        with pytest.raises(ValueError, match="n_rows == 0, must be >= 1"):
            small(cls).fit(X, y).estimate_cost(table)


# ---- the line of text ----------------------------------------------------------------------------

COST = Cost(
    n_rows=1000,
    context_nbytes=242_000_000,
    peak_nbytes=1_300_000_000,
    first_seconds=12.04,
    later_seconds=0.31,
    interval_seconds=0,
)


def test_a_cost_is_printed_as_a_line_and_is_still_a_bunch():
    line = "1,000 rows: 12.0 s at first, 310 ms later; 242 MB cached, 1,300 MB at peak"
    assert repr(COST) == str(COST) == line
    later = Cost(**{**COST, "n_rows": 1, "interval_seconds": 240.0})
    assert str(later) == line.replace("1,000 rows", "1 row") + (
        "; 4 minutes more for the first interval"
    )
    assert COST["later_seconds"] == COST.later_seconds == 0.31
    with_fit = Cost(**COST, fit_seconds=3.5)
    assert str(with_fit) == f"fit 3.5 s; {line}"
    for other in (copy.deepcopy(COST), pickle.loads(pickle.dumps(COST))):
        assert other == COST and repr(other) == line
