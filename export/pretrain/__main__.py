"""``python -m sklearn_mitra.export.pretrain``: train a Tab2D on synthetic tables.

    python -m sklearn_mitra.export.pretrain --task classification --seconds 900 --out DIR \\
        --device cuda

DIR becomes a checkpoint: ``MitraClassifier(model="DIR")``.
"""

import argparse
import contextlib
import dataclasses
import os

from sklearn_mitra._network.config import Config

from .arguments import (
    SETTINGS,
    add_training_arguments,
    check,
    check_same,
    new_trainer,
    require,
    sizes_of,
)
from .checkpoints import damage_named, read_state
from .lock import locked
from .train import STATE, Options, Trainer


def main(arguments=None):
    parser = _parser()
    given = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            check(given)
            _check_out(given)
            stack.enter_context(locked(given.out))
            trainer = _resume(given) if given.resume else new_trainer(given, given.out, given.half)
        except (ValueError, OSError) as error:
            parser.error(str(error))
        n_weights = sum(weight.numel() for weight in trainer.network.parameters())
        print(f"{trainer.network.config}\n{trainer.options}")
        print(f"{n_weights} weights, from step {trainer.step} on", flush=True)
        trainer.run()


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_mitra.export.pretrain", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_training_arguments(parser)
    parser.add_argument("--seconds", required=True, type=float, help="length of the whole run")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    parser.add_argument("--half", action="store_true", help="write float16 weights")
    return parser


def _check_out(given):
    """Raise ValueError if nothing can be written there, or what is there would be lost."""
    is_free = os.path.isdir(given.out) and os.access(given.out, os.W_OK)
    is_free = is_free or not os.path.lexists(given.out)
    require(given, is_free, "out", "a directory that can be written to, or a new one")
    has_state = os.path.exists(os.path.join(given.out, STATE))
    if given.resume and not has_state:
        raise ValueError(f"There is no {STATE} in {given.out!r}, so no run to resume.")
    if given.resume and given.init:
        raise ValueError("--resume goes on with the weights in --out. Leave out --init.")
    if has_state and not given.resume:
        raise ValueError(
            f"{given.out!r} holds a run. Pass --resume to go on with it, or another --out."
        )


def _resume(given):
    """The run in ``--out``; its length may be another."""
    path = os.path.join(given.out, STATE)
    state = read_state(path)
    with damage_named(path):
        config, begun = Config(**state["config"]), Options(**state["options"])
        device = state["device"]
    if config.task != given.task:
        raise ValueError(f"The run in {given.out!r} is for {config.task}, not {given.task}.")
    settings = {name: getattr(begun, name) for name in SETTINGS}
    # A generator's state is of use on its own kind of device only.
    found = {**sizes_of(config), **settings, "device": device}
    check_same(given, found, given.out)
    options = dataclasses.replace(
        begun, seconds=given.seconds, half=given.half or begun.half, compile=given.compile
    )
    return Trainer.resume(config, options, given.out, given.device)


if __name__ == "__main__":
    main()
