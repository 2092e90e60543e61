"""``python -m sklearn_mitra.export.finetune``: tune a checkpoint's weights to a table.

    python -m sklearn_mitra.export.finetune data.csv --target y --out tuned

It is the command ``sklearn-mitra finetune``.
"""

import os
import sys

from sklearn.base import is_classifier

from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.fit import read_training
from sklearn_mitra._cli.main import main
from sklearn_mitra._network.checkpoint import expand_user

from .history import read_history
from .run import finetune
from .settings import STATE


def run_command(options):
    """Run the command, with its arguments.

    Returns
    -------
    status : int
        0, or 130 if it was interrupted.
    """
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
            told = f"{options.out} holds the best weights so far. Pass --resume to continue."
        elif _has(options, "model.safetensors"):
            told = f"Interrupted after tuning. {options.out} holds the best weights."
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


if __name__ == "__main__":
    sys.exit(main(["finetune", *sys.argv[1:]]))
