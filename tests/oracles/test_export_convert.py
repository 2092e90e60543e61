"""Interchange files: their contents, and that they compute what the network does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.utils import extract_model

import sklearn_mitra
from sklearn_mitra._cli.main import main
from sklearn_mitra._network.bins import outputs_to_targets, targets_to_bins
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export.convert import export
from sklearn_mitra.export.tab2d import Tab2D

INPUTS = {
    "x_support": ["batch", "n_support", "n_features"],
    "y_support": ["batch", "n_support"],
    "x_query": ["batch", "n_query", "n_features"],
    "padding_obs_support": ["batch", "n_support"],
}
TOLERANCE = 2e-5
both_profiles = pytest.mark.parametrize("profile", ["upstream", "wlearn"])


@pytest.fixture(scope="module", params=["classifier", "regressor", "bins"])
def checkpoint(request, make_checkpoint):
    """A small checkpoint of random weights, of every kind."""
    kind = request.param
    task = "classification" if kind == "classifier" else "regression"
    n_outputs = {"classifier": 10, "regressor": 1, "bins": 25}[kind]
    return resolve_checkpoint(make_checkpoint(24, n_outputs, 1, 3, task), task)


@pytest.fixture
def file(checkpoint, profile, export_once):
    return export_once(checkpoint.name, checkpoint.config.task, profile)


def make_inputs(task, n_tables=2, n_support=20, n_query=6, n_features=3, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    if task == "classification":
        y = rng.permuted(np.arange(n_support) % n_classes + np.zeros((n_tables, 1), int), axis=1)
    else:
        y = rng.random((n_tables, n_support), np.float32)
    return {
        "x_support": rng.normal(size=(n_tables, n_support, n_features)).astype(np.float32),
        "y_support": y,
        "x_query": rng.normal(size=(n_tables, n_query, n_features)).astype(np.float32),
        "padding_obs_support": np.zeros((n_tables, n_support), bool),
    }


def run(file, table):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["output"], table)[0]


def run_network(checkpoint, table):
    """The network itself on scaled targets, with the bins made and undone in NumPy."""
    config = checkpoint.config
    y = table["y_support"]
    is_bins = config.task == "regression" and config.dim_output > 1
    if is_bins:
        y = np.stack([targets_to_bins(row, config.dim_output) for row in y])
    arrays = (table["x_support"], y, table["x_query"], table["padding_obs_support"])
    with torch.no_grad():
        outputs = Tab2D.from_checkpoint(checkpoint)(*map(torch.tensor, arrays)).numpy()
    return np.stack([outputs_to_targets(o) for o in outputs]) if is_bins else outputs


def check(file, table, expected):
    output = run(file, table)
    assert output.dtype == np.float32
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=0, atol=TOLERANCE)


# ---- what is in a file ---------------------------------------------------------------------------


@both_profiles
def test_inputs_output_and_operators_are_the_contract(checkpoint, profile, file):
    model = onnx.load(file, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert {i.name: [d.dim_param for d in axes_of(i)] for i in model.graph.input} == INPUTS
    types = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    is_classifier = checkpoint.config.task == "classification"
    label = onnx.TensorProto.INT64 if is_classifier else onnx.TensorProto.FLOAT
    number = onnx.TensorProto.FLOAT
    assert list(types.values()) == [number, label, number, onnx.TensorProto.BOOL]
    (output,) = model.graph.output
    last = [10 if profile == "upstream" else "n_classes"] if is_classifier else []
    axes = [axis.dim_param or axis.dim_value for axis in axes_of(output)]
    assert (output.name, axes) == ("output", ["batch", "n_query", *last])
    # what onnxruntime runs from 1.18 on: opset 20 of the standard, version 10 of the format
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 20)]
    assert model.ir_version <= 10
    assert not model.functions
    assert not any(t.data_location for t in model.graph.initializer)


def axes_of(value):
    return value.type.tensor_type.shape.dim


@both_profiles
def test_metadata_say_where_it_comes_from(checkpoint, profile, file):
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    config_file = Path(checkpoint.weights_file).with_name("config.json")
    assert json.loads(metadata.pop("config")) == json.loads(config_file.read_text())
    ranks = checkpoint.config.task == "classification" and profile == "wlearn"
    assert metadata == {
        **({"labels": "ranked"} if ranks else {}),
        "n_estimators": "1",
        "package_version": sklearn_mitra.__version__,
        "profile": profile,
        "weights_sha256": checkpoint.sha256,
    }


# ---- what it computes ----------------------------------------------------------------------------

SHAPES = [
    {},
    {"n_tables": 1, "n_support": 1, "n_query": 1, "n_features": 1, "n_classes": 1},
    {"n_tables": 5, "n_support": 2, "n_query": 1, "n_classes": 2},
    {"n_tables": 1, "n_support": 70, "n_query": 33, "n_features": 12, "n_classes": 10},
    {"n_tables": 2, "n_support": 4, "n_query": 4, "n_features": 4},
]


@pytest.mark.parametrize("profile", ["upstream"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_shape(checkpoint, file, shape):
    table = make_inputs(checkpoint.config.task, **shape)
    check(file, table, run_network(checkpoint, table))


@both_profiles
def test_padded_rows(checkpoint, profile, file):
    table = make_inputs(checkpoint.config.task)
    is_regressor = checkpoint.config.task == "regression"
    table["y_support"][:, 2:4] = [0, 1]  # so that the profiles scale alike
    table["padding_obs_support"][0, -6:] = table["padding_obs_support"][1, :2] = True
    expected = run_network(checkpoint, table)
    if not is_regressor and profile == "wlearn":
        expected = expected[:, :, : table["y_support"].max() + 1]
    # padded rows hold no labels
    table["y_support"][table["padding_obs_support"]] = 1000 if is_regressor else -100
    check(file, table, expected)


LABELS = [
    [0, 1],
    [0, 1, 2],
    range(10),
    range(-70, 30, 10),
    [1, 2, 5],
    [-1, 0, 1],
    [10**9, -3],
    [2**63 - 1, 0, -(2**63)],
    [7],
]


class TestWlearnProfile:
    """The output for a client that feeds raw targets and takes it as it is."""

    @pytest.fixture
    def classifier(self, make_checkpoint):
        directory = make_checkpoint(24, 10, 1, 3, "classification")
        return resolve_checkpoint(directory, "classification")

    @pytest.fixture
    def file(self, classifier, export_once):
        return export_once(classifier.name, "classification", "wlearn")

    @pytest.mark.parametrize("labels", LABELS, ids=str)
    def test_logits_are_those_of_the_labels(self, classifier, file, export_once, labels):
        n_classes = len(labels)
        table = make_inputs("classification", n_tables=1, n_classes=n_classes)
        raw = {**table, "y_support": np.sort(np.array(labels, np.int64))[table["y_support"]]}
        expected = run_network(classifier, table)[:, :, :n_classes]
        check(file, raw, expected)
        upstream = run(export_once(classifier.name, "classification"), table)[:, :, :n_classes]
        np.testing.assert_allclose(run(file, raw), upstream, rtol=0, atol=1e-6)
        # a client that counts the classes and reads row after row
        flat = run(file, raw).ravel()
        rows = [flat[i * n_classes : (i + 1) * n_classes] for i in range(6)]
        np.testing.assert_array_equal(np.argmax(rows, axis=1), expected[0].argmax(axis=1))

    @pytest.mark.parametrize("padded_label", [-(2**63), 2, 3, 2**63 - 1])
    def test_labels_of_padded_rows_do_not_matter(self, classifier, file, padded_label):
        table = make_inputs("classification", n_tables=1, n_classes=3)
        table["padding_obs_support"][0, [0, 1, 7, 19]] = True
        expected = run_network(classifier, table)[:, :, :3]
        table["y_support"] = np.array([1, 2, 5])[table["y_support"]]
        table["y_support"][table["padding_obs_support"]] = padded_label
        check(file, table, expected)

    def test_a_class_with_only_padded_rows_has_no_column(self, classifier, file):
        table = make_inputs("classification", n_tables=1, n_classes=3)
        table["padding_obs_support"] = table["y_support"] == 1
        ids = {**table, "y_support": (table["y_support"] == 2).astype(np.int64)}
        check(file, table, run_network(classifier, ids)[:, :, :2])

    def test_tables_of_a_batch_are_predicted_as_alone(self, file):
        """Columns without a class in a table are minus infinity."""
        table = make_inputs("classification", n_tables=3, n_classes=4)
        label_sets = [1, 2, 5, 9], [-3, 0, 8, 8], [6, 6, 6, 6]
        for y, labels in zip(table["y_support"], np.array(label_sets)):
            y[:] = labels[y]
        output = run(file, table)
        assert output.shape == (3, 6, 4)
        for i, n_classes in enumerate([4, 3, 1]):
            alone = run(file, {name: array[i : i + 1] for name, array in table.items()})
            assert alone.shape == (1, 6, n_classes)
            np.testing.assert_allclose(output[i, :, :n_classes], alone[0], rtol=0, atol=1e-6)
            assert np.isneginf(output[i, :, n_classes:]).all()

    def test_more_labels_than_outputs_are_an_error(self, file):
        table = make_inputs("classification", n_tables=1, n_classes=11)
        with pytest.raises(Exception, match="indices element out of data bounds, idx=10"):
            run(file, table)

    @pytest.mark.parametrize("n_outputs", [1, 25])
    @pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-6, 0), (250, 1e4), (3e38, -2e38)])
    def test_raw_targets(self, make_checkpoint, export_once, n_outputs, scale, offset):
        checkpoint = resolve_checkpoint(
            make_checkpoint(24, n_outputs, 1, 3, "regression"), "regression"
        )
        file = export_once(checkpoint.name, "regression", "wlearn")
        table = make_inputs("regression")
        table["y_support"][:, :2] = [0, 1]
        raw = (table["y_support"].astype(np.float64) * scale + offset).astype(np.float32)
        low, high = (np.float64(f(raw, axis=1, keepdims=True)) for f in (np.min, np.max))
        table["y_support"] = ((raw - low) / (high - low)).astype(np.float32)
        expected = low + run_network(checkpoint, table) * (high - low)
        output = run(file, {**table, "y_support": raw})
        assert output.shape == (2, 6)
        np.testing.assert_allclose(output, expected, rtol=1e-6, atol=TOLERANCE * scale)

    @pytest.mark.parametrize("n_outputs", [1, 25])
    def test_constant_targets_are_predicted(self, make_checkpoint, export_once, n_outputs):
        directory = make_checkpoint(24, n_outputs, 1, 3, "regression")
        table = make_inputs("regression")
        table["y_support"][0] = 7.25
        output = run(export_once(directory, "regression", "wlearn"), table)
        np.testing.assert_array_equal(output[0], np.full(6, 7.25))
        assert np.isfinite(output[1]).all()


_PEAK = """
import sys
import numpy as np
import onnxruntime
def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
inputs = {
    "x_support": rng.normal(size=(1, 50, 40)).astype(np.float32),
    "y_support": np.arange(50)[None] % 2,
    "x_query": rng.normal(size=(1, int(sys.argv[2]), 40)).astype(np.float32),
    "padding_obs_support": np.zeros((1, 50), bool),
}
before = status("VmRSS")
session.run(None, inputs)
print(status("VmHWM") - before)
"""


def test_memory_does_not_hold_a_boolean_for_every_value_and_quantile(
    make_checkpoint, export_once, tmp_path
):
    """For 10000 rows of 40 features these would be 400 MB, and their counts 3200 MB."""
    directory = make_checkpoint(24, 10, 1, 3, "classification")
    file = export_once(directory, "classification")
    bias = "network.x_embedding.x_embedding.bias"
    nodes = onnx.load(file).graph.node
    embedded = [node.output[0] for node in nodes if bias in node.input]
    part = tmp_path / "embedding.onnx"  # the layers take more than the quantiles
    extract_model(file, part, list(INPUTS), embedded)
    command = [sys.executable, "-c", _PEAK, part, "10000"]
    megabytes = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert megabytes < 200


# ---- in another process --------------------------------------------------------------------------

_EXPORTS = """
import sys
from sklearn_mitra._cli.main import main
for name, model in zip(("small", "large"), sys.argv[1:]):
    assert main(["convert", "--model", model, "--output", f"{name}.onnx"]) == 0
    with open("/proc/self/status") as file:
        print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024)
"""


class Exports(NamedTuple):
    """What one process exported: a small checkpoint, then one of 25.6 million parameters."""

    small: Path
    large: Path
    log: str
    peaks: tuple[int, int]  # memory after each, in bytes


@pytest.fixture(scope="module")
def small(make_checkpoint):
    return make_checkpoint(24, 10, 1, 3, "classification")


@pytest.fixture(scope="module")
def large(make_checkpoint):
    """Of two layers, since tracing takes longer the more there are."""
    return make_checkpoint(728, 10, 2, 4, "classification")


@pytest.fixture(scope="module")
def exports(small, large, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    result = subprocess.run(
        [sys.executable, "-c", _EXPORTS, small, large],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    files = folder / "small.onnx", folder / "large.onnx"
    return Exports(*files, result.stderr, tuple(map(int, result.stdout.split())))


def test_the_same_bytes_in_another_process_and_folder(small, exports, export_once):
    content = exports.small.read_bytes()
    assert content == Path(export_once(small, "classification")).read_bytes()
    for path in (exports.small.parent, small, Path(sklearn_mitra.__file__).parents[1]):
        assert os.fsencode(path) not in content


def test_an_export_takes_no_more_than_some_copies_of_the_weights(exports):
    small, large = exports.peaks
    assert large - small < 5 * 102e6
    assert 101e6 < exports.large.stat().st_size < 103e6
    log = re.findall(r"^large.onnx: (\S+)", exports.log, flags=re.MULTILINE)
    assert log == ["reading", "tracing", "writing", "102.0"]


def test_a_large_export_computes_what_the_network_does(large, exports):
    table = make_inputs("classification", n_tables=1)
    checkpoint = resolve_checkpoint(large, "classification")
    check(str(exports.large), table, run_network(checkpoint, table))


# ---- the command ---------------------------------------------------------------------------------


@pytest.fixture
def untraced(monkeypatch):
    """Exports of an empty graph, since tracing takes many seconds."""
    monkeypatch.setattr("sklearn_mitra.export.convert._trace", lambda module: onnx.ModelProto())


@pytest.mark.usefixtures("untraced")
def test_files_have_names_of_their_own(make_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    classifier = make_checkpoint(8, 10, 1, 2, "classification")
    regressor = make_checkpoint(8, 1, 1, 2, "regression")
    assert main(["convert", "--model", str(classifier)]) == 0
    assert main(["convert", "--model", str(regressor), "--profile", "wlearn"]) == 0
    names = [f"{classifier.name}-classifier.onnx", f"{regressor.name}-regressor-wlearn.onnx"]
    assert sorted(os.listdir()) == sorted(names)
    assert capsys.readouterr().err.count(" MB in ") == 2


@pytest.mark.usefixtures("untraced")
def test_a_failed_export_leaves_the_former_file_alone(make_checkpoint, tmp_path, monkeypatch):
    checkpoint = resolve_checkpoint(
        make_checkpoint(8, 10, 1, 2, "classification"), "classification"
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(b"former")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        export(checkpoint, str(path))
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert path.read_bytes() == b"former"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x.onnx"], "Pass --variant classifier or regressor"),
        (
            ["--variant", "classifier", "--output", "none/x.onnx"],
            "no directory for --output none/x",
        ),
    ],
)
def test_outputs_that_cannot_be_written(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("model", "message"),
    [("maxi", "A checkpoint is one of"), ("./none", "no such dir"), ("a.onnx", "already")],
)
def test_no_such_checkpoint(model, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", "--model", model]) == 1
    assert message in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_an_unknown_variant(make_checkpoint, capsys):
    directory = make_checkpoint(8, 10, 1, 2, "classification")
    assert main(["convert", "--model", str(directory), "--variant", "regressor"]) == 1
    assert "is for classification, but was asked for regression" in capsys.readouterr().err
