"""Small fitted estimators, and bundles taken apart and put together again."""

import functools
import json
from pathlib import Path

import numpy as np
import wlearn
from estimators import outputs, same
from tables import make_three_classes

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._bundles.container import decode_bundle, encode_bundle

KINDS = {MitraClassifier: "classifier", MitraRegressor: "regressor"}
TYPE_IDS = {cls: f"wlearn.mitra_onnx.{kind}@1" for cls, kind in KINDS.items()}

INTEROP = Path(__file__).parent / "interop"  # written by JavaScript
FORMATS = Path(__file__).parent / "formats"  # ours, frozen
DATA = {name: np.array(v) for name, v in json.loads((INTEROP / "data.json").read_text()).items()}
JAVASCRIPT = {
    "classifier_all_rows": ("y_class", 512, 42),
    "classifier_50_seed7": ("y_class", 50, 7),
    "classifier_labels125_40_seed3": ("y_class_125", 40, 3),
    "regressor_64_seed11": ("y_reg", 64, 11),
    "regressor_all_rows": ("y_reg", 512, 42),
}


def fitted(cls=MitraClassifier, X=None, y=None, **params):
    if X is None:
        X, y = make_three_classes()
    return cls(**{"max_support": 30, "n_estimators": 2, **params}).fit(X, y)


@functools.cache
def fitted_once(cls=MitraClassifier, **params):
    """An estimator that tests share, so none of them may change it."""
    return fitted(cls, **params)


@functools.cache
def saved(cls=MitraClassifier, **params):
    """The bundle of such an estimator, which is fitted only once."""
    return fitted(cls, **params).save()


def learned(estimator):
    """All that fit learned: public attributes, and what a bundle keeps beside the parameters."""
    names = {name for name in dir(estimator) if name[0] != "_" and name[-1] == "_"}
    names -= {"context_nbytes_"}  # of this process, after a prediction
    attributes = {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
    kept = opened(estimator.save())[1]["sklearn_mitra"]
    del kept["params"]
    return {**attributes, "kept": kept}


def packed_members(estimator):
    """The ensemble members as a bundle has them."""
    return opened(estimator.save())[1]["sklearn_mitra"]["views"]


def assert_same(loaded, estimator, X, params=None):
    """Assert equal types, parameters, learned attributes with their dtypes, and predictions."""
    assert type(loaded) is type(estimator)
    assert loaded.get_params() == {**estimator.get_params(), **(params or {})}
    found, expected = learned(loaded), learned(estimator)
    np.testing.assert_equal(found, expected)
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            same(found[name], value)
    same(outputs(loaded, X), outputs(estimator, X))


def assert_survives(estimator, X, **options):
    """Assert that a bundle keeps an estimator, and that saving it again gives the same bytes."""
    bundle = estimator.save()
    loaded = sklearn_mitra.load(bundle, **options)
    assert_same(loaded, estimator, X)
    assert loaded.save() == bundle
    wlearn.validate_bundle(bundle, allow_legacy_manifest=False)


def opened(bundle):
    """The manifest and the artifacts, JSON parsed."""
    manifest, artifacts = decode_bundle(bundle)
    parsed = {name: bytes(data) for name, data in artifacts.items()}
    for name in {"meta", "sklearn_mitra"} & parsed.keys():
        parsed[name] = json.loads(parsed[name])
    return manifest, parsed


def closed(manifest, parsed):
    """A bundle with correct sizes and hashes, whatever it holds."""
    artifacts = {}
    for name, value in parsed.items():
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        artifacts[name] = data, "application/octet-stream"
    return encode_bundle(manifest, artifacts)


def changed(bundle, artifact, **fields):
    """The bundle with fields of a JSON artifact replaced."""
    manifest, parsed = opened(bundle)
    parsed[artifact].update(fields)
    return closed(manifest, parsed)
