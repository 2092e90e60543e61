"""The codec against that of PyPI's wlearn: the same bytes written, and nothing read that
wlearn would refuse."""

import hashlib
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import wlearn
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mitra._bundles import container
from sklearn_mitra._bundles.canonical import from_json
from sklearn_mitra._bundles.container import decode_bundle, encode_bundle
from sklearn_mitra._errors import BundleError

INTEROP = sorted((Path(__file__).parents[1] / "interop").glob("*.wlrn"))
assert INTEROP

MANIFEST = {"typeId": "wlearn.model@1", "bundleVersion": 1}
RESERVED = {"bundleVersion", "requires", "artifacts", "metadata", "seed"}
ARTIFACTS = {
    "support_y": (b"\x01\x02\x03", "application/octet-stream"),
    "meta": (b'{"seed":7}', "application/json"),
    "empty": (b"", "text/plain"),
}

numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)
any_numbers = numbers | st.integers() | st.floats()


def json_values(numbers):
    return st.recursive(
        st.none() | st.booleans() | numbers | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
        max_leaves=10,
    )


portable_values = json_values(numbers)
portable_objects = st.dictionaries(st.text(), portable_values)
any_values = json_values(any_numbers) | st.integers(-1, 12)


def wlearn_encode(manifest, artifacts):
    listed = [
        {"id": name, "data": data, "mediaType": media_type}
        for name, (data, media_type) in artifacts.items()
    ]
    return wlearn.encode_bundle(manifest, listed)


def wlearn_decode(data):
    manifest, toc, blobs = wlearn.validate_bundle(data)
    ends = {entry["id"]: (entry["offset"], entry["offset"] + entry["length"]) for entry in toc}
    return manifest, {name: blobs[start:end] for name, (start, end) in ends.items()}


def check_not_laxer(data):
    """Decode, or fail with BundleError. What decodes must do so in wlearn, with one result."""
    try:
        decoded = decode_bundle(data)
    except BundleError:
        return
    assert decoded == wlearn_decode(data)


def entry(name, offset, blob, /, **changes):
    digest = hashlib.sha256(blob).hexdigest()
    made = {"id": name, "offset": offset, "length": len(blob), "sha256": digest}
    return {**made, **changes}


def pack(manifest, toc, blobs=b"", version=1):
    """A bundle with any manifest and TOC, right or wrong, as objects or as bytes."""
    head, contents = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (manifest, toc)
    )
    return (
        struct.pack("<4sIII", b"WLRN", version, len(head), len(contents)) + head + contents + blobs
    )


def with_manifest(**changes):
    return pack({**MANIFEST, **changes}, [])


def with_json(text):
    return pack(b'{"typeId":"m@1","bundleVersion":1,"x":' + text + b"}", [])


# --------------------------------------------------------------------------------------------
# The same bytes as wlearn
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "manifest",
    [
        {"typeId": "wlearn.mitra_onnx.classifier@1"},
        {"typeId": "m@1", "params": {"b": 1, "a": [True, None, 1.5, -0.0, 1e-300, 1e15]}},
        {"typeId": "m@1", "params": {"ü": "\u2028", "😀": {"\ud800": "\x00"}, "": '</&\\"'}},
        {"typeId": "m@1", "metadata": {"nClasses": 3}, "z": 0, "A": 0, "seed": -(2**53) + 1},
        {"typeId": "m@1", "requires": ["z@2", "a@1"], "bundleVersion": 9, "artifacts": "replaced"},
        {"typeId": "m@1", "params": {"np": np.float64(0.1)}},
    ],
)
@pytest.mark.parametrize("artifacts", [{}, ARTIFACTS, {"é" * 1024: (b"x", "ü")}])
def test_bytes_are_those_of_wlearn(manifest, artifacts):
    data = encode_bundle(manifest, artifacts)
    assert data == wlearn_encode(manifest, artifacts)
    assert decode_bundle(data) == wlearn_decode(data)


@pytest.mark.slow
@given(
    extra=st.dictionaries(st.text().filter(lambda key: key not in RESERVED), portable_values),
    params=portable_objects,
    artifacts=st.dictionaries(
        st.text(min_size=1, max_size=9), st.tuples(st.binary(), st.text(min_size=1)), max_size=4
    ),
)
def test_bytes_are_those_of_wlearn_for_any_manifest(extra, params, artifacts):
    manifest = {**extra, "typeId": "m@1", "params": params}
    data = encode_bundle(manifest, artifacts)
    assert data == wlearn_encode(manifest, artifacts)
    decoded, blobs = decode_bundle(data)
    assert blobs == {name: blob for name, (blob, _) in artifacts.items()}
    assert {key: decoded[key] for key in decoded.keys() - RESERVED} == manifest
    wlearn.validate_bundle(data, allow_legacy_manifest=False)


def test_the_order_of_keys_and_artifacts_is_immaterial():
    manifest = {"typeId": "m@1", "params": {"a": 1, "b": {"c": 2, "d": 3}}}
    turned = {"params": {"b": {"d": 3, "c": 2}, "a": 1}, "typeId": "m@1"}
    turned_artifacts = dict(reversed(ARTIFACTS.items()))
    assert encode_bundle(manifest, ARTIFACTS) == encode_bundle(turned, turned_artifacts)


def test_encoding_leaves_its_arguments_alone():
    manifest = {"typeId": "m@1", "requires": ["z@1", "a@1"]}
    encode_bundle(manifest, ARTIFACTS)
    assert manifest == {"typeId": "m@1", "requires": ["z@1", "a@1"]}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_artifact_data_is_bytes_like(kind):
    artifacts = {"a": (kind(b"abc"), "text/plain")}
    assert encode_bundle(MANIFEST, artifacts) == wlearn_encode(MANIFEST, artifacts)


def test_array_buffers_are_taken_whole():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = encode_bundle(MANIFEST, {"x": (array.data, "m"), "none": (array[:0].data, "m")})
    _, artifacts = decode_bundle(data)
    assert artifacts == {"x": array.tobytes(), "none": b""}
    np.testing.assert_array_equal(np.frombuffer(artifacts["x"], "<f4").reshape(2, 3), array)


# --------------------------------------------------------------------------------------------
# Reading
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", INTEROP, ids=lambda path: path.stem)
def test_bundles_of_the_javascript_package(path):
    manifest, artifacts = decode_bundle(path)
    assert (manifest, artifacts) == wlearn_decode(path)
    assert artifacts.keys() == {"meta", "support_x", "support_y"}
    assert "nFeatures" in from_json(artifacts["meta"], "meta")


def test_input_may_be_bytes_like_or_a_path(tmp_path):
    data = encode_bundle(MANIFEST, ARTIFACTS)
    path = tmp_path / "model.wlrn"
    path.write_bytes(data)
    padded = np.frombuffer(data, np.uint8).repeat(2)
    short = data + bytes(-len(data) % 4)
    for source in [bytearray(data), memoryview(data), path, str(path), padded[::2].copy().data]:
        assert decode_bundle(source) == decode_bundle(data)
    with pytest.raises(BundleError, match=r"has \d trailing bytes"):
        decode_bundle(np.frombuffer(short + bytes(4), np.int32).data)


def test_artifacts_are_readonly_views():
    data = bytearray(encode_bundle(MANIFEST, ARTIFACTS))
    for blob in decode_bundle(data)[1].values():
        assert blob.readonly
        assert blob.obj is data


@pytest.mark.parametrize("data", [None, 3, [b"WLRN"], {}, object()])
def test_other_input_is_a_type_error(data):
    with pytest.raises(TypeError, match=f"data must be of .* Got {type(data).__name__} instead"):
        decode_bundle(data)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode_bundle(tmp_path / "none.wlrn")
    with pytest.raises((IsADirectoryError, PermissionError)):
        decode_bundle(tmp_path)


def test_the_order_of_toc_and_artifacts_may_differ():
    toc = [entry("b", 3, b"de"), entry("none", 3, b""), entry("a", 0, b"abc")]
    data = pack(MANIFEST, toc, b"abcde")
    assert decode_bundle(data)[1] == {"a": b"abc", "b": b"de", "none": b""}
    check_not_laxer(data)


def test_unknown_fields_are_skipped():
    data = pack({**MANIFEST, "new": 1}, [entry("a", 0, b"abc", new=1)], b"abc")
    assert decode_bundle(data)[1] == {"a": b"abc"}
    check_not_laxer(data)


DECLARED = {"id": "a", "length": 1, "sha256": hashlib.sha256(b"a").hexdigest()}

FAULTS = [
    # The header
    (b"", "starts with b'WLRN' and has at least 16 bytes. Got 0 bytes"),
    (pack(MANIFEST, [])[:15], "at least 16 bytes. Got 15 bytes"),
    (b"PK\3\4" + pack(MANIFEST, [])[4:], r"Got .* bytes that start with b'PK\\x03\\x04'"),
    (pack(MANIFEST, [], version=0), "has version 0. Only version 1 can be read"),
    (pack(MANIFEST, [], version=2), "has version 2. Only version 1 can be read"),
    (pack(MANIFEST, [])[:-1], "is truncated: it has 65 bytes, but .* alone take 66"),
    (b"WLRN" + struct.pack("<III", 1, 2**32 - 1, 2**32 - 1), "alone take 8589934606"),
    # The JSON
    (pack(b"", []), "manifest is not valid JSON"),
    (pack(b"{", []), "manifest is not valid JSON"),
    (pack(b"{}{}", []), "manifest is not valid JSON: Extra data"),
    (pack(b"\xff", []), "manifest is not valid JSON: 'utf-8' codec"),
    (pack(b"\xef\xbb\xbf{}", []), "manifest is not valid JSON"),
    (pack('{"typeId":"m@1"}'.encode("utf-16"), []), "manifest is not valid JSON: 'utf-8' codec"),
    (pack(MANIFEST, b""), "TOC is not valid JSON"),
    (pack(MANIFEST, b"[NaN]"), "TOC has a number beyond .*: nan"),
    (with_json(b"NaN"), "manifest has a number beyond .*: nan"),
    (with_json(b"-Infinity"), "manifest has a number beyond .*: -inf"),
    (with_json(b"1e999"), "manifest has a number beyond .*: inf"),
    (with_json(b"1e16"), "manifest has a number beyond .*: 1e"),
    (with_json(b"9007199254740992"), "manifest has a number beyond .*: an int of 54 bits"),
    (with_json(b"-" + b"9" * 10**6), "manifest is not valid JSON: an integer of 1000001 char"),
    (with_json(b"[" * 64 + b"]" * 64), "manifest is nested more than 64 levels deep"),
    (with_json(b"[" * 10**5 + b"]" * 10**5), "manifest is nested more than 64 levels deep"),
    (with_json(b'{"a":' * 10**5 + b"0" + b"}" * 10**5), "manifest is nested more than 64"),
    (pack(MANIFEST, b"[" * 10**5 + b"]" * 10**5), "TOC is nested more than 64 levels deep"),
    (with_json(b'{"k":1,"k":1}'), r"manifest is not valid JSON: .* duplicate key, one of \['k'\]"),
    (with_json(b'0,"typeId":"m@2"'), "duplicate key, one of .*'typeId'"),
    # The manifest
    (pack([], []), r"manifest must be an object. Got \[\] instead"),
    (pack({"bundleVersion": 1}, []), "'typeId' in manifest must be .* Got nothing instead"),
    (with_manifest(typeId=1), "'typeId' in manifest must be of type str. Got 1 instead"),
    (with_manifest(typeId="model"), "manifest.typeId .* such as .* Got 'model' instead"),
    (with_manifest(typeId="a b@1"), "manifest.typeId .* such as .* Got 'a b@1' instead"),
    (with_manifest(typeId="m@1\n"), r"manifest.typeId .* such as .* Got 'm@1\\n' instead"),
    (with_manifest(typeId="m@\u0661"), "manifest.typeId .* such as .* Got 'm@\u0661' instead"),
    (pack({"typeId": "m@1"}, []), "'bundleVersion' in manifest must be .* Got nothing instead"),
    (with_manifest(bundleVersion=2), "manifest.bundleVersion must be 1. Got 2 instead"),
    (
        with_manifest(bundleVersion=True),
        "'bundleVersion' in .* of type int. Got True",
    ),
    (with_manifest(bundleVersion=1.0), "'bundleVersion' in .* of type int. Got 1.0"),
    (with_manifest(params=[]), r"'params' in manifest must be of type dict. Got \[\] instead"),
    (with_manifest(params=None), "'params' in manifest must be of type dict. Got None instead"),
    (with_manifest(metadata=[]), r"'metadata' in manifest must be of type dict. Got \[\] instead"),
    (with_manifest(seed=1.5), "'seed' in manifest must be of type int. Got 1.5 instead"),
    (with_manifest(requires="m@1"), "'requires' in manifest must be of type list. Got 'm@1'"),
    (with_manifest(requires=["m"]), "and .requires must name versioned types .* Got 'm'"),
    (with_manifest(requires=[{}]), "and .requires must name versioned types .* Got {}"),
    (with_manifest(requires=["m@1", "m@1"]), "manifest.requires has a duplicate"),
    # The manifest against the TOC
    (with_manifest(artifacts=None), "manifest.artifacts doesn't match the TOC"),
    (with_manifest(artifacts=[DECLARED]), "manifest.artifacts doesn't match the TOC"),
    *(
        (
            pack({**MANIFEST, "artifacts": declared}, [entry("a", 0, b"a")], b"a"),
            "manifest.artifacts doesn't match the TOC",
        )
        for declared in [
            [],
            {},
            [DECLARED, DECLARED],
            [{**DECLARED, "id": "b"}],
            [{**DECLARED, "length": True}],
            [{**DECLARED, "length": 1.0}],
            [{**DECLARED, "sha256": "0" * 64}],
            [{**DECLARED, "mediaType": "m"}],
        ]
    ),
    # The TOC
    (pack(MANIFEST, {}), "TOC must be a list"),
    (pack(MANIFEST, [0] * 10_001), "TOC must be a list of at most 10000 entries"),
    (pack(MANIFEST, [7]), "TOC entry must be an object. Got 7 instead"),
    *(
        (
            pack(MANIFEST, [{k: v for k, v in entry("a", 0, b"").items() if k != field}]),
            f"'{field}' in TOC entry must be .* Got nothing instead",
        )
        for field in ["id", "offset", "length", "sha256"]
    ),
    *(
        (
            pack(MANIFEST, [entry("a", 0, b"", **{field: value})]),
            f"'{field}' in TOC entry must be of type .* Got {value} instead",
        )
        for field, value in [
            ("id", 1),
            ("offset", False),
            ("offset", 0.0),
            ("length", False),
            ("length", None),
            ("sha256", None),
            ("mediaType", None),
        ]
    ),
    (pack(MANIFEST, [entry("", 0, b"")]), "id must have 1 to 1024 characters. Got '' instead"),
    (pack(MANIFEST, [entry("a" * 1025, 0, b"")]), "id must have 1 to 1024 char.* Got 'aaaa"),
    (pack(MANIFEST, [entry("a", 0, b"")] * 2), "Artifact 'a' is in the TOC twice"),
    (pack(MANIFEST, [entry("a", 0, b"", mediaType="")]), "Artifact 'a' must have a media type"),
    (
        pack(MANIFEST, [entry("a", 0, b"", mediaType="application/x-wlearn-bundle")]),
        "Artifact 'a' must .* other than a bundle's",
    ),
    (
        pack(MANIFEST, [entry("a", -1, b"x")], b"x"),
        "'a' is out of bounds: 1 bytes at offset -1, of 1",
    ),
    (
        pack(MANIFEST, [entry("a", 1, b"", length=-1)], b"x"),
        "'a' is out of bounds: -1 bytes at offset 1",
    ),
    (
        pack(MANIFEST, [entry("a", 0, b"xy")], b"x"),
        "'a' is out of bounds: 2 bytes at offset 0, of 1",
    ),
    (pack(MANIFEST, [entry("a", 2**53 - 1, b"")], b"x"), "'a' is out of bounds"),
    (
        pack(MANIFEST, [entry("a", 0, b"xy"), entry("b", 1, b"yz")], b"xyz"),
        "Artifact 'b' overlaps the one before",
    ),
    (
        pack(MANIFEST, [entry("a", 0, b"xy"), entry("b", 1, b"")], b"xy"),
        "Artifact 'b' overlaps the one before",
    ),
    (
        pack(MANIFEST, [entry("a", 0, b"x"), entry("b", 2, b"z")], b"xyz"),
        "Artifact 'b' follows a gap",
    ),
    (pack(MANIFEST, [entry("a", 1, b"y")], b"xy"), "Artifact 'a' follows a gap"),
    (pack(MANIFEST, [], b"xy"), "2 trailing bytes"),
    (pack(MANIFEST, [entry("a", 0, b"x")], b"xy"), "1 trailing bytes"),
    # The artifacts
    (pack(MANIFEST, [entry("a", 0, b"x")], b"y"), "'a' is damaged: its SHA-256 differs"),
    (pack(MANIFEST, [entry("a", 0, b"", sha256="")]), "'a' is damaged: its SHA-256 differs"),
    (
        pack(MANIFEST, [entry("a", 0, b"", sha256=hashlib.sha256(b"").hexdigest().upper())]),
        "'a' is damaged: its SHA-256 differs",
    ),
]


@pytest.mark.parametrize(("data", "match"), FAULTS, ids=[match for _, match in FAULTS])
def test_faults(data, match):
    with pytest.raises(BundleError, match=match):
        decode_bundle(data)


def test_messages_stay_short():
    huge = "x" * 10**6
    for data in [with_manifest(typeId=huge), pack(MANIFEST, [entry(huge, 0, b"")]), huge.encode()]:
        with pytest.raises(BundleError) as error:
            decode_bundle(data)
        assert len(str(error.value)) < 300


@pytest.mark.parametrize("limit", ["_MAX_BUNDLE_SIZE", "_MAX_JSON_SIZE"])
def test_size_limits_hold_both_ways(limit, monkeypatch):
    data = encode_bundle(MANIFEST, ARTIFACTS)
    size = len(data)
    if limit == "_MAX_JSON_SIZE":
        size -= 16 + sum(len(blob) for blob, _ in ARTIFACTS.values())
    monkeypatch.setattr(container, limit, size)
    assert decode_bundle(encode_bundle(MANIFEST, ARTIFACTS)) == decode_bundle(data)
    monkeypatch.setattr(container, limit, size - 1)
    with pytest.raises(BundleError, match=r"bundle is too large: \d+ bytes"):
        encode_bundle(MANIFEST, ARTIFACTS)
    with pytest.raises(BundleError, match=r"bundle is too large: \d+ bytes"):
        decode_bundle(data)


@pytest.mark.parametrize(
    ("data", "factor"),
    [
        (b"WLRN" + struct.pack("<III", 1, 2**32 - 1, 2**32 - 1) + bytes(2**20), 2),
        (b"WLRN" + struct.pack("<III", 1, 2**20, 2**32 - 1) + bytes(2**20), 2),
        (pack(MANIFEST, [entry("a", 0, b"", length=2**53 - 1)], bytes(2**20)), 2),
        (pack(MANIFEST, [entry("a", 2**53 - 1, b"", length=2**53 - 1)], bytes(2**20)), 2),
        (pack(MANIFEST, [entry("a", 0, bytes(2**20), sha256="0" * 64)], bytes(2**20)), 2),
        # JSON costs most where every third byte makes a Python object.
        (with_json(b"[" + b"[]," * 2**16 + b"NaN]"), 50),
        (with_json(b"[" + b"{}," * 2**16 + b"NaN]"), 50),
    ],
    ids=["header", "TOC size", "length", "offset", "sha256", "lists", "objects"],
)
def test_memory_is_bounded_by_the_size_of_the_file(data, factor, tmp_path):
    path = tmp_path / "declares_too_much.wlrn"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(BundleError):
            decode_bundle(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < factor * len(data) + 2**18


# --------------------------------------------------------------------------------------------
# What can't be written
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "match"),
    [
        ({}, "'typeId' in manifest must be .* Got nothing instead"),
        ({"typeId": "m"}, "manifest.typeId .* Got 'm' instead"),
        ({"typeId": "m@1", "params": None}, "'params' in manifest must be of type dict"),
        ({"typeId": "m@1", "metadata": []}, "'metadata' in manifest must be of type dict"),
        ({"typeId": "m@1", "seed": "7"}, "'seed' in manifest must be of type int"),
        ({"typeId": "m@1", "requires": "m@1"}, "'requires' in manifest must be of type list"),
        ({"typeId": "m@1", "requires": [["m@1"]]}, "and .requires must name versioned types"),
        ({"typeId": "m@1", "requires": ["m@1", "m@1"]}, "manifest.requires has a duplicate"),
    ],
)
def test_invalid_manifests_are_not_written(manifest, match):
    with pytest.raises(BundleError, match=match):
        encode_bundle(manifest, {})


@pytest.mark.parametrize(
    ("artifacts", "match"),
    [
        ({"": (b"", "m")}, "id must have 1 to 1024 characters"),
        ({"a": (b"", "m"), 1: (b"", "m")}, "'id' in TOC entry must be of type str. Got 1 instead"),
        ({"a": (b"", "")}, "Artifact 'a' must have a media type"),
        ({"a": (b"", None)}, "'mediaType' in TOC entry must be of type str. Got None instead"),
        ({"a": (b"", "application/x-wlearn-bundle")}, "must .* other than a bundle's"),
    ],
)
def test_invalid_artifacts_are_not_written(artifacts, match):
    with pytest.raises(BundleError, match=match):
        encode_bundle(MANIFEST, artifacts)


@pytest.mark.parametrize("data", ["text", 5, None, [1]])
def test_artifact_data_of_another_type(data):
    with pytest.raises(TypeError, match=f"artifact 'a' .* Got {type(data).__name__} instead"):
        encode_bundle(MANIFEST, {"a": (data, "m")})


# --------------------------------------------------------------------------------------------
# Arbitrary input: BundleError, or the result of wlearn
# --------------------------------------------------------------------------------------------

VALID = [encode_bundle(MANIFEST, ARTIFACTS), *(path.read_bytes() for path in INTEROP)]


@given(st.binary(), st.binary(), st.binary())
def test_random_bytes(head, contents, blobs):
    check_not_laxer(head)
    check_not_laxer(b"WLRN" + struct.pack("<I", 1) + head)
    check_not_laxer(pack(head, contents, blobs))


@st.composite
def mutants(draw):
    """A valid bundle with bits flipped, cut short, or a piece of it put elsewhere."""
    data = bytearray(draw(st.sampled_from(VALID)))
    # Most of a file is artifacts; the faults that are told apart lie before them.
    position = st.integers(0, min(len(data) - 1, 800)) | st.integers(0, len(data) - 1)
    kind = draw(st.sampled_from(["flip", "cut", "splice", "insert"]))
    start, end = sorted([draw(position), draw(position)])
    if kind == "flip":
        for at in draw(st.lists(position, max_size=3)):
            data[at] ^= 1 << draw(st.integers(0, 7))
    elif kind == "cut":
        del data[start : draw(st.sampled_from([end, len(data)]))]
    else:
        at = draw(position)
        data[at : at + (end - start if kind == "splice" else 0)] = data[start:end]
    return bytes(data)


@settings(max_examples=3 * settings.default.max_examples)
@given(mutants())
def test_mutated_bundles(data):
    check_not_laxer(data)


@st.composite
def near_bundles(draw):
    """Well-formed JSON with right sizes in the header, and up to three odd fields."""
    blobs = draw(st.lists(st.binary(max_size=4), max_size=3))
    offsets = [sum(map(len, blobs[:i])) for i in range(len(blobs))]
    toc = [
        entry(name, offset, blob, mediaType="m")
        for name, offset, blob in zip("abc", offsets, blobs, strict=False)
    ]
    declared = [{key: item[key] for key in item if key != "offset"} for item in toc]
    manifest = {**MANIFEST, "requires": ["m@1"], "artifacts": declared, "params": {}}
    toc = draw(st.permutations(toc))
    for _ in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from([manifest, *toc, *declared]))
        field = draw(st.sampled_from([*target, "metadata", "mediaType", "seed", "other"]))
        if draw(st.booleans()):
            target[field] = draw(any_values)
        else:
            target.pop(field, None)
    return pack(manifest, toc, b"".join(blobs) + draw(st.sampled_from([b"", b"", b"x"])))


@settings(max_examples=3 * settings.default.max_examples)
@given(near_bundles())
def test_bundles_with_odd_fields(data):
    check_not_laxer(data)


@given(any_values, any_values)
def test_any_json(manifest, toc):
    check_not_laxer(pack(manifest, toc))
    check_not_laxer(pack({**MANIFEST, "params": {"p": manifest}}, []))
    check_not_laxer(pack(MANIFEST, [toc]))
