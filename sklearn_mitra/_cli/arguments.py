"""Help texts and arguments that several commands share."""

import argparse
import codecs
import contextlib
import textwrap
from collections.abc import Callable
from typing import Any

from .csv_files import CsvFormat


def add_command(commands: Any, name: str, run: Any, help_text: str, examples: str) -> Any:
    """Add a command to an argument parser, and return the parser of its arguments.

    Parameters
    ----------
    commands : argparse action of subparsers
    name : str
    run : callable
        Takes the parsed arguments and returns an exit status.
    help_text : str
        A phrase, which is also the description.
    examples : str
        One example per line.
    """
    parser = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_table(parser: Any) -> None:
    """Add the arguments for a table."""
    parser.add_argument("table", help="CSV or Parquet file; - for CSV from stdin")
    parser.add_argument(
        "--sep",
        type=_separator,
        metavar="CHARACTER",
        help="separator of a CSV file, such as ; or tab (default: the comma, semicolon or tab that "
        "is most frequent in the first line)",
    )
    parser.add_argument(
        "--decimal",
        choices=[".", ","],
        default=CsvFormat.decimal,
        metavar="MARK",
        help="decimal mark of a CSV file: a point or a comma (default: %(default)s)",
    )
    parser.add_argument(
        "--encoding",
        type=_encoding,
        default=CsvFormat.encoding,
        metavar="NAME",
        help="encoding of a CSV file, such as cp1252 or latin-1 (default: utf-8)",
    )


def csv_format(options: argparse.Namespace) -> CsvFormat:
    """How the table is written, by the arguments of :func:`add_table`."""
    return CsvFormat(options.sep, options.decimal, options.encoding)


def integer(minimum: int) -> Callable[[str], int]:
    """A type of arguments: integers that are not less than a minimum."""

    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if (value := int(text)) >= minimum:
                return value
        raise argparse.ArgumentTypeError(f"must be an integer of {minimum} or more. Got {text!r}")

    return parse


def _separator(text: str) -> str:
    separator = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n':
        raise argparse.ArgumentTypeError(f"must be one ASCII character, or tab. Got {text!r}")
    return separator


def _encoding(text: str) -> str:
    try:
        "".encode(text)  # some codecs of Python are not for text
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"must be an encoding such as utf-8 or cp1252. Got {text!r}"
        ) from None
    # Files in UTF-8 may start with a byte order mark.
    return CsvFormat.encoding if codecs.lookup(text).name == "utf-8" else text
