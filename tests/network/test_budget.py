"""The memory that cached contexts take together."""

import gc
import threading

import numpy as np
import pytest
from bundle_tools import fitted
from estimators import both, outputs, same
from tables import make_three_classes

from sklearn_mitra import MitraClassifier, clear_sessions, set_context_budget
from sklearn_mitra._network import budget
from sklearn_mitra._network.memory import total_memory

X, _ = make_three_classes()


def ready(cls=MitraClassifier, **params):
    """A fitted estimator whose context is cached, and what it predicts."""
    estimator = fitted(cls, **{"n_estimators": 1, **params})
    return estimator, outputs(estimator, X)


def sizes(*estimators):
    return [estimator.context_nbytes_ for estimator in estimators]


@both
def test_the_least_recently_used_contexts_make_room(cls, context_budget):
    (first, expected), (second, _) = ready(cls), ready(cls)
    nbytes = first.context_nbytes_
    assert nbytes > 0
    context_budget(2 * nbytes)
    assert sizes(first, second) == [nbytes, nbytes]
    outputs(first, X[:1])
    third, _ = ready(cls)
    assert sizes(first, second, third) == [nbytes, 0, nbytes]
    outputs(second, X[:1])
    assert sizes(first, second, third) == [0, nbytes, nbytes]
    same(outputs(first, X), expected)
    assert sizes(first, second, third) == [nbytes, nbytes, 0]


def test_a_smaller_budget_drops_at_once_and_none_is_a_quarter_of_the_memory(context_budget):
    (first, _), (second, _) = ready(), ready()
    nbytes = first.context_nbytes_
    context_budget(2 * nbytes - 1)
    assert sizes(first, second) == [0, nbytes]
    context_budget(0)
    assert sizes(first, second) == [0, 0]
    context_budget(None)
    assert budget.context_budget() == total_memory() // 4


def test_a_context_larger_than_the_budget_is_kept_on_request(context_budget):
    first, expected = ready()
    nbytes = first.context_nbytes_
    context_budget(nbytes - 1)
    same(outputs(first, X), expected)
    assert first.context_nbytes_ == 0  # "auto"
    first.cache_context = True
    same(outputs(first, X), expected)
    assert first.context_nbytes_ == nbytes
    second, _ = ready(max_support=10)
    assert first.context_nbytes_ == 0


@pytest.mark.slow
def test_deleted_estimators_take_no_room(context_budget):
    first, _ = ready()
    nbytes = first.context_nbytes_
    context_budget(2 * nbytes)
    for _ in range(3):
        ready()
        gc.collect()
    assert first.context_nbytes_ == nbytes


def test_clear_sessions_drops_contexts_too():
    first, expected = ready()
    clear_sessions()
    assert first.context_nbytes_ == 0
    same(outputs(first, X), expected)
    assert first.context_nbytes_ > 0


def test_threads_that_take_each_others_room_predict_the_same(context_budget):
    made = [ready(), ready(max_support=20), ready(n_estimators=2)]
    context_budget(max(sizes(*(estimator for estimator, _ in made))))
    wrong = []

    def predict(estimator, expected):
        for _ in range(5):
            if not np.array_equal(outputs(estimator, X), expected):
                wrong.append(estimator)

    threads = [threading.Thread(target=predict, args=pair) for pair in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("nbytes", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)]
)
def test_invalid_budgets_are_refused(nbytes, error):
    with pytest.raises(error, match="nbytes"):
        set_context_budget(nbytes)
