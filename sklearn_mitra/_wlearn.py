"""Estimators as wlearn bundles, and back.

A bundle of ours holds what the JavaScript package ``@wlearn/mitra`` reads,

``meta``
    JSON: ``nFeatures``, ``nSupport``, ``classes``, ``seed``, ``labels``, and ``onnxSha256``, the
    sha256 of the interchange file in use, or null
``support_x``
    float32 (n_support, n_features), encoded columns, missing values filled
``support_y``
    int32 class ids or float32 targets (n_support,)

and ``sklearn_mitra``, JSON, for what only Python needs. Bundles written by JavaScript lack
it, and hold class labels in ``support_y`` where ours hold class ids: ``"labels": "ids"`` in
``meta`` marks ours. A bundle from JavaScript is taken as if its support were all the rows
there were to train on.

``_FORMAT`` is the version of the artifact ``sklearn_mitra``. It goes up when a reader of the
former version would misread a new bundle; a reader refuses versions that it doesn't know.
"""

import math
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from ._base import BaseMitra
from ._bundle import decode_bundle, encode_bundle, from_json, to_json
from ._checkpoint import resolve_checkpoint
from ._classifier import MitraClassifier
from ._encoding import LARGEST, ColumnEncoder
from ._errors import BundleError, CheckpointError
from ._packing import Fields, pack, pack_labels, pack_levels
from ._regressor import MitraRegressor
from ._views import View

_FORMAT = 1
_TYPES = {
    "wlearn.mitra_onnx.classifier@1": MitraClassifier,
    "wlearn.mitra_onnx.regressor@1": MitraRegressor,
}
# They belong to a machine and a user, not to a model.
_NOT_STORED = {"n_jobs", "providers", "cache_context", "verbose"}
_MOST_ROWS = 2**53 - 1  # the largest integer that JSON carries everywhere


def load(source, model=None):
    """Read a classifier or regressor from a ``.wlrn`` bundle.

    Parameters
    ----------
    source : str, PathLike or bytes-like
        A file, or the bundle itself.
    model : str or PathLike, default=None
        Where to find the checkpoint, if not where the bundle says; see the parameter ``model``
        of the estimators.

    Returns
    -------
    estimator : MitraClassifier or MitraRegressor
        Fitted, with the default ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.

    Raises
    ------
    BundleError
        If the bundle is damaged, of a foreign type, or was made with other weights.
    CheckpointError
        If the checkpoint can't be had.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import sklearn_mitra
    >>> X, y = load_iris(return_X_y=True)
    >>> bundle = sklearn_mitra.MitraClassifier(max_support=50).fit(X, y).save()
    >>> sklearn_mitra.load(bundle)
    MitraClassifier(max_support=50)
    """
    return from_bundle(source, model, BaseMitra)


def register_loaders():
    """Teach PyPI's ``wlearn`` to load bundles of this package.

    ``wlearn.load(bundle)`` then returns a :class:`MitraClassifier` or :class:`MitraRegressor`.

    Raises
    ------
    ImportError
        If ``wlearn`` is not installed.

    Examples
    --------
    >>> import sklearn_mitra
    >>> sklearn_mitra.register_loaders()
    """
    import wlearn

    def load_validated(manifest, toc, blobs):
        artifacts = {e["id"]: blobs[e["offset"] : e["offset"] + e["length"]] for e in toc}
        return _build(manifest, artifacts, None, BaseMitra)

    for type_id in _TYPES:
        wlearn.register(type_id, load_validated)


# ---------------------------------------------------------------- estimator to bundle


def to_bundle(estimator):
    """The bundle of a fitted estimator, bytes."""
    type_id = next(t for t, cls in _TYPES.items() if isinstance(estimator, cls))
    n_support, n_features = estimator.X_support_.shape
    meta = {
        "nFeatures": n_features,
        "nSupport": n_support,
        "onnxSha256": estimator.checkpoint_["sha256"] if _is_interchange(estimator) else None,
        "seed": estimator._seed,
    }
    metadata = {"nFeatures": n_features}
    encoder, views = estimator._encoder, estimator._views
    ours = {
        "format": _FORMAT,
        "seed": estimator._seed,
        "params": _pack_params(estimator),
        "checkpoint": estimator.checkpoint_,
        "featureNames": None,
        "columns": encoder.names,
        "levels": [pack_levels(*pair) for pair in zip(encoder.levels, encoder.names)],
        "means": pack(encoder.means),
        "varying": pack(encoder.varying),
        "indices": None,
        "nViews": len(views),
        "signs": pack([view.signs for view in views]),
        "permutations": pack([view.classes for view in views]),
        "mirrors": pack([view.mirror for view in views]),
    }
    if hasattr(estimator, "support_indices_"):
        ours["indices"] = pack(estimator.support_indices_)
    if hasattr(estimator, "feature_names_in_"):
        ours["featureNames"] = estimator.feature_names_in_.tolist()
    if isinstance(estimator, MitraClassifier):
        n_classes = len(estimator.classes_)
        meta.update(classes=list(range(n_classes)), labels="ids")
        metadata["nClasses"] = n_classes
        ours["labels"] = pack_labels(estimator.classes_)
        ours["prior"] = pack(estimator.class_prior_)
        support_y = estimator.y_support_.astype("<i4")
    else:
        ours["range"] = pack([estimator.target_min_, estimator.target_max_])
        ours["targets"] = pack(estimator.y_support_)
        if np.abs(estimator.y_support_).max() > np.finfo(np.float32).max:
            raise BundleError(
                "A bundle holds targets as float32, and these are too large for it. Scale them "
                "before fitting, or pickle the estimator instead."
            )
        support_y = estimator.y_support_.astype("<f4")
    manifest = {
        "typeId": type_id,
        "params": {"maxSupport": ours["params"]["max_support"], "seed": estimator._seed},
        "metadata": metadata,
    }
    artifacts = {
        "meta": (to_json(meta), "application/json"),
        "support_x": (estimator.X_support_.astype("<f4").tobytes(), "application/octet-stream"),
        "support_y": (support_y.tobytes(), "application/octet-stream"),
        "sklearn_mitra": (to_json(ours, "artifact 'sklearn_mitra'"), "application/json"),
    }
    return encode_bundle(manifest, artifacts)


def _is_interchange(estimator):
    return estimator.checkpoint_["name"].endswith(".onnx")


def _pack_params(estimator):
    params = {}
    for name, value in estimator.get_params(deep=False).items():
        if name in _NOT_STORED:
            continue
        if name == "model":
            value = estimator.checkpoint_["name"]  # what was fitted, whatever was set since
        elif name == "max_support":
            value = min(value, _MOST_ROWS)
        elif name == "random_state" and not isinstance(value, (Integral, type(None))):
            value = estimator._seed  # what was drawn from the generator
        params[name] = value.item() if isinstance(value, np.generic) else value
    return params


# ---------------------------------------------------------------- bundle to estimator


def from_bundle(source, model, cls):
    """The estimator in a bundle, of a class or of its subclass for the bundle's type."""
    manifest, artifacts = decode_bundle(source)
    return _build(manifest, artifacts, model, cls)


def _build(manifest, artifacts, model, cls):
    """Check all that a bundle says, then make the estimator."""
    type_id = manifest["typeId"]
    found = _TYPES.get(type_id, type(None))
    if not (issubclass(found, cls) or issubclass(cls, found)):
        wanted = [t for t, c in _TYPES.items() if issubclass(c, cls) or issubclass(cls, c)]
        raise BundleError(f"Expected a bundle of type {' or '.join(wanted)}. Got {type_id}.")
    if issubclass(found, cls):
        cls = found
    for name in ("meta", "support_x", "support_y"):
        if name not in artifacts:
            raise BundleError(f"The bundle has no artifact {name!r}.")
    meta = Fields(from_json(artifacts["meta"], "artifact 'meta'"), "artifact 'meta'")
    shape = meta.count("nSupport"), meta.count("nFeatures")
    onnx_sha256 = meta.get("onnxSha256", "a string or null", str, type(None))
    x = _support(artifacts, "support_x", "<f4", shape)
    y = _support(
        artifacts, "support_y", "<i4" if issubclass(cls, MitraClassifier) else "<f4", shape[:1]
    )
    if "sklearn_mitra" in artifacts:
        ours = from_json(artifacts["sklearn_mitra"], "artifact 'sklearn_mitra'")
        ours = Fields(ours, "artifact 'sklearn_mitra'")
        return _read_ours(cls, ours, x, y, model)
    params = Fields(manifest.get("params", {}), "'params' in the manifest")
    estimator = _fit_foreign(cls, meta, params, x, y, model)
    used = estimator.checkpoint_
    if _is_interchange(estimator) and onnx_sha256 not in (None, used["sha256"]):
        raise BundleError(
            f"The bundle was made with an .onnx file of sha256 {onnx_sha256}. {used['name']!r} is "
            f"another, of sha256 {used['sha256']}. Pass the former as model."
        )
    return estimator


def _support(artifacts, name, dtype, shape):
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
    if name == "support_x" and np.abs(array).max() > LARGEST:
        raise BundleError(f"The artifact {name!r} holds values too large to compute with.")
    return array.astype(array.dtype.newbyteorder("="))


def _read_ours(cls, ours, x, y, model):
    """The estimator of a bundle that this package wrote."""
    version = ours.count("format")
    ours.require(version == _FORMAT, "format", f"{_FORMAT}: get a newer version of sklearn_mitra")
    estimator = _make(cls, ours.get("params", "an object", dict), model)
    n_features = x.shape[1]
    varying = ours.array("varying", "|b1", n_features)
    means = ours.array("means", "<f8", n_features)
    ours.require((np.abs(means) <= LARGEST).all(), "means", "small enough to compute with")
    names, levels = ours.strings("columns", n_features), ours.levels("levels", n_features)
    learned = {
        "n_features_in_": n_features,
        "X_support_": x,
        "_seed": ours.get("seed", "an integer", int),
        "_encoder": ColumnEncoder(names, levels, means, varying),
    }
    if ours.get("indices", "an object or null", dict, type(None)) is not None:
        indices = ours.array("indices", "<i8", len(x))
        ours.require(indices[0] >= 0 and (np.diff(indices) > 0).all(), "indices", "ascending rows")
        learned["support_indices_"] = indices
    if ours.get("featureNames", "a list or null", list, type(None)) is not None:
        names = ours.strings("featureNames", n_features)
        learned["feature_names_in_"] = np.array(names, dtype=object)
    n_classes = 0
    if issubclass(cls, MitraClassifier):
        learned.update(_read_classes(ours, y))
        n_classes = len(learned["classes_"])
    else:
        learned.update(_read_targets(ours, y))
    learned["_views"] = _read_views(ours, max(1, int(varying.sum())), n_classes)
    checkpoint = _find_checkpoint(cls, ours.fields("checkpoint"), model)
    most = checkpoint.config.dim_output
    ours.require(n_classes <= most, "labels", f"at most {most}, the outputs of the checkpoint")
    learned["checkpoint_"] = {"name": checkpoint.name, "sha256": checkpoint.sha256}
    estimator.__setstate__({**vars(estimator), **learned})
    return estimator


def _read_classes(ours, y):
    classes = ours.labels("labels")
    if y.min() < 0:
        raise BundleError(f"The artifact 'support_y' holds a class id of {y.min()}.")
    ours.require(y.max() < len(classes), "labels", f"of {int(y.max()) + 1} classes or more")
    prior = ours.array("prior", "<f8", len(classes))
    frequencies = (prior > 0).all() and (prior <= 1).all() and np.isclose(prior.sum(), 1)
    ours.require(frequencies, "prior", "frequencies of the classes")
    return {"classes_": classes, "class_prior_": prior, "y_support_": y.astype(np.int64)}


def _read_targets(ours, y):
    low, high = ours.array("range", "<f8", 2).tolist()
    ours.require(0 <= high - low < np.inf, "range", "the smallest and the largest target")
    targets = ours.array("targets", "<f8", len(y))
    ours.require(low <= targets.min() and targets.max() <= high, "targets", "in 'range'")
    ours.require((targets.astype(np.float32) == y).all(), "targets", "those of 'support_y'")
    return {"target_min_": low, "target_max_": high, "y_support_": targets}


def _find_checkpoint(cls, was, model):
    name, sha256 = was.get("name", "a string", str), was.get("sha256", "a string", str)
    checkpoint = resolve_checkpoint(name if model is None else model, cls._task)
    if checkpoint.sha256 != sha256:
        raise BundleError(
            f"The bundle was made with a checkpoint {name!r} of sha256 {sha256}. "
            f"{checkpoint.name!r} is another, of sha256 {checkpoint.sha256}. Pass the former as "
            "model, for example as a directory, or fit again."
        )
    return checkpoint


def _read_views(ours, n_columns, n_classes):
    n_views = ours.count("nViews")
    signs = ours.array("signs", "<f4", n_views, n_columns)
    ours.require((np.abs(signs) == 1).all(), "signs", "1 or -1")
    permutations = ours.array("permutations", "<i8", n_views, n_classes)
    permuted = (np.sort(permutations, axis=1) == np.arange(n_classes)).all()
    ours.require(permuted, "permutations", "permutations of the classes")
    mirrors = ours.array("mirrors", "|b1", n_views)
    return [View(s, p, bool(m)) for s, p, m in zip(signs, permutations, mirrors)]


def _fit_foreign(cls, meta, params, x, y, model):
    """The estimator of a bundle that another package wrote: fitted to its support."""
    seed = meta.get("seed", "an integer", int) & 0x7FFFFFFF  # all that a selection takes of it
    max_support = params.count("maxSupport")
    params.require(max_support >= len(x), "maxSupport", f"at least {len(x)}, the rows in it")
    if issubclass(cls, MitraClassifier):
        labels = meta.get("classes", "a list of integers", list)
        integers = all(type(label) is int for label in labels)
        meta.require(integers, "classes", "a list of integers")
        present = np.unique(y).tolist()
        meta.require(sorted(labels) == present, "classes", f"those in 'support_y', {present}")
    estimator = _make(cls, {"max_support": max_support, "random_state": seed}, model)
    try:
        estimator.fit(x, y)
    except CheckpointError:
        raise
    except ValueError as error:
        raise BundleError(f"The support in the bundle can't be used: {error}") from error
    del estimator.support_indices_  # the rows' places in the training data are not known
    return estimator


def _make(cls, params, model):
    """An unfitted estimator with checked parameters."""
    names = set(cls().get_params()) - _NOT_STORED
    if not set(params) <= names:
        raise BundleError(f"Unknown parameters in the bundle: {sorted(set(params) - names)}.")
    if model is not None:
        params = {**params, "model": model}
    estimator = cls(**params)
    try:
        estimator._validate_params()
    except InvalidParameterError as error:
        raise BundleError(f"A parameter in the bundle is wrong. {error}") from error
    return estimator
