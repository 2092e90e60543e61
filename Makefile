# Every command sets up what it needs in environments of its own: .venv to use the package,
# .venv-test and tests/web/node_modules to work on it, .venv-docs for its documentation, .venv-min
# for the oldest dependencies.
PYTHON ?= python3
# The oldest dependencies have no wheels for later Pythons.
MIN_PYTHON ?= $(shell for python in python3.10 python3.11 $(PYTHON); do \
	$$python -c "" 2>/dev/null && echo $$python && break; done)
TEST = .venv-test/bin/python
MIN = .venv-min/bin/python

WEB = tests/web
# What needs neither AutoGluon nor much time.
FAST = tests --ignore=tests/oracles -m "not slow"

.PHONY: help demo format lint hooks test test-fast test-all fuzz test-min test-production test-web playground docs \
	coverage release clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed  ## Compare the estimators with scikit-learn's forest and boosting
	.venv/bin/python -m sklearn_mitra demo

format: .venv-test/installed  ## Put the code into shape: ruff's fixes, ruff's format
	$(TEST) -m ruff check --fix .
	$(TEST) -m ruff format .

lint: .venv-test/installed  ## Check style, format, who imports whom, and types
	$(TEST) -m ruff check .
	$(TEST) -m ruff format --check .
	.venv-test/bin/lint-imports
	$(TEST) -m mypy

hooks: .venv-test/installed  ## Have git run these checks on what you commit
	.venv-test/bin/pre-commit install

test: .venv-test/installed  ## Run all tests but those of fuzz, test-production and test-web
	$(TEST) -m pytest

test-fast: .venv-test/installed  ## Run the tests that need neither AutoGluon nor much time
	$(TEST) -m pytest $(FAST)

test-all: .venv-test/installed  ## Run the same tests as test, with more random examples
	$(TEST) -m pytest --hypothesis-profile=thorough

fuzz: .venv-test/installed  ## Damage files at random for some minutes, with other examples every time
	$(TEST) -m pytest tests/fuzz tests/bundles/test_bundles_damage.py tests/bundles/test_container.py \
		--hypothesis-profile=fuzz

test-min: .venv-min/installed  ## Run the fast tests with the oldest dependencies
	$(MIN) -m pytest $(FAST)

# Clusters, a service and registries of models: packages that nothing else needs.
test-production: .venv-test/production-installed  ## Test with Dask, FastAPI, skops and MLflow
	$(TEST) -m pytest tests/production

# The exported files in onnxruntime for Node.js and for browsers, and in a page; the site's pages.
test-web: .venv-test/web-installed .venv-docs/installed $(WEB)/node_modules/installed  ## Test exported files, the playground and the documentation in Node.js and a browser
	$(TEST) -m sklearn_mitra.export.verify --runtime all --npm $(WEB)
	$(TEST) -m pytest $(WEB)

# The export, the weights and the page; about.json is written last.
PLAYGROUND = docs/_build/playground
$(PLAYGROUND)/about.json: .venv-test/installed $(WEB)/node_modules/installed $(wildcard \
	docs/playground/*.* export/*.py sklearn_mitra/_network/*.py sklearn_mitra/checkpoints/*/*)
	rm -rf $(PLAYGROUND)
	$(TEST) docs/playground/build.py $(PLAYGROUND) --npm $(WEB)

# PORT= only builds it.
PORT ?= 8000
playground: $(PLAYGROUND)/about.json  ## Build the playground in docs/_build/playground, and serve it
	$(if $(PORT),$(TEST) docs/playground/build.py $(PLAYGROUND) --port $(PORT))

# Warnings are errors. Examples that have not changed since the last time don't run again. With two
# threads on a busy machine, scikit-learn's boosting took 20 times as long.
docs: .venv-docs/installed $(PLAYGROUND)/about.json  ## Build the documentation, run its examples, and check its links
	OMP_NUM_THREADS=1 .venv-docs/bin/python -m sphinx -W --keep-going --quiet -d docs/_build/doctrees docs docs/_build/html
	rm -rf docs/_build/html/playground
	cp -R $(PLAYGROUND) docs/_build/html/playground
	.venv-docs/bin/python docs/check_links.py docs/_build/html
	@echo "Open docs/_build/html/index.html. The playground needs a web server, as make playground is one."

coverage: .venv-test/installed  ## Run the fast tests, and show which lines of the package they reach
	$(TEST) -m pytest $(FAST) --cov --cov-report=term

# What somebody meets who installs the wheel: no checkout nearby, no network for the model.
define SMOKE
import sys
from pathlib import Path
from sklearn.datasets import load_diabetes, load_iris
import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor

assert Path(sklearn_mitra.__file__).is_relative_to(sys.prefix), sklearn_mitra.__file__
for model, load_data in (MitraClassifier(), load_iris), (MitraRegressor(), load_diabetes):
    X, y = load_data(return_X_y=True)
    model.set_params(max_support=60).fit(X, y)
    score = model.score(X[:200], y[:200])
    model.save("model.wlrn")
    again = sklearn_mitra.load("model.wlrn")
    assert (again.predict(X[:9]) == model.predict(X[:9])).all()
    assert score > 0.2, score
    print(f"{type(model).__name__} of sklearn-mitra {sklearn_mitra.__version__}: {score:.2f}")
endef
export SMOKE

release: .venv-test/installed  ## Build sdist and wheel in dist/, check them, and try the wheel
	rm -rf build dist
	$(TEST) -m build --outdir dist .
	$(TEST) -m twine check --strict dist/*
	set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder/venv"; \
	"$$folder/venv/bin/python" -m pip install --quiet dist/*.whl; \
	cd "$$folder"; env -u PYTHONPATH "$$folder/venv/bin/python" -c "$$SMOKE"

clean:  ## Remove the environments and all that was built
	rm -rf .venv .venv-test .venv-min .venv-docs $(WEB)/node_modules build dist *.egg-info .hypothesis
	rm -rf docs/_build docs/auto_gallery docs/reference/generated
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .coverage .coverage.* htmlcov
	find $(wildcard sklearn_mitra export tests benchmarks) -name __pycache__ -exec rm -rf {} +

# Modules that were renamed would be installed from build/, too.
.venv/installed: pyproject.toml $(wildcard sklearn_mitra/*.py sklearn_mitra/*/*.py export/*.py export/*/*.py)
	$(PYTHON) -m venv .venv
	rm -rf build
	.venv/bin/python -m pip install --quiet .
	touch $@

.venv-test/installed: pyproject.toml tests/requirements-oracles.txt tests/requirements-autogluon.txt
	$(PYTHON) -m venv .venv-test
	$(TEST) -m pip install --quiet --editable .[test] -r tests/requirements-oracles.txt
	$(TEST) -m pip install --quiet --no-deps -r tests/requirements-autogluon.txt
	touch $@

.venv-test/web-installed: .venv-test/installed
	$(TEST) -m pip install --quiet --editable .[test,web]
	touch $@

.venv-test/production-installed: .venv-test/installed
	$(TEST) -m pip install --quiet --editable .[test,production]
	touch $@

.venv-docs/installed: pyproject.toml
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --editable .[docs]
	touch $@

.venv-min/installed: pyproject.toml tests/requirements-min.txt
	@$(MIN_PYTHON) -c "import sys; sys.exit('This needs Python 3.10 or 3.11, whose name or path' \
	' goes into MIN_PYTHON: make test-min MIN_PYTHON=...' if sys.version_info >= (3, 12) else 0)"
	rm -rf .venv-min
	$(MIN_PYTHON) -m venv .venv-min
	$(MIN) -m pip install --quiet -r tests/requirements-min.txt
	$(MIN) -m pip install --quiet --no-deps --editable .
	$(MIN) -m pip check
	touch $@

$(WEB)/node_modules/installed: $(WEB)/package.json
	@command -v npm >/dev/null || { echo "This needs Node.js 20 or newer, with npm: from" \
	"https://nodejs.org or the system's packages. Then make again." >&2; exit 1; }
	cd $(WEB) && npm install --ignore-scripts --no-package-lock --no-audit --no-fund
	touch $@
