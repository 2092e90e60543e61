"""Checkpoints of random weights, and how long the tests that draw their examples search.

Nothing here imports torch or AutoGluon: the tests that compare with them, or need the export, are
in ``oracles``.
"""

import json
import os
import shutil
import sys

# Most tables here are so small that a second thread costs more than it gains, even without a
# second worker; what depends on the number of threads sets it. NumPy reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from safetensors.numpy import save_file

from sklearn_mitra import clear_sessions, set_context_budget
from sklearn_mitra._network import plan
from sklearn_mitra._network.config import Config, expected_shapes

# The same examples in every run; ``--hypothesis-profile=thorough`` looks for others.
settings.register_profile("quick", max_examples=25, derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
settings.register_profile("fuzz", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile("quick")


def pytest_collection_modifyitems(items):
    """Put what takes longest first: started last, one worker would run it while others are idle."""
    items.sort(key=lambda item: "oracles" not in item.path.parts)


@pytest.fixture(scope="session", autouse=True)
def without_oracles_torch_stays_unloaded(request):
    yield
    if not any(
        {"oracles", "production", "web"} & {*item.path.parts} for item in request.session.items
    ):
        assert not {"torch", "autogluon", "sklearn_mitra.export"} & sys.modules.keys()


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory):
    """A function that writes a checkpoint and returns its directory."""
    root = tmp_path_factory.mktemp("checkpoints")

    def make(dim, dim_output, n_layers, n_heads, task, embedding_scale=1):
        config = Config(dim, dim_output, n_layers, n_heads, task)
        directory = root / "-".join(map(str, (*vars(config).values(), embedding_scale)))
        if not directory.exists():
            directory.mkdir()
            weights = _draw_weights(expected_shapes(config), embedding_scale)
            save_file(weights, directory / "model.safetensors")
            (directory / "config.json").write_text(json.dumps(config.as_json()))
        return directory

    yield make
    clear_sessions()
    shutil.rmtree(root, ignore_errors=True)


def _draw_weights(shapes, embedding_scale):
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in shapes.items():
        if "norm" in name:
            weights[name] = np.full(shape, name.endswith("weight"), np.float32)
            continue
        scale = embedding_scale if "_embedding." in name else shape[-1] ** -0.5
        if name.endswith((".q.weight", ".k.weight")):
            # Else attention is almost uniform: a wrong scale or a missing key would hardly show.
            scale *= 3
        weights[name] = np.float32(scale) * rng.standard_normal(shape, np.float32)
    return weights


@pytest.fixture
def short_trial(monkeypatch):
    """The speed of this machine by a trial too short to be right, where only sizes matter."""
    monkeypatch.setattr(plan, "_TRIAL_FLOP", 10**6)
    monkeypatch.setattr(plan, "_TRIAL_NBYTES", 2**16)


@pytest.fixture
def context_budget():
    """``set_context_budget``, undone after the test."""
    yield set_context_budget
    set_context_budget(None)
