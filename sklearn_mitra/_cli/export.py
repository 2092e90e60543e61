"""Commands of ``sklearn_mitra.export``, which need PyTorch."""

import importlib
from typing import Any

from .errors import CommandError

COMMANDS = {
    "convert": "write a checkpoint as one .onnx file for other languages (needs PyTorch)",
    "finetune": "fine-tune a checkpoint on a table (needs PyTorch)",
    "verify": "compare .onnx files with the other implementations (needs PyTorch)",
}
_MODULES = {"finetune": "finetune.__main__"}


def add_commands(commands: Any) -> None:
    """Add these commands to an argument parser, so that they are listed."""
    for name, help_text in COMMANDS.items():
        commands.add_parser(name, help=help_text)


def run(name: str, *arguments: str) -> int:
    """Run a command, which parses its own arguments.

    Raises
    ------
    CommandError
        If PyTorch isn't installed.
    """
    try:
        module = importlib.import_module(f"sklearn_mitra.export.{_MODULES.get(name, name)}")
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{name} needs PyTorch and onnxscript, but {error.name} is not installed. In a clone "
            'of the repository, run: pip install ".[export]"'
        ) from error
    status: int | None = module.main(list(arguments))
    return status or 0
