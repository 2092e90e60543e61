"""The hyperparameters of a network, and the weights that they call for."""

import math
from dataclasses import dataclass, replace
from typing import Any

from .._common.fields import Fields
from .._errors import CheckpointError

TASKS = {"classification": "classifier", "regression": "regressor"}

# The largest sizes, far beyond those of any checkpoint: what a config says is counted with before
# its weights are seen.
_MOST = {"dim": 2**16, "dim_output": 2**16, "n_layers": 2**10, "n_heads": 2**16}
#: Most ensemble members that a checkpoint may recommend.
MOST_ESTIMATORS = 1000


@dataclass(frozen=True)
class Config:
    """The hyperparameters of a Tab2D network, as ``config.json`` has them.

    Attributes
    ----------
    dim : int
        Width of a token.
    dim_output : int
        Most classes, or number of target bins, or 1 for regression without bins.
    n_layers, n_heads : int
    task : {"classification", "regression"}
    """

    dim: int
    dim_output: int
    n_layers: int
    n_heads: int
    task: str

    @property
    def labels_are_classes(self) -> bool:
        """Whether labels are embedded as classes: class ids, or the bins of a target."""
        return self.task == "classification" or self.dim_output > 1

    @property
    def n_parameters(self) -> int:
        """Number of single weights."""

        def count(n_layers: int) -> int:
            shapes = expected_shapes(replace(self, n_layers=n_layers))
            return sum(map(math.prod, shapes.values()))

        # names are not made for a million layers that a damaged file may have
        return count(0) + self.n_layers * (count(1) - count(0))

    def as_json(self) -> dict[str, Any]:
        """As ``config.json`` has it, dict."""
        return {**vars(self), "task": self.task.upper()}


def check_config(values: object, path: str) -> Config:
    """The Config of ``config.json``, or of what an ``.onnx`` file has of it.

    Parameters
    ----------
    values : object
        As parsed.
    path : str
        What errors call the file.

    Returns
    -------
    config : Config

    Raises
    ------
    CheckpointError
        If a value is missing or can't be a network's.
    """
    fields = _ConfigFields(values, repr(path))
    sizes = {}
    for key, most in _MOST.items():
        sizes[key] = fields.count(key)
        fields.require(sizes[key] <= most, key, f"at most {most}")
    n_heads = sizes["n_heads"]
    fields.require(sizes["dim"] % n_heads == 0, "dim", f"a multiple of n_heads={n_heads}")
    tasks = [task.upper() for task in TASKS]
    task = fields.get("task", f"one of {tasks}", str)
    fields.require(task in tasks, "task", f"one of {tasks}")
    return Config(**sizes, task=task.lower())


def check_recommended(values: object, path: str) -> int:
    """The number of ensemble members that ``config.json`` recommends; 1 if it doesn't.

    Upstream's files have none. See :func:`check_config` for the parameters and errors.
    """
    fields = _ConfigFields(values, repr(path))
    if "n_estimators" not in fields:
        return 1
    n_estimators = fields.count("n_estimators")
    fields.require(n_estimators <= MOST_ESTIMATORS, "n_estimators", f"at most {MOST_ESTIMATORS}")
    return n_estimators


class _ConfigFields(Fields):
    error = CheckpointError


def check_task(config: Config, model: object, task: str) -> None:
    """Raise a CheckpointError unless the checkpoint ``model`` is for the task."""
    if config.task != task:
        raise CheckpointError(
            f"The checkpoint {model!r} is for {config.task}, but was asked for {task}. "
            f"Use it with Mitra{TASKS[config.task].title()}, or pass a checkpoint for {task}."
        )


def expected_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of Tab2D, with upstream's names and in its order.

    Parameters
    ----------
    config : Config

    Returns
    -------
    shapes : dict of str to tuple of int
    """
    dim, hidden = config.dim, 4 * config.dim
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *shape: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = shape
        if bias:
            shapes[f"{name}.bias"] = shape[:1]

    add("x_embedding.x_embedding", dim, 1)
    if config.labels_are_classes:
        add("y_embedding.y_embedding", config.dim_output, dim, bias=False)
    else:
        add("y_embedding.y_embedding", dim, 1)
    add("y_embedding.y_mask", 1, dim, bias=False)
    for layer in (f"layers.{i}" for i in range(config.n_layers)):
        for half in (1, 2):  # attention and MLP across rows, then across features
            first, second = 2 * half - 1, 2 * half
            add(f"{layer}.layer_norm{first}", dim)
            for projection in "qkvo":
                add(f"{layer}.attention{half}.{projection}", dim, dim)
            add(f"{layer}.layer_norm{second}", dim)
            add(f"{layer}.linear{first}", hidden, dim)
            add(f"{layer}.linear{second}", dim, hidden)
    add("final_layer_norm", dim)
    add("final_layer", config.dim_output, dim)
    return shapes
