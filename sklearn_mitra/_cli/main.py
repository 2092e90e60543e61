"""The main function: arguments, errors and exit statuses."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from .._errors import BundleError, CheckpointError
from .._version import __version__
from . import bundles, export, fit, machine, models
from .errors import CommandError

_PROGRAM = "sklearn-mitra"
_EXAMPLES = """
examples:
  sklearn-mitra demo
  sklearn-mitra fit train.csv --target price --out model.wlrn
  sklearn-mitra predict model.wlrn new.csv --out predictions.csv
  sklearn-mitra COMMAND --help

Exit status: 0 for success, 1 if a file, table or model is wrong, 2 if arguments are wrong.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        None uses the arguments of the process.

    Returns
    -------
    status : int
        0, or 1 if the command failed, with the reason on stderr. If arguments are wrong, argparse
        exits with status 2.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in export.COMMANDS:  # these parse their own arguments
        return _guarded(lambda: export.run(*arguments))
    options = _make_parser().parse_args(arguments)
    return _guarded(lambda: options.run(options))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="In-context tabular models as scikit-learn estimators.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    machine.add_commands(commands)
    fit.add_commands(commands)
    models.add_commands(commands)
    bundles.add_commands(commands)
    export.add_commands(commands)
    return parser


def _guarded(command: Callable[[], int]) -> int:
    """Run a command, and print errors that the user can fix without a traceback."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        try:
            return command()
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            print(f"{_PROGRAM}: interrupted", file=sys.stderr)
            return 130
        except (
            BundleError,
            CheckpointError,
            CommandError,
            OSError,
            TypeError,
            ValueError,
        ) as error:
            print(f"{_PROGRAM}: error: {error}", file=sys.stderr)
            return 1


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"{_PROGRAM}: warning: {message}", file=sys.stderr)
