"""Weights files: which one it is, its sha256, and what a ``model.safetensors`` holds.

The name, shape, type and place of every weight is checked against the config before a weight is
read.
"""

import functools
import hashlib
import json
import math
import os
import stat
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._errors import CheckpointError
from .config import Config, expected_shapes

_ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2}


# Files of no more bytes are read, larger ones mapped: see :func:`read_weights`.
_MOST_READ = 64 * 2**20


class Identity(NamedTuple):
    """What tells one state of a file from another without reading it: a key for caches.

    The system sets ``changed``, the time of the last change of content or status, and no program
    can set it back. What goes unseen are changes within one tick of the file system's clock, some
    milliseconds, and those with the system's clock set back.
    """

    path: str
    size: int
    modified: int
    changed: int
    device: int
    inode: int


def identify(path: str) -> Identity:
    """The real path, size, times in nanoseconds, device and inode of a file.

    Raises
    ------
    CheckpointError
        If it is not a regular file. Reading a device or a pipe might never end.
    OSError
        If there is none.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{path!r} is not a regular file, as weights have to be in.")
    times = status.st_mtime_ns, status.st_ctime_ns
    place = status.st_dev, status.st_ino
    return Identity(os.path.realpath(path), status.st_size, *times, *place)


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
    digest = hashlib.sha256()
    with open(identity.path, "rb") as file:  # mapped, a file cut off meanwhile ends the process
        while block := file.read(2**20):
            digest.update(block)
    _check_unchanged(identity)
    return digest.hexdigest()


def _check_unchanged(identity: Identity) -> None:
    if identify(identity.path) != identity:
        raise CheckpointError(f"{identity.path!r} changed while it was read. Try again.")


def read_weights(path: str, config: Config) -> dict[str, NDArray[np.float32]]:
    """Every weight of a ``model.safetensors``.

    Returns
    -------
    weights : dict of str to ndarray, float32
        Read-only. Of files of more than 64 MiB, weights stored as float32 are views of the mapped
        file, so reading copies nothing: such a file may be replaced, but not overwritten or cut
        off while the weights are in use, which ends the process. Others are copies in memory.
        Those stored as float16 or bfloat16 are converted.

    Raises
    ------
    CheckpointError
        If the file is damaged, has other weights than the config's, or NaN or infinity in one.
    """
    identity = identify(path)
    places = find_weights(identity, config)
    data: NDArray[np.uint8]
    if identity.size <= _MOST_READ:
        data = np.fromfile(path, np.uint8, identity.size)
        data.flags.writeable = False
    else:
        data = np.asarray(np.memmap(path, mode="r"))
    _check_unchanged(identity)
    weights = {
        name: _as_float32(data[begin:end], dtype).reshape(shape)
        for name, (dtype, shape, begin, end) in places.items()
    }
    for name, weight in weights.items():  # 0.1 s for 303 MB; np.isfinite of all takes no less
        if not np.isfinite([weight.min(), weight.max()]).all():
            raise CheckpointError(
                f"The weight {name!r} in {path!r} has NaN or infinity. Every prediction would be "
                "NaN; use another checkpoint."
            )
    return weights


@functools.cache
def find_weights(
    identity: Identity, config: Config
) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Type, shape, first and last byte of every weight in a file of ``config``'s weights.

    Every byte of the file must belong to its header or to one of these weights.
    """
    path, size = identity.path, identity.size
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
            content = file.read(min(length, size))
        header = json.loads(content, object_pairs_hook=_without_duplicates)
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


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of a key that is there twice, readers take one or the other."""
    obj = dict(pairs)
    if len(obj) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"its header has {twice!r} twice")
    return obj


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
