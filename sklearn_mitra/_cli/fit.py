"""The command that fits a model to a table."""

import argparse
import sys
from typing import Any

from .arguments import add_command, add_table, csv_format, integer
from .csv_files import check_decimals
from .errors import CommandError, named
from .output import check_out
from .tables import check_columns, check_target, is_parquet, read_table

# Whole numbers with at most this many different values are taken for classes.
_MOST_CODES = 10


def add_commands(commands: Any) -> None:
    """Add the command to an argument parser."""
    fit = add_command(
        commands,
        "fit",
        run_fit,
        "fit a model to a table, and save it as a .wlrn bundle",
        """
        sklearn-mitra fit churn.csv --target churned --out churn.wlrn
        sklearn-mitra fit houses.parquet --target price --drop id address --out houses.wlrn
        """,
    )
    add_training(fit)
    fit.add_argument("--out", "-o", required=True, metavar="FILE", help="the bundle to write")


def add_training(parser: Any) -> None:
    """Add the arguments that :func:`read_training` needs: the table, the target and the model."""
    add_table(parser)
    parser.add_argument("--target", required=True, metavar="COLUMN", help="column to predict")
    parser.add_argument(
        "--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out"
    )
    parser.add_argument(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto is classification if the target isn't numeric, or has at most "
        f"{_MOST_CODES} different whole numbers (default: %(default)s)",
    )
    parser.add_argument("--model", default="mini", help="checkpoint to use (default: %(default)s)")
    parser.add_argument(
        "--max-support",
        type=integer(1),
        default=512,
        metavar="N",
        help="largest number of support rows (default: %(default)s)",
    )
    parser.add_argument(
        "--n-estimators",
        type=integer(1),
        metavar="N",
        help="number of ensemble members",
    )
    parser.add_argument(
        "--seed",
        type=integer(0),
        metavar="N",
        default=42,
        help="seed for choosing rows (default: %(default)s)",
    )


def read_training(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Read a table and its target, and make the estimator to fit.

    Raises
    ------
    CommandError
        If the table can't be read, or lacks a column or some targets.
    """
    from .. import MitraClassifier, MitraRegressor

    form = csv_format(options)
    table = read_table(options.table, form)
    check_columns(table, [options.target, *options.drop], options.table)
    table = table.drop(columns=options.drop)
    if options.target not in table.columns:
        raise CommandError(f"--drop must not name the target {options.target!r}.")
    if table.shape[1] < 2:
        raise CommandError(
            f"{options.table} has only the target {options.target!r} to learn from. It needs at "
            "least one other column."
        )
    if not is_parquet(options.table):
        check_decimals(table, options.table, form)
    X, y = table.drop(columns=options.target), table[options.target]
    check_target(int(y.isna().sum()), len(y), options.target, options.table)
    task = options.task
    if task == "auto":
        task, reason = _guess_task(y)
        print(
            f"{options.target!r} {reason}, so this is a {task} task (override with --task).",
            file=sys.stderr,
        )
    if task == "regression" and any(isinstance(value, str) for value in y):
        raise CommandError(
            f"--task regression needs a numeric target, but {options.target!r} isn't."
        )
    estimator = (MitraClassifier if task == "classification" else MitraRegressor)(
        model=options.model,
        max_support=options.max_support,
        n_estimators=options.n_estimators,
        random_state=options.seed,
    )
    return X, y.to_numpy(), estimator


def run_fit(options: argparse.Namespace) -> int:
    """Fit a model, and save it."""
    import numpy as np

    check_out(options.out, options.table)
    X, y, estimator = read_training(options)
    with named(options.table):
        estimator.fit(X, y)
    bundle = estimator.save(options.out)
    n_support = len(estimator.X_support_)
    n_members = int(np.count_nonzero(estimator.member_weights_))
    print(
        f"{options.out}: {type(estimator).__name__} with {n_support} of {_count(len(X), 'row')}, "
        f"{_count(X.shape[1], 'column')}, {_count(n_members, 'ensemble member')}, "
        f"{len(bundle) / 1000:.0f} kB. The file contains these rows, so share it only with people "
        "who may see them.",
        file=sys.stderr,
    )
    return 0


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _guess_task(y: Any) -> tuple[str, str]:
    """The task that fits the values of a target, and the reason."""
    import numpy as np

    if y.dtype.kind not in "iuf":
        return "classification", "is not numeric"
    values = np.unique(y)
    if len(values) <= _MOST_CODES and (values == np.floor(values)).all():
        return "classification", f"has {len(values)} different whole numbers"
    return "regression", "is numeric"
