"""What several commands have in common: their help, and arguments."""

import argparse
import textwrap
from typing import Any


def add_command(commands: Any, name: str, run: Any, help_text: str, examples: str) -> Any:
    """Add a command to an argument parser, and return the parser of its own arguments.

    Parameters
    ----------
    commands : argparse's action of subparsers
    name : str
    run : callable
        From the arguments to an exit status.
    help_text : str
        A phrase, which is its description, too.
    examples : str
        One a line.
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
    """Add the argument that is a table."""
    parser.add_argument("table", help="CSV or Parquet; - is CSV from stdin")
