"""Tables as the user gives them: sparse ones become dense, up to a limit."""

import numpy as np
import pytest
from estimators import make_table, outputs, same, small
from scipy import sparse

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
