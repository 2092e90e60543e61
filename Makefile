# Every command sets up what it needs in environments of its own: .venv to use the package,
# .venv-test and tests/web/node_modules to work on it.
PYTHON ?= python3
TEST = .venv-test/bin/python

WEB = tests/web

.PHONY: demo test test-web lint clean

demo: .venv/installed
	.venv/bin/python -m sklearn_mitra

test: .venv-test/installed
	$(TEST) -m pytest

# The exported files in onnxruntime for Node.js and for browsers, and in a page.
test-web: .venv-test/installed $(WEB)/node_modules/installed
	$(TEST) -m export.verify --runtime all --npm $(WEB)
	$(TEST) -m pytest $(WEB)

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

$(WEB)/node_modules/installed: $(WEB)/package.json
	@command -v npm >/dev/null || { echo "This needs Node.js 20 or newer, with npm: from" \
	"https://nodejs.org or the system's packages. Then 'make test-web' again." >&2; exit 1; }
	cd $(WEB) && npm install --ignore-scripts --no-package-lock --no-audit --no-fund
	touch $@

clean:
	rm -rf .venv .venv-test $(WEB)/node_modules build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
