"""The fitted state of an estimator as a wlearn bundle, and back.

Our bundles hold the artifacts that the JavaScript package ``@wlearn/mitra`` reads:

``meta``
    JSON with ``nFeatures``, ``nSupport``, ``seed``, and ``onnxSha256``, the SHA-256 of the
    interchange file in use, or null. A classifier also has ``classes``, the labels in the support
    set, ascending. If not all labels are 32-bit integers, ``classes`` holds class ids instead,
    ``classNames`` holds the labels as strings, and ``labels`` is ``"ids"``.
``support_x``
    float32 (n_support, n_features): the encoded columns, with missing values filled in.
``support_y``
    (n_support,): int32 labels or class ids, as in ``classes``, or float32 targets.

One more artifact, ``sklearn_mitra``, is JSON for Python alone; the estimator supplies it and reads
it back. Bundles written by JavaScript lack it.

JavaScript readers map arrays onto the bytes of a bundle without a copy, so numbers must be aligned.
Spaces at the end of ``meta`` make ``support_x`` start at a multiple of 8 bytes from the start of
the bundle, and therefore ``support_y`` at a multiple of 4.

``FORMAT`` is the version of the artifact ``sklearn_mitra``. It goes up when a reader of the
previous version would misread a new bundle, and readers refuse versions they don't know. Versions
before 4 were never released. The fields are:

- ``views`` lists the ensemble members, or all nodes of their class trees. Each has ``columns``,
  ``signs``, ``derived`` features, and either ``classes``, a permutation, or ``mirror``. It may have
  a ``vote`` (a logistic regression whose logits are blended with the member's), a ``trend`` (a
  baseline whose residuals are the member's target), or a ``node`` of a class tree with its
  ``rows``.
- Members refer to functions by their index in ``functions``. A function refers to its ``terms`` in
  the same way and may have ``trees``.
- ``nFeatures`` and ``support_x`` describe the encoded columns; ``columns`` and ``levels`` describe
  the columns of the table. ``dates`` is null or has one entry for each column: null, or the encoded
  columns made from its dates. ``held`` records what each column held in training, as far as that is
  known. ``isNamed`` is true if tables must have the column names in ``columns``. Readers may skip
  ``held`` and ``isNamed``.
- ``levelMeans`` is null or a target encoding. Its columns come after the encoded columns.
- A classifier has ``labels``, ``prior``, and ``weights`` of its classes or null. With more classes
  than outputs, its ``support_y`` has more classes than the graph of a JavaScript reader accepts.
- Format 5 adds ``models``, the members that need no network, and ``memberWeights``. A model is
  stored as arrays of trees, or null if its weight is 0. ``views`` may then be empty.
- ``checkpoint`` is null if ``fit`` needed no network. ``views`` is then empty, too.
- A regressor has ``range``, ``targets`` and ``transform``. It may have ``heldOut``, its out-of-fold
  residuals. Readers may skip these and compute them from the support set.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import BundleError
from .budget import Budget
from .canonical import from_json, to_json
from .container import decode_bundle, encode_bundle
from .fields import BundleFields

CLASSIFIER = "wlearn.mitra_onnx.classifier@1"
REGRESSOR = "wlearn.mitra_onnx.regressor@1"
FORMAT = 5
# The format if the network answers for all members and their weights are equal.
FORMAT_OF_NETWORK = 4

_JSON, _BYTES = "application/json", "application/octet-stream"
_LABEL_DTYPES = {CLASSIFIER: "<i4", REGRESSOR: "<f4"}  # of support_y


@dataclass(frozen=True)
class Stored:
    """The contents of a bundle, once its bytes are verified and its support found to be finite.

    Attributes
    ----------
    type_id : str
        ``CLASSIFIER`` or ``REGRESSOR``.
    x : ndarray of shape (n_support, n_features), float32
    y : ndarray of shape (n_support,), int32 or float32
        Class ids, class labels or targets.
    classes : list of int or None
        The labels that may occur in ``y``, ascending; None if ``y`` holds class ids or targets.
    onnx_sha256 : str or None
        SHA-256 of the interchange file that the bundle was made with.
    learned : BundleFields or None
        The artifact ``sklearn_mitra``; None in a bundle of another package.
    seed, max_support : int
        Parameters of a bundle of another package.
    """

    type_id: str
    x: NDArray[np.float32]
    y: NDArray[Any]
    classes: list[int] | None
    onnx_sha256: str | None
    learned: BundleFields | None = None
    seed: int = 0
    max_support: int = 0


def write_bundle(
    type_id: str,
    x: NDArray[Any],
    y: NDArray[Any],
    classes: NDArray[Any] | None,
    onnx_sha256: str | None,
    params: Mapping[str, int],
    learned: Mapping[str, Any],
) -> bytes:
    """Write a bundle.

    Parameters
    ----------
    type_id : str
    x : ndarray of shape (n_support, n_features), float32 or float64
        The support set.
    y : ndarray of shape (n_support,), int64 or float64
        Class ids or targets of the support set.
    classes : ndarray of shape (n_classes,) or None
        The class labels; None for regression.
    onnx_sha256 : str or None
        SHA-256 of the interchange file in use.
    params : mapping of str to int
        ``maxSupport`` and ``seed``.
    learned : mapping
        The artifact for Python alone, as JSON.

    Returns
    -------
    bundle : bytes

    Raises
    ------
    BundleError
        If a bundle can't hold one of the values.
    """
    if classes is None and np.abs(y).max() > np.finfo(np.float32).max:
        raise BundleError(
            "A bundle holds targets as float32, and these are too large for that. Scale them "
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
    if classes is not None:
        present, labels = np.unique(y), _as_int32(classes)
        if labels is None:
            names = [str(label) for label in classes[present].tolist()]
            meta.update(classes=present.tolist(), classNames=names, labels="ids")
        else:
            meta.update(classes=labels[present].tolist())
            y = labels[y]
        metadata["nClasses"] = len(present)
    manifest = {"typeId": type_id, "params": dict(params), "metadata": metadata}
    version = FORMAT if "models" in learned else FORMAT_OF_NETWORK
    ours = to_json({"format": version, **learned}, "artifact 'sklearn_mitra'")
    artifacts = {
        "meta": (to_json(meta), _JSON),
        "support_x": (x.astype("<f4").tobytes(), _BYTES),
        "support_y": (y.astype(_LABEL_DTYPES[type_id]).tobytes(), _BYTES),
        "sklearn_mitra": (ours, _JSON),
    }
    return _align(manifest, artifacts)


def _align(manifest: dict[str, Any], artifacts: dict[str, tuple[bytes, str]]) -> bytes:
    """Encode a bundle with ``meta`` padded so that ``support_x`` starts at a multiple of 8."""
    meta = artifacts["meta"][0]
    n_last_bytes = sum(len(artifacts[name][0]) for name in ("support_x", "support_y"))
    while True:  # a longer meta may also have a longer entry in the TOC
        bundle = encode_bundle(manifest, {**artifacts, "meta": (meta, _JSON)})
        n_missing = (n_last_bytes - len(bundle)) % 8
        if not n_missing:
            return bundle
        meta += b" " * n_missing


def _as_int32(classes: NDArray[Any]) -> NDArray[np.int32] | None:
    """Class labels as 32-bit integers, for JavaScript; None if not all of them fit."""
    if classes.dtype.kind not in "biuf":
        return None
    values, limits = classes.astype(np.float64), np.iinfo(np.int32)
    fits = (limits.min <= values) & (values <= limits.max) & (values == np.floor(values))
    return values.astype(np.int32) if fits.all() else None


def read_bundle(source: Any) -> Stored:
    """Read a bundle, and check everything that doesn't depend on an estimator.

    Parameters
    ----------
    source : bytes-like, str or os.PathLike
        A bundle, or its path.

    Raises
    ------
    BundleError
        If it is damaged, or not a bundle of a classifier or regressor.
    """
    return read_artifacts(*decode_bundle(source))


def read_artifacts(manifest: Mapping[str, Any], artifacts: Mapping[str, memoryview]) -> Stored:
    """Do the same as :func:`read_bundle` for a bundle that is decoded already."""
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
    classes = None
    if "sklearn_mitra" in artifacts:
        n_stored = sum(map(len, artifacts.values()))
        learned = _read_json(artifacts, "sklearn_mitra", Budget(n_stored))
        version = learned.count("format")
        needed = f"{FORMAT_OF_NETWORK} or {FORMAT}; later formats need a newer sklearn_mitra"
        learned.require(version in (FORMAT_OF_NETWORK, FORMAT), "format", needed)
        fits = ("models" in learned) == (version == FORMAT)
        learned.require(fits, "format", f"{FORMAT} if there are 'models', else {FORMAT_OF_NETWORK}")
        if type_id == CLASSIFIER:
            if "labels" in meta:
                meta.require(meta.get("labels", "'ids'", str) == "ids", "labels", "'ids'")
            else:
                classes = _read_classes(meta, y)
        return Stored(type_id, x, y, classes, onnx_sha256, learned)
    params = BundleFields(manifest.get("params", {}), "'params' in the manifest")
    seed, max_support = meta.get("seed", "an integer", int), params.count("maxSupport")
    if type_id == CLASSIFIER:
        classes = _read_classes(meta, y)
    return Stored(type_id, x, y, classes, onnx_sha256, seed=seed, max_support=max_support)


def _read_classes(meta: BundleFields, y: NDArray[np.int32]) -> list[int]:
    classes: list[int] = meta.get("classes", "a list of integers", list)
    integers = all(type(label) is int and -(2**31) <= label < 2**31 for label in classes)
    meta.require(integers, "classes", "a list of 32-bit integers")
    is_ascending = all(a < b for a, b in zip(classes, classes[1:]))
    meta.require(is_ascending, "classes", "ascending")
    has_all = set(np.unique(y).tolist()) <= set(classes)
    meta.require(has_all, "classes", "all labels in 'support_y'")
    return classes


def _read_json(
    artifacts: Mapping[str, memoryview], name: str, budget: Budget | None = None
) -> BundleFields:
    where = f"artifact {name!r}"
    return BundleFields(from_json(artifacts[name], where), where, budget)


def _read_array(
    artifacts: Mapping[str, memoryview], name: str, dtype: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Read an artifact as an array of finite numbers in native byte order."""
    size = math.prod(shape) * 4
    if len(artifacts[name]) != size:
        raise BundleError(
            f"The artifact {name!r} must have {size} bytes, for {dtype} of shape {shape}. "
            f"Got {len(artifacts[name])}."
        )
    array = np.frombuffer(artifacts[name], dtype).reshape(shape)
    if not np.isfinite(array).all():
        raise BundleError(
            f"The artifact {name!r} holds NaN or infinity. Fill in missing values before fitting."
        )
    return array.astype(array.dtype.newbyteorder("="))
