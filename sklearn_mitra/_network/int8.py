"""What precision "int8" means, and the weights for it, made once and kept in a cache on disk.

Every output channel of a matrix has a scale of its own. Weights use seven of the eight bits:
processors without VNNI instructions add two products in 16 bits, which eight would overflow.
"""

import contextlib
import os
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._files import replaced
from .checkpoint import Checkpoint
from .config import Config, expected_shapes

_LARGEST = 63
_VERSION = 1  # of the files; goes up when their content changes

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
    another checkpoint is made anew; without a place to write to, nothing is kept.

    Parameters
    ----------
    checkpoint : Checkpoint

    Returns
    -------
    weights : dict of str to ndarray
        A quantized ``NAME.weight``, float32 (n, m), is there as ``NAME.weight.int8``, int8 (m, n),
        and ``NAME.weight.scale``, float32 (n,); other weights are float32 under their names.
    """
    try:
        path = _cache_file(checkpoint.sha256)
    except OSError:
        return _quantize(checkpoint.load_weights())
    with contextlib.suppress(
        OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error
    ):
        return _read(path, checkpoint.config)
    weights = _quantize(checkpoint.load_weights())
    with contextlib.suppress(OSError), replaced(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **weights)  # type: ignore[arg-type]  # of names that are options
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


def _expected(config: Config) -> dict[str, tuple[type, tuple[int, ...]]]:
    """dtype and shape of everything that :func:`_quantize` returns."""
    expected: dict[str, tuple[type, tuple[int, ...]]] = {}
    for name, shape in expected_shapes(config).items():
        if is_quantized(name):
            expected[f"{name}.int8"] = np.int8, shape[::-1]
            expected[f"{name}.scale"] = np.float32, shape[:1]
        else:
            expected[name] = np.float32, shape
    return expected


# ---- the cache -----------------------------------------------------------------------------------


def _cache_file(sha256: str) -> str:
    """Where the weights of a checkpoint belong, in the cache of the Hugging Face hub's library."""
    from huggingface_hub import cached_assets_path

    directory = cached_assets_path("sklearn_mitra", namespace="int8", subfolder=sha256)
    return os.path.join(directory, f"weights-{_VERSION}.npz")


def _read(path: str, config: Config) -> dict[str, NDArray[Any]]:
    expected = _expected(config)
    with np.load(path, allow_pickle=False) as file:
        weights = {name: file[name] for name in expected}  # compares checksums
    for name, (dtype, shape) in expected.items():
        if weights[name].dtype != dtype or weights[name].shape != shape:
            raise ValueError(f"{name!r} in {path!r} is not as expected.")
    return weights
