"""A checkpoint of the size of AutoGluon's: its export, its numbers, memory, and integers.

All in one file, so that one worker makes the checkpoint and its export once.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from estimators import make_table
from processes import added_memory

from sklearn_mitra import MitraClassifier, clear_sessions
from sklearn_mitra._network import int8
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export import verify
from sklearn_mitra.export.cases import make_cases

X, Y = make_table(80)
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def large_checkpoint(make_checkpoint):
    """A classifier of the size of AutoGluon's, 75.7 million parameters."""
    return make_checkpoint(512, 10, 12, 4, "classification")


@pytest.fixture(scope="module")
def wide_checkpoint(make_checkpoint):
    """As many parameters in two layers, since the time that tracing takes grows with layers."""
    return make_checkpoint(1256, 10, 2, 4, "classification")


class LargeExport(NamedTuple):
    path: str
    log: str
    peak: int  # memory, in bytes


_EXPORT_AND_PEAK = """
import sys
from sklearn_mitra.export.convert import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def large_export(wide_checkpoint, tmp_path_factory):
    """75.8 million parameters, exported by the command in a process of its own."""
    path = tmp_path_factory.mktemp("large") / "large.onnx"
    program = [sys.executable, "-c", _EXPORT_AND_PEAK]
    arguments = ["--model", wide_checkpoint, "--output", path]
    result = subprocess.run([*program, *arguments], check=True, capture_output=True, text=True)
    yield LargeExport(str(path), result.stderr, int(result.stdout))
    path.unlink()


def test_an_export_takes_little_more_than_the_weights(large_export):
    assert large_export.peak < 2.5e9
    assert 303e6 < os.path.getsize(large_export.path) < 305e6
    steps = [line.split(": ")[1].split()[0] for line in large_export.log.splitlines()]
    assert steps == ["reading", "tracing", "writing", "303.3"]


def check_all_agree(model, files, names, monkeypatch):
    """On some of the cases, which take a minute in all; smaller networks have every one."""
    checkpoint = resolve_checkpoint(model, "classification")
    cases = [case for case in make_cases(checkpoint.config) if case.name in names]
    monkeypatch.setattr(verify, "make_cases", lambda config: cases)
    reference, differences, problems = verify.verify(checkpoint, files)
    assert reference == "AutoGluon"
    assert not problems
    assert list(differences) == names
    for results in differences.values():
        assert list(results) == ["torch rewrite", "serving graphs", *["onnx upstream"] * len(files)]
        assert all(0 <= mean <= largest < TOLERANCE for largest, mean in results.values())


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
def test_all_implementations_agree_with_autogluon(large_checkpoint, monkeypatch):
    check_all_agree(large_checkpoint, [], ["Gaussian", "heavily tied", "ten classes"], monkeypatch)


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
def test_a_large_export_agrees_with_autogluon(wide_checkpoint, large_export, monkeypatch):
    check_all_agree(wide_checkpoint, [large_export.path], ["heavily tied"], monkeypatch)


def test_large_weights_are_held_in_one_copy(large_checkpoint):
    """Beside the mapped file: in the layout of the kernels for query rows.

    A second copy would make it 2.1 times the weights, which memory that the allocator hasn't given
    back would only add to: that is up to half a copy.
    """
    n_bytes = 4 * resolve_checkpoint(large_checkpoint, "classification").config.n_parameters
    assert added_memory(large_checkpoint, 16, 3) < 1.9 * n_bytes


def test_int8_gives_about_the_same_logits_from_a_quarter_of_the_bytes(
    large_checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(int8, "_cache_file", lambda sha256: tmp_path / f"{sha256}.npz")
    exact, rounded = (
        MitraClassifier(model=large_checkpoint, precision=precision, max_support=40).fit(X, Y)
        for precision in ("float32", "int8")
    )
    assert np.abs(rounded.predict_proba(X[:8]) - exact.predict_proba(X[:8])).max() < 0.05
    (file,) = tmp_path.iterdir()
    weights = Path(large_checkpoint) / "model.safetensors"
    assert 0.25 < file.stat().st_size / weights.stat().st_size < 0.26
    clear_sessions()
