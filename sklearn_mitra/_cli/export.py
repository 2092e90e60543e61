"""Commands of ``sklearn_mitra.export``, which need PyTorch: their arguments, read without it."""

import argparse
import importlib
from typing import Any

from .arguments import add_command, integer
from .errors import CommandError
from .fit import add_training


def add_commands(commands: Any) -> None:
    """Add these commands to an argument parser."""
    convert = add_command(
        commands,
        "convert",
        run_convert,
        "write a checkpoint as one .onnx file for other languages (needs PyTorch)",
        """
        sklearn-mitra convert
        sklearn-mitra convert --model mitra --variant classifier --output mitra.onnx
        """,
    )
    _add_checkpoint(convert)
    convert.add_argument(
        "--output", metavar="FILE", help="default: MODEL-VARIANT.onnx in the current directory"
    )
    convert.add_argument(
        "--profile",
        choices=["upstream", "wlearn"],
        default="upstream",
        help="wlearn is for clients that pass raw targets and use the output as it is "
        "(default: %(default)s)",
    )
    _add_finetune(commands)
    verify = add_command(
        commands,
        "verify",
        run_verify,
        "compare .onnx files with the other implementations of the network (needs PyTorch)",
        "sklearn-mitra verify --variant classifier --onnx mini-classifier.onnx",
    )
    _add_checkpoint(verify)
    verify.add_argument(
        "--atol", type=float, default=1e-4, help="largest difference (default: %(default)s)"
    )
    verify.add_argument(
        "--runtime",
        choices=["python", "node", "web", "all"],
        default="python",
        help="also run the files in onnxruntime-node or onnxruntime-web (default: %(default)s)",
    )
    verify.add_argument(
        "--npm", default=".", metavar="DIR", help="where npm has installed these packages"
    )
    verify.add_argument("--onnx", metavar="FILE", help="check this file instead of new exports")
    verify.add_argument("--json", metavar="FILE", help="also write the differences to this file")


def _add_checkpoint(parser: Any) -> None:
    parser.add_argument(
        "--variant",
        choices=["classifier", "regressor", "all"],
        default="all",
        help="default: every variant that the model has",
    )
    parser.add_argument(
        "--model",
        default="mini",
        help="mini, mitra or mitra-2, a repository of the Hugging Face hub, or a directory with "
        "config.json and model.safetensors (default: %(default)s)",
    )


def _add_finetune(commands: Any) -> None:
    parser = add_command(
        commands,
        "finetune",
        run_finetune,
        "fine-tune a checkpoint on a table (needs PyTorch)",
        """
        sklearn-mitra finetune churn.csv --target churned --out tuned
        sklearn-mitra fit churn.csv --target churned --model tuned --out churn.wlrn
        """,
    )
    add_training(parser)
    parser.add_argument(
        "--out", "-o", required=True, metavar="DIR", help="a new directory for the checkpoint"
    )
    parser.add_argument(
        "--seconds", type=float, default=300.0, help="length of the run (default: %(default)g)"
    )
    parser.add_argument(
        "--steps", type=integer(0), metavar="N", help="length of the run in steps instead"
    )
    parser.add_argument(
        "--lr", type=float, default=1e-4, help="largest learning rate (default: %(default)g)"
    )
    parser.add_argument(
        "--validation-fraction",
        type=float,
        default=0.2,
        metavar="FRACTION",
        help="fraction of the rows that the best weights are chosen by (default: %(default)g)",
    )
    parser.add_argument(
        "--patience",
        type=integer(1),
        metavar="N",
        help="stop after this many validations without a better score (default: never)",
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress on stderr")


def run_convert(options: argparse.Namespace) -> int:
    """Write a checkpoint as .onnx files."""
    return int(_import("convert").run_command(options))


def run_finetune(options: argparse.Namespace) -> int:
    """Fine-tune a checkpoint."""
    return int(_import("finetune.__main__").run_command(options))


def run_verify(options: argparse.Namespace) -> int:
    """Compare implementations of the network."""
    return int(_import("verify").run_command(options))


def _import(name: str) -> Any:
    """Import a module of the export.

    Raises
    ------
    CommandError
        If a package isn't installed.
    """
    try:
        return importlib.import_module(f"sklearn_mitra.export.{name}")
    except ImportError as error:  # it lists what is missing, and how to install it
        if isinstance(error, ModuleNotFoundError) and error.name == "sklearn_mitra.export":
            raise CommandError(
                "sklearn_mitra.export is not installed. In a clone of the repository, run: pip "
                'install --editable ".[export]"'
            ) from error
        raise CommandError(str(error)) from error
