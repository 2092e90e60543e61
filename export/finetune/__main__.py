"""``python -m sklearn_mitra.export.finetune``: tune a checkpoint's weights to a table.

    python -m sklearn_mitra.export.finetune data.csv --target y --out tuned

It is the command ``sklearn-mitra finetune``.
"""

import argparse
import os
import sys

from sklearn.base import is_classifier

from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.fit import add_training, read_training
from sklearn_mitra._network.checkpoint import expand_user

from .history import read_history
from .run import finetune
from .settings import STATE, Settings


def main(arguments=None):
    """Run the command.

    Returns
    -------
    status : int
        0, or 130 if it was interrupted.
    """
    options = _parser().parse_args(arguments)
    X, y, estimator = read_training(options)
    try:
        finetune(
            estimator,
            X,
            y,
            directory=options.out,
            validation_fraction=options.validation_fraction,
            seconds=options.seconds,
            n_steps=options.steps,
            learning_rate=options.lr,
            patience=options.patience,
            device=options.device,
            random_state=options.seed,
            resume=options.resume,
            verbose=not options.quiet,
        )
    except KeyboardInterrupt:
        if _has(options, STATE):
            told = f"{options.out} holds the best weights so far. --resume goes on."
        elif _has(options, "model.safetensors"):
            told = f"Interrupted after the tuning. {options.out} holds the best weights."
        else:
            told = "Interrupted before the first step. Nothing was written."
        print(told, file=sys.stderr)
        return 130
    except FloatingPointError as error:
        raise CommandError(f"{error} {options.out} holds the best weights so far.") from error
    history = read_history(options.out)
    best = min(history, key=lambda line: line["validation_loss"])
    name = "log loss" if is_classifier(estimator) else "1 - R2"
    print(
        f"{options.out}: validation {name} {history[0]['validation_loss']:.4f} before tuning, "
        f"{best['validation_loss']:.4f} after {best['step']} of {history[-1]['step']} steps. "
        f"Use it with --model {options.out}.",
        file=sys.stderr,
    )
    return 0


def _has(options, name):
    """Whether the run's directory has a file of that name."""
    return os.path.exists(os.path.join(expand_user(options.out), name))


def _parser():
    parser = argparse.ArgumentParser(
        prog="sklearn-mitra finetune",
        description="Tune a checkpoint's weights to a table.",
        epilog="example:\n  sklearn-mitra finetune churn.csv --target churned --out tuned\n"
        "  sklearn-mitra fit churn.csv --target churned --model tuned --out churn.wlrn",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training(parser)
    parser.add_argument(
        "--out", "-o", required=True, metavar="DIR", help="a new directory, for the checkpoint"
    )
    parser.add_argument(
        "--seconds", type=float, default=Settings.seconds, help="of tuning (%(default)g)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="length in steps instead")
    parser.add_argument(
        "--lr", type=float, default=Settings.lr, help="largest learning rate (%(default)g)"
    )
    parser.add_argument(
        "--validation-fraction",
        type=float,
        default=0.2,
        metavar="PART",
        help="of the rows, to choose the best weights by (%(default)g)",
    )
    parser.add_argument(
        "--patience", type=int, metavar="N", help="validations without a better score, to stop"
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress on stderr")
    return parser


if __name__ == "__main__":
    from sklearn_mitra._cli.main import main as run  # says what is wrong, without a traceback

    sys.exit(run(["finetune", *sys.argv[1:]]))
