"""Interchange files that several tests, and all workers, read. Needs torch."""

import os

import pytest
from filelock import FileLock

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export.convert import export


@pytest.fixture(scope="session")
def export_once(tmp_path_factory):
    """A function that exports a checkpoint, and returns its interchange file.

    Tracing takes many seconds: the workers of pytest-xdist share the files.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def export_or_return(model, task, profile="upstream"):
        checkpoint = resolve_checkpoint(model, task)
        sizes = "-".join(map(str, vars(checkpoint.config).values()))
        path = root / f"{sizes}-{checkpoint.sha256[:8]}-{profile}.onnx"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                export(checkpoint, str(path), profile)
        return str(path)

    return export_or_return
