"""Checkpoints of random weights as AutoGluon's ``Tab2D`` saves them, and their exported files.

What is in this folder compares with torch and AutoGluon, or needs what the export does.
"""

import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D

from sklearn_mitra import clear_sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export.convert import export

# More threads than free cores wait for each other: tests of small networks took thrice as long.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory):
    """A function that writes a checkpoint and returns its directory."""
    root = tmp_path_factory.mktemp("checkpoints")

    def make(dim, dim_output, n_layers, n_heads, task, embedding_scale=1):
        directory = root / f"{task}-{dim}-{dim_output}"
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Tab2D(dim, dim_output, n_layers, n_heads, task.upper(), False, "", "cpu")
        with torch.no_grad():
            # Straight from initialization, attention is almost uniform: a wrong scale or a
            # missing key would hardly show.
            for name, weight in model.named_parameters():
                if name.endswith((".q.weight", ".k.weight")):
                    weight *= 3
                if "_embedding." in name:
                    weight *= embedding_scale
        model.save_pretrained(str(directory))
        return directory

    yield make
    clear_sessions()
    shutil.rmtree(root, ignore_errors=True)  # or pytest keeps 303 MB of it, three times


@pytest.fixture(scope="session")
def large_checkpoint(make_checkpoint):
    """A classifier of the size of AutoGluon's, 75.7 million parameters."""
    return make_checkpoint(512, 10, 12, 4, "classification")


@pytest.fixture(scope="session")
def export_once(tmp_path_factory):
    """A function that exports a checkpoint, and returns its interchange file; for ever the same."""
    root, files = tmp_path_factory.mktemp("interchange"), {}

    def export_or_return(model, task, profile="upstream"):
        key = str(model), task, profile
        if key not in files:
            files[key] = str(root / f"{len(files)}.onnx")
            export(resolve_checkpoint(model, task), files[key], profile)
        return files[key]

    yield export_or_return
    shutil.rmtree(root, ignore_errors=True)


class LargeExport(NamedTuple):
    path: str
    log: str
    peak: int  # memory, in bytes


_EXPORT_AND_PEAK = """
import sys
from sklearn_mitra.export.convert import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024)
sys.exit(status)
"""


@pytest.fixture(scope="session")
def large_export(large_checkpoint, tmp_path_factory):
    """The large checkpoint, exported by the command in a process of its own."""
    path = tmp_path_factory.mktemp("large") / "large.onnx"
    command = [
        sys.executable,
        "-c",
        _EXPORT_AND_PEAK,
        "--model",
        large_checkpoint,
        "--output",
        path,
    ]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    yield LargeExport(str(path), result.stderr, int(result.stdout))
    path.unlink()
