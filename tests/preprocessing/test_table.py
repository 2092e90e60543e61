"""Tables as the user gives them: sparse ones become dense, up to a limit; names of columns."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from estimators import outputs, same, small
from scipy import sparse
from tables import make_table

import sklearn_mitra

MAKERS = [sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_sparse_tables_are_as_dense_ones(make, dtype):
    X, y = make_table()
    X = np.where(X > 0.5, X, 0).astype(dtype)
    stored = make(X)
    estimator = small().fit(stored, y)
    same(estimator.X_support_, small().fit(X, y).X_support_)
    same(outputs(estimator, make(X[:5])), outputs(estimator, X[:5]))
    same(stored.toarray(), X)


def test_large_sparse_tables_are_refused_before_they_are_dense():
    X, y = make_table()
    message = r"up to 1,073,741,824 bytes. X of shape \(80, 10000000\) would take 6,400,000,000"
    with pytest.raises(ValueError, match=message):
        small().fit(sparse.csr_array((80, 10**7)), y)
    estimator = small().fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match=r"X of shape \(1000000000, 4\)"):
        estimator.predict(sparse.csc_array((10**9, 4)))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (sparse.csr_array((80, 0)), "0 feature"),
        (sparse.csr_array((0, 4)), "0 sample"),
        (sparse.csr_array(np.full((80, 4), np.inf)), "too large for float32 in column 0"),
    ],
)
def test_wrong_sparse_tables_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, make_table()[1])


def test_a_sparse_table_of_other_columns_is_refused():
    X, y = make_table()
    with pytest.raises(ValueError, match="X has 3 features, but MitraClassifier is expecting 4"):
        small().fit(X, y).predict(sparse.csr_array(X[:, :3]))


def test_columns_named_by_numbers_have_an_order():
    X, y = make_table()
    frame = pd.DataFrame(X, columns=[5, 3, 2, 7])
    estimator = small().fit(frame, y)
    expected = outputs(estimator, frame)
    pickled = pickle.loads(pickle.dumps(estimator))
    loaded = sklearn_mitra.load(estimator.save())
    for again in (estimator, pickled, loaded, sklearn_mitra.load(loaded.save())):
        same(outputs(again, frame), expected)
        same(outputs(again, X), expected)
        with pytest.raises(ValueError, match="Position 0 must be column 5. Got column 2"):
            again.predict(frame[[2, 3, 5, 7]])
        with pytest.raises(ValueError, match="Position 0 must be column 5. Got column 0"):
            again.predict(pd.DataFrame(X))


def test_other_time_zones_are_warned_of_where_predict_is_called():
    X, y = make_table()
    frame = pd.DataFrame({"size": X[:, 0], "time": pd.date_range("2026-03-01", periods=80)})
    zoned = frame.assign(time=frame["time"].dt.tz_localize("UTC"))
    estimator = small().fit(frame, y)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        predicted = estimator.predict_proba(zoned)
    assert [warning.filename for warning in record] == [__file__]
    assert "'time', times had no time zone in training, but some have one" in str(record[0].message)
    same(predicted, estimator.predict_proba(frame))
