"""Interchange files for JavaScript."""

import pytest
from oracles.exports import export_once  # noqa: F401, a fixture

from sklearn_mitra import clear_sessions


@pytest.fixture(scope="session")
def classifier_file(export_once):  # noqa: F811
    return export_once("mini", "classification", "wlearn")


@pytest.fixture(scope="session")
def regressor_file(export_once):  # noqa: F811
    return export_once("mini", "regression", "wlearn")


@pytest.fixture(autouse=True, scope="session")
def _sessions():
    yield
    clear_sessions()
