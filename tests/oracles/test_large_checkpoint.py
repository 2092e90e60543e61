"""A checkpoint of the size of AutoGluon's: its numbers, memory, and integers.

All in one file, so that one worker makes the checkpoint once.
"""

from pathlib import Path

import numpy as np
import pytest
from processes import added_memory
from tables import make_table

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


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
def test_all_implementations_agree_with_autogluon(large_checkpoint, monkeypatch):
    """On some of the cases, since all would take a minute; smaller networks run every one."""
    checkpoint = resolve_checkpoint(large_checkpoint, "classification")
    names = ["Gaussian", "heavily tied", "ten classes"]
    cases = [case for case in make_cases(checkpoint.config) if case.name in names]
    monkeypatch.setattr(verify, "make_cases", lambda config: cases)
    reference, differences, problems = verify.verify(checkpoint, [])
    assert reference == "AutoGluon"
    assert not problems
    assert list(differences) == names
    for results in differences.values():
        assert list(results) == ["torch rewrite", "serving graphs"]
        assert all(0 <= mean <= largest < TOLERANCE for largest, mean in results.values())


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
