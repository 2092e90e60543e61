"""The verification finds agreement where there is any, and differences where there are any."""

import json
import shutil
import sys

import numpy as np
import onnx
import pytest
from onnx.numpy_helper import from_array, to_array

from sklearn_mitra._cli.main import main
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra.export import verify as verification
from sklearn_mitra.export.cases import make_cases
from sklearn_mitra.export.verify import verify

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")

TOLERANCE = 2e-5
CASES = [
    "Gaussian",
    "heavily tied",
    "constant column",
    "one feature",
    "60 features",
    "one query",
    "two support rows",
    "ten classes",
    "padded support",
    "batch of 3",
    "large values",
]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("n_outputs", [1, 4, 10, 30])
def test_cases_are_what_they_are_called(task, n_outputs):
    cases = {case.name: case for case in make_cases(Config(8, n_outputs, 1, 1, task))}
    assert list(cases) == CASES
    shapes = {name: (*case.x_support.shape, case.x_query.shape[1]) for name, case in cases.items()}
    assert shapes["one feature"][2] == 1
    assert shapes["60 features"][2] == 60
    assert shapes["one query"][3] == 1
    assert shapes["two support rows"][1] == 2
    assert shapes["batch of 3"][0] == 3
    constant, tied = cases["constant column"], cases["heavily tied"]
    assert (np.ptp(constant.x_support, axis=1) == 0).sum() == 2
    assert (np.ptp(constant.x_query, axis=1) == 0).sum() == 1
    assert len(np.unique(tied.x_support)) < 12
    assert np.abs(cases["large values"].x_support).max() > 1e30
    assert [name for name, case in cases.items() if case.padding_obs_support.any()] == [CASES[8]]
    for case in cases.values():
        if task == "classification":
            n_classes = 10 if case.name == "ten classes" else 3
            assert case.y_support.max() == min(n_classes, n_outputs, shapes[case.name][1]) - 1
        else:
            assert (case.y_support.min(axis=1) == 0).all()
            assert (case.y_support.max(axis=1) == 1).all()
            assert case.y_support.dtype == np.float32


def check_all_agree(checkpoint, files, profiles):
    reference, differences, problems = verify(checkpoint, files)
    assert reference == "AutoGluon"
    assert not problems
    assert list(differences) == CASES
    for name, results in differences.items():
        onnx_names = [f"onnx {profile}" for profile in profiles]
        assert list(results) == ["torch rewrite", "serving graphs", *onnx_names]
        if name == "padded support":
            assert results.pop("serving graphs") is None
        for largest, mean in results.values():
            assert 0 <= mean <= largest < TOLERANCE


@pytest.mark.parametrize(("task", "n_outputs"), [("classification", 10), ("regression", 25)])
def test_all_implementations_agree(task, n_outputs, make_checkpoint, export_once):
    """On small networks: exporting mini takes long. ``make test-web`` does all of mini."""
    directory = make_checkpoint(24, n_outputs, 1, 3, task)
    profiles = ("upstream", "wlearn")
    files = [export_once(directory, task, profile) for profile in profiles]
    check_all_agree(resolve_checkpoint(directory, task), files, profiles)


# ---- the command ---------------------------------------------------------------------------------


@pytest.fixture
def directory(make_checkpoint):
    return make_checkpoint(24, 10, 1, 3, "classification")


@pytest.fixture
def file(directory, export_once):
    return export_once(directory, "classification")


@pytest.fixture
def one_case(monkeypatch):
    """Only the first case, for tests in which the numbers don't matter."""
    monkeypatch.setattr(verification, "make_cases", lambda config: make_cases(config)[:1])


def test_a_model_without_a_file_is_exported(
    make_checkpoint, export_once, monkeypatch, capsys, tmp_path
):
    directory = make_checkpoint(24, 1, 1, 3, "regression")

    def copy(checkpoint, path, profile):  # tracing takes many seconds
        shutil.copy(export_once(checkpoint.name, "regression", profile), path)

    monkeypatch.setattr("sklearn_mitra.export.verify.export", copy)
    report_file = tmp_path / "report.json"
    assert main(["verify", "--model", str(directory), "--json", str(report_file)]) == 0
    output = capsys.readouterr().out
    assert f"{directory} regressor: largest (and mean) difference to AutoGluon" in output
    assert "All agree within 1e-04" in output
    report = json.loads(report_file.read_text())
    assert report["failures"] == []
    assert report["versions"]["torch"].startswith("2.13.0")
    differences = report["variants"]["regressor"]["differences"]
    assert list(differences) == CASES
    assert list(differences["Gaussian"]) == [
        "torch rewrite",
        "serving graphs",
        "onnx upstream",
        "onnx wlearn",
    ]


def test_a_file_of_other_weights_fails(directory, file, capsys, tmp_path):
    model = onnx.load(file)
    weights = next(t for t in model.graph.initializer if t.name.endswith("final_layer.bias"))
    weights.raw_data = (np.frombuffer(weights.raw_data, "<f4") + np.float32(0.01)).tobytes()
    onnx.save(model, tmp_path / "other.onnx")
    arguments = ["--model", str(directory), "--onnx", str(tmp_path / "other.onnx")]
    assert main(["verify", *arguments]) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    failures = captured.err.splitlines()
    assert len(failures) == len(CASES)
    assert "classifier: onnx upstream differs by 1.0e-02 on 'Gaussian', more" in failures[0]
    assert main(["verify", *arguments, "--atol", "0.02"]) == 0


def test_a_file_that_cannot_run_fails(directory, file, capsys, tmp_path):
    """Its embedding has too few places for the labels of the cases."""
    model = onnx.load(file)
    embedding = next(t for t in model.graph.initializer if "y_embedding" in t.name)
    embedding.CopyFrom(from_array(to_array(embedding)[:2], embedding.name))
    onnx.save(model, tmp_path / "two.onnx")
    assert main(["verify", "--model", str(directory), "--onnx", str(tmp_path / "two.onnx")]) == 1
    assert "classifier: onnxruntime can't run" in capsys.readouterr().err


@pytest.mark.usefixtures("one_case")
def test_not_a_number_fails(directory, file, tmp_path, capsys):
    model = onnx.load(file)
    weights = next(t for t in model.graph.initializer if t.name.endswith("final_layer.bias"))
    weights.raw_data = np.full(10, np.nan, "<f4").tobytes()
    onnx.save(model, tmp_path / "nan.onnx")
    assert main(["verify", "--model", str(directory), "--onnx", str(tmp_path / "nan.onnx")]) == 1
    assert "differs by inf" in capsys.readouterr().err


def test_a_missing_file_or_model_fails(directory, tmp_path, capsys):
    assert main(["verify", "--model", str(directory), "--onnx", str(tmp_path / "none.onnx")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["verify", "--model", str(tmp_path / "none")]) == 1
    assert "no such directory" in capsys.readouterr().err
    assert main(["verify", "--onnx", __file__]) == 1


@pytest.mark.usefixtures("one_case")
@pytest.mark.parametrize("runtime", ["node", "web", "all"])
def test_a_missing_runtime_fails(runtime, directory, file, tmp_path, capsys):
    """In a folder without npm's packages; Node.js itself may be missing, too."""
    arguments = ["--model", str(directory), "--onnx", file]
    assert main(["verify", *arguments, "--runtime", runtime, "--npm", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    problems = captured.err.splitlines()
    packages = {"node": ["node"], "web": ["web"], "all": ["node", "web"]}[runtime]
    assert len(problems) == len(packages)
    for problem, package in zip(problems, packages):
        assert f"onnxruntime-{package}" in problem
        missing = f"Cannot find module 'onnxruntime-{package}'"
        assert missing in problem and "npm install" in problem or "Install Node.js" in problem
    assert "onnx upstream" in captured.out  # the rest is compared all the same


@pytest.mark.usefixtures("one_case")
def test_without_autogluon_the_rewrite_takes_its_place(directory, file, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.partition(".")[0] == "autogluon":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "autogluon", None)  # as if it weren't installed
    assert main(["verify", "--model", str(directory), "--onnx", file]) == 0
    output = capsys.readouterr().out
    assert "difference to torch rewrite, since AutoGluon is not installed" in output
    assert "serving graphs" in output
