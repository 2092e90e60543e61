"""What predictions cost: trees beside the network, folds for intervals, the line of text."""

import copy
import pickle

import pandas as pd
import pytest
from estimators import both, small
from scipy.sparse import csr_array
from tables import make_table

from sklearn_mitra import MitraRegressor
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
    for other in (copy.deepcopy(COST), pickle.loads(pickle.dumps(COST))):
        assert other == COST and repr(other) == line
