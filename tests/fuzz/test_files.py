"""Random damage to every kind of file that is read: an error that says so, or right numbers.

``make fuzz`` runs this for some minutes, with other examples every time. What the suite always runs
is in ``test_bundles_damage``, ``test_container``, ``test_checkpoint``, ``test_int8`` and
``test_interchange``.
"""

import json
import os
import shutil

import numpy as np
import onnx
import pytest
from bundle_tools import closed, fitted, opened
from estimators import ESTIMATORS, outputs
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tables import make_three_classes

import sklearn_mitra
from sklearn_mitra import BundleError, CheckpointError
from sklearn_mitra._network import int8
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.interchange import resolve_interchange

X, _ = make_three_classes()
BUNDLES = [fitted(cls, n_estimators=1).save() for cls in ESTIMATORS]


@st.composite
def damage(draw):
    """A function that changes bytes: sets, cuts, repeats or inserts some, or turns a bit."""
    places = st.floats(0, 1, exclude_max=True)
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "cut", "repeat", "insert", "turn"]),
                places,
                st.integers(1, 64),
                st.binary(min_size=1, max_size=16),
            ),
            min_size=1,
            max_size=4,
        )
    )

    def apply(data, head=1.0):
        """Damage of the first part of the data, ``head`` of them."""
        data = bytearray(data)
        for kind, place, length, new in steps:
            i = int(place * head * len(data))
            match kind:
                case "set":
                    data[i : i + len(new)] = new
                case "cut":
                    del data[i : i + length]
                case "repeat":
                    data[i:i] = data[i : i + length]
                case "insert":
                    data[i:i] = new
                case "turn" if data:
                    data[min(i, len(data) - 1)] ^= 1 << length % 8
        return bytes(data)

    return apply


def assert_refused_or_right(load, error, expected):
    try:
        found = load()
    except error:
        return
    np.testing.assert_array_equal(found, expected)


@given(damage(), st.sampled_from(BUNDLES))
def test_bytes_of_bundles(apply, bundle):
    expected = outputs(sklearn_mitra.load(bundle), X)
    damaged = apply(bundle)
    assert_refused_or_right(
        lambda: outputs(sklearn_mitra.load(damaged), X), (BundleError, CheckpointError), expected
    )


@given(damage(), st.sampled_from(BUNDLES), st.sampled_from(["meta", "sklearn_mitra"]))
def test_json_of_bundles(apply, bundle, artifact):
    """With a sha256 that fits: what loads has to predict numbers, though perhaps others."""
    manifest, parsed = opened(bundle)
    parsed[artifact] = apply(json.dumps(parsed[artifact]).encode())
    try:
        loaded = sklearn_mitra.load(closed(manifest, parsed))
        predicted = outputs(loaded, X)
    except (BundleError, CheckpointError, ValueError) as error:
        # ValueError alone: what was damaged is what the columns are called or how many there are
        assert isinstance(error, (BundleError, CheckpointError)) or "X" in str(error)
        return
    assert np.isfinite(predicted).all()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, make_checkpoint):
    """A small checkpoint to damage, and its files as they were."""
    source = make_checkpoint(8, 3, 1, 2, "classification")
    directory = tmp_path_factory.mktemp("fuzz") / "checkpoint"
    shutil.copytree(source, directory)
    return directory, {path.name: path.read_bytes() for path in directory.iterdir()}


@given(apply=damage(), name=st.sampled_from(["config.json", "model.safetensors"]))
def test_files_of_checkpoints(apply, name, checkpoint):
    directory, files = checkpoint
    for file, data in files.items():
        # the header of weights is what is read; other bytes may be any finite numbers
        (directory / file).write_bytes(apply(data, 0.3) if file == name else data)
    try:
        found = resolve_checkpoint(directory, "classification")
        weights = found.load_weights()
    except CheckpointError:
        return
    assert all(np.isfinite(weight).all() for weight in weights.values())


@given(apply=damage())
def test_metadata_of_onnx_files(apply, tmp_path_factory):
    axes = {"x_support": 3, "y_support": 2, "x_query": 3, "padding_obs_support": 2}
    kinds = [TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL]
    inputs = [
        helper.make_tensor_value_info(name, kind, [None] * n)
        for (name, n), kind in zip(axes.items(), kinds)
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, None, 3])
    node = helper.make_node("Identity", ["x_query"], ["output"])
    model = helper.make_model(helper.make_graph([node], "g", inputs, [output]))
    config = {"dim": 8, "dim_output": 3, "n_layers": 1, "n_heads": 2, "task": "CLASSIFICATION"}
    metadata = {"config": json.dumps(config), "profile": "upstream", "n_estimators": "1"}
    helper.set_model_props(model, metadata)
    path = tmp_path_factory.getbasetemp() / "fuzz.onnx"
    path.write_bytes(apply(model.SerializeToString()) + bytes(0))
    os.utime(path)
    try:
        file = resolve_interchange(path, "classification")
    except CheckpointError:
        return
    assert file.config.n_parameters < 8 * 10**8
    assert onnx.load(path) is not None


@given(apply=damage())
def test_cached_weights_of_int8(apply, checkpoint):
    directory, files = checkpoint
    path = directory.parent / "weights.bin"
    for file, data in files.items():
        (directory / file).write_bytes(data)
    found = resolve_checkpoint(directory, "classification")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "_cache_file", lambda sha256: path)
        expected = int8.quantized_weights(found)
        path.write_bytes(apply(path.read_bytes()))
        for _ in range(2):  # the second finds the file that the first has made anew
            np.testing.assert_equal(int8.quantized_weights(found), expected)
