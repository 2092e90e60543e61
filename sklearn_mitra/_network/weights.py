"""Weights files: which one it is, its sha256, and what a ``model.safetensors`` holds.

The name, shape, type and place of every weight is checked against the config before a weight is
read.
"""

import functools
import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._errors import CheckpointError
from .config import Config, expected_shapes

_ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2}


class Identity(NamedTuple):
    """What tells one state of a file from another without reading it: a key for caches."""

    path: str
    size: int
    modified: int


def identify(path: str) -> Identity:
    """The real path, size and modification time in nanoseconds of a file."""
    status = os.stat(path)
    return Identity(os.path.realpath(path), status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class WeightsFile:
    """A file with a network's weights that is on this disk, and what is known of the network.

    Attributes
    ----------
    name : str
        As it was asked for; the absolute path of a directory or an ``.onnx`` file.
    weights_file : str
        Path of the file.
    config : Config
    n_estimators : int
        Recommended number of ensemble members.
    """

    name: str
    weights_file: str
    config: Config
    n_estimators: int

    @property
    def identity(self) -> Identity:
        """Of the file as it is now."""
        return identify(self.weights_file)

    @property
    def sha256(self) -> str:
        """sha256 of the file, in hexadecimal. Computed once per :attr:`identity`."""
        return _sha256(self.identity)


@functools.cache
def _sha256(identity: Identity) -> str:
    return hashlib.sha256(np.memmap(identity.path, mode="r").data).hexdigest()


def read_weights(path: str, config: Config) -> dict[str, NDArray[np.float32]]:
    """Every weight of a ``model.safetensors``.

    Returns
    -------
    weights : dict of str to ndarray, float32
        Weights stored as float32 are read-only views of the memory-mapped file, so reading
        copies nothing. Those stored as float16 or bfloat16 are converted.
    """
    places = find_weights(identify(path), config)
    data = np.asarray(np.memmap(path, mode="r"))
    return {
        name: _as_float32(data[begin:end], dtype).reshape(shape)
        for name, (dtype, shape, begin, end) in places.items()
    }


@functools.cache
def find_weights(
    identity: Identity, config: Config
) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Type, shape, first and last byte of every weight in a file of ``config``'s weights.

    Every byte of the file must belong to its header or to one of these weights.
    """
    path, size, _ = identity
    header, start = _read_header(path, size)
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


def _read_header(path: str, size: int) -> tuple[dict[str, Any], int]:
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


def _damaged(path: str, reason: object) -> CheckpointError:
    return CheckpointError(
        f"{path!r} is not a whole safetensors file: {reason}. Fetch it again; "
        "if it is a few lines of text, it is a Git LFS pointer."
    )


def _as_float32(stored: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    """Little-endian bytes as float32; a view where that is what they are."""
    if dtype == "F32":
        return stored.view("<f4")
    if dtype == "F16":
        return stored.view("<f2").astype(np.float32)
    return (stored.view("<u2").astype(np.uint32) << 16).view(np.float32)  # BF16: the upper half
