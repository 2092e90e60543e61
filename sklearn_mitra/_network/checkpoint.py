"""From the name of a checkpoint to its configuration and weights.

A checkpoint is what AutoGluon's ``Tab2D.save_pretrained`` writes: ``config.json`` and
``model.safetensors``. It is embedded in this package, in a directory, or on the Hugging Face hub.
"""

import functools
import json
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._errors import CheckpointError
from . import hub
from .config import TASKS, check_config, check_recommended, check_task
from .weights import WeightsFile, find_weights, identify, read_weights

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_FILES = f"{_CONFIG} and {_WEIGHTS}"
_MOST_CONFIG_BYTES = 2**20
_MOST_HEADER_BYTES = 10**8  # of a safetensors file, says its format
_EMBEDDED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "checkpoints")
_REPO_ID = re.compile(
    r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@((?!.*\.\.)[\w.-]+(?:/[\w.-]+)*))?"
)  # , revision


class Known(NamedTuple):
    """What is known of a checkpoint by its short name.

    Attributes
    ----------
    place : str
        A folder of the embedded checkpoints, or a repository of the hub. ``{}`` stands for
        "classifier" or "regressor".
    is_embedded : bool
    n_estimators : int
        Recommended number of ensemble members.
    """

    place: str
    is_embedded: bool
    n_estimators: int


CHECKPOINTS = {
    "mini": Known("mini-{}", True, 4),
    "mitra": Known("autogluon/mitra-{}", False, 1),
    "mitra-2": Known("autogluon/mitra-{}-2", False, 1),
}


class Checkpoint(WeightsFile):
    """A checkpoint whose files are on this disk and fit together."""

    def load_weights(self) -> dict[str, NDArray[np.float32]]:
        """Every weight by its name, float32; see :func:`~.weights.read_weights`."""
        return read_weights(self.weights_file, self.config)


def resolve_checkpoint(
    model: str | os.PathLike[str], task: str, sha256: str | None = None
) -> Checkpoint:
    """Find a checkpoint, fetch it from the hub if need be, and check that it fits together.

    A weights file is checked, and the hub asked, once per process: resolving again is cheap.

    Parameters
    ----------
    model : str or os.PathLike
        The first of these that it can be; an ``os.PathLike`` is always a path.

        - one of the names in ``CHECKPOINTS``: ``"mini"`` is embedded in this package, ``"mitra"``
          and ``"mitra-2"`` are AutoGluon's for ``task`` on the hub,
        - a directory with ``config.json`` and ``model.safetensors``,
        - a repository of the hub, ``"organisation/name"`` or ``"organisation/name@revision"``.
    task : {"classification", "regression"}
    sha256 : str, default=None
        Of the weights that are wanted. If the hub says that it has others, they are not
        downloaded.

    Returns
    -------
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it can't be fetched, is damaged, or is for another task.
    """
    name = os.fsdecode(model) if isinstance(model, (str, os.PathLike)) else ""
    path = expand_user(name)
    is_known = isinstance(model, str) and model in CHECKPOINTS
    is_path = not is_known and (isinstance(model, os.PathLike) or os.path.exists(path))
    if is_known and CHECKPOINTS[name].is_embedded:
        return _open_embedded(name, task)
    if is_path and os.path.isdir(path):
        return _open(os.path.abspath(path), task, functools.partial(_from_directory, path))
    if not is_path and (place := _find_repository(name, task)):
        return _open(name, task, functools.partial(_from_hub, *place, sha256))
    if is_path or os.path.isabs(path) or re.search(r"^[.~]|\\|/.*/", name):
        raise CheckpointError(f"There is no such directory: {name!r}. It should hold {_FILES}.")
    raise CheckpointError(
        f"A checkpoint is one of {[*CHECKPOINTS]}, a directory with {_FILES}, an .onnx file "
        "exported from one, or a repository of the Hugging Face hub as 'organisation/name' or "
        "'organisation/name@revision'. "
        f"Got {model!r} instead."
    )


def find_checkpoint(name: str, task: str) -> Checkpoint | None:
    """A checkpoint that is embedded or in the hub's cache; None if it isn't there.

    It is looked for nowhere else, neither at paths nor on the hub.

    Parameters
    ----------
    name : str
        One of ``CHECKPOINTS``, or a repository.
    task : {"classification", "regression"}

    Raises
    ------
    CheckpointError
        If it is damaged, or is for another task.
    """
    if name in CHECKPOINTS and CHECKPOINTS[name].is_embedded:
        return _open_embedded(name, task)
    place = _find_repository(name, task)
    if place is None:
        return None
    config_file, weights_file = hub.find(*place, _CONFIG), hub.find(*place, _WEIGHTS)
    if config_file is None or weights_file is None:
        return None
    files = {_CONFIG: config_file, _WEIGHTS: weights_file}
    return _open(name, task, lambda filename, most: files[filename])


def _find_repository(name: str, task: str) -> tuple[str, str | None] | None:
    """The hub's repository and revision of a name, if it can be one."""
    if name in CHECKPOINTS:
        return CHECKPOINTS[name].place.format(TASKS[task]), None
    repository = _REPO_ID.fullmatch(name)
    return (repository[1], repository[2]) if repository else None


def _open_embedded(name: str, task: str) -> Checkpoint:
    place = CHECKPOINTS[name].place.format(TASKS[task])
    directory = os.path.join(_EMBEDDED, place)
    return _open(name, task, functools.partial(_from_directory, directory))


def _open(name: str, task: str, fetch: Callable[[str, int], str]) -> Checkpoint:
    """The checkpoint whose files ``fetch`` has, by their names and most bytes."""
    config_file = fetch(_CONFIG, _MOST_CONFIG_BYTES)
    values = _read_json(config_file)
    config = check_config(values, config_file)
    check_task(config, name, task)  # said before any weights are downloaded
    weights_file = fetch(_WEIGHTS, 4 * config.n_parameters + _MOST_HEADER_BYTES)
    find_weights(identify(weights_file), config)
    known = CHECKPOINTS.get(name)
    n_estimators = known.n_estimators if known else check_recommended(values, config_file)
    return Checkpoint(name, weights_file, config, n_estimators)


def expand_user(path: str) -> str:
    """As ``os.path.expanduser``, but for paths that it refuses, which stay as they are."""
    try:
        return os.path.expanduser(path)
    except ValueError:  # a null byte, or half of a character, after the tilde
        return path


def _from_hub(repo_id: str, revision: str | None, sha256: str | None, name: str, most: int) -> str:
    return hub.fetch(repo_id, revision, name, most, sha256 if name == _WEIGHTS else None)


def _from_directory(directory: str, filename: str, most: int) -> str:
    path = os.path.join(directory, filename)
    if not os.path.isfile(path):
        is_other = os.path.exists(path)
        has = f"a {filename} that is not a regular file" if is_other else f"no {filename}"
        raise CheckpointError(
            f"The directory {directory!r} has {has}. A checkpoint consists of {_FILES}, "
            "as AutoGluon's Tab2D.save_pretrained writes them."
        )
    return path


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path!r} can't be read as JSON: {error}") from error
