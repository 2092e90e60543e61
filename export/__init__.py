"""Checkpoint to torch network to interchange ``.onnx`` file, and the proof that they agree.

This is the only part of the package that needs PyTorch: ``pip install "sklearn-mitra[export]"``.
"""

from importlib.util import find_spec

_missing = [name for name in ("torch", "onnxscript", "safetensors") if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"sklearn_mitra.export needs {', '.join(_missing)}. Install them, in the versions that it "
        "was tested with, by: pip install 'sklearn-mitra[export]'"
    )

from .finetune import finetune  # noqa: E402

__all__ = ["finetune"]
