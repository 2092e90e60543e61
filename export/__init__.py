"""Checkpoint to torch network to interchange ``.onnx`` file, and the proof that they agree.

This is the only part of the package that needs PyTorch: ``pip install "sklearn-mitra[export]"``.
"""
