"""Checkpoints of random weights as AutoGluon's ``Tab2D`` saves them, and their exported files.

What is in this folder compares with torch and AutoGluon, or needs what the export does.
"""

import shutil

import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from oracles.exports import export_once  # noqa: F401, a fixture

from sklearn_mitra import clear_sessions

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
