"""Checkpoints in directories: found, checked and read, or refused with the reason."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundle_tools import packed_members
from safetensors.numpy import load_file, save_file

from sklearn_mitra import MitraClassifier
from sklearn_mitra._errors import CheckpointError
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config, expected_shapes
from sklearn_mitra._network.weights import identify

TASKS = ["classification", "regression"]
CONFIG = {"dim": 8, "dim_output": 3, "n_layers": 2, "n_heads": 2, "task": "CLASSIFICATION"}
SHAPES = expected_shapes(Config(8, 3, 2, 2, "classification"))


def random_weights(dtype=np.float32):
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def write_header(path, header, data=b""):
    """A safetensors file, valid or not."""
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def split(path):
    """The header and the data of a safetensors file."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


@pytest.fixture
def directory(tmp_path):
    """A small classification checkpoint, to be read or broken."""
    directory = tmp_path / "checkpoint"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(CONFIG))
    save_file(random_weights(), directory / "model.safetensors")
    return directory


# ---- ensemble members that a checkpoint recommends -----------------------------------------------


@pytest.mark.parametrize("recommended, expected", [({}, 1), ({"n_estimators": 3}, 3)])
def test_config_may_recommend_a_number_of_members(recommended, expected, directory):
    (directory / "config.json").write_text(json.dumps({**CONFIG, **recommended}))
    assert resolve_checkpoint(directory, "classification").n_estimators == expected
    X = np.random.default_rng(0).normal(size=(20, 3))
    clf = MitraClassifier(model=directory, members="plain").fit(X, X[:, 0] > 0)
    assert len(packed_members(clf)) == expected


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, "4", None, 1001])
def test_an_invalid_number_of_members(wrong, directory):
    (directory / "config.json").write_text(json.dumps({**CONFIG, "n_estimators": wrong}))
    with pytest.raises(CheckpointError, match="'n_estimators' in .*config.json.* must be"):
        resolve_checkpoint(directory, "classification")


# ---- embedded --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "dim_output", "sha256"),
    [
        (
            "classification",
            10,
            "4a04af7eb33f7f9c74cb1e44ee3e947484687511e9c89b13bfba05416c445c2b",
        ),
        ("regression", 1, "b381a5a2899d3749f0d3edaa829a30430939e3c122aaceadb10c785b5823dbeb"),
    ],
    ids=TASKS,
)
def test_the_embedded_checkpoints(task, dim_output, sha256):
    checkpoint = resolve_checkpoint("mini", task)
    assert checkpoint.name == "mini"
    assert checkpoint.config == Config(128, dim_output, 6, 4, task)
    assert checkpoint.n_estimators == 4
    assert checkpoint.sha256 == sha256

    weights = checkpoint.load_weights()
    stored = load_file(checkpoint.weights_file)
    assert weights.keys() == stored.keys() == expected_shapes(checkpoint.config).keys()
    for name, weight in stored.items():
        np.testing.assert_array_equal(weights[name], weight)


@pytest.mark.slow
def test_resolving_imports_no_client_of_the_hub_and_again_reads_no_weights():
    code = """
import sys
from sklearn_mitra._network.checkpoint import resolve_checkpoint
resolve_checkpoint("mini", "regression").load_weights()
assert not {"huggingface_hub", "torch"} & sys.modules.keys()
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
for n_files in (1, 0):
    resolve_checkpoint("mini", "classification")
    assert sum(name.endswith(".safetensors") for name in opened) == n_files, opened
    opened.clear()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["F32", "F16"])
def test_weights_as_safetensors_loads_them(directory, dtype):
    save_file(random_weights(dtype), directory / "model.safetensors", metadata={"format": "pt"})
    weights = resolve_checkpoint(directory, "classification").load_weights()
    expected = load_file(directory / "model.safetensors")
    assert weights.keys() == expected.keys()
    for name, weight in weights.items():
        assert weight.dtype == np.float32
        assert weight.shape == SHAPES[name]
        np.testing.assert_array_equal(weight, expected[name].astype(np.float32))


def test_mixed_types(directory):
    stored = random_weights()
    stored["final_layer.bias"] = stored["final_layer.bias"].astype(np.float16)
    save_file(stored, directory / "model.safetensors")
    weights = resolve_checkpoint(directory, "classification").load_weights()
    for name, weight in weights.items():
        np.testing.assert_array_equal(weight, stored[name].astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["F32", "F16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_numbers(directory, dtype, value):
    stored = random_weights(dtype)
    stored["layers.1.linear2.weight"][3, 5] = value
    save_file(stored, directory / "model.safetensors")
    checkpoint = resolve_checkpoint(directory, "classification")
    message = r"'layers.1.linear2.weight' in .*model.safetensors' has NaN or infinity"
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_weights()
    X, y = np.eye(6), np.arange(6) % 3
    with pytest.raises(CheckpointError, match=message):
        MitraClassifier(model=directory).fit(X, y).predict(X)


_CUT_OFF = """
import os, sys
from sklearn_mitra._network.checkpoint import resolve_checkpoint
checkpoint = resolve_checkpoint(sys.argv[1], "classification")
weights = checkpoint.load_weights()
before = [weight.sum() for weight in weights.values()]
os.truncate(checkpoint.weights_file, 0)
assert [weight.sum() for weight in weights.values()] == before
"""


@pytest.mark.slow
def test_a_small_file_may_be_cut_off_while_its_weights_are_used(directory):
    subprocess.run([sys.executable, "-c", _CUT_OFF, directory], check=True)


def test_small_files_are_read(directory):
    weights = resolve_checkpoint(directory, "classification").load_weights()
    assert not any(weight.flags.writeable for weight in weights.values())


def test_float32_of_large_files_is_mapped_and_not_copied(directory, monkeypatch):
    monkeypatch.setattr("sklearn_mitra._network.weights._MOST_READ", 0)
    weights = resolve_checkpoint(directory, "classification").load_weights()
    for weight in weights.values():
        assert type(weight) is np.ndarray
        assert not weight.flags.owndata
        assert not weight.flags.writeable
    # All are views of one mapping, as far apart as in the file.
    header, _ = split(directory / "model.safetensors")
    starts = {weights[n].ctypes.data - header[n]["data_offsets"][0] for n in weights}
    assert len(starts) == 1


def test_sha256_and_identity(directory):
    file = directory / "model.safetensors"
    checkpoint = resolve_checkpoint(directory, "classification")
    assert checkpoint.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert checkpoint.identity == resolve_checkpoint(str(directory), "classification").identity
    assert hash(checkpoint.identity) is not None

    before = checkpoint.identity, checkpoint.sha256
    save_file({n: w + 1 for n, w in random_weights().items()}, file)  # of the same size
    os.utime(file, ns=(0, before[0][2] + 10**9))
    assert checkpoint.identity != before[0]
    assert checkpoint.sha256 == hashlib.sha256(file.read_bytes()).hexdigest() != before[1]
    np.testing.assert_array_equal(
        checkpoint.load_weights()["final_layer.bias"], load_file(file)["final_layer.bias"]
    )


@pytest.mark.parametrize("how", ["overwritten", "replaced"])
def test_other_content_of_the_same_size_and_time_is_noticed(directory, how):
    file = directory / "model.safetensors"
    checkpoint = resolve_checkpoint(directory, "classification")
    before, time = checkpoint.sha256, file.stat().st_mtime_ns
    content = file.read_bytes()[:-4] + b"\0\0\x80?"  # 1.0
    if how == "replaced":
        file.unlink()
    file.write_bytes(content)
    os.utime(file, ns=(time, time))
    assert file.stat().st_mtime_ns == time
    assert checkpoint.sha256 == hashlib.sha256(content).hexdigest() != before


def test_predictions_go_on_with_a_copy_of_the_file_and_not_with_another(directory):
    file = directory / "model.safetensors"
    X, y = np.eye(6), np.arange(6) % 3
    classifier = MitraClassifier(model=directory).fit(X, y)
    expected = classifier.predict_proba(X)
    content, time = file.read_bytes(), file.stat().st_mtime_ns
    file.chmod(0o600)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    file.unlink()
    file.write_bytes(content)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    file.write_bytes(content[:-4] + b"\0\0\x80?")
    os.utime(file, ns=(time, time))
    with pytest.raises(CheckpointError, match="have been replaced or deleted"):
        classifier.predict_proba(X)


def test_a_file_that_changes_while_it_is_read(directory, monkeypatch):
    file = directory / "model.safetensors"
    checkpoint = resolve_checkpoint(directory, "classification")

    def change(path, *args):
        file.touch()
        return np.frombuffer(file.read_bytes(), np.uint8).copy()

    monkeypatch.setattr(np, "fromfile", change)
    with pytest.raises(CheckpointError, match="changed while it was read. Try again"):
        checkpoint.load_weights()


def test_identity_is_that_of_the_real_file(directory, tmp_path):
    (tmp_path / "link").symlink_to(directory)
    checkpoint = resolve_checkpoint(directory, "classification")
    linked = resolve_checkpoint(tmp_path / "link", "classification")
    assert linked.weights_file != checkpoint.weights_file
    assert linked.identity == checkpoint.identity


def test_sha256_is_computed_once(directory):
    checkpoint = resolve_checkpoint(directory, "classification")
    assert checkpoint.sha256 is resolve_checkpoint(directory, "classification").sha256


# ---- names -----------------------------------------------------------------------------------


def test_directories(directory, monkeypatch):
    expected = resolve_checkpoint(directory, "classification")
    assert expected.name == str(directory)
    monkeypatch.chdir(directory.parent)
    monkeypatch.setenv("HOME", str(directory.parent))
    monkeypatch.setenv("USERPROFILE", str(directory.parent))
    for model in ["checkpoint", "./checkpoint", "~/checkpoint", Path("checkpoint")]:
        checkpoint = resolve_checkpoint(model, "classification")
        assert checkpoint.name == str(directory)
        assert checkpoint.identity == expected.identity


def test_a_path_is_never_a_name(directory, monkeypatch):
    monkeypatch.chdir(directory.parent)
    directory.rename("mini")
    assert resolve_checkpoint(Path("mini"), "classification").config.dim == 8
    assert resolve_checkpoint("mini", "classification").config.dim == 128


@pytest.mark.parametrize(
    "model",
    ["/no/such", "./none", "../none", "~/none", "a/b/c", "a\\b", Path("none"), Path("org/name")],
)
def test_missing_directory(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no such directory: .*config\.json and model"):
        resolve_checkpoint(model, "classification")


def test_a_file_is_not_a_directory(directory, monkeypatch):
    monkeypatch.chdir(directory.parent)
    for model in ["checkpoint/model.safetensors", directory / "model.safetensors"]:
        with pytest.raises(CheckpointError, match=r"no such directory: .*model\.safetensors"):
            resolve_checkpoint(model, "classification")


@pytest.mark.parametrize(
    "model", ["", "Mini", "mitra-3", "org/", "/", "org/name@", None, 3, b"mini"]
)
def test_unknown_names(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if model == "/":
        pattern = "The directory '/' has no config.json"
    else:
        pattern = rf"one of \['mini', 'mitra', 'mitra-2'\], a directory .*Got {model!r} instead"
    with pytest.raises(CheckpointError, match=pattern):
        resolve_checkpoint(model, "classification")


# ---- directories that are no checkpoint ------------------------------------------------------


@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
def test_missing_file(directory, filename):
    (directory / filename).unlink()
    with pytest.raises(CheckpointError, match=f"{directory}' has no {filename}. A checkpoint"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_anything_but_a_regular_file(directory, filename, kind):
    """A device or a pipe may never end."""
    path = directory / filename
    path.unlink()
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(CheckpointError, match=f"has a {filename} that is not a regular file"):
        resolve_checkpoint(directory, "classification")
    with pytest.raises(CheckpointError, match=f"{filename}' is not a regular file"):
        identify(str(path))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000])
def test_config_that_is_not_json(directory, content):
    (directory / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json' can't be read as JSON: "):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("values", [[], "text", 3, None])
def test_config_that_is_not_an_object(directory, values):
    (directory / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"must be an object\. Got "):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("key", CONFIG)
def test_config_without_a_key(directory, key):
    (directory / "config.json").write_text(json.dumps({k: CONFIG[k] for k in CONFIG if k != key}))
    with pytest.raises(CheckpointError, match=f"'{key}' in .*Got nothing instead"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("key", ["dim", "dim_output", "n_layers", "n_heads"])
@pytest.mark.parametrize("value", [0, -8, True, 8.0, "8", None, [8]])
def test_config_with_a_wrong_size(directory, key, value):
    (directory / "config.json").write_text(json.dumps({**CONFIG, key: value}))
    message = f"'{key}' in .* must be a positive integer. Got {re.escape(repr(value))} instead"
    with pytest.raises(CheckpointError, match=message):
        resolve_checkpoint(directory, "classification")


def test_config_with_heads_that_do_not_divide(directory):
    (directory / "config.json").write_text(json.dumps({**CONFIG, "n_heads": 3}))
    with pytest.raises(CheckpointError, match=r"'dim' in .* a multiple of n_heads=3\. Got 8"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("value", ["RANKING", "", 1, None, ["REGRESSION"]])
def test_config_with_an_unknown_task(directory, value):
    (directory / "config.json").write_text(json.dumps({**CONFIG, "task": value}))
    message = r"'task' in .* one of \['CLASSIFICATION', 'REGRESSION'\]. Got "
    with pytest.raises(CheckpointError, match=message):
        resolve_checkpoint(directory, "classification")


def test_further_keys_of_a_config_are_ignored(directory):
    (directory / "config.json").write_text(json.dumps({**CONFIG, "dropout": 0.1}))
    assert resolve_checkpoint(directory, "classification").config.dim == 8


@pytest.mark.parametrize(("stored", "asked"), [TASKS, TASKS[::-1]])
def test_wrong_task(make_checkpoint, stored, asked):
    directory = make_checkpoint(8, 3, 1, 2, stored)
    estimator = {"classification": "MitraClassifier", "regression": "MitraRegressor"}[stored]
    message = f"is for {stored}, but was asked for {asked}. Use it with {estimator}, or pass"
    with pytest.raises(CheckpointError, match=message):
        resolve_checkpoint(directory, asked)


# ---- weights that don't fit their config -----------------------------------------------------


def test_missing_weight(directory):
    weights = random_weights()
    del weights["layers.1.attention2.k.bias"]
    save_file(weights, directory / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks the weight 'layers\.1\.attention2\.k\.bias'"):
        resolve_checkpoint(directory, "classification")


def test_unexpected_weight(directory):
    weights = {**random_weights(), "layers.2.layer_norm1.weight": np.ones(8, np.float32)}
    save_file(weights, directory / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"a weight 'layers\.2\.layer_norm1\.weight' unexp"):
        resolve_checkpoint(directory, "classification")


def test_wrong_shape(directory):
    weights = {**random_weights(), "final_layer.weight": np.ones((8, 3), np.float32)}
    save_file(weights, directory / "model.safetensors")
    message = r"'final_layer.weight' in .* the shape \(3, 8\). Got \(8, 3\) instead"
    with pytest.raises(CheckpointError, match=message):
        resolve_checkpoint(directory, "classification")


def test_unsupported_dtype(directory):
    weights = {**random_weights(), "final_layer.bias": np.ones(3)}
    save_file(weights, directory / "model.safetensors")
    message = r"'final_layer.bias' in .* one of \['F32', 'F16', 'BF16'\]. Got 'F64' instead"
    with pytest.raises(CheckpointError, match=message):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("changed", ["dim", "dim_output", "n_layers", "task"])
def test_weights_of_another_config(directory, changed):
    value = {"task": "REGRESSION", "dim_output": 1}.get(changed, 4)
    config = {**CONFIG, "dim_output": 1, "task": "REGRESSION"} if changed == "task" else CONFIG
    (directory / "config.json").write_text(json.dumps({**config, changed: value}))
    task = "regression" if changed == "task" else "classification"
    with pytest.raises(CheckpointError, match=r"lacks the weight|must have the shape"):
        resolve_checkpoint(directory, task)


# ---- damaged weights -------------------------------------------------------------------------

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4a04af7e\nsize 4783436\n"


@pytest.mark.parametrize("content", [b"", b"1234567", b"\0" * 8, b"\xff" * 64, POINTER])
def test_files_that_are_not_safetensors(directory, content):
    (directory / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is not a whole safetensors file: .*Git LFS"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("size", [4, 100, 4000, -1000, -1])
def test_truncated_file(directory, size):
    file = directory / "model.safetensors"
    content = file.read_bytes()[:size]
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        resolve_checkpoint(directory, "classification")


def test_bytes_that_belong_to_no_weight(directory):
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match=r"it should have \d+ bytes, but has \d+\. Fetch"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize(
    "header",
    [b"", b"{", b"[]", b"3", b'"text"', b"\xff{}", b"[" * 100_000, b'{"final_layer.bias": []}'],
)
def test_damaged_header(directory, header):
    write_header(directory / "model.safetensors", header)
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": 3},
        {"shape": 3},
        {"shape": None},
        {"data_offsets": [0]},
        {"data_offsets": [0, 1, 2]},
        {"data_offsets": [0.0, 12.0]},
        {"data_offsets": None},
    ],
    ids=str,
)
def test_damaged_header_entry(directory, entry):
    file = directory / "model.safetensors"
    header, data = split(file)
    header["final_layer.bias"].update(entry)
    write_header(file, header, data)
    with pytest.raises(CheckpointError, match=r"its header has .* for 'final_layer\.bias'"):
        resolve_checkpoint(directory, "classification")


def test_a_duplicate_weight(directory):
    """Other readers might take the first."""
    file = directory / "model.safetensors"
    header, data = split(file)
    twice = json.dumps({"final_layer.bias": header["final_layer.bias"]})[1:-1].encode()
    write_header(file, json.dumps(header).encode()[:-1] + b", " + twice + b"}", data)
    with pytest.raises(CheckpointError, match=r"its header has 'final_layer\.bias' twice"):
        resolve_checkpoint(directory, "classification")


@pytest.mark.parametrize("move", [(-4, -4), (4, 4), (0, 4), (-(10**6), 0), (10**30, 10**30)])
def test_offsets_that_overlap_or_leave_the_file(directory, move):
    file = directory / "model.safetensors"
    header, data = split(file)
    offsets = header["layers.0.linear1.weight"]["data_offsets"]
    offsets[:] = [offset + step for offset, step in zip(offsets, move)]
    write_header(file, header, data)
    with pytest.raises(CheckpointError, match=r"is at \[.*\], not \["):
        resolve_checkpoint(directory, "classification")


def test_a_repaired_checkpoint_resolves(directory):
    file = directory / "model.safetensors"
    shutil.copy(file, directory / "copy")
    file.write_bytes(b"")
    with pytest.raises(CheckpointError):
        resolve_checkpoint(directory, "classification")
    shutil.copy(directory / "copy", file)
    assert resolve_checkpoint(directory, "classification").load_weights().keys() == SHAPES.keys()


@pytest.mark.parametrize("key", ["dim", "dim_output", "n_layers"])
@pytest.mark.parametrize("value", [10**9, 10**100])
def test_excessive_sizes_are_refused_before_anything_is_built(directory, key, value):
    (directory / "config.json").write_text(json.dumps({**CONFIG, key: value}))
    with pytest.raises(CheckpointError, match=rf"'{key}' in .* must be at most \d+. Got 1"):
        resolve_checkpoint(directory, "classification")


def test_a_path_named_like_a_known_checkpoint_is_a_directory(directory, monkeypatch):
    (directory.parent / "mini").symlink_to(directory)
    monkeypatch.chdir(directory.parent)
    found = resolve_checkpoint(Path("mini"), "classification")
    assert found.name == str(directory.parent / "mini")
    assert resolve_checkpoint(found.name, "classification").identity == found.identity


@pytest.mark.parametrize("revision", ["..", "a/../b", "/etc", "a//b"])
def test_revisions_that_are_paths_are_refused(revision):
    with pytest.raises(CheckpointError):
        resolve_checkpoint(f"org/name@{revision}", "classification")
