"""An interchange ``.onnx`` file: what it says of itself, and how it is run.

Such a file holds the whole network with its weights, from raw values to logits or targets;
``docs/export.md`` describes it. Files of other makers may lack our metadata.
"""

import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import CheckpointError
from .checkpoint import expand_user
from .config import MOST_ESTIMATORS, Config, check_config, check_task
from .network import Network, Support
from .plan import Workload
from .runtime import Runtime
from .sessions import get_session, make_options, make_session, run
from .weights import Identity, WeightsFile, identify

PROFILES = ("upstream", "wlearn")
SUFFIX = ".onnx"
RANKED = "ranked"  # the metadata's "labels", where any integers are; else they are class ids

# What is taken of a file without metadata: AutoGluon's first checkpoints. Their sizes serve to
# plan memory, and ten is the number of classes where the graph doesn't say it.
_UPSTREAM: dict[str, Any] = {"dim": 512, "dim_output": 10, "n_layers": 12, "n_heads": 4}

_BITS = 4  # that a weight takes at least, in the formats of ONNX


@dataclass(frozen=True)
class InterchangeFile(WeightsFile):
    """An interchange file on this disk.

    Attributes
    ----------
    profile : {"upstream", "wlearn"}
        What it takes and gives; see ``docs/export.md``.
    ranks_labels : bool
        Whether it takes any integers for labels, and gives logits of those in the support only.
    """

    profile: str
    ranks_labels: bool


class InterchangeNetwork(Network):
    """An interchange file, which passes the support through the network in every run.

    Parameters
    ----------
    file : InterchangeFile
    """

    file: InterchangeFile
    can_keep = False

    def __init__(self, file: InterchangeFile) -> None:
        self.file = file

    @property
    def onnx_sha256(self) -> str:
        return self.file.sha256

    def check_runtime(self, runtime: Runtime) -> None:
        if runtime.precision != "float32":
            raise ValueError(
                f"An .onnx file has a precision of its own. Got precision={runtime.precision!r} "
                f"with {self.file.name!r}; pass the checkpoint that it was made of."
            )

    def remember(
        self, x: NDArray[np.float32], y: NDArray[Any], keeps: bool, runtime: Runtime
    ) -> Support:
        # the file takes tables as they are, a batch of them
        padding = np.zeros((1, len(x)), bool)
        table = {"x_support": x[None], "y_support": y[None], "padding_obs_support": padding}
        workload = Workload(self.config, len(x), x.shape[1])
        return Support(workload, table, lambda query: query[None], is_kept=False)

    def open(self, keeps: bool, runtime: Runtime) -> Any:
        path = self.file.weights_file
        key = ("interchange", self.file.identity, runtime)
        return get_session(key, lambda: _open_session(path, runtime))

    def outputs(
        self, session: Any, support: Support, x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        inputs = {"x_query": support.see(x), **support.inputs}
        release = support.workload.is_large(len(x))
        path = self.file.weights_file
        try:
            output = run(session, inputs, release=release)["output"].numpy()
        except Exception as error:  # onnxruntime's errors have no common base
            raise _cannot_run(path, error) from error
        n_axes = 3 if self.config.task == "classification" else 2
        is_right = output.ndim == n_axes and output.shape[:2] == (1, len(x)) and output.size > 0
        if not is_right or output.dtype != np.float32:
            axes = f"(1, {len(x)}, n_classes)" if n_axes == 3 else f"(1, {len(x)})"
            raise _wrong(
                path,
                f"must give float32 outputs of shape {axes} for {len(x)} query rows. "
                f"Got {output.dtype} of shape {output.shape}",
            )
        present = np.unique(support.inputs["y_support"]) if self.file.ranks_labels else None
        if present is not None and output.shape[2] != len(present):
            raise _wrong(
                path,
                f"must give a logit for each of the {len(present)} classes in the support. "
                f"Got {output.shape[2]}",
            )
        return _fill_outputs(output[0], self.config, present)


def _open_session(path: str, runtime: Runtime) -> Any:
    try:
        return make_session(path, make_options(runtime), runtime)
    except Exception as error:  # onnxruntime's errors have no common base
        raise _cannot_run(path, error) from error


def _cannot_run(path: str, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())
    return CheckpointError(f"onnxruntime can't run {path!r}. Its reason: {reason}")


def _fill_outputs(
    output: NDArray[np.float32], config: Config, present: NDArray[np.int64] | None
) -> NDArray[np.float32]:
    """Logits (n_rows, n_outputs) or scaled targets (n_rows,) in the form of the other graphs.

    Files that rank labels leave out classes without support rows: ``present`` are the others.
    Older files of the wlearn profile, for which it is None, leave out the last classes only.
    The logits of classes left out are minus infinity.
    """
    if output.ndim == 1:
        return output[:, None]
    n_rows, n_columns = output.shape
    columns = np.arange(n_columns) if present is None else present
    filled = np.full((n_rows, max(n_columns, config.dim_output)), -np.inf, np.float32)
    filled[:, columns] = output
    return filled


# ---- what a file says of itself ------------------------------------------------------------------


def resolve_interchange(model: str | os.PathLike[str], task: str) -> InterchangeFile:
    """Find a file, and check its metadata, inputs and output.

    A file is read once per process: resolving again is cheap.

    Raises
    ------
    CheckpointError
        If there is no such file, it is not an interchange file, or is for another task.
    """
    path = expand_user(os.fsdecode(model))
    if not os.path.exists(path) or os.path.isdir(path):
        raise CheckpointError(
            f"There is no such file: {path!r}. sklearn-mitra convert makes .onnx files."
        )
    path = os.path.abspath(path)
    file = _resolve(path, identify(path))
    check_task(file.config, model, task)
    return file


@functools.cache  # or every fit would read hundreds of megabytes
def _resolve(path: str, identity: Identity) -> InterchangeFile:
    config, profile, n_estimators, ranks_labels = _read_interchange(path)
    return InterchangeFile(path, path, config, n_estimators, profile, ranks_labels)


def _read_interchange(path: str) -> tuple[Config, str, int, bool]:
    """Read the metadata of a file, and check its inputs and output.

    Returns
    -------
    config : Config
        That of the checkpoint that the file was made of; without metadata what the inputs and
        output tell, and else that of AutoGluon's checkpoints.
    profile : {"upstream", "wlearn"}
    n_estimators : int
        Recommended number of ensemble views.
    ranks_labels : bool

    Raises
    ------
    CheckpointError
        If it is not such a file.
    """
    import onnx  # takes a while, and only these files need it here
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise CheckpointError(f"{path!r} can't be read as an .onnx file: {error}") from error
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise _wrong(path, f"must hold its weights. Got {tensor.name!r} in a file beside it")
    task, n_outputs = _signature(path, model.graph)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if "config" not in metadata:
        n_outputs = n_outputs or _UPSTREAM["dim_output"]
        values = {**_UPSTREAM, "dim_output": n_outputs, "task": task.upper()}
        return check_config(values, path), "upstream", 1, False
    profile = metadata.get("profile")
    if profile not in PROFILES:
        raise _wrong(path, f"must have one of the profiles {list(PROFILES)}. Got {profile!r}")
    try:
        values = json.loads(metadata["config"])
        n_estimators = int(metadata.get("n_estimators", "1"))
        fits = values["task"] == task.upper() and 0 < n_estimators <= MOST_ESTIMATORS
        fits = fits and n_outputs in (None, 1 if task == "regression" else values["dim_output"])
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise _wrong(path, f"must have metadata that fit its inputs. Got {metadata!r}")
    config = check_config(values, path)
    if _BITS * config.n_parameters > 8 * os.path.getsize(path):
        raise _wrong(path, f"is too small for the {config.n_parameters} weights of its {config}")
    ranks_labels = config.task == "classification" and metadata.get("labels") == RANKED
    return config, profile, n_estimators, ranks_labels


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor in a model: of all its graphs, functions and attributes, however deep."""
    from google.protobuf.message import Message
    from onnx import TensorProto

    messages = [model]
    while messages:
        message = messages.pop()
        if isinstance(message, TensorProto):
            yield message
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                messages.extend([value] if isinstance(value, Message) else value)


def _signature(path: str, graph: Any) -> tuple[str, int | None]:
    """The task, and the number of outputs of a row, None if the graph leaves that open."""
    from onnx import TensorProto

    def kinds(values: Any) -> dict[str, int]:
        return {value.name: value.type.tensor_type.elem_type for value in values}

    labels: dict[int, str] = {
        TensorProto.INT64: "classification",
        TensorProto.FLOAT: "regression",
    }
    inputs, outputs = kinds(graph.input), kinds(graph.output)
    label = inputs.get("y_support", TensorProto.UNDEFINED)
    needed = {
        "x_support": TensorProto.FLOAT,
        "y_support": label,
        "x_query": TensorProto.FLOAT,
        "padding_obs_support": TensorProto.BOOL,
    }
    if inputs != needed or label not in labels or outputs != {"output": TensorProto.FLOAT}:
        name_of = {number: name.lower() for name, number in TensorProto.DataType.items()}
        names = {n: name_of.get(k, k) for n, k in {**inputs, **outputs}.items()}
        raise _wrong(
            path,
            "must have the inputs x_support, y_support (int64 or float), x_query and "
            f"padding_obs_support (bool), and one output, output. Got {names}",
        )
    task, axes = labels[label], graph.output[0].type.tensor_type.shape.dim
    if len(axes) != (3 if task == "classification" else 2):
        shape = [axis.dim_param or axis.dim_value for axis in axes]
        raise _wrong(
            path,
            "must have an output of 3 axes with integer labels and of 2 axes with float targets. "
            f"Got {shape} for {task}",
        )
    return task, (axes[2].dim_value or None) if task == "classification" else 1


def _wrong(path: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"The interchange file {path!r} {what}. Export it anew with sklearn-mitra convert."
    )
