"""Estimators as bundles: round trips, and bundles of the JavaScript package."""

import enum
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wlearn
from bundle_tools import (
    DATA,
    INTEROP,
    JAVASCRIPT,
    KINDS,
    TYPE_IDS,
    assert_same,
    assert_survives,
    changed,
    closed,
    fitted,
    fitted_once,
    opened,
    packed_members,
    saved,
)
from estimators import ESTIMATORS, TASKS, both, outputs, same
from sklearn.exceptions import NotFittedError
from tables import make_frame_of_all_types, make_three_classes
from wlearn.registry import get_registry

import sklearn_mitra
from sklearn_mitra import (
    BundleError,
    CheckpointError,
    DisposedError,
    MitraClassifier,
    MitraRegressor,
)
from sklearn_mitra._bundles.fields import pack, pack_labels
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._preprocessing.support import select_rows

# --------------------------------------------------------------------------------------------
# There and back
# --------------------------------------------------------------------------------------------


@both
def test_a_round_trip_keeps_every_bit(cls):
    X, y = make_three_classes()
    assert_survives(fitted_once(cls), X)
    assert_survives(cls().fit(X, y), X)


@both
def test_parameters_come_back(cls):
    params = {"max_support": 25, "n_estimators": 3, "random_state": 2**32 - 1}
    if cls is MitraClassifier:
        params.update(support_sampling="stratified", softmax_temperature=0.75)
    estimator = fitted(cls, **params)
    assert_survives(estimator, make_three_classes()[0])
    assert params.items() <= sklearn_mitra.load(estimator.save()).get_params().items()


@both
def test_parameters_of_numpys_types_come_back_as_pythons(cls):
    X, _ = make_three_classes()
    estimator = fitted(cls, max_support=np.int32(25), random_state=np.uint64(7))
    assert_survives(estimator, X)


@both
@pytest.mark.parametrize("members", [("plain", "scores"), (np.str_("plain"),)], ids=str)
def test_members_in_a_tuple_come_back_as_a_list(cls, members):
    X, _ = make_three_classes()
    estimator = fitted(cls, members=members, n_estimators=None)
    loaded = sklearn_mitra.load(estimator.save())
    assert_same(loaded, estimator, X, {"members": list(members)})
    assert loaded.save() == estimator.save()
    assert estimator.members is members


@both
def test_parameters_of_the_machine_and_the_user_are_not_saved(cls):
    X, _ = make_three_classes()
    estimator = fitted(cls, n_jobs=1, providers=["CPUExecutionProvider"], verbose=1)
    loaded = sklearn_mitra.load(estimator.save())
    assert_same(loaded, estimator, X, {"n_jobs": None, "providers": None, "verbose": 0})


@both
def test_sources_may_be_bytes_or_paths(cls, tmp_path):
    X, _ = make_three_classes()
    estimator = fitted_once(cls)
    path = tmp_path / "model.wlrn"
    bundle = estimator.save(path)
    assert path.read_bytes() == bundle
    path.write_bytes(bundle * 2)
    assert estimator.save(str(path)) == bundle == path.read_bytes()
    for source in [bytearray(bundle), memoryview(bundle), path, str(path)]:
        assert_same(sklearn_mitra.load(source), estimator, X[:1])
        assert cls.load(source).save() == bundle


@both
def test_random_state_none_keeps_the_support_that_was_drawn(cls):
    X, _ = make_three_classes()
    estimator = fitted(cls, random_state=None)
    assert_survives(estimator, X)
    assert sklearn_mitra.load(estimator.save()).random_state is None


@both
def test_a_random_state_instance_comes_back_as_the_seed_it_drew(cls):
    X, y = make_three_classes()
    estimator = fitted(cls, random_state=np.random.RandomState(3))
    bundle = estimator.save()
    loaded = sklearn_mitra.load(bundle)
    assert_same(loaded, estimator, X, {"random_state": opened(bundle)[1]["sklearn_mitra"]["seed"]})
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
    X, _ = make_three_classes()
    ids = np.arange(len(X)) % len(labels)
    estimator = fitted(X=X, y=labels[ids], n_estimators=1)
    loaded = sklearn_mitra.load(estimator.save())
    X = X[:15]
    same(outputs(loaded, X), outputs(estimator, X))
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    native = labels.dtype.newbyteorder("=")
    assert loaded.classes_.dtype == loaded.predict(X).dtype == native
    assert loaded.save() == estimator.save()
    if labels.dtype.isnative:
        assert_survives(estimator, X)


@pytest.mark.slow
@both
def test_columns_of_every_kind(cls):
    frame = make_frame_of_all_types()
    _, y = make_three_classes()
    estimator = fitted(cls, frame, y)
    ours = opened(estimator.save())[1]["sklearn_mitra"]
    assert ours["levels"][1:5] == [
        ["ä", "b", "", "a b"],
        [-10, -5, 0],
        [0.0, 0.25, 0.5],
        [False, True],
    ]
    assert [len(parts) for parts in ours["dates"][13:15]] == [5, 3]
    assert estimator.n_features_in_ == len(frame.columns)
    assert estimator.X_support_.shape[1] == len(frame.columns) + 6
    unseen = frame.assign(string="unseen", category=pd.Categorical(["unseen"] * 60))
    assert_survives(estimator, pd.concat([frame, unseen, frame[::-1]]))
    again = opened(sklearn_mitra.load(estimator.save()).save())[1]["sklearn_mitra"]
    kinds, expected = (
        [[type(level) for level in levels or []] for levels in packed["levels"]]
        for packed in (again, ours)
    )
    assert kinds == expected


@both
def test_feature_names_are_checked_after_loading(cls):
    X, y = make_three_classes()
    frame = pd.DataFrame(X, columns=["a", "ü", '"']).astype({"a": "float32"})
    loaded = sklearn_mitra.load(fitted(cls, frame, y).save())
    assert loaded.feature_names_in_.dtype == object
    assert loaded.feature_names_in_.tolist() == ["a", "ü", '"']
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        loaded.predict(frame[["ü", "a", '"']])
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        sklearn_mitra.load(saved(cls)).predict(X[:, :2])


@both
def test_columns_without_names_and_columns_named_by_numbers(cls):
    X, y = make_three_classes()
    assert_survives(fitted_once(cls), X)
    frame = pd.DataFrame(X, columns=[3, 1, 2])
    assert_survives(fitted(cls, frame, y), frame)


@both
def test_constant_columns(cls):
    X, y = make_three_classes()
    wide = np.column_stack([np.ones(60), X, np.full(60, np.nan)])
    assert_survives(fitted(cls, wide, y), wide)
    assert_survives(fitted(cls, wide[:, [0, 4]], y), wide[:, [0, 4]])


@pytest.mark.parametrize("value", [0.0, -1e30, 7])
def test_constant_target(value):
    X, _ = make_three_classes()
    reg = MitraRegressor().fit(X, np.full(60, value, type(value)))
    loaded = MitraRegressor.load(reg.save())
    same(loaded.predict(X), np.full(60, float(value)))


@pytest.mark.parametrize("factor", [1e-300, 1e-40, 1e30, 1e100, 1e307])
def test_targets_of_any_size_come_back_or_are_refused_when_saving(factor):
    X, y = make_three_classes()
    reg = fitted(MitraRegressor, X, (y + 1 / 3) * factor)
    if factor > 1e38:  # support_y is float32
        with pytest.raises(BundleError, match="too large .* Scale them before fitting, or pickle"):
            reg.save()
    else:
        assert_survives(reg, X)


def test_targets_keep_their_float64_bits():
    X, y = make_three_classes()
    reg = fitted(MitraRegressor, X, y / 3 + 1e9)
    assert_survives(reg, X)


@both
def test_a_class_or_a_support_of_one_row(cls):
    X, _ = make_three_classes()
    assert_survives(cls(max_support=1).fit(X[:1], [1]), X)


def test_classes_absent_from_the_support():
    X, _ = make_three_classes(200)
    y = np.repeat([0, 1, 2], [150, 49, 1])
    clf = fitted(X=X, y=y, max_support=20, support_sampling="random")
    assert 2 not in clf.y_support_
    assert_survives(clf, X)


@both
def test_subclasses_load_their_own_bundles(cls):
    X, _ = make_three_classes()
    subclass = type("Features", (cls,), {})
    estimator = fitted(subclass)
    assert_same(subclass.load(estimator.save()), estimator, X)


@both
def test_loading_leaves_a_bytearray_to_its_owner(cls):
    X, _ = make_three_classes()
    estimator = fitted_once(cls)
    source = bytearray(estimator.save())
    loaded = sklearn_mitra.load(source)
    source[:] = bytes(len(source))
    assert_same(loaded, estimator, X)


@both
def test_loaded_estimators_can_be_refitted_and_disposed_of(cls):
    X, y = make_three_classes()
    estimator = fitted_once(cls)
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
    "tuples": (lambda X: pd.Categorical([(int(x > 0), 1) for x in X]), "tuple"),
}


@both
@pytest.mark.parametrize(("make_column", "kind"), LEVELS.values(), ids=LEVELS)
def test_categories_that_json_cannot_hold_are_refused_with_advice(cls, make_column, kind, tmp_path):
    X, y = make_three_classes()
    frame = pd.DataFrame({"a": X[:, 0], "odd": make_column(X[:, 1])})
    estimator = fitted(cls, frame, y, n_estimators=1)
    estimator.predict(frame)
    path = tmp_path / "model.wlrn"
    message = rf"In column 'odd', got {kind}.* \.astype\(str\) .* pickle"
    with pytest.raises(BundleError, match=message):
        estimator.save(path)
    assert not path.exists()


@both
@pytest.mark.parametrize("level", [2**53, 1e16, np.inf], ids=str)
def test_categories_beyond_the_numbers_of_javascript_are_refused(cls, level):
    X, y = make_three_classes()
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(np.where(X[:, 1] > 0, level, 0))})
    with pytest.raises(BundleError, match=r"numbers up to 2\*\*53 - 1"):
        fitted(cls, frame, y, n_estimators=1).save()


class Colour(str, enum.Enum):
    RED = "red"
    BLUE = "blue"


def test_string_enums_as_labels_come_back_as_plain_strings():
    X, y = make_three_classes()
    clf = fitted(X=X, y=np.array([Colour.RED, Colour.BLUE], dtype=object)[y % 2])
    assert sklearn_mitra.load(clf.save()).classes_.tolist() == ["blue", "red"]


def test_labels_of_mixed_types_are_refused_with_advice():
    with pytest.raises(BundleError, match="all numbers or all strings. Got int, str. Convert"):
        pack_labels(np.array([1, "a"], dtype=object))


def test_labels_that_could_not_be_read_again_are_refused_with_advice():
    X, y = make_three_classes()
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


@pytest.mark.parametrize(
    "labels",
    [[1, 2, 5], [-3, 7, 2**31 - 1], [-1.0, 0.0, 1.0], [False, True, True]],
    ids=str,
)
def test_integer_labels_are_written_as_javascript_writes_them(labels):
    X, y = make_three_classes()
    labels = np.array(labels)
    clf = fitted(X=X, y=labels[y])
    manifest, parsed = opened(clf.save())
    assert "labels" not in parsed["meta"] and "classNames" not in parsed["meta"]
    assert parsed["meta"]["classes"] == np.unique(labels).tolist()
    assert manifest["metadata"]["nClasses"] == len(np.unique(labels))
    np.testing.assert_array_equal(
        np.frombuffer(parsed["support_y"], "<i4"), labels[y][clf.support_indices_]
    )
    _, theirs = opened(INTEROP / "classifier_labels125_40_seed3.wlrn")
    assert parsed["meta"].keys() == theirs["meta"].keys()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["no", "yes", "ä"], ["no", "yes", "ä"]),
        ([1, 2, 2**31], ["1", "2", "2147483648"]),
        ([-1e10, 1, 2], ["-10000000000.0", "1.0", "2.0"]),
    ],
    ids=str,
)
def test_other_labels_are_class_ids_beside_their_names(labels, names):
    X, y = make_three_classes()
    clf = fitted(X=X, y=np.array(labels)[y])
    _, parsed = opened(clf.save())
    meta = parsed["meta"]
    assert (meta["labels"], meta["classes"], meta["classNames"]) == ("ids", [0, 1, 2], names)
    np.testing.assert_array_equal(np.frombuffer(parsed["support_y"], "<i4"), clf.y_support_)


def test_classes_of_a_bundle_are_those_in_its_support():
    X, y = make_three_classes()
    y[np.setdiff1d(np.arange(60), select_rows(60, 10, 42))[0]] = 9
    clf = fitted(X=X, y=y, support_sampling="random", max_support=10)
    assert 9 not in clf.classes_[clf.y_support_]
    manifest, parsed = opened(clf.save())
    assert parsed["meta"]["classes"] == [0, 1, 2] and manifest["metadata"]["nClasses"] == 3
    assert_survives(clf, X)


@both
@pytest.mark.parametrize("n_features", range(1, 12))
def test_arrays_are_aligned_for_javascript(cls, n_features):
    X, y = make_three_classes(n_features=n_features)
    for n_letters in range(9):
        named = pd.DataFrame(X).add_prefix("n" * n_letters)
        bundle = fitted(cls, X=named, y=y, n_estimators=1).save()
        _, toc, blobs = wlearn.decode_bundle(bundle)
        offsets = {e["id"]: len(bundle) - len(blobs) + e["offset"] for e in toc}
        assert offsets["support_x"] % 8 == offsets["support_y"] % 4 == 0
        wlearn.validate_bundle(bundle, allow_legacy_manifest=False)


def test_wlearn_loads_registered_types(tmp_path):
    sklearn_mitra.register_loaders()
    sklearn_mitra.register_loaders()
    assert set(TYPE_IDS.values()) <= get_registry().keys()
    X, _ = make_three_classes()
    for cls in ESTIMATORS:
        estimator = fitted_once(cls)
        path = tmp_path / "model.wlrn"
        for source in (estimator.save(path), path, str(path)):
            assert_same(wlearn.load(source), estimator, X)
    reg = wlearn.load(INTEROP / "regressor_all_rows.wlrn")
    assert isinstance(reg, MitraRegressor) and len(reg.X_support_) == 300


def test_wlearn_passes_loader_options():
    sklearn_mitra.register_loaders()
    X, _ = make_three_classes()
    estimator = fitted(n_estimators=3)
    options = {TYPE_IDS[MitraClassifier]: {"n_estimators": 1, "model": "mini"}}
    loaded = wlearn.load(estimator.save(), loader_options=options)
    assert_same(loaded, sklearn_mitra.load(estimator.save(), n_estimators=1), X)
    with pytest.raises(TypeError, match=r"must be some of .*'trusted'.*Got \['views'\] as well"):
        wlearn.load(estimator.save(), loader_options={TYPE_IDS[MitraClassifier]: {"views": 1}})


@both
def test_wlearn_falls_back_to_the_registered_checkpoint(cls, tmp_path):
    X, _ = make_three_classes()
    directory = copy_of_mini(cls, tmp_path / "copy")
    bundle = saved(cls)
    named = {**opened(bundle)[1]["sklearn_mitra"]["checkpoint"], "name": "/somewhere/else"}
    elsewhere = changed(bundle, "sklearn_mitra", checkpoint=named)
    sklearn_mitra.register_loaders()
    with pytest.raises(CheckpointError, match="'/somewhere/else', which is neither embedded"):
        wlearn.load(elsewhere)
    try:
        sklearn_mitra.register_loaders(**{KINDS[cls]: directory})
        for other in (elsewhere, without_ours(bundle)):
            loaded = wlearn.load(other)
            assert loaded.checkpoint_["name"] == str(directory)
            same(outputs(loaded, X), outputs(sklearn_mitra.load(other, model="mini"), X))
        assert wlearn.load(bundle).checkpoint_["name"] == "mini"  # which is embedded
        spoiled = changed(bundle, "sklearn_mitra", seed=None)
        with pytest.raises(BundleError, match="'seed' in artifact 'sklearn_mitra'"):
            wlearn.load(spoiled)
    finally:
        sklearn_mitra.register_loaders()


def test_wlearn_refuses_what_load_refuses():
    sklearn_mitra.register_loaders()
    damaged = changed(saved(), "sklearn_mitra", seed=None)
    with pytest.raises(BundleError, match="'seed' in artifact 'sklearn_mitra'"):
        wlearn.load(damaged)


def javascript(name):
    """A bundle's estimator, and the class, X and y that it was made from."""
    cls = MitraClassifier if name.startswith("classifier") else MitraRegressor
    y_name, max_support, seed = JAVASCRIPT[name]
    params = {"max_support": max_support, "random_state": seed, "members": "plain"}
    X, y = DATA["X"].astype(np.float32), DATA[y_name]
    y = y.astype(np.int32 if cls is MitraClassifier else np.float32)
    if cls is MitraClassifier:
        params.update(support_sampling="equal", prior_correction=False)
    else:
        params.update(target_transform="none")
    return load(INTEROP / f"{name}.wlrn"), cls(n_estimators=1, **params), X, y


def load(source, **options):
    """Load without the warning that a bundle was made with an .onnx file, not with mini."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The bundle was made with an .onnx file", UserWarning)
        return sklearn_mitra.load(source, **options)


def test_every_javascript_bundle_is_known():
    assert {path.stem for path in INTEROP.glob("*.wlrn")} == JAVASCRIPT.keys()


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_javascript_bundles_predict(name):
    loaded, params, X, y = javascript(name)
    assert loaded.get_params() == params.get_params()
    assert not hasattr(loaded, "support_indices_")
    if isinstance(loaded, MitraClassifier):
        same(loaded.classes_, np.unique(y))
        X, y = X[::3], y[::3]
        most_frequent = np.unique(y, return_counts=True)[1].max() / len(y)
        assert loaded.score(X, y) > 1.4 * most_frequent
    else:
        assert loaded.score(X[::3], y[::3]) > 0.5


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_a_fit_with_the_settings_of_javascript_is_that_of_javascript(name):
    loaded, estimator, X, y = javascript(name)
    estimator.fit(X, y)
    same(loaded.X_support_, estimator.X_support_)
    same(loaded.y_support_, estimator.y_support_)
    same(outputs(loaded, X[:10]), outputs(estimator, X[:10]))


@pytest.mark.parametrize("name", ["classifier_50_seed7", "regressor_64_seed11"])
def test_a_bundle_made_with_an_onnx_file_warns_unless_a_model_is_given(name):
    with pytest.warns(
        UserWarning, match=r"with an .onnx file of sha256 \w{64}.* checkpoint 'mini'"
    ):
        sklearn_mitra.load(INTEROP / f"{name}.wlrn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sklearn_mitra.load(INTEROP / f"{name}.wlrn", model="mini")


@both
def test_members_of_javascript_bundles_see_constant_columns(cls):
    X, y = make_three_classes()
    X[:, 1] = 3
    bundle = without_ours(fitted(cls, X=X, y=y, n_estimators=1).save())
    loaded = sklearn_mitra.load(bundle)
    assert packed_members(loaded)[0]["columns"] == pack([0, 1, 2])
    assert np.abs(outputs(loaded, X) - outputs(fitted(cls, X=X, y=y, n_estimators=1), X)).max() > 0
    assert_survives(loaded, X)


@both
def test_the_number_of_members_can_be_chosen_when_loading(cls):
    X, y = make_three_classes()
    X = X[:9]
    estimator = fitted(cls, n_estimators=2, members="plain")
    for bundle in (estimator.save(), without_ours(estimator.save())):
        for n_estimators in (1, 3):
            loaded = cls.load(bundle, n_estimators=n_estimators)
            assert len(packed_members(loaded)) == loaded.n_estimators == n_estimators
            again = fitted(cls, n_estimators=n_estimators, members="plain")
            if isinstance(again, MitraClassifier):
                again.prior_correction = loaded.prior_correction
            same(outputs(loaded, X), outputs(again, X))
            assert_survives(loaded, X)


@both
def test_members_learned_from_training_rows_can_only_become_fewer(cls):
    X, _ = make_three_classes()
    bundle = saved(cls, n_estimators=3)
    loaded = cls.load(bundle, n_estimators=2)
    whole = cls.load(bundle)
    assert len(packed_members(loaded)) == 2
    assert not np.array_equal(outputs(loaded, X), outputs(whole, X))
    assert_survives(loaded, X)
    with pytest.raises(ValueError, match="has 3 ensemble members, .*=4. Pass at most 3"):
        cls.load(bundle, n_estimators=4)


@pytest.mark.parametrize("n_estimators", [0, 1.5, "2"])
def test_an_invalid_number_of_members_is_a_value_error(n_estimators):
    with pytest.raises(
        ValueError, match="The 'n_estimators' parameter of MitraClassifier must"
    ) as e:
        sklearn_mitra.load(saved(), n_estimators=n_estimators)
    assert not isinstance(e.value, BundleError)


def test_raw_labels_of_javascript_become_classes():
    loaded, _, X, y = javascript("classifier_labels125_40_seed3")
    assert loaded.classes_.tolist() == [1, 2, 5]
    assert set(loaded.predict(X)) == {1, 2, 5}


@pytest.mark.parametrize("name", [name for name in JAVASCRIPT if "all_rows" not in name])
def test_javascript_bundles_can_be_saved_and_loaded_again(name):
    loaded, _, X, _ = javascript(name)
    bundle = loaded.save()
    again = sklearn_mitra.load(bundle)
    assert_same(again, loaded, X[:20])
    assert again.save() == bundle
    wlearn.validate_bundle(bundle, allow_legacy_manifest=False)


def without_ours(bundle):
    """The bundle as JavaScript would have written it."""
    manifest, parsed = opened(bundle)
    del parsed["sklearn_mitra"]
    return closed(manifest, parsed)


def test_a_bundle_without_our_artifact_is_read_as_javascripts():
    X, y = make_three_classes()
    loaded = sklearn_mitra.load(without_ours(fitted(X=X, y=y, max_support=60).save()))
    alone = MitraClassifier(max_support=60, n_estimators=1).fit(X.astype(np.float32), y)
    np.testing.assert_array_equal(loaded.predict_proba(X), alone.predict_proba(X))


def test_a_support_larger_than_max_support_or_without_a_class_is_read():
    X, y = make_three_classes()
    manifest, parsed = opened(without_ours(fitted(X=X, y=y).save()))
    expected = load(closed(manifest, parsed)).predict_proba(X)
    manifest["params"]["maxSupport"] = 10  # as after setParams
    loaded = load(closed(manifest, parsed))
    assert loaded.max_support == 10 and len(loaded.X_support_) == 30
    same(loaded.predict_proba(X), expected)
    parsed["meta"]["classes"] = [0, 1, 2, 7]  # as with maxSupport below the number of classes
    loaded = load(closed(manifest, parsed))
    assert loaded.classes_.tolist() == [0, 1, 2, 7]
    assert 0 < loaded.predict_proba(X)[:, 3].max() < 0.2
    assert_survives(loaded, X)


@pytest.mark.parametrize(
    "classes", [[0, 1], [0, 2, 1], [0, 1, 1, 2], [0, 1, 2.5], "012", [0, 1, 2, 2**31]]
)
def test_classes_that_are_not_those_of_the_support_are_refused(classes):
    bundle = changed(without_ours(saved()), "meta", classes=classes)
    with pytest.raises(BundleError, match="'classes' in artifact 'meta' must be"):
        sklearn_mitra.load(bundle)


@both
def test_missing_values_in_the_support_of_javascript_are_refused(cls):
    manifest, parsed = opened(without_ours(saved(cls)))
    x = np.frombuffer(parsed["support_x"], "<f4").copy()
    x[4] = np.nan
    parsed["support_x"] = x.tobytes()
    with pytest.raises(BundleError, match="'support_x' holds NaN or infinity. Fill in missing"):
        sklearn_mitra.load(closed(manifest, parsed))


def test_unknown_artifacts_and_fields_are_skipped():
    X, _ = make_three_classes()
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
        cls.load(saved(other))


@pytest.mark.parametrize("type_id", ["wlearn.xgb.classifier@1", "wlearn.mitra_onnx.classifier@2"])
def test_foreign_types_are_refused(type_id):
    manifest, parsed = opened(saved())
    bundle = closed({**manifest, "typeId": type_id}, parsed)
    for load in (sklearn_mitra.load, MitraClassifier.load):
        with pytest.raises(BundleError, match=f"Expected a bundle of type .* Got {type_id}"):
            load(bundle)


def copy_of_mini(cls, directory):
    embedded = Path(resolve_checkpoint("mini", TASKS[cls]).weights_file).parent
    return Path(shutil.copytree(embedded, directory))


def spoil(directory):
    """Change the weights, but not their shapes."""
    weights = bytearray((directory / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (directory / "model.safetensors").write_bytes(weights)


@pytest.mark.slow
@both
def test_the_same_weights_may_be_somewhere_else(cls, tmp_path):
    X, y = make_three_classes()
    directory = copy_of_mini(cls, tmp_path / "copy")
    estimator = fitted_once(cls)
    for load in (sklearn_mitra.load, cls.load):
        for model in (directory, str(directory)):
            loaded = load(estimator.save(), model=model)
            assert type(loaded) is cls and loaded.model == model
            assert loaded.checkpoint_ == {**estimator.checkpoint_, "name": str(directory)}
            same(outputs(loaded, X), outputs(estimator, X))
    assert_survives(loaded, X, trusted=True)
    moved = fitted(cls, model=str(directory))
    bundle = moved.save()
    with pytest.raises(CheckpointError, match="which is neither embedded nor in the hub's cache"):
        sklearn_mitra.load(bundle)
    assert_same(sklearn_mitra.load(bundle, trusted=True), moved, X)
    shutil.rmtree(directory)
    with pytest.raises(CheckpointError, match="There is no such directory"):
        sklearn_mitra.load(bundle, trusted=True)
    assert_same(sklearn_mitra.load(bundle, model="mini"), estimator, X)


@both
def test_a_recommended_number_of_members_is_that_of_the_fit(cls, tmp_path):
    X, _ = make_three_classes()
    directory = copy_of_mini(cls, tmp_path / "copy")
    estimator = fitted(cls, n_estimators=None)
    loaded = sklearn_mitra.load(estimator.save(), model=directory)
    same(outputs(loaded, X), outputs(estimator, X))


@both
def test_other_weights_are_refused_naming_both_sha256(cls, tmp_path):
    directory = copy_of_mini(cls, tmp_path / "copy")
    spoil(directory)
    estimator = fitted_once(cls)
    sha256 = estimator.checkpoint_["sha256"]
    other = resolve_checkpoint(directory, TASKS[cls]).sha256
    message = f"'mini' of sha256 {sha256}. .* a different one, of sha256 {other}. Pass the former"
    for load in (sklearn_mitra.load, cls.load):
        with pytest.raises(BundleError, match=message):
            load(estimator.save(), model=directory)


@both
def test_a_checkpoint_that_changed_since_saving_is_refused(cls, tmp_path):
    directory = copy_of_mini(cls, tmp_path / "copy")
    bundle = fitted(cls, model=directory).save()
    spoil(directory)
    with pytest.raises(BundleError, match="is a different one, of sha256"):
        sklearn_mitra.load(bundle, trusted=True)


@both
def test_a_bundle_that_names_another_sha256_is_refused(cls):
    bundle = saved(cls)
    checkpoint = {**opened(bundle)[1]["sklearn_mitra"]["checkpoint"], "sha256": "0" * 64}
    bundle = changed(bundle, "sklearn_mitra", checkpoint=checkpoint)
    with pytest.raises(BundleError, match=f"sha256 {'0' * 64}. 'mini' is a different one"):
        sklearn_mitra.load(bundle)


@both
def test_a_model_for_the_other_task_is_refused(cls, tmp_path):
    other = next(c for c in ESTIMATORS if c is not cls)
    directory = copy_of_mini(other, tmp_path / "copy")
    for bundle in (saved(cls), INTEROP / f"{KINDS[cls]}_all_rows.wlrn"):
        with pytest.raises(CheckpointError, match=f"is for {TASKS[other]}, but was asked for"):
            sklearn_mitra.load(bundle, model=directory)


def test_clipped_constant_targets_survive():
    X, y = make_three_classes()
    assert_survives(fitted(MitraRegressor, X, np.ones(len(X)), target_transform="clip"), X)


# Names that reach the hub, "mitra" and "organisation/name", are tested with one of their own.
UNKNOWN_NAMES = ["", " ", "Mini", "mini ", "mitra-3", ".", "..", "/", "./mini", "~", "~/none"]
ODD_NAMES = ["\0", "~\0", "a\0/b", "\ud800", "~\ud800", "x" * 5000, "a/" * 3000, "mini\n", "a.onnx"]


@both
@pytest.mark.parametrize("name", UNKNOWN_NAMES + ODD_NAMES, ids=lambda name: ascii(name)[:12])
def test_a_bundle_that_names_an_unknown_checkpoint_is_refused(cls, name):
    bundle = saved(cls, n_estimators=1)
    checkpoint = {**opened(bundle)[1]["sklearn_mitra"]["checkpoint"], "name": name}
    bundle = changed(bundle, "sklearn_mitra", checkpoint=checkpoint)
    with pytest.raises(CheckpointError, match="neither embedded nor in the hub's cache"):
        sklearn_mitra.load(bundle)
    with pytest.raises(CheckpointError):
        sklearn_mitra.load(bundle, trusted=True)
    X, _ = make_three_classes()
    outputs(sklearn_mitra.load(bundle, model="mini"), X)
