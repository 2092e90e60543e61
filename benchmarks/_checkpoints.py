"""Checkpoints of random weights, which take as long as pretrained ones."""

import json
from pathlib import Path

import numpy as np

from ._internals import Config, expected_shapes

# The size of AutoGluon's checkpoints, 75.7 million parameters, and one to see that a script runs.
LARGE = Config(dim=512, dim_output=10, n_layers=12, n_heads=4, task="classification")
TINY = Config(dim=64, dim_output=10, n_layers=1, n_heads=4, task="classification")


def write_checkpoint(directory, config):
    """Write random weights in the layout of AutoGluon's ``Tab2D.save_pretrained``.

    Parameters
    ----------
    directory : str or Path
        An existing folder.
    config : Config
    """
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in expected_shapes(config).items():
        if "norm" in name:
            weights[name] = np.full(shape, name.endswith("weight"), np.float32)
        else:
            weights[name] = rng.standard_normal(shape, np.float32) / np.float32(shape[-1] ** 0.5)
    save_file(weights, Path(directory, "model.safetensors"))
    Path(directory, "config.json").write_text(json.dumps(config.as_json()))
