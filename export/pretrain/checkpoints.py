"""Files of a training run, each replaced as a whole or not at all."""

import contextlib
import json
import os
import zipfile

import torch
from safetensors.torch import save_file

from sklearn_mitra._common.files import replaced

_ADVICE = "Restore the file from a copy, or begin a new run in another directory."


def write_checkpoint(directory, config, weights, half=False, n_estimators=None):
    """Write weights in the layout of AutoGluon's ``Tab2D.save_pretrained``.

    Parameters
    ----------
    directory : str
        Made if it doesn't exist.
    config : sklearn_mitra._network.config.Config
    weights : dict of str to Tensor
        A state dict of Tab2D.
    half : bool, default=False
        Whether to store float16 instead of float32.
    n_estimators : int, default=None
        Recommended number of ensemble members, if it is to be told.
    """
    os.makedirs(directory, exist_ok=True)
    dtype = torch.float16 if half else torch.float32
    weights = {name: w.detach().to("cpu", dtype).contiguous() for name, w in weights.items()}
    with replaced(os.path.join(directory, "model.safetensors")) as path:
        save_file(weights, path)
    recommended = {} if n_estimators is None else {"n_estimators": n_estimators}
    with replaced(os.path.join(directory, "config.json")) as path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**config.as_json(), **recommended}, file, indent=2)


def write_state(path, state):
    """Write what :func:`read_state` reads: tensors, numbers and strings in dicts and lists."""
    with replaced(path) as temporary:
        torch.save(state, temporary)


def read_state(path):
    """Read the state of a run, tensors onto the CPU, without running code from the file.

    Raises
    ------
    ValueError
        If it is no such state, or not a whole one.
    """
    with damage_named(path):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip():  # torch.load would take the wrong numbers
                raise ValueError("a checksum is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not {"config", "options", "network"} <= state.keys():
        raise ValueError(f"{path!r} is not the state of a run. {_ADVICE}")
    return state


@contextlib.contextmanager
def damage_named(path):
    """Turn whatever a damaged state raises, read or used, into a ValueError with its path."""
    try:
        yield
    except Exception as error:  # torch.load and load_state_dict raise a dozen kinds
        text = str(error).splitlines()[0] if str(error) else ""
        raise ValueError(
            f"{path!r} can't be read as the state of a run: {type(error).__name__}: {text}. "
            f"{_ADVICE}"
        ) from error
