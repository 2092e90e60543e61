"""A checkpoint of the size of AutoGluon's: memory, and integers for its weights."""

from pathlib import Path

import numpy as np
from estimators import make_table
from processes import added_memory

from sklearn_mitra import MitraClassifier, clear_sessions
from sklearn_mitra._network import int8
from sklearn_mitra._network.checkpoint import resolve_checkpoint

X, Y = make_table(80)


def test_large_weights_are_held_in_one_copy(large_checkpoint):
    """Beside the mapped file: in the layout of the kernels for query rows."""
    n_bytes = 4 * resolve_checkpoint(large_checkpoint, "classification").config.n_parameters
    assert added_memory(large_checkpoint, 16, 3) < 1.6 * n_bytes


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
