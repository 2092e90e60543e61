"""What an interchange ``.onnx`` file says of itself.

Such a file holds the whole network with its weights, from raw values to logits or targets;
``docs/export.md`` describes it. Files of other makers may lack our metadata.
"""

import json

from ._errors import CheckpointError

_PROFILES = ("upstream", "wlearn")

# What is taken of a file without metadata: AutoGluon's first checkpoints. Their sizes serve to
# plan memory, and ten is the number of classes where the graph doesn't say it.
_UPSTREAM = {"dim": 512, "dim_output": 10, "n_layers": 12, "n_heads": 4}


def read_interchange(path):
    """Read the metadata of a file, and check its inputs and output.

    Parameters
    ----------
    path : str

    Returns
    -------
    config : dict
        As ``config.json`` of the checkpoint that the file was made of, unchecked; without
        metadata what the inputs and output tell, and else that of AutoGluon's checkpoints.
    profile : {"upstream", "wlearn"}
    n_estimators : int
        Recommended number of ensemble views.

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
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise _wrong(path, f"must hold its weights. Got {tensor.name!r} in a file beside it")
    task, n_outputs = _signature(path, model.graph)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if "config" not in metadata:
        n_outputs = n_outputs or _UPSTREAM["dim_output"]
        return {**_UPSTREAM, "dim_output": n_outputs, "task": task.upper()}, "upstream", 1
    profile = metadata.get("profile")
    if profile not in _PROFILES:
        raise _wrong(path, f"must have one of the profiles {list(_PROFILES)}. Got {profile!r}")
    try:
        config = json.loads(metadata["config"])
        n_estimators = int(metadata.get("n_estimators", "1"))
        fits = config["task"] == task.upper() and n_estimators > 0
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise _wrong(path, f"must have metadata that fit its inputs. Got {metadata!r}")
    return config, profile, n_estimators


def _signature(path, graph):
    """The task, and the number of outputs of a row, None if the graph leaves that open."""
    from onnx import TensorProto

    def kinds(values):
        return {value.name: value.type.tensor_type.elem_type for value in values}

    labels = {TensorProto.INT64: "classification", TensorProto.FLOAT: "regression"}
    inputs, outputs = kinds(graph.input), kinds(graph.output)
    label = inputs.get("y_support")
    needed = {
        "x_support": TensorProto.FLOAT,
        "y_support": label,
        "x_query": TensorProto.FLOAT,
        "padding_obs_support": TensorProto.BOOL,
    }
    if inputs != needed or label not in labels or outputs != {"output": TensorProto.FLOAT}:
        names = {n: TensorProto.DataType.Name(k).lower() for n, k in {**inputs, **outputs}.items()}
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


def _wrong(path, what):
    return CheckpointError(
        f"The interchange file {path!r} {what}. Export it anew with sklearn_mitra.export.convert."
    )
