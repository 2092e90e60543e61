"""``python -m sklearn_mitra.export.pretrain``: train a Tab2D on synthetic tables.

    python -m sklearn_mitra.export.pretrain --task classification --seconds 900 --out DIR \\
        --device cuda

DIR becomes a checkpoint: ``MitraClassifier(model="DIR")``.
"""

import argparse
import dataclasses
import math
import os

import torch

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config

from ..tab2d import Tab2D
from .batches import SMALLEST_BUDGET
from .checkpoints import read_state
from .train import STATE, Options, Trainer

_OUTPUTS = {"classification": 10, "regression": 1}
_SIZES = {"dim": 128, "layers": 6, "heads": 4}
_SETTINGS = "budget", "lr", "seed"  # of Options; a resumed run has those it began with


def main(arguments=None):
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        _check(given)
        trainer = _resume(given) if given.resume else _begin(given)
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
    parser.add_argument("--task", required=True, choices=list(_OUTPUTS))
    parser.add_argument("--seconds", required=True, type=float, help="length of the whole run")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    for name, size in _SIZES.items():
        parser.add_argument(f"--{name}", type=int, help=f"default: {size}, or that of --init")
    parser.add_argument("--outputs", type=int, help="most classes (10), or target bins or 1 (1)")
    parser.add_argument("--budget", type=int, help=f"tokens of a batch ({Options.budget})")
    parser.add_argument("--lr", type=float, help=f"largest learning rate ({Options.lr})")
    parser.add_argument("--seed", type=int, help=f"({Options.seed})")
    parser.add_argument("--init", metavar="CHECKPOINT", help="directory or name to start from")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    parser.add_argument("--half", action="store_true", help="write float16 weights")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    return parser


def _check(given):
    """Raise ValueError if what was asked for can't be."""

    def require(condition, name, needed):
        if not condition:
            raise ValueError(f"--{name} must be {needed}. Got {getattr(given, name)!r} instead.")

    require(0 < given.seconds < math.inf, "seconds", "a positive number")
    require(given.lr is None or 0 < given.lr < math.inf, "lr", "a positive number")
    require(given.seed is None or 0 <= given.seed < 2**32, "seed", "in 0..4294967295")
    is_enough = given.budget is None or given.budget >= SMALLEST_BUDGET
    require(is_enough, "budget", f"at least {SMALLEST_BUDGET}, one table with 64 features")
    for name in (*_SIZES, "outputs"):
        require(getattr(given, name) is None or getattr(given, name) > 0, name, "positive")
    if given.task == "classification":
        require(given.outputs != 1, "outputs", "at least 2")
    is_there = given.device == "cpu" or torch.cuda.is_available()
    require(is_there, "device", "'cpu', since PyTorch finds no CUDA device")
    is_free = os.path.isdir(given.out) and os.access(given.out, os.W_OK)
    is_free = is_free or not os.path.lexists(given.out)
    require(is_free, "out", "a directory that can be written to, or a new one")
    has_state = os.path.exists(os.path.join(given.out, STATE))
    if given.resume and not has_state:
        raise ValueError(f"There is no {STATE} in {given.out!r}, so no run to resume.")
    if given.resume and given.init:
        raise ValueError("--resume goes on with the weights in --out. Leave out --init.")
    if has_state and not given.resume:
        raise ValueError(
            f"{given.out!r} holds a run. Pass --resume to go on with it, or another --out."
        )


def _begin(given):
    """A new run, with fresh weights or those of another checkpoint."""
    weights = None
    if given.init:
        checkpoint = resolve_checkpoint(given.init, given.task)
        config, weights = checkpoint.config, Tab2D.from_checkpoint(checkpoint).state_dict()
        _check_same(given, _sizes(config), given.init)
    else:
        sizes = {**_SIZES, "outputs": _OUTPUTS[given.task]}
        sizes = {name: _first(getattr(given, name), size) for name, size in sizes.items()}
        if sizes["dim"] % sizes["heads"]:
            raise ValueError(
                f"--dim must be a multiple of --heads. Got {sizes['dim']} and {sizes['heads']}."
            )
        config = Config(sizes["dim"], sizes["outputs"], sizes["layers"], sizes["heads"], given.task)
    settings = {name: _first(getattr(given, name), getattr(Options, name)) for name in _SETTINGS}
    options = Options(given.seconds, half=given.half, compile=given.compile, **settings)
    return Trainer(config, options, given.out, given.device, weights)


def _resume(given):
    """The run in ``--out``; its length may be another."""
    state = read_state(os.path.join(given.out, STATE))
    config, begun = Config(**state["config"]), Options(**state["options"])
    if config.task != given.task:
        raise ValueError(f"The run in {given.out!r} is for {config.task}, not {given.task}.")
    settings = {name: getattr(begun, name) for name in _SETTINGS}
    # A generator's state is of use on its own kind of device only.
    found = {**_sizes(config), **settings, "device": state["device"]}
    _check_same(given, found, given.out)
    options = dataclasses.replace(
        begun, seconds=given.seconds, half=given.half or begun.half, compile=given.compile
    )
    return Trainer.resume(config, options, given.out, given.device)


def _sizes(config):
    return {
        "dim": config.dim,
        "layers": config.n_layers,
        "heads": config.n_heads,
        "outputs": config.dim_output,
    }


def _check_same(given, found, where):
    """Raise ValueError if an argument contradicts what is there already."""
    for name, value in found.items():
        if getattr(given, name) not in (None, value):
            raise ValueError(f"--{name} is {getattr(given, name)}, but {value} in {where!r}.")


def _first(given, default):
    return default if given is None else given


if __name__ == "__main__":
    main()
