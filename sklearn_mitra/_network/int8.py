"""What precision "int8" means, and the weights for it, made once and kept in a cache on disk.

Every output channel of a matrix has a scale of its own. Weights use seven of the eight bits:
processors without VNNI instructions add two products in 16 bits, which eight would overflow.
"""

import contextlib
import hashlib
import math
import os
import stat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.files import replaced
from .checkpoint import Checkpoint
from .config import Config, expected_shapes

_LARGEST = 63
_DIGEST_NBYTES = 32
_VERSION = 2  # of the files; goes up when their content or layout changes

# Least dimension of a head whose keys and values are kept in float16. With 128 (75.7 million
# parameters) a prediction of one row takes 17 % less for it; with 32 (mini) 15 % more.
_HALF_HEAD_DIM = 64


def is_quantized(name: str) -> bool:
    """Whether a weight is stored as int8: the matrices of the layers are."""
    return name.startswith("layers.") and name.endswith(".weight") and "norm" not in name


def context_dtype(config: Config, precision: str) -> np.dtype[Any]:
    """The dtype of keys and values: float32, or float16, which halves them.

    Parameters
    ----------
    config : Config
    precision : {"float32", "int8"}

    Returns
    -------
    dtype : numpy.dtype
    """
    is_half = precision == "int8" and config.dim // config.n_heads >= _HALF_HEAD_DIM
    return np.dtype(np.float16 if is_half else np.float32)


def quantized_weights(checkpoint: Checkpoint) -> dict[str, NDArray[Any]]:
    """Weights for graphs of int8 precision.

    They are read from the cache, or made and written to it. A file there that is damaged or of
    another checkpoint is replaced; without a place to write to, nothing is kept.

    Parameters
    ----------
    checkpoint : Checkpoint

    Returns
    -------
    weights : dict of str to ndarray
        A quantized ``NAME.weight``, float32 (n, m), is there as ``NAME.weight.int8``, int8 (m, n),
        and ``NAME.weight.scale``, float32 (n,); other weights are float32 under their names.
    """
    identity, sha256 = checkpoint.identity, checkpoint.sha256
    try:
        path = _cache_file(sha256)
    except (OSError, ValueError, RuntimeError):  # the latter two are the hub's library's
        return _quantize(checkpoint.load_weights())
    with contextlib.suppress(OSError):
        weights = _read(path, sha256, checkpoint.config)
        if weights is not None:
            return weights
    weights = _quantize(checkpoint.load_weights())
    with contextlib.suppress(OSError):
        if checkpoint.identity == identity:  # or the weights may be another file's
            mode = os.stat(checkpoint.weights_file).st_mode
            _write(path, sha256, checkpoint.config, weights, mode)
    return weights


def _quantize(weights: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    quantized = {}
    for name, weight in weights.items():
        if not is_quantized(name):
            quantized[name] = weight
            continue
        scale = np.abs(weight).max(axis=1) / np.float32(_LARGEST)
        scale[scale == 0] = 1
        # transposed into memory of its own, as the operator wants it
        quantized[f"{name}.int8"] = np.rint(weight / scale[:, None]).astype(np.int8).T.copy()
        quantized[f"{name}.scale"] = scale
    return quantized


def _layout(config: Config) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """dtype and shape of everything that :func:`_quantize` returns, float32 before int8."""
    floats: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    integers: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for name, shape in expected_shapes(config).items():
        if is_quantized(name):
            integers[f"{name}.int8"] = np.dtype(np.int8), shape[::-1]
            floats[f"{name}.scale"] = np.dtype("<f4"), shape[:1]
        else:
            floats[name] = np.dtype("<f4"), shape
    return {**floats, **integers}


# ---- the cache -----------------------------------------------------------------------------------
#
# A file is a sha256 and the weights, one after the other as the config has them: nothing in it is
# interpreted. The sha256 is that of the source file's sha256 and of the weights. It finds damage
# and mistaken files, not forgery.


def _cache_file(sha256: str) -> str:
    """Where the weights of a checkpoint belong, in the cache of the Hugging Face hub's library."""
    from huggingface_hub import cached_assets_path

    directory = cached_assets_path("sklearn_mitra", namespace="int8", subfolder=sha256)
    return os.path.join(directory, f"weights-{_VERSION}.bin")


def cache_size() -> tuple[str, int]:
    """The folder of the cache, which need not be there, and the bytes of all files in it."""
    from huggingface_hub.constants import HF_ASSETS_CACHE

    folder = os.path.join(HF_ASSETS_CACHE, "sklearn_mitra", "int8")
    paths = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return folder, sum(os.path.getsize(path) for path in paths)


def _digest(sha256: str, content: NDArray[np.uint8]) -> bytes:
    digest = hashlib.sha256(bytes.fromhex(sha256))
    digest.update(content.data)
    return digest.digest()


def _read(path: str, sha256: str, config: Config) -> dict[str, NDArray[Any]] | None:
    """The weights in a file, or None if they are not those of the checkpoint."""
    layout = _layout(config)
    sizes = [dtype.itemsize * math.prod(shape) for dtype, shape in layout.values()]
    nbytes = sum(sizes)
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size != _DIGEST_NBYTES + nbytes:
        return None
    with open(path, "rb") as file:
        digest = file.read(_DIGEST_NBYTES)
        content = np.fromfile(file, np.uint8, nbytes)
    if digest != _digest(sha256, content):
        return None
    parts = np.split(content, np.cumsum(sizes[:-1]))
    return {
        name: part.view(dtype).reshape(shape)
        for (name, (dtype, shape)), part in zip(layout.items(), parts)
    }


def _write(
    path: str, sha256: str, config: Config, weights: dict[str, NDArray[Any]], mode: int
) -> None:
    """Write a file, in place of whatever is there, for those who may read the checkpoint's."""
    parts = [weights[name].astype(dtype) for name, (dtype, _) in _layout(config).items()]
    content = np.concatenate([part.reshape(-1).view(np.uint8) for part in parts])
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # or a link would be followed, a pipe written to, and the mode kept
    with replaced(path, private=True) as temporary:
        with open(temporary, "wb") as file:
            file.write(_digest(sha256, content))
            file.write(content.data)
        os.chmod(temporary, (mode | 0o600) & 0o666)
