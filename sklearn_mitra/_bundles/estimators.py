"""What an estimator has learned as a wlearn bundle, and back.

A bundle of ours holds what the JavaScript package ``@wlearn/mitra`` reads,

``meta``
    JSON: ``nFeatures``, ``nSupport``, ``classes``, ``seed``, ``labels``, and ``onnxSha256``, the
    sha256 of the interchange file in use, or null
``support_x``
    float32 (n_support, n_features), encoded columns, missing values filled
``support_y``
    int32 class ids or float32 targets (n_support,)

and ``sklearn_mitra``, JSON, for what only Python needs: the estimator hands it over and takes it
back. Bundles written by JavaScript lack it, and hold class labels in ``support_y`` where ours hold
class ids: ``"labels": "ids"`` in ``meta`` marks ours.

``FORMAT`` is the version of the artifact ``sklearn_mitra``. It goes up when a reader of the
former version would misread a new bundle; a reader refuses versions that it doesn't know.

1. All views have the same rows and columns: ``nViews``, ``signs``, ``permutations``, ``mirrors``.
2. ``views`` is a list of objects, each with rows and columns of its own.
3. A view may have ``derived`` columns, a ``trend`` or a ``vote``; a regressor a ``transform``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import BundleError
from .container import decode_bundle, encode_bundle, from_json, to_json
from .fields import BundleFields

CLASSIFIER = "wlearn.mitra_onnx.classifier@1"
REGRESSOR = "wlearn.mitra_onnx.regressor@1"
FORMAT = 3

_JSON, _BYTES = "application/json", "application/octet-stream"
_LABEL_DTYPES = {CLASSIFIER: "<i4", REGRESSOR: "<f4"}  # of support_y


@dataclass(frozen=True)
class Stored:
    """A bundle whose bytes are whole and whose support is an array of finite numbers.

    Attributes
    ----------
    type_id : str
        ``CLASSIFIER`` or ``REGRESSOR``.
    x : ndarray of shape (n_support, n_features), float32
    y : ndarray of shape (n_support,), int32 or float32
        Class ids or targets; class labels in a bundle of another package.
    onnx_sha256 : str or None
        Of the interchange file that it was made with.
    version : int
        Format of ``learned``.
    learned : BundleFields or None
        The artifact ``sklearn_mitra``; None in a bundle of another package.
    seed, max_support : int
        In a bundle of another package, its parameters.
    """

    type_id: str
    x: NDArray[np.float32]
    y: NDArray[Any]
    onnx_sha256: str | None
    version: int = 0
    learned: BundleFields | None = None
    seed: int = 0
    max_support: int = 0


def write_bundle(
    type_id: str,
    x: NDArray[Any],
    y: NDArray[Any],
    n_classes: int,
    onnx_sha256: str | None,
    params: Mapping[str, int],
    learned: Mapping[str, Any],
) -> bytes:
    """Write a bundle.

    Parameters
    ----------
    type_id : str
    x : ndarray of shape (n_support, n_features), float32 or float64
        The support.
    y : ndarray of shape (n_support,), int64 or float64
        Its class ids or targets.
    n_classes : int
        0 for regression.
    onnx_sha256 : str or None
        Of the interchange file in use.
    params : mapping of str to int
        ``maxSupport`` and ``seed``.
    learned : mapping
        What only Python needs, as JSON.

    Returns
    -------
    bundle : bytes

    Raises
    ------
    BundleError
        If something is of a kind that a bundle can't hold.
    """
    if not n_classes and np.abs(y).max() > np.finfo(np.float32).max:
        raise BundleError(
            "A bundle holds targets as float32, and these are too large for it. Scale them "
            "before fitting, or pickle the estimator instead."
        )
    n_support, n_features = x.shape
    meta = {
        "nFeatures": n_features,
        "nSupport": n_support,
        "onnxSha256": onnx_sha256,
        "seed": params["seed"],
    }
    metadata = {"nFeatures": n_features}
    if n_classes:
        meta.update(classes=list(range(n_classes)), labels="ids")
        metadata["nClasses"] = n_classes
    manifest = {"typeId": type_id, "params": dict(params), "metadata": metadata}
    ours = to_json({"format": FORMAT, **learned}, "artifact 'sklearn_mitra'")
    artifacts = {
        "meta": (to_json(meta), _JSON),
        "support_x": (x.astype("<f4").tobytes(), _BYTES),
        "support_y": (y.astype(_LABEL_DTYPES[type_id]).tobytes(), _BYTES),
        "sklearn_mitra": (ours, _JSON),
    }
    return encode_bundle(manifest, artifacts)


def read_bundle(source: Any) -> Stored:
    """Read a bundle, and check all of it that doesn't depend on an estimator.

    Parameters
    ----------
    source : bytes-like, str or os.PathLike
        A bundle, or the path of one.

    Raises
    ------
    BundleError
        If it is damaged, or not of a classifier or regressor.
    """
    return read_artifacts(*decode_bundle(source))


def read_artifacts(manifest: Mapping[str, Any], artifacts: Mapping[str, memoryview]) -> Stored:
    """As :func:`read_bundle`, of a bundle taken apart."""
    type_id = manifest["typeId"]
    if type_id not in _LABEL_DTYPES:
        wanted = " or ".join(_LABEL_DTYPES)
        raise BundleError(f"Expected a bundle of type {wanted}. Got {type_id}.")
    for name in ("meta", "support_x", "support_y"):
        if name not in artifacts:
            raise BundleError(f"The bundle has no artifact {name!r}.")
    meta = _read_json(artifacts, "meta")
    shape = meta.count("nSupport"), meta.count("nFeatures")
    onnx_sha256 = meta.get("onnxSha256", "a string or null", str, type(None))
    x = _read_array(artifacts, "support_x", "<f4", shape)
    y = _read_array(artifacts, "support_y", _LABEL_DTYPES[type_id], shape[:1])
    if "sklearn_mitra" in artifacts:
        learned = _read_json(artifacts, "sklearn_mitra")
        version = learned.count("format")
        known = f"at most {FORMAT}: get a newer version of sklearn_mitra"
        learned.require(version <= FORMAT, "format", known)
        return Stored(type_id, x, y, onnx_sha256, version, learned)
    params = BundleFields(manifest.get("params", {}), "'params' in the manifest")
    seed = meta.get("seed", "an integer", int)
    max_support = params.count("maxSupport")
    params.require(max_support >= len(x), "maxSupport", f"at least {len(x)}, the rows in it")
    if type_id == CLASSIFIER:
        labels = meta.get("classes", "a list of integers", list)
        integers = all(type(label) is int for label in labels)
        meta.require(integers, "classes", "a list of integers")
        present = np.unique(y).tolist()
        meta.require(sorted(labels) == present, "classes", f"those in 'support_y', {present}")
    return Stored(type_id, x, y, onnx_sha256, seed=seed, max_support=max_support)


def _read_json(artifacts: Mapping[str, memoryview], name: str) -> BundleFields:
    where = f"artifact {name!r}"
    return BundleFields(from_json(artifacts[name], where), where)


def _read_array(
    artifacts: Mapping[str, memoryview], name: str, dtype: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """An artifact as a finite array of the machine's byte order."""
    size = math.prod(shape) * 4
    if len(artifacts[name]) != size:
        raise BundleError(
            f"The artifact {name!r} must have {size} bytes, for {dtype} of shape {shape}. "
            f"Got {len(artifacts[name])}."
        )
    array = np.frombuffer(artifacts[name], dtype).reshape(shape)
    if not np.isfinite(array).all():
        raise BundleError(f"The artifact {name!r} holds NaN or infinity.")
    return array.astype(array.dtype.newbyteorder("="))
