"""From the name of a checkpoint to its configuration, weights and sha256.

A checkpoint is what AutoGluon's ``Tab2D.save_pretrained`` writes: ``config.json`` and
``model.safetensors``. It is embedded in this package, in a directory, or on the Hugging Face
hub; this is the only file of the package that uses the network. Before anything is built from
a checkpoint, the name, shape, type and place of every weight is checked against its config.

A checkpoint that was exported to an interchange ``.onnx`` file can take its own place.
"""

import functools
import hashlib
import json
import math
import os
import re
from dataclasses import dataclass

import numpy as np

from ._errors import CheckpointError
from ._interchange import read_interchange

_FILES = "config.json and model.safetensors"
_EMBEDDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints")
_ON_HUB = {"mitra": "autogluon/mitra-{}", "mitra-2": "autogluon/mitra-{}-2"}
_REPO_ID = re.compile(
    r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@((?!.*\.\.)[\w.-]+(?:/[\w.-]+)*))?"
)  # , revision
_KINDS = {"classification": "classifier", "regression": "regressor"}
_ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2}


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
    def labels_are_classes(self):
        """Whether labels are embedded as classes: class ids, or the bins of a target."""
        return self.task == "classification" or self.dim_output > 1

    @property
    def n_parameters(self):
        """Number of single weights."""
        return sum(map(math.prod, expected_shapes(self).values()))

    def as_json(self):
        """As ``config.json`` has it, dict."""
        return {**vars(self), "task": self.task.upper()}


def expected_shapes(config):
    """Name and shape of every weight of Tab2D, with upstream's names and in its order.

    Parameters
    ----------
    config : Config

    Returns
    -------
    shapes : dict of str to tuple of int
    """
    dim, hidden = config.dim, 4 * config.dim
    shapes = {}

    def add(name, *shape, bias=True):
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


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are on this disk and fit together.

    Attributes
    ----------
    name : str
        As it was asked for; the absolute path of a directory or an ``.onnx`` file.
    weights_file : str
        Path of ``model.safetensors``, or of the ``.onnx`` file.
    config : Config
    n_estimators : int
        Recommended number of ensemble views.
    profile : {"upstream", "wlearn"} or None
        That of an ``.onnx`` file. None is a checkpoint with a ``model.safetensors``.
    """

    name: str
    weights_file: str
    config: Config
    n_estimators: int
    profile: str | None = None

    @property
    def identity(self):
        """Real path, size and modification time of the weights file: a key for caches."""
        return _identity(self.weights_file)

    @property
    def sha256(self):
        """sha256 of the weights file, in hexadecimal. Computed once per :attr:`identity`."""
        return _sha256(self.identity)

    def load_weights(self):
        """Load every weight.

        Returns
        -------
        weights : dict of str to ndarray, float32
            Weights stored as float32 are read-only views of the memory-mapped file, so loading
            copies nothing. Those stored as float16 or bfloat16 are converted.
        """
        layout = _layout(self.identity, self.config)
        data = np.asarray(np.memmap(self.weights_file, mode="r"))
        return {
            name: _as_float32(data[begin:end], dtype).reshape(shape)
            for name, (dtype, shape, begin, end) in layout.items()
        }


def resolve_checkpoint(model, task):
    """Find a checkpoint, fetch it from the hub if need be, and check that it fits together.

    A weights file is checked, and the hub asked, once per process: resolving again is cheap.

    Parameters
    ----------
    model : str or os.PathLike
        The first of these that it can be; an ``os.PathLike`` is always a path.

        - ``"mini"``: the small checkpoint embedded in this package,
        - ``"mitra"`` or ``"mitra-2"``: AutoGluon's checkpoint for ``task`` on the hub,
        - what ends in ``.onnx``: an interchange file,
        - a directory with ``config.json`` and ``model.safetensors``,
        - a repository of the hub, ``"organisation/name"`` or ``"organisation/name@revision"``.
    task : {"classification", "regression"}

    Returns
    -------
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If there is no such checkpoint, it can't be fetched, is damaged, or is for another task.
    """
    path = os.fsdecode(model) if isinstance(model, (str, os.PathLike)) else ""
    if path.endswith(".onnx"):
        checkpoint = _open_interchange(path)
        _check_task(checkpoint.config, model, task)
        return checkpoint
    name, fetch = _find(model, task)
    config_file = fetch("config.json")
    config = _check_config(_read_json(config_file), config_file)
    _check_task(config, model, task)  # said before any weights are downloaded
    weights_file = fetch("model.safetensors")
    _layout(_identity(weights_file), config)
    n_estimators = 4 if model == "mini" else 1
    return Checkpoint(name, weights_file, config, n_estimators)


def _check_task(config, model, task):
    if config.task != task:
        raise CheckpointError(
            f"The checkpoint {model!r} is for {config.task}, but was asked for {task}. "
            f"Use it with Mitra{_KINDS[config.task].title()}, or pass a checkpoint for {task}."
        )


# ---- where the files are ---------------------------------------------------------------------


def _find(model, task):
    """The checkpoint's name, and a function from the name of a file of it to its path."""
    name = os.fsdecode(model) if isinstance(model, (str, os.PathLike)) else ""
    if model == "mini":
        directory = os.path.join(_EMBEDDED, f"mini-{_KINDS[task]}")
        return name, functools.partial(_from_directory, directory)
    if model in tuple(_ON_HUB):
        return name, functools.partial(_from_hub, _ON_HUB[model].format(_KINDS[task]), None)
    path = _expand_user(name)
    if os.path.isdir(path):
        return os.path.abspath(path), functools.partial(_from_directory, path)
    is_path = isinstance(model, os.PathLike) or os.path.exists(path)
    if not is_path and (repository := _REPO_ID.fullmatch(name)):
        return name, functools.partial(_from_hub, *repository.groups())
    if is_path or os.path.isabs(path) or re.search(r"^[.~]|\\|/.*/", name):
        raise CheckpointError(f"There is no such directory: {name!r}. It should hold {_FILES}.")
    raise CheckpointError(
        f"A checkpoint is one of {['mini', *_ON_HUB]}, a directory with {_FILES}, an .onnx file "
        "exported from one, or a repository of the Hugging Face hub as 'organisation/name' or "
        "'organisation/name@revision'. "
        f"Got {model!r} instead."
    )


def _expand_user(path):
    try:
        return os.path.expanduser(path)
    except ValueError:  # a null byte, or half of a character, after the tilde
        return path


def _from_directory(directory, filename):
    path = os.path.join(directory, filename)
    if not os.path.isfile(path):
        raise CheckpointError(
            f"The directory {directory!r} has no {filename}. A checkpoint consists of {_FILES}, "
            "as AutoGluon's Tab2D.save_pretrained writes them."
        )
    return path


def _from_hub(repo_id, revision, filename):
    path = _download(repo_id, revision, filename)
    if not os.path.isfile(path):  # the hub's cache was emptied meanwhile
        _download.cache_clear()
        path = _download(repo_id, revision, filename)
    return path


@functools.cache  # or every fit would ask the hub what is new
def _download(repo_id, revision, filename):
    import huggingface_hub as hub
    from huggingface_hub.utils import HfHubHTTPError

    # The hub's errors have no common base. Its HTTP client (requests, httpx or httpx2, as its
    # version has it) is among the bases of HfHubHTTPError; ValueError is an invalid repository
    # id, RuntimeError a transfer that failed in hf_xet.
    failures = (*HfHubHTTPError.__bases__, OSError, ValueError, RuntimeError)
    try:
        if not isinstance(hub.try_to_load_from_cache(repo_id, filename, revision=revision), str):
            # Without a network hf_hub_download retries for 23 s, or for minutes if nothing
            # answers, and takes no argument to stop that (2.4). This asks once.
            hub.get_hf_file_metadata(hub.hf_hub_url(repo_id, filename, revision=revision))
        return hub.hf_hub_download(repo_id, filename, revision=revision)
    except failures as error:
        at = f" at revision {revision!r}" if revision else ""
        reason = " ".join(str(error).split())  # the hub's messages have paragraphs
        raise CheckpointError(
            f"Can't fetch {filename} of the hub repository {repo_id!r}{at}. Without a network, "
            f"model='mini' works, and so does the path of a directory with {_FILES}. The cause: "
            f"{type(error).__name__}: {reason}"
        ) from error


def _open_interchange(path):
    path = _expand_user(path)
    if not os.path.isfile(path):
        raise CheckpointError(
            f"There is no such file: {path!r}. sklearn_mitra.export.convert makes .onnx files."
        )
    path = os.path.abspath(path)
    return _read_interchange(path, _identity(path))


@functools.cache  # or every fit would read hundreds of megabytes
def _read_interchange(path, identity):
    config, profile, n_estimators = read_interchange(path)
    return Checkpoint(path, path, _check_config(config, path), n_estimators, profile)


# ---- what is in them -------------------------------------------------------------------------


def _read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path!r} can't be read as JSON: {error}") from error


def _check_config(values, path):
    """The Config of ``config.json``, or of what an ``.onnx`` file has of it."""
    if not isinstance(values, dict):
        raise CheckpointError(f"{path!r} must be a JSON object. Got {values!r} instead.")

    def require(condition, key, needed):
        if not condition:
            got = repr(values[key]) if key in values else "nothing"
            raise CheckpointError(f"{key!r} in {path!r} must be {needed}. Got {got} instead.")

    sizes = {key: values.get(key) for key in ("dim", "dim_output", "n_layers", "n_heads")}
    for key, value in sizes.items():
        require(type(value) is int and value > 0, key, "a positive int")  # True is no size
    n_heads = sizes["n_heads"]
    require(sizes["dim"] % n_heads == 0, "dim", f"a multiple of n_heads={n_heads}")
    tasks = [task.upper() for task in _KINDS]
    require(values.get("task") in tasks, "task", f"one of {tasks}")
    return Config(**sizes, task=values["task"].lower())


def _identity(path):
    status = os.stat(path)
    return os.path.realpath(path), status.st_size, status.st_mtime_ns


@functools.cache
def _sha256(identity):
    return hashlib.sha256(np.memmap(identity[0], mode="r")).hexdigest()


@functools.cache
def _layout(identity, config):
    """Type, shape, first and last byte of every weight in a file of ``config``'s weights.

    Every byte of the file must belong to its header or to one of these weights.
    """
    path, size, _ = identity
    header, start = _read_header(path, size)
    if config.n_layers > len(header):  # said before names are made for a million layers
        raise CheckpointError(
            f"{path!r} has {len(header)} weights, too few for the {config.n_layers} layers of its "
            "config."
        )
    shapes = expected_shapes(config)
    for name in (*shapes, *header):
        if name not in header:
            raise CheckpointError(f"{path!r} lacks the weight {name!r}, which its config needs.")
        if name not in shapes:
            raise CheckpointError(f"{path!r} has a weight {name!r} unexpected with its config.")
    layout, end = {}, start
    for name, (dtype, found, offsets) in sorted(header.items(), key=lambda item: item[1][2]):
        what, shape = f"The weight {name!r} in {path!r} must", shapes[name]
        if found != shape:
            raise CheckpointError(f"{what} have the shape {shape}. Got {found} instead.")
        if dtype not in _ITEM_SIZES:
            raise CheckpointError(f"{what} be one of {[*_ITEM_SIZES]}. Got {dtype!r} instead.")
        begin, end = end, end + _ITEM_SIZES[dtype] * math.prod(shape)
        if offsets != [begin - start, end - start]:
            raise _damaged(path, f"{name!r} is at {offsets}, not {[begin - start, end - start]}")
        layout[name] = dtype, shape, begin, end
    if end != size:
        raise _damaged(path, f"it should have {end} bytes, but has {size}")
    return layout


def _read_header(path, size):
    """(dtype, shape, offsets) by name from a safetensors header, and where the data starts."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, size)))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(), int()]}:
                header[name] = dtype, tuple(shape), entry["data_offsets"]
            case _:
                raise _damaged(path, f"its header has {entry!r} for {name!r}")
    return header, 8 + length


def _damaged(path, reason):
    return CheckpointError(
        f"{path!r} is not a whole safetensors file: {reason}. Fetch it again; "
        "if it is a few lines of text, it is a Git LFS pointer."
    )


def _as_float32(stored, dtype):
    """Little-endian bytes as float32; a view where that is what they are."""
    if dtype == "F32":
        return stored.view("<f4")
    if dtype == "F16":
        return stored.view("<f2").astype(np.float32)
    return (stored.view("<u2").astype(np.uint32) << 16).view(np.float32)  # BF16: the upper half
