"""The main function: arguments, errors and exit statuses."""

import argparse
import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence

from .._version import __version__
from . import bundles, export, fit, machine, models
from .errors import CommandError
from .wording import reword

_PROGRAM = "sklearn-mitra"
_EXAMPLES = """
examples:
  sklearn-mitra demo
  sklearn-mitra fit train.csv --target price --out model.wlrn
  sklearn-mitra predict model.wlrn new.csv --out predictions.csv
  sklearn-mitra COMMAND --help

exit status: 0 on success, 1 if a file, table or model is wrong, 2 if an argument is wrong
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
        0; 1 if the command failed, with the reason on stderr; or 130 if it was interrupted. If
        arguments are wrong, argparse exits with status 2.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        try:
            with _flushed():
                options = _make_parser().parse_args(arguments)
                status: int = options.run(options)
            return status
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            return 1
        except KeyboardInterrupt:
            print(f"{_PROGRAM}: interrupted", file=sys.stderr)
            return 130
        except ImportError as error:
            return _fail(_explain_import(error))
        except MemoryError as error:
            return _fail(f"Not enough memory. {error}".strip())
        except OSError as error:
            if error.filename is None or error.strerror is None:
                return _fail(str(error))
            return _fail(f"{error.filename or repr('')}: {error.strerror}")
        except (CommandError, TypeError, ValueError) as error:
            return _fail(str(error))


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


@contextlib.contextmanager
def _flushed() -> Iterator[None]:
    """Write what was printed before the process ends, where an error couldn't be caught."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # Python would try again, and report it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise


def _explain_import(error: ImportError) -> str:
    reason = str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        reason = f"The package {error.name.partition('.')[0]} is not installed"
    return f'{reason}. In a clone of the repository, run: pip install ".[cli]"'


def _fail(message: str) -> int:
    print(f"{_PROGRAM}: error: {_on_one_line(reword(message))}", file=sys.stderr)
    return 1


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"{_PROGRAM}: warning: {_on_one_line(reword(str(message)))}", file=sys.stderr)


def _on_one_line(message: str) -> str:
    return re.sub(r"\s*\n\s*", " ", message.strip())
