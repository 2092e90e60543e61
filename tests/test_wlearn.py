"""Estimators as bundles: round trips, bundles of the JavaScript package, and damage."""

import base64
import enum
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wlearn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from wlearn.registry import get_registry

import sklearn_mitra
from sklearn_mitra import (
    BundleError,
    CheckpointError,
    DisposedError,
    MitraClassifier,
    MitraRegressor,
)
from sklearn_mitra._bundle import decode_bundle, encode_bundle
from sklearn_mitra._checkpoint import resolve_checkpoint
from sklearn_mitra._packing import pack, pack_labels
from sklearn_mitra._support import select_rows, select_rows_per_class

ESTIMATORS = [MitraClassifier, MitraRegressor]
KINDS = {MitraClassifier: "classifier", MitraRegressor: "regressor"}
TYPE_IDS = {cls: f"wlearn.mitra_onnx.{kind}@1" for cls, kind in KINDS.items()}
both = pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)

INTEROP = Path(__file__).parent / "interop"
DATA = {name: np.array(v) for name, v in json.loads((INTEROP / "data.json").read_text()).items()}
JAVASCRIPT = {
    "classifier_all_rows": ("y_class", 512, 42),
    "classifier_50_seed7": ("y_class", 50, 7),
    "classifier_labels125_40_seed3": ("y_class_125", 40, 3),
    "regressor_64_seed11": ("y_reg", 64, 11),
    "regressor_all_rows": ("y_reg", 512, 42),
}


def make_table(n_rows=60, n_features=3, seed=0):
    """A table, and y that both a classifier (three classes) and a regressor can take."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, np.digitize(X[:, 0], [-0.5, 0.5])


def fitted(cls=MitraClassifier, X=None, y=None, **params):
    if X is None:
        X, y = make_table()
    return cls(**{"max_support": 30, "n_estimators": 2, **params}).fit(X, y)


def outputs(estimator, X):
    if isinstance(estimator, MitraClassifier):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def same(a, b):
    np.testing.assert_array_equal(a, b, strict=True)


def learned(estimator):
    """All that fit learned and a bundle keeps, made of what compares."""
    state = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
    views = [(view.signs, view.classes, view.mirror) for view in estimator._views]
    return {**state, "seed": estimator._seed, **vars(estimator._encoder), "views": views}


def assert_same(loaded, estimator, X, params=None):
    """Equal in type, parameters, learned attributes with their dtypes, and every bit predicted."""
    assert type(loaded) is type(estimator)
    assert loaded.get_params() == {**estimator.get_params(), **(params or {})}
    found, expected = learned(loaded), learned(estimator)
    np.testing.assert_equal(found, expected)
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            same(found[name], value)
    same(outputs(loaded, X), outputs(estimator, X))


def assert_survives(estimator, X):
    """Through a bundle and back, and the bundle made again is the same."""
    bundle = estimator.save()
    loaded = sklearn_mitra.load(bundle)
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
    """A bundle with right sizes and hashes, whatever is in it."""
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


# --------------------------------------------------------------------------------------------
# There and back
# --------------------------------------------------------------------------------------------


@both
def test_round_trip_keeps_every_bit(cls):
    X, y = make_table()
    assert_survives(fitted(cls), X)
    assert_survives(cls().fit(X, y), X)


@both
def test_parameters_come_back(cls):
    params = {"max_support": 25, "n_estimators": 3, "random_state": 2**32 - 1}
    if cls is MitraClassifier:
        params.update(support_sampling="stratified", softmax_temperature=0.75)
    estimator = fitted(cls, **params)
    assert_survives(estimator, make_table()[0])
    assert params.items() <= sklearn_mitra.load(estimator.save()).get_params().items()


@both
def test_parameters_of_numpys_types_come_back_as_pythons(cls):
    X, _ = make_table()
    estimator = fitted(cls, max_support=np.int32(25), random_state=np.uint64(7))
    assert_survives(estimator, X)


@both
def test_parameters_of_machine_and_user_do_not_travel(cls):
    X, _ = make_table()
    estimator = fitted(cls, n_jobs=1, providers=["CPUExecutionProvider"], verbose=1)
    loaded = sklearn_mitra.load(estimator.save())
    assert_same(loaded, estimator, X, {"n_jobs": None, "providers": None, "verbose": 0})


@both
def test_sources_may_be_bytes_or_paths(cls, tmp_path):
    X, _ = make_table()
    estimator = fitted(cls)
    path = tmp_path / "model.wlrn"
    bundle = estimator.save(path)
    assert path.read_bytes() == bundle
    path.write_bytes(bundle * 2)
    assert estimator.save(str(path)) == bundle == path.read_bytes()
    for source in [bytearray(bundle), memoryview(bundle), path, str(path)]:
        assert_same(sklearn_mitra.load(source), estimator, X[:1])
        assert cls.load(source).save() == bundle


@both
def test_none_as_seed_comes_back_with_the_support_that_was_drawn(cls):
    X, _ = make_table()
    estimator = fitted(cls, random_state=None)
    assert_survives(estimator, X)
    assert sklearn_mitra.load(estimator.save()).random_state is None


@both
def test_random_state_instance_comes_back_as_the_seed_that_was_drawn(cls):
    X, y = make_table()
    estimator = fitted(cls, random_state=np.random.RandomState(3))
    bundle = estimator.save()
    loaded = sklearn_mitra.load(bundle)
    assert_same(loaded, estimator, X, {"random_state": estimator._seed})
    assert loaded.save() == bundle
    again = loaded.fit(X, y)
    same(again.support_indices_, estimator.support_indices_)


LABELS = {
    "int": np.array([3, 1, 2]),
    "negative int": np.array([-5, 7, 0]),
    "int64 beyond float64": np.array([2**53 + 1, 2**53, -(2**62)]),
    "uint64": np.array([2**64 - 1, 2**64 - 2, 0], np.uint64),
    "int8": np.array([-128, 0, 127], np.int8),
    "float": np.array([1.0, -2.0, 2.0**52]),
    "float32": np.array([1, 2, 3], np.float32),
    "float16": np.array([1, 2, 3], np.float16),
    "big-endian int": np.array([1, 256, 65536], ">i4"),
    "bool": np.array([False, True]),
    "str": np.array(["low", "", "mäßig \U0001f600"]),
    "object": np.array(["low", "", "mäßig \U0001f600"], dtype=object),
    "one int": np.array([-3]),
    "one str": np.array(["only"]),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_every_type(labels):
    X, _ = make_table()
    ids = np.arange(len(X)) % len(labels)
    estimator = fitted(X=X, y=labels[ids])
    loaded = sklearn_mitra.load(estimator.save())
    same(outputs(loaded, X), outputs(estimator, X))
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    native = labels.dtype.newbyteorder("=")
    assert loaded.classes_.dtype == loaded.predict(X).dtype == native
    assert loaded.save() == estimator.save()
    if labels.dtype.isnative:
        assert_survives(estimator, X)


def make_frame():
    """One column of every kind that a DataFrame has, with values missing where they can be."""
    X, _ = make_table()
    words = np.array(["b", "ä", "", "a b"], dtype=object)[np.arange(60) * 7 % 4]
    frame = pd.DataFrame(
        {
            "number": X[:, 0],
            "category": pd.Categorical(words, ["ä", "b", "", "a b", "unused"]),
            "category of int": pd.Categorical(np.arange(60) % 3 * -5),
            "category of float": pd.Categorical(np.arange(60) % 3 / 4),
            "category of bool": pd.Categorical(np.arange(60) % 2 == 0),
            "string": pd.Series(words, dtype="string"),
            "object": words,
            "bool": X[:, 1] > 0,
            "boolean": pd.array(X[:, 2] > 0, dtype="boolean"),
            "Int64": pd.array(np.arange(60), dtype="Int64"),
            "Float64": pd.array(X[:, 1], dtype="Float64"),
            "nothing": np.full(60, np.nan),
            "no object": np.full(60, None, dtype=object),
            "constant": 1,
        }
    )
    for place, name in enumerate(frame.columns.drop(["bool", "constant"])):
        frame.loc[place::11, name] = None
    return frame


@both
def test_columns_of_every_kind(cls):
    frame = make_frame()
    _, y = make_table()
    estimator = fitted(cls, frame, y)
    assert estimator._encoder.levels[1:5] == [
        ["ä", "b", "", "a b"],
        [-10, -5, 0],
        [0.0, 0.25, 0.5],
        [False, True],
    ]
    unseen = frame.assign(string="unseen", category=pd.Categorical(["unseen"] * 60))
    assert_survives(estimator, pd.concat([frame, unseen, frame[::-1]]))
    loaded = sklearn_mitra.load(estimator.save())
    assert [list(map(type, levels or [])) for levels in loaded._encoder.levels] == [
        list(map(type, levels or [])) for levels in estimator._encoder.levels
    ]


@both
def test_feature_names_are_demanded_after_loading(cls):
    X, y = make_table()
    frame = pd.DataFrame(X, columns=["a", "ü", '"']).astype({"a": "float32"})
    loaded = sklearn_mitra.load(fitted(cls, frame, y).save())
    assert loaded.feature_names_in_.dtype == object
    assert loaded.feature_names_in_.tolist() == ["a", "ü", '"']
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        loaded.predict(frame[["ü", "a", '"']])
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        sklearn_mitra.load(fitted(cls).save()).predict(X[:, :2])


@both
def test_columns_without_names_and_columns_named_by_numbers(cls):
    X, y = make_table()
    assert_survives(fitted(cls), X)
    frame = pd.DataFrame(X, columns=[3, 1, 2])
    assert_survives(fitted(cls, frame, y), frame)


@both
def test_constant_columns(cls):
    X, y = make_table()
    wide = np.column_stack([np.ones(60), X, np.full(60, np.nan)])
    assert_survives(fitted(cls, wide, y), wide)
    assert_survives(fitted(cls, wide[:, [0, 4]], y), wide[:, [0, 4]])


@pytest.mark.parametrize("value", [0.0, -1e30, 7])
def test_constant_target(value):
    X, _ = make_table()
    reg = MitraRegressor().fit(X, np.full(60, value, type(value)))
    loaded = MitraRegressor.load(reg.save())
    same(loaded.predict(X), np.full(60, float(value)))


@pytest.mark.parametrize("factor", [1e-300, 1e-40, 1e30, 1e100, 1e307])
def test_targets_of_any_size_come_back_or_are_refused_when_saving(factor):
    X, y = make_table()
    reg = fitted(MitraRegressor, X, (y + 1 / 3) * factor)
    if factor > 1e38:  # support_y is float32
        with pytest.raises(BundleError, match="too large .* Scale them before fitting, or pickle"):
            reg.save()
    else:
        assert_survives(reg, X)


def test_targets_keep_their_float64_bits():
    X, y = make_table()
    reg = fitted(MitraRegressor, X, y / 3 + 1e9)
    assert_survives(reg, X)


@both
def test_a_class_or_a_support_of_one_row(cls):
    X, _ = make_table()
    assert_survives(cls(max_support=1).fit(X[:1], [1]), X)


def test_classes_that_missed_the_support():
    X, _ = make_table(200)
    y = np.repeat([0, 1, 2], [150, 49, 1])
    clf = fitted(X=X, y=y, max_support=20, support_sampling="random")
    assert 2 not in clf.y_support_
    assert_survives(clf, X)


@both
def test_subclasses_load_their_own_bundles(cls):
    X, _ = make_table()
    subclass = type("Derived", (cls,), {})
    estimator = fitted(subclass)
    assert_same(subclass.load(estimator.save()), estimator, X)


@both
def test_loading_leaves_a_bytearray_to_its_owner(cls):
    X, _ = make_table()
    estimator = fitted(cls)
    source = bytearray(estimator.save())
    loaded = sklearn_mitra.load(source)
    source[:] = bytes(len(source))
    assert_same(loaded, estimator, X)


@both
def test_loaded_estimators_can_be_refitted_and_disposed_of(cls):
    X, y = make_table()
    estimator = fitted(cls)
    loaded = sklearn_mitra.load(estimator.save())
    loaded.fit(X[::-1], y[::-1]).fit(X, y)
    assert_same(loaded, estimator, X)
    loaded.dispose()
    with pytest.raises(DisposedError):
        loaded.predict(X)


@both
def test_unfitted_and_disposed_estimators_are_not_saved(cls, tmp_path):
    path = tmp_path / "model.wlrn"
    with pytest.raises(NotFittedError, match="not fitted yet"):
        cls().save(path)
    estimator = fitted(cls)
    estimator.dispose()
    with pytest.raises(DisposedError, match="Call 'fit' again"):
        estimator.save(path)
    assert not path.exists()


# --------------------------------------------------------------------------------------------
# What can't be stored
# --------------------------------------------------------------------------------------------

LEVELS = {
    "intervals": (lambda X: pd.cut(X, 3), "Interval"),
    "dates": (lambda X: pd.Categorical(pd.to_datetime(np.sign(X), unit="D")), "Timestamp"),
    "tuples": (lambda X: pd.Categorical([(int(x > 0), 1) for x in X]), "tuple"),
}


@both
@pytest.mark.parametrize(("make_column", "kind"), LEVELS.values(), ids=LEVELS)
def test_levels_that_json_cannot_hold_are_refused_with_advice(cls, make_column, kind, tmp_path):
    X, y = make_table()
    frame = pd.DataFrame({"a": X[:, 0], "odd": make_column(X[:, 1])})
    estimator = fitted(cls, frame, y)
    estimator.predict(frame)
    path = tmp_path / "model.wlrn"
    message = rf"In column 'odd', got {kind}.* \.astype\(str\) .* pickle"
    with pytest.raises(BundleError, match=message):
        estimator.save(path)
    assert not path.exists()


@both
@pytest.mark.parametrize("level", [2**53, 1e16, np.inf], ids=str)
def test_levels_beyond_the_numbers_of_javascript_are_refused(cls, level):
    X, y = make_table()
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(np.where(X[:, 1] > 0, level, 0))})
    with pytest.raises(BundleError, match=r"number beyond"):
        fitted(cls, frame, y).save()


class Colour(str, enum.Enum):
    RED = "red"
    BLUE = "blue"


def test_labels_that_are_strings_with_another_str_come_back_as_what_they_equal():
    X, y = make_table()
    clf = fitted(X=X, y=np.array([Colour.RED, Colour.BLUE], dtype=object)[y % 2])
    assert sklearn_mitra.load(clf.save()).classes_.tolist() == ["blue", "red"]


def test_labels_of_mixed_types_are_refused_with_advice():
    with pytest.raises(BundleError, match="all numbers or all strings. Got int, str. Convert"):
        pack_labels(np.array([1, "a"], dtype=object))


def test_labels_that_could_not_be_read_again_are_refused_with_advice():
    X, y = make_table()
    clf = fitted(X=X, y=y.astype(np.longdouble))
    with pytest.raises(BundleError, match="labels .* Convert the labels before fitting"):
        clf.save()


# --------------------------------------------------------------------------------------------
# wlearn and JavaScript
# --------------------------------------------------------------------------------------------


@both
def test_what_the_javascript_package_reads_is_there(cls):
    estimator = fitted(cls, max_support=31, random_state=5)
    manifest, parsed = opened(estimator.save())
    meta = parsed["meta"]
    assert manifest["typeId"] == TYPE_IDS[cls]
    assert manifest["bundleVersion"] == 1
    assert manifest["params"] == {"maxSupport": 31, "seed": 5}
    classes = {"nClasses": 3} if cls is MitraClassifier else {}
    assert manifest["metadata"] == {"nFeatures": 3, **classes}
    assert (meta["nFeatures"], meta["nSupport"], meta["seed"]) == (3, 31, 5)
    assert meta["onnxSha256"] is None  # there is no .onnx file
    assert meta.get("classes") == ([0, 1, 2] if cls is MitraClassifier else None)
    assert parsed["support_x"] == estimator.X_support_.astype("<f4").tobytes(order="C")
    dtype = "<i4" if cls is MitraClassifier else "<f4"
    assert parsed["support_y"] == estimator.y_support_.astype(dtype).tobytes()
    media_types = {entry["id"]: entry["mediaType"] for entry in manifest["artifacts"]}
    json_type, blob_type = "application/json", "application/octet-stream"
    assert media_types == {
        "meta": json_type,
        "sklearn_mitra": json_type,
        "support_x": blob_type,
        "support_y": blob_type,
    }


def test_class_ids_are_marked_where_javascript_has_raw_labels():
    X, y = make_table()
    _, ours = opened(fitted(X=X, y=y * 10 - 3).save())
    assert ours["meta"]["labels"] == "ids" and ours["meta"]["classes"] == [0, 1, 2]
    assert set(np.frombuffer(ours["support_y"], "<i4")) == {0, 1, 2}
    _, theirs = opened(INTEROP / "classifier_labels125_40_seed3.wlrn")
    assert "labels" not in theirs["meta"] and theirs["meta"]["classes"] == [1, 2, 5]


def test_wlearn_loads_registered_types(tmp_path):
    sklearn_mitra.register_loaders()
    sklearn_mitra.register_loaders()
    assert set(TYPE_IDS.values()) <= get_registry().keys()
    X, _ = make_table()
    for cls in ESTIMATORS:
        estimator = fitted(cls)
        path = tmp_path / "model.wlrn"
        for source in (estimator.save(path), path, str(path)):
            assert_same(wlearn.load(source), estimator, X)
    reg = wlearn.load(INTEROP / "regressor_64_seed11.wlrn")
    assert isinstance(reg, MitraRegressor) and len(reg.X_support_) == 64


def test_wlearn_refuses_what_load_refuses():
    sklearn_mitra.register_loaders()
    damaged = changed(fitted().save(), "sklearn_mitra", seed=None)
    with pytest.raises(BundleError, match="'seed' in artifact 'sklearn_mitra'"):
        wlearn.load(damaged)


def javascript(name):
    """A bundle's estimator, and the class, X and y that it was made from."""
    cls = MitraClassifier if name.startswith("classifier") else MitraRegressor
    y_name, max_support, seed = JAVASCRIPT[name]
    params = {"max_support": max_support, "random_state": seed}
    X, y = DATA["X"].astype(np.float32), DATA[y_name]
    y = y.astype(np.int32 if cls is MitraClassifier else np.float32)
    return cls.load(INTEROP / f"{name}.wlrn"), cls(**params), X, y


def test_every_javascript_bundle_is_known():
    assert {path.stem for path in INTEROP.glob("*.wlrn")} == JAVASCRIPT.keys()


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_javascript_bundles_predict(name):
    loaded, params, X, y = javascript(name)
    assert loaded.get_params() == params.get_params()
    assert not hasattr(loaded, "support_indices_")
    if isinstance(loaded, MitraClassifier):
        same(loaded.classes_, np.unique(y))
        most_frequent = np.unique(y, return_counts=True)[1].max() / len(y)
        assert loaded.score(X, y) > 1.4 * most_frequent
    else:
        assert loaded.score(X, y) > 0.5


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_javascript_selects_the_rows_that_we_select(name):
    loaded, estimator, X, y = javascript(name)
    estimator.fit(X, y)
    same(loaded.X_support_, estimator.X_support_)
    same(loaded.y_support_, estimator.y_support_)
    max_support, seed = estimator.max_support, estimator.random_state
    if isinstance(loaded, MitraClassifier):
        ids = np.searchsorted(estimator.classes_, y)
        rows = select_rows_per_class(ids, max_support, seed, "balanced")
    else:
        rows = select_rows(len(y), max_support, seed)
    same(loaded.X_support_, X[rows])


@pytest.mark.parametrize("name", ["classifier_all_rows", "regressor_all_rows"])
def test_javascript_bundle_of_all_rows_predicts_what_our_own_fit_predicts(name):
    loaded, estimator, X, y = javascript(name)
    estimator.fit(X, y)
    same(outputs(loaded, X[:50]), outputs(estimator, X[:50]))


def test_raw_labels_of_javascript_become_classes():
    loaded, _, X, y = javascript("classifier_labels125_40_seed3")
    assert loaded.classes_.tolist() == [1, 2, 5]
    assert set(loaded.predict(X)) == {1, 2, 5}


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_javascript_bundles_can_be_saved_and_loaded_again(name):
    loaded, _, X, _ = javascript(name)
    bundle = loaded.save()
    again = sklearn_mitra.load(bundle)
    assert_same(again, loaded, X[:20])
    assert again.save() == bundle
    wlearn.validate_bundle(bundle, allow_legacy_manifest=False)


def test_bundle_without_our_artifact_is_taken_for_one_of_javascript():
    X, y = make_table()
    clf = fitted(X=X, y=y, max_support=60)
    manifest, parsed = opened(clf.save())
    del parsed["sklearn_mitra"]
    loaded = sklearn_mitra.load(closed(manifest, parsed))
    by_default = MitraClassifier(max_support=60).fit(X.astype(np.float32), y)
    np.testing.assert_array_equal(loaded.predict_proba(X), by_default.predict_proba(X))


def test_unknown_artifacts_and_fields_are_skipped():
    X, _ = make_table()
    clf = fitted()
    manifest, parsed = opened(clf.save())
    manifest["later"] = parsed["meta"]["later"] = parsed["sklearn_mitra"]["later"] = [1]
    parsed["later"] = b"..."
    assert_same(sklearn_mitra.load(closed(manifest, parsed)), clf, X)


# --------------------------------------------------------------------------------------------
# Other types and other weights
# --------------------------------------------------------------------------------------------


@both
def test_the_other_estimators_bundle_is_refused(cls):
    other = next(c for c in ESTIMATORS if c is not cls)
    message = f"Expected a bundle of type {TYPE_IDS[cls]}. Got {TYPE_IDS[other]}"
    with pytest.raises(BundleError, match=message):
        cls.load(fitted(other).save())


@pytest.mark.parametrize("type_id", ["wlearn.xgb.classifier@1", "wlearn.mitra_onnx.classifier@2"])
def test_foreign_types_are_refused(type_id):
    manifest, parsed = opened(fitted().save())
    bundle = closed({**manifest, "typeId": type_id}, parsed)
    for load in (sklearn_mitra.load, MitraClassifier.load):
        with pytest.raises(BundleError, match=f"Expected a bundle of type .* Got {type_id}"):
            load(bundle)


def copy_of_mini(cls, directory):
    embedded = Path(resolve_checkpoint("mini", cls._task).weights_file).parent
    return Path(shutil.copytree(embedded, directory))


def spoil(directory):
    """Other weights, of the same shapes."""
    weights = bytearray((directory / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (directory / "model.safetensors").write_bytes(weights)


@both
def test_the_same_weights_may_lie_in_another_place(cls, tmp_path):
    X, y = make_table()
    directory = copy_of_mini(cls, tmp_path / "copy")
    estimator = fitted(cls)
    for load in (sklearn_mitra.load, cls.load):
        for model in (directory, str(directory)):
            loaded = load(estimator.save(), model=model)
            assert type(loaded) is cls and loaded.model == model
            assert loaded.checkpoint_ == {**estimator.checkpoint_, "name": str(directory)}
            same(outputs(loaded, X), outputs(estimator, X))
    assert_survives(loaded, X)
    moved = fitted(cls, model=directory)
    bundle = moved.save()
    shutil.rmtree(directory)
    with pytest.raises(CheckpointError, match="There is no such directory"):
        sklearn_mitra.load(bundle)
    assert_same(sklearn_mitra.load(bundle, model="mini"), estimator, X)


@both
def test_a_recommended_number_of_views_is_that_of_the_fit(cls, tmp_path):
    X, _ = make_table()
    directory = copy_of_mini(cls, tmp_path / "copy")
    estimator = fitted(cls, n_estimators=None)
    loaded = sklearn_mitra.load(estimator.save(), model=directory)
    same(outputs(loaded, X), outputs(estimator, X))


@both
def test_other_weights_are_refused_with_both_sha256(cls, tmp_path):
    directory = copy_of_mini(cls, tmp_path / "copy")
    spoil(directory)
    estimator = fitted(cls)
    sha256 = estimator.checkpoint_["sha256"]
    other = resolve_checkpoint(directory, cls._task).sha256
    message = f"'mini' of sha256 {sha256}. .* is another, of sha256 {other}. Pass the former"
    for load in (sklearn_mitra.load, cls.load):
        with pytest.raises(BundleError, match=message):
            load(estimator.save(), model=directory)


@both
def test_a_checkpoint_that_changed_since_saving_is_refused(cls, tmp_path):
    directory = copy_of_mini(cls, tmp_path / "copy")
    bundle = fitted(cls, model=directory).save()
    spoil(directory)
    with pytest.raises(BundleError, match="is another, of sha256"):
        sklearn_mitra.load(bundle)


@both
def test_a_bundle_that_names_another_sha256_is_refused(cls):
    estimator = fitted(cls)
    checkpoint = {**estimator.checkpoint_, "sha256": "0" * 64}
    bundle = changed(estimator.save(), "sklearn_mitra", checkpoint=checkpoint)
    with pytest.raises(BundleError, match=f"sha256 {'0' * 64}. 'mini' is another"):
        sklearn_mitra.load(bundle)


@both
def test_model_of_the_other_task_is_refused(cls, tmp_path):
    other = next(c for c in ESTIMATORS if c is not cls)
    directory = copy_of_mini(other, tmp_path / "copy")
    for bundle in (fitted(cls).save(), INTEROP / f"{KINDS[cls]}_all_rows.wlrn"):
        with pytest.raises(CheckpointError, match=f"is for {other._task}, but was asked for"):
            sklearn_mitra.load(bundle, model=directory)


# Names that reach the hub, "mitra" and "organisation/name", are tested with one of their own.
UNKNOWN_NAMES = ["", " ", "Mini", "mini ", "mitra-3", ".", "..", "/", "./mini", "~", "~/none"]
ODD_NAMES = ["\0", "~\0", "a\0/b", "\ud800", "~\ud800", "x" * 5000, "a/" * 3000, "mini\n", "a.onnx"]


@both
@pytest.mark.parametrize("name", UNKNOWN_NAMES + ODD_NAMES, ids=lambda name: ascii(name)[:12])
def test_a_bundle_that_names_an_unknown_checkpoint_is_refused(cls, name):
    estimator = fitted(cls)
    checkpoint = {**estimator.checkpoint_, "name": name}
    bundle = changed(estimator.save(), "sklearn_mitra", checkpoint=checkpoint)
    with pytest.raises(CheckpointError):
        sklearn_mitra.load(bundle)
    X, _ = make_table()
    outputs(sklearn_mitra.load(bundle, model="mini"), X)


# --------------------------------------------------------------------------------------------
# Damage
# --------------------------------------------------------------------------------------------

GOOD = {cls: fitted(cls).save() for cls in ESTIMATORS}
OURS = {cls: opened(GOOD[cls])[1]["sklearn_mitra"] for cls in ESTIMATORS}
PAIRS = [(cls, field) for cls in ESTIMATORS for field in OURS[cls]]
ARRAYS = [(cls, field) for cls, field in PAIRS if "data" in str(OURS[cls][field])]
pairs = pytest.mark.parametrize(("cls", "field"), PAIRS, ids=lambda v: getattr(v, "__name__", v))
arrays = pytest.mark.parametrize(("cls", "field"), ARRAYS, ids=lambda v: getattr(v, "__name__", v))

# Where two fields disagree, either may be the wrong one.
COUNTERPARTS = {"signs": ["permutations"], "labels": ["prior"], "range": ["targets"]}


def assert_field_is_named(bundle, field):
    fields = "|".join([field, *COUNTERPARTS.get(field, ())])
    with pytest.raises(BundleError, match=f"'({fields})'.* artifact 'sklearn_mitra'"):
        sklearn_mitra.load(bundle)


@pairs
def test_missing_field_is_named(cls, field):
    manifest, parsed = opened(GOOD[cls])
    del parsed["sklearn_mitra"][field]
    assert_field_is_named(closed(manifest, parsed), field)


@pairs
@pytest.mark.parametrize("value", [1.5, True, "text", None, [None], {}, []], ids=repr)
def test_field_of_another_type_is_named(cls, field, value):
    if (field, value) in [("featureNames", None), ("indices", None), ("params", {})]:  # rightly
        sklearn_mitra.load(changed(GOOD[cls], "sklearn_mitra", **{field: value}))
        return
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: value}), field)


@arrays
@pytest.mark.parametrize("part", ["dtype", "shape", "data"])
@pytest.mark.parametrize(
    "value", ["missing", None, 7, "?", [-1], [1.0], [True], "[0]", []], ids=repr
)
def test_damaged_part_of_an_array_is_named(cls, field, part, value):
    array = dict(OURS[cls][field])
    if value == "missing":
        del array[part]
    else:
        array[part] = value
    bundle = changed(GOOD[cls], "sklearn_mitra", **{field: array})
    with pytest.raises(BundleError, match=rf"'{field}'.* artifact 'sklearn_mitra'"):
        sklearn_mitra.load(bundle)


def unpacked(cls, field):
    array = OURS[cls][field]
    values = np.frombuffer(base64.b64decode(array["data"]), array["dtype"])
    return values.reshape(array["shape"]).copy()


@arrays
@pytest.mark.parametrize("change", ["longer", "shorter", "empty", "2-d", "other bytes"])
def test_array_of_another_length_or_shape_is_named(cls, field, change):
    values = unpacked(cls, field)
    if change == "longer":
        values = np.concatenate([values, values[-1:] + 1 if field == "labels" else values[-1:]])
    elif change == "shorter":
        values = values[1:]
    elif change == "empty":
        values = values[:0]
    elif change == "2-d":
        values = values[None]
    array = pack(values)
    if change == "other bytes":
        array["data"] = base64.b64encode(values.tobytes() + b"\0").decode()
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: array}), field)


@arrays
@pytest.mark.parametrize(
    "dtype", ["<f8", "<i8", "<f4", ">f8", "|b1", "|O", "<U3", "f8,f8", "<M8[s]"]
)
def test_array_of_another_dtype_is_named(cls, field, dtype):
    array = OURS[cls][field]
    if array["dtype"] == dtype:
        return
    itemsize = np.dtype(dtype).itemsize
    data = base64.b64encode(bytes(int(np.prod(array["shape"])) * itemsize)).decode()
    array = {**array, "dtype": dtype, "data": data}
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: array}), field)


@arrays
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_nan_and_infinity_in_an_array_are_named(cls, field, value):
    values = unpacked(cls, field)
    if values.dtype.kind != "f":
        return
    values.flat[-1] = value
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: pack(values)}), field)


def labels(*values):
    return {"dtype": "str", "labels": list(values)}


i8, f8 = np.int64, np.float64
OUT_OF_RANGE = {
    "format of the future": (MitraClassifier, "format", 2),
    "format 0": (MitraClassifier, "format", 0),
    "huge format": (MitraClassifier, "format", 2**53 - 1),
    "checkpoint without name": (MitraClassifier, "checkpoint", {"sha256": "0" * 64}),
    "checkpoint without sha256": (MitraClassifier, "checkpoint", {"name": "mini"}),
    "checkpoint by number": (MitraClassifier, "checkpoint", {"name": 1, "sha256": "0" * 64}),
    "too few feature names": (MitraClassifier, "featureNames", ["a", "b"]),
    "numbers as feature names": (MitraClassifier, "featureNames", [1, 2, 3]),
    "too many columns": (MitraClassifier, "columns", ["a", "b", "c", "d"]),
    "null among columns": (MitraClassifier, "columns", ["a", None, "c"]),
    "too few levels": (MitraClassifier, "levels", [None, None]),
    "number as levels": (MitraClassifier, "levels", [None, None, 3]),
    "object as levels": (MitraClassifier, "levels", [None, None, {"a": 1}]),
    "twice the same level": (MitraClassifier, "levels", [None, None, ["a", "b", "a"]]),
    "twice the same number": (MitraClassifier, "levels", [None, None, [1, 1.0]]),
    "list as level": (MitraClassifier, "levels", [None, None, [["a"]]]),
    "null as level": (MitraClassifier, "levels", [None, None, ["a", None]]),
    "mean beyond float32": (MitraClassifier, "means", pack([0.0, 1e39, 0.0])),
    "negative index": (MitraClassifier, "indices", pack(np.arange(-1, 29))),
    "descending indices": (MitraClassifier, "indices", pack(np.arange(30)[::-1])),
    "twice the same index": (MitraClassifier, "indices", pack(np.arange(30) // 2)),
    "half a sign": (MitraClassifier, "signs", pack(np.full((2, 3), 0.5, "f4"))),
    "zero as sign": (MitraClassifier, "signs", pack(np.zeros((2, 3), "f4"))),
    "no permutation": (MitraClassifier, "permutations", pack(np.array([[0, 1, 2], [0, 0, 2]]))),
    "class beyond": (MitraClassifier, "permutations", pack(np.array([[0, 1, 2], [1, 2, 3]]))),
    "negative class": (MitraClassifier, "permutations", pack(np.array([[0, 1, 2], [-1, 0, 1]]))),
    "three mirrors": (MitraClassifier, "mirrors", pack([False, True, False])),
    "no labels": (MitraClassifier, "labels", labels()),
    "twice the same label": (MitraClassifier, "labels", labels("a", "b", "b")),
    "descending labels": (MitraClassifier, "labels", labels("c", "b", "a")),
    "number among strings": (
        MitraClassifier,
        "labels",
        {"dtype": "object", "labels": ["a", "b", 3]},
    ),
    "twice the same int": (MitraClassifier, "labels", pack(np.array([1, 1, 2]))),
    "zero prior": (MitraClassifier, "prior", pack([0.5, 0.5, 0.0])),
    "negative prior": (MitraClassifier, "prior", pack([0.5, -0.5, 1.0])),
    "huge prior": (MitraClassifier, "prior", pack([1e308, 1e308, 1e308])),
    "range that ends before it begins": (MitraRegressor, "range", pack([2.0, 0.0])),
    "range beyond float64": (MitraRegressor, "range", pack([-1.7e308, 1.7e308])),
    "target below the range": (MitraRegressor, "targets", pack(np.full(30, -0.5))),
    "targets other than support_y": (MitraRegressor, "targets", pack(np.full(30, 1.25))),
    "mirrors by the number": (MitraRegressor, "mirrors", pack([0, 1])),
}


@pytest.mark.parametrize(("cls", "field", "value"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_values_out_of_range_are_named(cls, field, value):
    bundle = changed(GOOD[cls], "sklearn_mitra", **{field: value})
    assert_field_is_named(bundle, field)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_support": 0}, "'max_support' parameter .* Got 0"),
        ({"max_support": 30.0}, "'max_support' parameter .* Got 30.0"),
        ({"n_estimators": "2"}, "'n_estimators' parameter .* Got '2'"),
        ({"random_state": -1}, "'random_state' parameter .* Got -1"),
        ({"model": None}, "'model' parameter .* Got None"),
        ({"softmax_temperature": -1}, "'softmax_temperature' parameter .* Got -1"),
        ({"support_sampling": ["random"]}, "'support_sampling' parameter .* Got"),
        ({"n_jobs": 2}, "Unknown parameters in the bundle: .*'n_jobs'"),
        ({"gamma": 2}, "Unknown parameters in the bundle: .*'gamma'"),
        ({"__class__": 2}, "Unknown parameters in the bundle: .*'__class__'"),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(params, message):
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(changed(GOOD[MitraClassifier], "sklearn_mitra", params=params))


@both
@pytest.mark.parametrize("name", ["meta", "support_x", "support_y"])
def test_missing_artifact_is_named(cls, name):
    manifest, parsed = opened(GOOD[cls])
    del parsed[name]
    with pytest.raises(BundleError, match=f"The bundle has no artifact '{name}'"):
        sklearn_mitra.load(closed(manifest, parsed))


@both
@pytest.mark.parametrize("name", ["meta", "sklearn_mitra"])
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}'], ids=repr)
def test_artifact_that_is_no_json_object_is_named(cls, name, data):
    manifest, parsed = opened(GOOD[cls])
    with pytest.raises(BundleError, match=f"artifact '{name}'"):
        sklearn_mitra.load(closed(manifest, {**parsed, name: data}))


@both
@pytest.mark.parametrize("field", ["nFeatures", "nSupport"])
@pytest.mark.parametrize("value", [0, -1, 1, 31, 1.5, True, "3", None, 2**53 - 1], ids=repr)
def test_wrong_sizes_in_meta_are_named(cls, field, value):
    bundle = changed(GOOD[cls], "meta", **{field: value})
    with pytest.raises(BundleError, match=f"'{field}' in artifact 'meta'|'support_x' must have"):
        sklearn_mitra.load(bundle)


@both
@pytest.mark.parametrize("name", ["support_x", "support_y"])
@pytest.mark.parametrize("change", ["cut", "empty", "longer", "float64"])
def test_support_of_another_length_is_named(cls, name, change):
    manifest, parsed = opened(GOOD[cls])
    data = parsed[name]
    wide = np.frombuffer(data, "<f4").astype("<f8").tobytes()
    data = {"cut": data[:-1], "empty": b"", "longer": data + bytes(4), "float64": wide}[change]
    message = f"artifact '{name}' must have .* bytes, for <.4 of shape .* Got {len(data)}"
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(closed(manifest, {**parsed, name: data}))


@pytest.mark.parametrize(
    ("cls", "name"),
    [(MitraClassifier, "support_x"), (MitraRegressor, "support_x"), (MitraRegressor, "support_y")],
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("foreign", [False, True], ids=["ours", "foreign"])
def test_nan_and_infinity_in_the_support_are_named(cls, name, value, foreign):
    manifest, parsed = opened(GOOD[cls])
    values = np.frombuffer(parsed[name], "<f4").copy()
    values[-1] = value
    parsed[name] = values.tobytes()
    if foreign:
        del parsed["sklearn_mitra"]
    with pytest.raises(BundleError, match=f"artifact '{name}' holds NaN or infinity"):
        sklearn_mitra.load(closed(manifest, parsed))


@both
@pytest.mark.parametrize("foreign", [False, True], ids=["ours", "foreign"])
def test_support_too_large_to_compute_with_is_refused(cls, foreign):
    manifest, parsed = opened(GOOD[cls])
    values = np.frombuffer(parsed["support_x"], "<f4").copy()
    values[:2] = 3e38, -3e38
    parsed["support_x"] = values.tobytes()
    if foreign:
        del parsed["sklearn_mitra"]
    with pytest.raises(BundleError, match="support"):
        sklearn_mitra.load(closed(manifest, parsed))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "'support_y' holds a class id of -1"),
        (-(2**31), "'support_y' holds a class id of -2147483648"),
        (3, "'labels' .* of 4 to 10 classes"),
        (2**31 - 1, "'labels' .* of 2147483648 to 10 classes"),
    ],
)
def test_class_ids_beyond_the_classes_are_refused(value, message):
    manifest, parsed = opened(GOOD[MitraClassifier])
    ids = np.frombuffer(parsed["support_y"], "<i4").copy()
    ids[4] = value
    parsed["support_y"] = ids.tobytes()
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(closed(manifest, parsed))


def test_more_classes_than_the_checkpoint_tells_apart_are_refused():
    manifest, parsed = opened(GOOD[MitraClassifier])
    ours = parsed["sklearn_mitra"]
    ours["labels"] = pack(np.arange(11))
    ours["prior"] = pack(np.full(11, 1 / 11))
    ours["permutations"] = pack([np.arange(11)] * 2)
    with pytest.raises(BundleError, match="'labels' .* of 3 to 10 classes"):
        sklearn_mitra.load(closed(manifest, parsed))


JAVASCRIPT_FAULTS = {
    "no seed": ("meta", {"seed": None}, "'seed' in artifact 'meta'"),
    "seed as text": ("meta", {"seed": "3"}, "'seed' in artifact 'meta'"),
    "no classes": ("meta", {"classes": None}, "'classes' in artifact 'meta'"),
    "classes as text": ("meta", {"classes": ["1", "2", "5"]}, "'classes' in artifact 'meta'"),
    "other classes": ("meta", {"classes": [0, 1, 2]}, "'classes' in .* those in 'support_y'"),
    "more classes": ("meta", {"classes": [1, 2, 5, 6]}, "'classes' in .* those in 'support_y'"),
    "classes as booleans": ("meta", {"classes": [True, 2, 5]}, "'classes' in artifact 'meta'"),
    "no params": ("params", {}, "'maxSupport' in 'params' in the manifest"),
    "small maxSupport": ("params", {"maxSupport": 39}, "'maxSupport' .* at least 40"),
    "maxSupport as text": ("params", {"maxSupport": "40"}, "'maxSupport' .* positive integer"),
}


@pytest.mark.parametrize(
    ("part", "fields", "message"), JAVASCRIPT_FAULTS.values(), ids=JAVASCRIPT_FAULTS
)
def test_faults_of_javascript_bundles_are_named(part, fields, message):
    manifest, parsed = opened(INTEROP / "classifier_labels125_40_seed3.wlrn")
    if part == "params":
        manifest["params"] = fields
    else:
        parsed[part].update(fields)
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(closed(manifest, parsed))


def test_javascript_bundle_of_more_classes_than_outputs_is_refused():
    manifest, parsed = opened(INTEROP / "classifier_labels125_40_seed3.wlrn")
    parsed["support_y"] = (np.arange(40) % 11).astype("<i4").tobytes()
    parsed["meta"]["classes"] = list(range(11))
    with pytest.raises(BundleError, match="can't be used: .* at most 10 classes apart. Got 11"):
        sklearn_mitra.load(closed(manifest, parsed))


@both
@pytest.mark.parametrize("at", range(0, 100, 7))
def test_cut_bundles_are_refused(cls, at):
    bundle = GOOD[cls]
    with pytest.raises(BundleError):
        sklearn_mitra.load(bundle[: len(bundle) * at // 100])


# --------------------------------------------------------------------------------------------
# Arbitrary changes to the JSON
# --------------------------------------------------------------------------------------------

TINY_X, TINY_Y = make_table(12, 2)
TINY_FRAME = pd.DataFrame({"a": TINY_X[:, 0], "b": np.where(TINY_X[:, 1] > 0, "x", "y")})
QUERY_FRAME = pd.DataFrame({"a": [0.0, np.nan, 3.0], "b": ["x", "z", None]})
QUERY = np.array([[0.0, 1.0], [np.nan, -2.0], [1e30, np.nan]])

SEEDS = [
    (MitraClassifier(n_estimators=2, max_support=12).fit(TINY_FRAME, TINY_Y).save(), QUERY_FRAME),
    (MitraClassifier(n_estimators=1).fit(TINY_X, [*"aabbaabbaabb"]).save(), QUERY),
    (MitraRegressor(n_estimators=2, max_support=8).fit(TINY_FRAME, TINY_Y).save(), QUERY_FRAME),
    (MitraRegressor(n_estimators=1).fit(TINY_X, TINY_X[:, 0]).save(), QUERY),
    (INTEROP / "classifier_labels125_40_seed3.wlrn", DATA["X"][:3]),
]
SEEDS = [(*opened(bundle), query) for bundle, query in SEEDS]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 70)
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.sampled_from([0.0, -0.0, 1e-320, 2.0**52, 1e15])
    | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
odd_floats = st.sampled_from(
    [0, 1, -1, 2, 0.5, 1e-320, 1e-45, 1e38, 3.5e38, -3.5e38, 1e300, 1.7e308, -1.7e308]
)
odd_integers = st.integers(-1, 70) | st.integers(-(2**63), 2**63 - 1)


def places(value, path=()):
    """The paths of all values within a JSON value."""
    yield path
    if isinstance(value, dict):
        for key in sorted(value):
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from places(value[i], (*path, i))


def is_array(value):
    """Whether a JSON value is a packed array that no earlier change has damaged."""
    try:
        data = base64.b64decode(value["data"], validate=True)
        return np.frombuffer(data, value["dtype"]).reshape(value["shape"]) is not None
    except (TypeError, KeyError, ValueError):
        return False


@st.composite
def damaged_arrays(draw, array):
    """A packed array with one of its parts replaced, or with other numbers in it."""
    array = dict(array)
    kind = draw(st.sampled_from(["numbers", "shape", "dtype", "bytes"]))
    dtype, shape = np.dtype(array["dtype"]), array["shape"]
    if kind == "shape":
        array["shape"] = draw(st.lists(st.integers(-1, 4) | st.integers(), max_size=3) | values)
    elif kind == "dtype":
        array["dtype"] = draw(st.sampled_from(["<f8", ">f8", "<i8", "|b1", "|O", "<U1", "|S1", ""]))
    elif kind == "bytes" or dtype not in (np.float64, np.float32, np.int64):
        size = int(np.prod(shape)) * dtype.itemsize
        data = draw(st.binary(min_size=size, max_size=size) | st.binary(max_size=9))
        array["data"] = base64.b64encode(data).decode()
    else:
        numbers = np.frombuffer(base64.b64decode(array["data"]), dtype).copy()
        for _ in range(min(numbers.size, draw(st.integers(1, 2)))):
            at = draw(st.integers(0, numbers.size - 1))
            with np.errstate(over="ignore"):
                numbers[at] = draw(odd_floats if dtype.kind == "f" else odd_integers)
        array["data"] = base64.b64encode(numbers.tobytes()).decode()
    return array


@st.composite
def damaged_bundles(draw):
    """Bytes, a table to predict, and whether the name of the checkpoint is another."""
    manifest, parsed, query = draw(st.sampled_from(SEEDS))
    manifest, parsed = json.loads(json.dumps(manifest)), dict(parsed)
    parts = {
        name: json.loads(json.dumps(parsed[name]))
        for name in parsed.keys() & {"meta", "sklearn_mitra"}
    }
    parts["params"] = manifest["params"]
    name = parts.get("sklearn_mitra", {}).get("checkpoint", {}).get("name")
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from(sorted(parts)))
        path = draw(st.sampled_from(list(places(parts[part]))))
        if path == ():
            continue
        *way, key = path
        target = parts[part]
        for step in way:
            target = target[step]
        old = target[key]
        if is_array(old) and draw(st.integers(0, 4)):
            target[key] = draw(damaged_arrays(old))
            continue
        change = draw(st.sampled_from(["replace", "remove", "repeat", "swap"]))
        if change == "remove":
            del target[key]
        elif change == "repeat" and isinstance(target, list):
            target.insert(key, old)
        elif change == "swap":
            other = draw(
                st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target)))
            )
            target[key], target[other] = target[other], target[key]
        else:
            target[key] = draw(values)
    manifest["params"] = parts.pop("params")
    checkpoint = parts.get("sklearn_mitra", {}).get("checkpoint")
    found = checkpoint.get("name") if isinstance(checkpoint, dict) else None
    if isinstance(found, str):
        # These would ask the hub. (Names of more parts, or none, are no repository's.)
        if "/" in found or found in ("mitra", "mitra-2"):
            found = checkpoint["name"] = "none"
    return closed(manifest, {**parsed, **parts}), query, found != name


@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_bundles())
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names, but")
def test_damaged_json_is_refused_or_predicts_numbers(example):
    bundle, query, renamed = example
    try:
        estimator = sklearn_mitra.load(bundle)
    except BundleError:
        return
    except CheckpointError:
        assert renamed
        return
    try:
        predictions = outputs(estimator, query)
    except (ValueError, TypeError) as error:
        # The bundle may demand other names of columns, or strings for numbers.
        assert "feature names" in str(error) or str(error).startswith("In ")
        return
    assert np.isfinite(predictions).all()
    estimator.save()
