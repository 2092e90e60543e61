"""Limits on threads hold around a call, and only there."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_mitra._common.thread_limits import _find_libraries, limit_threads


def count_threads(user_api):
    """Threads of the libraries of a kind that are loaded, among them NumPy's."""
    assert np.linalg.norm(np.ones(3)) > 1
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == user_api]


@pytest.fixture(autouse=True)
def two_threads():
    _find_libraries.cache_clear()  # other tests may have loaded torch's libraries since
    with threadpool_limits(2):
        yield


def test_the_limit_ends_with_the_call():
    before = count_threads("blas")
    assert set(before) == {2}
    with limit_threads(1, user_api="blas"):
        assert set(count_threads("blas")) == {1}
    assert count_threads("blas") == before


def test_other_libraries_keep_their_threads():
    with limit_threads(1, user_api="blas"):
        assert set(count_threads("openmp")) == {2}
    with limit_threads(1):
        assert set(count_threads("openmp")) == {1}


def test_an_error_ends_the_limit_too():
    before = count_threads("blas")
    with pytest.raises(ZeroDivisionError), limit_threads(1):
        raise ZeroDivisionError
    assert count_threads("blas") == before
