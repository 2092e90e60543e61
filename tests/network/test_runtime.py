"""Runtime settings: resolved from parameters, equal and hashable by value."""

import joblib
import pytest
from estimators import both, outputs, same, small
from tables import make_table

from sklearn_mitra import MitraClassifier
from sklearn_mitra._network.runtime import Runtime

CPU = "CPUExecutionProvider"


def test_defaults_are_all_cores_of_the_cpu_in_float32(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    runtime = Runtime.resolve()
    assert runtime == Runtime(joblib.cpu_count(), ((CPU, ()),), "float32")
    assert runtime.is_cpu and runtime.as_onnxruntime() == [CPU]


@pytest.mark.parametrize(("n_jobs", "expected"), [(1, 1), (-1, 0), (-2, -1), (-1000, -999)])
def test_negative_numbers_of_jobs_count_back_from_all_cores(n_jobs, expected):
    cores = joblib.cpu_count()
    expected = expected if expected > 0 else max(1, cores + expected)
    assert Runtime.resolve(n_jobs).n_threads == expected


def test_there_are_never_more_threads_than_cores():
    assert Runtime.resolve(10**6).n_threads == joblib.cpu_count()


def test_settings_are_compared_by_value_whatever_their_order():
    pairs = [[(CPU, {"a": "1", "b": 2})], ((CPU, {"b": 2, "a": "1"}),), [[CPU, {"a": "1", "b": 2}]]]
    runtimes = [Runtime.resolve(1, providers) for providers in pairs]
    assert len(set(runtimes)) == 1
    assert runtimes[0].as_onnxruntime() == [(CPU, {"a": "1", "b": 2})]
    assert not runtimes[0].is_cpu
    assert Runtime.resolve(1, [(CPU, {})]) == Runtime.resolve(1, [CPU]) == Runtime.resolve(1)


WRONG = {
    "no provider": [],
    "unknown": ["NoSuchExecutionProvider"],
    "unknown with options": [("NoSuchExecutionProvider", {})],
    "options that are none": [(CPU, "a")],
    "options of odd kinds": [(CPU, {"a": []})],
    "options by number": [(CPU, {1: "a"})],
    "three of them": [(CPU, {}, {})],
    "a pair without a list": (CPU, {"a": 1}),
    "None": [None],
}


@pytest.mark.parametrize("providers", WRONG.values(), ids=WRONG)
def test_providers_in_another_form_are_refused(providers):
    with pytest.raises(ValueError, match=f"must list names out of .*{CPU}.* pairs .* Got "):
        Runtime.resolve(1, providers)


@both
def test_a_provider_with_options_predicts_the_same(cls):
    X, y = make_table()
    expected = outputs(small(cls).fit(X, y), X)
    given = [(CPU, {"use_arena": "1"})]
    estimator = small(cls, providers=given).fit(X, y)
    same(outputs(estimator, X), expected)
    assert estimator.get_params()["providers"] is given and given == [(CPU, {"use_arena": "1"})]


def test_an_estimator_checks_providers_before_anything_else():
    with pytest.raises(ValueError, match="providers parameter must list names"):
        MitraClassifier(providers=[(CPU, "a")]).fit(None, None)
