"""Checkpoint to torch network to interchange ``.onnx`` file, and the proof that they agree.

This is the only part of the package that needs PyTorch. In a clone of the repository,
``pip install ".[export]"`` installs what it needs.
"""

from importlib.util import find_spec

_missing = [name for name in ("torch", "onnxscript", "safetensors") if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"sklearn_mitra.export needs packages that are not installed: {', '.join(_missing)}. In a "
        'clone of the repository, run: pip install ".[export]"'
    )

from .finetune import finetune  # noqa: E402

__all__ = ["finetune"]
