"""Commands about this machine: the demo, installed and cached files, downloads."""

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._version import __version__

_PACKAGES = ("onnxruntime", "scikit-learn", "numpy", "scipy", "onnx", "huggingface_hub")
_OPTIONAL = ("pandas", "pyarrow", "torch", "wlearn")


def add_commands(commands: Any) -> None:
    """Add these commands to an argument parser."""
    demo = commands.add_parser(
        "demo", help="compare the estimators with scikit-learn's on its bundled tables (a minute)"
    )
    demo.set_defaults(run=run_demo)
    info = commands.add_parser(
        "info",
        help="show versions, execution providers, available checkpoints, and sizes of caches",
    )
    info.set_defaults(run=run_info)
    download = commands.add_parser(
        "download",
        help="download a checkpoint from the Hugging Face hub",
        description="Download a checkpoint from the Hugging Face hub into its cache, for offline "
        "use.",
        epilog="example: sklearn-mitra download mitra",
    )
    download.add_argument(
        "model", help="mitra, mitra-2, or a repository: organisation/name[@revision]"
    )
    download.set_defaults(run=run_download)


def run_demo(options: argparse.Namespace) -> int:
    """Compare the estimators with scikit-learn's."""
    from .._demo import run  # imports scikit-learn's ensembles

    run()
    return 0


def run_info(options: argparse.Namespace) -> int:
    """Print what is installed and cached, without downloading anything."""
    from .._network.budget import context_budget
    from .._network.int8 import cache_size
    from .._network.memory import total_memory
    from .._network.ort import onnxruntime
    from .._network.runtime import Runtime

    _print("sklearn-mitra", __version__)
    _print("Python", f"{platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        _print(package, _find_version(package))
    _print("optional", ", ".join(f"{p} {_find_version(p)}" for p in _OPTIONAL))
    _print("providers", ", ".join(onnxruntime.get_available_providers()))
    _print("threads", str(Runtime.resolve().n_threads))
    _print("memory", _gigabytes(total_memory()))
    _print("memory for contexts", _gigabytes(context_budget()))
    print()
    for name, where in _list_checkpoints():
        _print(name, where)
    folder, n_bytes = cache_size()
    _print("int8 weights", f"{n_bytes / 1e6:.0f} MB in {folder}")
    return 0


def run_download(options: argparse.Namespace) -> int:
    """Download a checkpoint for each of its tasks."""
    from .._network.resolve import resolve_networks

    for task, network in resolve_networks(options.model).items():
        file = network.file
        _print(task, f"{file.name}, {_megabytes(file.weights_file)}, sha256 {file.sha256}")
    return 0


def _list_checkpoints() -> Any:
    from .._errors import CheckpointError
    from .._network.checkpoint import CHECKPOINTS, find_checkpoint
    from .._network.config import TASKS

    for name, known in CHECKPOINTS.items():
        for task in TASKS:
            try:
                found = find_checkpoint(name, task)
            except CheckpointError as error:
                yield f"{name} ({task})", f"damaged: {error}"
                continue
            where = f"not downloaded: sklearn-mitra download {name}"
            if found is not None:
                where = "embedded" if known.is_embedded else "in the hub's cache"
                where += f", {_megabytes(found.weights_file)}"
            yield f"{name} ({task})", where


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _print(name: str, value: str) -> None:
    print(f"{name:<26} {value}")


def _megabytes(path: str) -> str:
    return f"{os.path.getsize(path) / 1e6:.1f} MB"


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
