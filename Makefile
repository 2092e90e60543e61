# Every command sets up what it needs in environments of its own: .venv to use the package,
# .venv-test to work on it.
PYTHON ?= python3
TEST = .venv-test/bin/python

.PHONY: demo test lint clean

demo: .venv/installed
	.venv/bin/python -m sklearn_mitra

test: .venv-test/installed
	$(TEST) -m pytest

lint: .venv-test/installed
	$(TEST) -m ruff check .
	$(TEST) -m ruff format --check .

.venv/installed: pyproject.toml $(wildcard sklearn_mitra/*.py)
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet .
	touch $@

.venv-test/installed: pyproject.toml $(wildcard tests/requirements-*.txt)
	$(PYTHON) -m venv .venv-test
	$(TEST) -m pip install --quiet --editable .[test] -r tests/requirements-oracles.txt
	$(TEST) -m pip install --quiet --no-deps -r tests/requirements-autogluon.txt
	touch $@

clean:
	rm -rf .venv .venv-test build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
