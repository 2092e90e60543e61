"""Help texts and arguments that several commands share."""

import argparse
import textwrap
from typing import Any


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
    """Add the argument for a table."""
    parser.add_argument("table", help="CSV or Parquet file; - for CSV from stdin")
