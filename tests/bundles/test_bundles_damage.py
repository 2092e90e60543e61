"""Damaged bundles: whatever is wrong, a BundleError says what."""

import base64
import json

import numpy as np
import pandas as pd
import pytest
from bundle_tools import DATA, FORMATS, INTEROP, changed, closed, fitted, opened, saved
from estimators import ESTIMATORS, both, outputs, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory import traced_memory
from tables import make_three_classes

import sklearn_mitra
from sklearn_mitra import (
    BundleError,
    CheckpointError,
    MitraClassifier,
    MitraRegressor,
)
from sklearn_mitra._bundles.estimators import FORMAT
from sklearn_mitra._bundles.fields import pack

# --------------------------------------------------------------------------------------------
# Damage
# --------------------------------------------------------------------------------------------

GOOD = {cls: saved(cls) for cls in ESTIMATORS}
OURS = {cls: opened(GOOD[cls])[1]["sklearn_mitra"] for cls in ESTIMATORS}
PAIRS = [(cls, field) for cls in ESTIMATORS for field in OURS[cls]]


def once_each(names):
    """(cls, field) for these fields, alternating between the two estimators."""
    for i, field in enumerate(sorted(names)):
        classes = [cls for cls in ESTIMATORS if field in OURS[cls]]
        yield classes[(i + 1) % len(classes)], field


FIELDS = list(once_each({field for _, field in PAIRS}))
ARRAYS = [
    (cls, field)
    for cls, field in FIELDS
    if isinstance(OURS[cls][field], dict) and "data" in OURS[cls][field]
]

# Labels may have any of several dtypes; all other arrays are read by the same lines as the means.
READ_APART = ["labels", "means"]


def parametrized(names, cases):
    """A test of cases, each with an id of its own."""
    ids = ["-".join(getattr(v, "__name__", str(v)) for v in case) for case in cases]
    return pytest.mark.parametrize(names, cases, ids=ids)


# Where two fields disagree, either may be the wrong one.
COUNTERPARTS = {
    "views": ["classes"],
    "labels": ["prior"],
    "range": ["targets"],
    "functions": ["function"],
}


def assert_field_is_named(bundle, field):
    fields = "|".join([field, *COUNTERPARTS.get(field, ())])
    with pytest.raises(BundleError, match=f"'({fields})'.* artifact 'sklearn_mitra'"):
        sklearn_mitra.load(bundle)


OPTIONAL = ["held", "isNamed"]  # which older bundles lack


@parametrized(("cls", "field"), [pair for pair in PAIRS if pair[1] not in OPTIONAL])
def test_missing_field_is_named(cls, field):
    manifest, parsed = opened(GOOD[cls])
    del parsed["sklearn_mitra"][field]
    assert_field_is_named(closed(manifest, parsed), field)


OTHER_TYPES = [1.5, True, "text", None, [None], {}, []]
NULLABLE = ["featureNames", "indices", "offsets", "nearSupport", "dates", "levelMeans", "weights"]
ALLOWED = [*((field, None) for field in NULLABLE), ("params", {}), ("isNamed", True)]


@parametrized(
    ("cls", "field", "value"),
    [
        (cls, field, value)
        for cls, field in FIELDS
        for value in OTHER_TYPES
        if (field, value) not in ALLOWED
    ],
)
def test_field_of_another_type_is_named(cls, field, value):
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: value}), field)


@both
def test_names_and_indices_may_be_null_and_parameters_left_to_their_defaults(cls):
    X, _ = make_three_classes()
    expected = sklearn_mitra.load(GOOD[cls])
    assert hasattr(expected, "support_indices_")
    fields = {"featureNames": None, "indices": None, "params": {}}
    loaded = sklearn_mitra.load(changed(GOOD[cls], "sklearn_mitra", **fields))
    assert loaded.get_params() == cls().get_params()
    assert not hasattr(loaded, "support_indices_")
    assert not hasattr(loaded, "feature_names_in_")
    same(outputs(loaded, X), outputs(expected, X))


PARTS = ["dtype", "shape", "data"]
NO_PARTS = ["missing", None, 7, "?", [-1], [1.0], [True], "[0]", []]


def damaged_parts():
    for i, (cls, field) in enumerate(ARRAYS):
        for j, part in enumerate(PARTS):
            values = NO_PARTS if field in READ_APART else [NO_PARTS[(3 * i + j) % len(NO_PARTS)]]
            for value in values:
                yield cls, field, part, value


@parametrized(("cls", "field", "part", "value"), list(damaged_parts()))
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


@parametrized(("cls", "field"), ARRAYS)
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


DTYPES = ["<f8", "<i8", "<f4", ">f8", "|b1", "|O", "<U3", "f8,f8", "<M8[s]"]


def other_dtypes():
    for i, (cls, field) in enumerate(ARRAYS):
        others = [dtype for dtype in DTYPES if dtype != OURS[cls][field]["dtype"]]
        for dtype in others if field in READ_APART else [others[i % 8], others[(i + 3) % 8]]:
            yield cls, field, dtype


@parametrized(("cls", "field", "dtype"), list(other_dtypes()))
def test_array_of_another_dtype_is_named(cls, field, dtype):
    array = OURS[cls][field]
    itemsize = np.dtype(dtype).itemsize
    data = base64.b64encode(bytes(int(np.prod(array["shape"])) * itemsize)).decode()
    array = {**array, "dtype": dtype, "data": data}
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: array}), field)


@parametrized(
    ("cls", "field"), [(cls, field) for cls, field in ARRAYS if "f" in OURS[cls][field]["dtype"]]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_nan_and_infinity_in_an_array_are_named(cls, field, value):
    values = unpacked(cls, field)
    values.flat[-1] = value
    assert_field_is_named(changed(GOOD[cls], "sklearn_mitra", **{field: pack(values)}), field)


def labels(*values):
    return {"dtype": "str", "labels": list(values)}


i8, f8 = np.int64, np.float64
OUT_OF_RANGE = {
    "format of the future": (MitraClassifier, "format", FORMAT + 1),
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
    "no views": (MitraRegressor, "views", []),
    "offsets that are not means": (MitraRegressor, "offsets", pack([1.0, 0.0, 0.0])),
    "near support without offsets": (MitraRegressor, "nearSupport", pack(np.zeros((30, 1), "f4"))),
}


@pytest.mark.parametrize(("cls", "field", "value"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_values_out_of_range_are_named(cls, field, value):
    bundle = changed(GOOD[cls], "sklearn_mitra", **{field: value})
    assert_field_is_named(bundle, field)


OUT_OF_RANGE_IN_MEMBERS = {
    "half a sign": (MitraClassifier, "signs", pack(np.full(3, 0.5, "f4"))),
    "zero as sign": (MitraClassifier, "signs", pack(np.zeros(3, "f4"))),
    "signs of constant columns": (MitraClassifier, "signs", pack(np.ones(4, "f4"))),
    "no permutation": (MitraClassifier, "classes", pack([0, 0, 2])),
    "class beyond": (MitraClassifier, "classes", pack([1, 2, 3])),
    "negative class": (MitraClassifier, "classes", pack([-1, 0, 1])),
    "two mirrors": (MitraRegressor, "mirror", pack([False, True])),
    "mirror by the number": (MitraRegressor, "mirror", 1),
}


@pytest.mark.parametrize(
    ("cls", "field", "value"), OUT_OF_RANGE_IN_MEMBERS.values(), ids=OUT_OF_RANGE_IN_MEMBERS
)
def test_values_out_of_range_are_named_in_members(cls, field, value):
    first, *rest = opened(saved(cls, members="plain"))[1]["sklearn_mitra"]["views"]
    bundle = changed(
        saved(cls, members="plain"), "sklearn_mitra", views=[first, {**rest[0], field: value}]
    )
    with pytest.raises(BundleError, match=f"'{field}' in 'views'.* artifact 'sklearn_mitra'"):
        sklearn_mitra.load(bundle)


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
        (3, "'labels' .* of 4 classes or more"),
        (2**31 - 1, "'labels' .* of 2147483648 classes or more"),
    ],
)
def test_class_ids_beyond_the_classes_are_refused(value, message):
    X, y = make_three_classes()
    manifest, parsed = opened(fitted(X=X, y=np.array(["a", "b", "c"])[y]).save())
    ids = np.frombuffer(parsed["support_y"], "<i4").copy()
    ids[4] = value
    parsed["support_y"] = ids.tobytes()
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(closed(manifest, parsed))


@pytest.mark.parametrize("value", [-1, -(2**31), 3, 2**31 - 1])
def test_labels_of_no_class_are_refused(value):
    manifest, parsed = opened(GOOD[MitraClassifier])
    labels = np.frombuffer(parsed["support_y"], "<i4").copy()
    labels[4] = value
    parsed["support_y"] = labels.tobytes()
    with pytest.raises(BundleError, match="'classes' in artifact 'meta' .* all labels in 'support"):
        sklearn_mitra.load(closed(manifest, parsed))
    parsed["meta"]["classes"] = np.unique(labels).tolist()
    with pytest.raises(BundleError, match="'labels' in .* must be those in 'support_y'"):
        sklearn_mitra.load(closed(manifest, parsed))


def test_labels_of_the_support_are_ids_or_nothing():
    bundle = changed(GOOD[MitraClassifier], "meta", labels="names")
    with pytest.raises(BundleError, match="'labels' in artifact 'meta' must be 'ids'"):
        sklearn_mitra.load(bundle)


def test_labels_that_an_array_of_strings_would_blow_up_are_refused():
    labels = ["x" * 2**20, *(f"y{i:04}" for i in range(5000))]  # 20 GiB
    bundle = changed(
        GOOD[MitraClassifier], "sklearn_mitra", labels={"dtype": "str", "labels": labels}
    )
    with traced_memory(2**27), pytest.raises(BundleError, match="'labels' .* needs more memory"):
        sklearn_mitra.load(bundle)


@pytest.mark.parametrize("dtype", ["str", "object"])
def test_labels_that_an_array_of_strings_would_change_are_refused(dtype):
    labels = ["a", "b\0", "c"]
    manifest, parsed = opened(GOOD[MitraClassifier])
    parsed["meta"].update(labels="ids", classes=[0, 1, 2])
    parsed["sklearn_mitra"]["labels"] = {"dtype": dtype, "labels": labels}
    bundle = closed(manifest, parsed)
    if dtype == "object":
        assert sklearn_mitra.load(bundle).classes_.tolist() == labels
    else:
        with pytest.raises(BundleError, match="'labels' .* don't end in a null character"):
            sklearn_mitra.load(bundle)


@pytest.mark.parametrize("artifact", ["meta", "sklearn_mitra"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"[" * 65 + b"]" * 65, "more than 64 levels deep"),
        (b'{"a":' * 10**5 + b"1" + b"}" * 10**5, "more than 64 levels deep"),
        (b'{"a":1,"a":1}', "duplicate key"),
        (b'1,"later":1', "duplicate key"),
    ],
    ids=["deep", "deeper", "twice inside", "twice"],
)
def test_deep_json_and_duplicate_keys_are_refused(artifact, value, message):
    manifest, parsed = opened(GOOD[MitraClassifier])
    text = json.dumps({"later": 0, **parsed[artifact]}).encode()
    parsed[artifact] = text.replace(b'"later": 0', b'"later":' + value)
    with pytest.raises(BundleError, match=f"artifact '{artifact}' .*{message}"):
        sklearn_mitra.load(closed(manifest, parsed))


@pytest.mark.parametrize("value", ["{}", "[]", '""', "0"])
@pytest.mark.parametrize("artifact", ["meta", "sklearn_mitra"])
def test_json_of_millions_of_values_is_refused_before_it_is_read(value, artifact):
    manifest, parsed = opened(GOOD[MitraClassifier])
    text = json.dumps({"later": 0, **parsed[artifact]}).encode()
    values = b",".join([value.encode()] * 2_500_000)
    parsed[artifact] = text.replace(b'"later": 0', b'"later": [' + values + b"]")
    bundle = closed(manifest, parsed)
    with traced_memory(2**27), pytest.raises(BundleError, match="too large: .* about (25|50)0"):
        sklearn_mitra.load(bundle)


def test_a_device_is_not_read_endlessly():
    with pytest.raises(BundleError, match=r"starts with b'WLRN'.* Got 16 bytes"):
        sklearn_mitra.load("/dev/zero")


def test_json_of_many_bytes_is_refused_before_it_is_read():
    manifest, parsed = opened(GOOD[MitraClassifier])
    parsed["meta"] = b'{"x":"' + b"x" * 2**26 + b'"}'
    with pytest.raises(BundleError, match="'meta' is too large: 6710887. bytes"):
        sklearn_mitra.load(closed(manifest, parsed))


def test_more_classes_than_the_checkpoint_distinguishes_are_refused():
    manifest, parsed = opened(saved(members="plain"))
    ours = parsed["sklearn_mitra"]
    ours["labels"] = pack(np.arange(11))
    ours["prior"] = pack(np.full(11, 1 / 11))
    for view in ours["views"]:
        view["classes"] = pack(np.arange(11))
    with pytest.raises(BundleError, match="'labels' .* at most 10, the checkpoint's outputs"):
        sklearn_mitra.load(closed(manifest, parsed))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_no_generator_takes_are_refused(seed):
    with pytest.raises(BundleError, match="'seed' .* 0 to 2\\*\\*32 - 1"):
        sklearn_mitra.load(changed(GOOD[MitraRegressor], "sklearn_mitra", seed=seed))


@pytest.mark.parametrize(
    "transform",
    [
        {"kind": "asinh", "values": pack([-1e300, 1e-300])},
        {"kind": "asinh", "values": pack([-1.7e308, 1.7e308])},
        {"kind": "clip", "values": pack([8.0, 9.0])},
        {"kind": "clip", "values": pack([1.0, 1.0])},
    ],
    ids=lambda transform: transform["kind"],
)
def test_transforms_that_lose_the_range_are_refused(transform):
    with pytest.raises(BundleError, match="'transform' .* must be one that fits 'range'"):
        sklearn_mitra.load(changed(GOOD[MitraRegressor], "sklearn_mitra", transform=transform))


def test_a_temperature_that_takes_training_rows_is_refused():
    params = {"softmax_temperature": "auto"}
    with pytest.raises(BundleError, match="'softmax_temperature' of a bundle can't be 'auto'"):
        sklearn_mitra.load(changed(GOOD[MitraClassifier], "sklearn_mitra", params=params))


def test_target_encodings_of_columns_without_categories_are_refused():
    X, y = make_three_classes()
    frame = pd.DataFrame({"a": X[:, 0], "b": [f"l{i % 33}" for i in range(len(X))]})
    manifest, parsed = opened(fitted(MitraRegressor, frame, y, members=["target_encoding"]).save())
    means = parsed["sklearn_mitra"]["levelMeans"]
    means["sources"], means["means"] = pack(np.array([0])), pack(np.zeros((0, 1)))
    with pytest.raises(BundleError, match="'sources' in 'levelMeans' .* columns of categories"):
        sklearn_mitra.load(closed(manifest, parsed))


@both
def test_the_next_fit_takes_the_checkpoint_that_was_checked(cls):
    X, y = make_three_classes()
    params = {"model": "no/such/place.onnx"}
    loaded = sklearn_mitra.load(changed(GOOD[cls], "sklearn_mitra", params=params))
    assert loaded.model == loaded.checkpoint_["name"] == "mini"
    loaded.fit(X, y)


@pytest.mark.parametrize(
    ("n_rows", "columns", "n_members"),
    [
        (200_000, [0, 1, 2], 500),  # 1.2 GB of cells
        (200_000, [0], 1000),  # 0.8 GB of cells, and 1.6 GB of targets
    ],
)
def test_members_that_take_much_more_memory_than_the_bundle_are_refused(n_rows, columns, n_members):
    manifest, parsed = opened(saved(MitraRegressor, members="plain"))
    ours, y = parsed["sklearn_mitra"], np.linspace(0, 1, n_rows, dtype="<f4")
    parsed["meta"]["nSupport"] = len(y)
    parsed["support_x"], parsed["support_y"] = np.tile(y, 3).tobytes(), y.tobytes()
    signs = pack(np.ones(len(columns), "<f4"))
    view = {**ours["views"][0], "columns": pack(columns), "signs": signs}
    ours.update(targets=pack(y.astype(float)), indices=None, views=[view] * n_members)
    bundle = closed(manifest, parsed)
    with traced_memory(2**28), pytest.raises(BundleError, match="'views'.* needs more memory"):
        sklearn_mitra.load(bundle)


@pytest.mark.parametrize("part", ["derived", "trend"])
@pytest.mark.parametrize("kind", ["terms", "trees"])
def test_functions_that_would_take_minutes_for_the_support_are_refused(part, kind):
    n_rows, n_terms, n_trees = (60_000, 20_000, 1) if kind == "terms" else (60_000, 1, 10_000)
    manifest, parsed = opened(fitted(MitraRegressor, n_estimators=1, members=["residual"]).save())
    ours, y = parsed["sklearn_mitra"], np.linspace(0, 1, n_rows, dtype="<f4")
    parsed["meta"]["nSupport"] = n_rows
    parsed["support_x"], parsed["support_y"] = np.tile(y, 3).tobytes(), y.tobytes()
    zeros = np.zeros(n_terms)
    names = ("levels", "lows", "highs", "means")
    terms = {"sources": pack(np.zeros(n_terms, int)), **dict.fromkeys(names, pack(zeros))}
    trees = {
        "sources": pack(np.zeros((n_trees, 3), "<i4")),
        "limits": pack(np.zeros((n_trees, 3), "<f4")),
        "values": pack(np.zeros((n_trees, 4), "<f4")),
    }
    function = {"terms": 0, "weights": pack(zeros[:, None]), "intercepts": pack([0.0])}
    view = {**ours["views"][0], "trend": None, "derived": []}
    use = {"function": 0, "heldOut": None}
    if part == "derived":
        view.update(derived=[use], signs=pack(np.ones(4, "<f4")))
    else:
        view["trend"] = {**use, "range": pack([0.0, 1.0]), "share": 1.0}
    ours.update(
        targets=pack(y.astype(float)),
        indices=None,
        terms=[terms],
        functions=[{**function, "trees": trees}],
        views=[view],
    )
    with pytest.raises(BundleError, match=f"'function' in '{part}'.* needs more memory"):
        sklearn_mitra.load(closed(manifest, parsed))


def test_limits_of_memory_count_the_quantiles_of_every_column():
    manifest, parsed = opened(saved(MitraRegressor, members="plain"))
    ours, n_columns = parsed["sklearn_mitra"], 2000
    parsed["meta"].update(nSupport=2, nFeatures=n_columns)
    parsed["support_x"] = np.zeros((2, n_columns), "<f4").tobytes()
    parsed["support_y"] = np.array([0, 1], "<f4").tobytes()
    view = {**ours["views"][0], "columns": pack(np.arange(n_columns))}
    view["signs"] = pack(np.ones(n_columns, "<f4"))
    ours.update(
        columns=[""] * n_columns,
        levels=[None] * n_columns,
        held=[None] * n_columns,
        means=pack(np.zeros(n_columns)),
        varying=pack(np.ones(n_columns, bool)),
        targets=pack([0.0, 1.0]),
        indices=None,
        featureNames=None,
    )
    for n_members, refused in ((20, False), (200, True)):  # 1.6 GB of quantiles
        ours["views"] = [view] * n_members
        bundle = closed(manifest, parsed)
        if refused:
            with pytest.raises(BundleError, match="'columns' in 'views'.* needs more memory"):
                sklearn_mitra.load(bundle)
        else:
            assert sklearn_mitra.load(bundle).n_features_in_ == n_columns


@pytest.mark.parametrize("cls", [MitraClassifier, MitraRegressor])
def test_more_members_than_any_ensemble_has_are_refused(cls):
    views = OURS[cls]["views"][:1] * 1001
    with pytest.raises(BundleError, match="'views' .* at most 1000 ensemble members"):
        sklearn_mitra.load(changed(GOOD[cls], "sklearn_mitra", views=views))


def with_member(part, **params):
    """A bundle of a regressor with one member, of which a part is replaced."""
    manifest, parsed = opened(fitted(MitraRegressor, n_estimators=1, **params).save())
    ours = parsed["sklearn_mitra"]
    part(ours)
    return closed(manifest, parsed)


def test_more_features_than_any_member_has_are_refused():
    def widen(ours):
        function = ours["functions"][0]
        n_terms = function["weights"]["shape"][0]
        function["weights"] = pack(np.zeros((n_terms, 17)))
        function["intercepts"] = pack(np.zeros(17))

    def repeat(ours):
        ours["views"][0]["derived"] *= 3

    for change, message in ((widen, "functions with at most 16"), (repeat, "at most 2 objects")):
        with pytest.raises(BundleError, match=f"'derived' .* {message}"):
            sklearn_mitra.load(with_member(change, members=["components"]))


def test_more_trees_than_any_function_has_are_refused():
    def multiply(ours):
        n_trees = 10_001
        arrays = {"sources": np.zeros((n_trees, 1), "<i4"), "limits": np.zeros((n_trees, 1), "<f4")}
        arrays["values"] = np.zeros((n_trees, 2), "<f4")
        ours["functions"][0]["trees"] = {name: pack(array) for name, array in arrays.items()}

    with pytest.raises(BundleError, match="'values' in 'trees' .* at most 10000 trees"):
        sklearn_mitra.load(with_member(multiply, members=["residual"]))


def test_members_of_infinite_numbers_are_refused():
    def narrow(ours):
        ours["views"][0]["trend"]["range"] = pack([0.0, 5e-324])

    with pytest.raises(BundleError, match="members show values too large to compute with"):
        sklearn_mitra.load(with_member(narrow, members=["residual"]))


def test_features_beyond_float32_are_predicted_with():
    def raise_weights(ours):
        function = ours["functions"][0]
        function["weights"] = pack(np.full(function["weights"]["shape"], 1e100))

    X, _ = make_three_classes()
    loaded = sklearn_mitra.load(with_member(raise_weights, members=["components"]))
    assert np.isfinite(outputs(loaded, X)).all()


def test_messages_are_short_whatever_is_in_a_bundle():
    long = "x" * 2**20
    checkpoint = {"name": long, "sha256": "0" * 64}
    for fields in (
        {"params": {long: 1}},
        {"params": {"members": [long] * 3}},
        {"params": {"softmax_temperature": long}},
        {"checkpoint": {"name": "mini", "sha256": long}},
        {"checkpoint": checkpoint},
    ):
        with pytest.raises((BundleError, CheckpointError)) as caught:
            sklearn_mitra.load(changed(GOOD[MitraClassifier], "sklearn_mitra", **fields))
        assert len(str(caught.value)) < 1500
    bundle = changed(GOOD[MitraClassifier], "sklearn_mitra", checkpoint=checkpoint)
    with pytest.raises(BundleError) as caught:
        sklearn_mitra.load(bundle, model="mini")
    assert len(str(caught.value)) < 5000


JAVASCRIPT_FAULTS = {
    "no seed": ("meta", {"seed": None}, "'seed' in artifact 'meta'"),
    "seed as text": ("meta", {"seed": "3"}, "'seed' in artifact 'meta'"),
    "no classes": ("meta", {"classes": None}, "'classes' in artifact 'meta'"),
    "classes as text": ("meta", {"classes": ["1", "2", "5"]}, "'classes' in artifact 'meta'"),
    "other classes": ("meta", {"classes": [0, 1, 2]}, "'classes' in .* labels in 'support_y'"),
    "classes as booleans": ("meta", {"classes": [True, 2, 5]}, "'classes' in artifact 'meta'"),
    "no params": ("params", {}, "'maxSupport' in 'params' in the manifest"),
    "maxSupport of 0": ("params", {"maxSupport": 0}, "'maxSupport' .* positive integer"),
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
    with pytest.raises(BundleError, match="has 11 classes, but .* 'mini' can tell at most 10"):
        sklearn_mitra.load(closed(manifest, parsed))


@both
def test_truncated_bundles_are_refused(cls):
    bundle = GOOD[cls]
    for percent in range(0, 100, 7):
        with pytest.raises(BundleError):
            sklearn_mitra.load(bundle[: len(bundle) * percent // 100])


# --------------------------------------------------------------------------------------------
# Arbitrary changes to the JSON
# --------------------------------------------------------------------------------------------

TINY_X, TINY_Y = make_three_classes(12, 2)
TINY_FRAME = pd.DataFrame({"a": TINY_X[:, 0], "b": np.where(TINY_X[:, 1] > 0, "x", "y")})
QUERY_FRAME = pd.DataFrame({"a": [0.0, np.nan, 3.0], "b": ["x", "z", None]})
QUERY = np.array([[0.0, 1.0], [np.nan, -2.0], [1e30, np.nan]])

SEEDS = [
    (MitraClassifier(n_estimators=2, max_support=12).fit(TINY_FRAME, TINY_Y).save(), QUERY_FRAME),
    (MitraClassifier(n_estimators=1).fit(TINY_X, [*"aabbaabbaabb"]).save(), QUERY),
    (MitraClassifier(n_estimators=1).fit(TINY_X, [*range(11), 0]).save(), QUERY),  # in a tree
    (MitraRegressor(n_estimators=2, max_support=8).fit(TINY_FRAME, TINY_Y).save(), QUERY_FRAME),
    (MitraRegressor(n_estimators=1).fit(TINY_X, TINY_X[:, 0]).save(), QUERY),
    (INTEROP / "classifier_labels125_40_seed3.wlrn", DATA["X"][:3]),
    (FORMATS / "format4_regressor_asinh.wlrn", DATA["X"][:3, :3]),
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


@settings(
    max_examples=2 * settings.default.max_examples, suppress_health_check=[HealthCheck.too_slow]
)
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
