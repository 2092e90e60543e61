"""The benchmark of the service runs, and writes numbers and a plot."""

from benchmark_runs import run_benchmark, start_benchmark  # noqa: F401, fixtures


def test_serving(run):
    _, results = run("serving")
    assert list(results) == ["1", "8", "32"]
    for by_service in results.values():
        assert list(by_service) == ["together", "one by one"]
        for found in by_service.values():
            assert found["median"] <= found["95 %"] <= found["99 %"]
