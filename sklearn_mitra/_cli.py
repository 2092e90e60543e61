"""The command line: ``python -m sklearn_mitra``."""

import argparse
from collections.abc import Sequence

from ._version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Those of the process by default.

    Returns
    -------
    status : int
        0. Wrong arguments end the process with 2, as argparse does.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_mitra",
        description="In-context tabular models as scikit-learn estimators.",
    )
    parser.add_argument("--version", action="version", version=f"sklearn-mitra {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "demo",
        help="compare the estimators with scikit-learn's on its bundled tables (half a minute)",
    )
    parser.parse_args(arguments)
    from ._demo import run  # brings in scikit-learn's ensembles

    run()
    return 0
