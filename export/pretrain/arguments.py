"""The arguments of commands that train, and the run that they ask for."""

import math

import torch

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config

from ..tab2d import Tab2D
from .batches import SMALLEST_BUDGET
from .train import Options, Trainer

SETTINGS = "budget", "lr", "seed"  # of Options; a resumed run has those it began with

_OUTPUTS = {"classification": 10, "regression": 1}
_SIZES = {"dim": 128, "layers": 6, "heads": 4}


def add_training_arguments(parser):
    """The arguments that say what is trained and how, without how long and where to."""
    parser.add_argument("--task", required=True, choices=list(_OUTPUTS))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    for name, size in _SIZES.items():
        parser.add_argument(f"--{name}", type=int, help=f"default: {size}, or that of --init")
    parser.add_argument("--outputs", type=int, help="most classes (10), or target bins or 1 (1)")
    parser.add_argument("--budget", type=int, help=f"tokens of a batch ({Options.budget})")
    parser.add_argument("--lr", type=float, help=f"largest learning rate ({Options.lr})")
    parser.add_argument("--seed", type=int, help=f"({Options.seed})")
    parser.add_argument("--init", metavar="CHECKPOINT", help="directory or name to start from")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")


def check(given):
    """Raise ValueError if what they ask for can't be."""

    def need(condition, name, needed):
        require(given, condition, name, needed)

    need(0 < given.seconds < math.inf, "seconds", "a positive number")
    need(given.lr is None or 0 < given.lr < math.inf, "lr", "a positive number")
    need(given.seed is None or 0 <= given.seed < 2**32, "seed", "in 0..4294967295")
    is_enough = given.budget is None or given.budget >= SMALLEST_BUDGET
    need(is_enough, "budget", f"at least {SMALLEST_BUDGET}, one table with 64 features")
    for name in (*_SIZES, "outputs"):
        need(getattr(given, name) is None or getattr(given, name) > 0, name, "positive")
    if given.task == "classification":
        need(given.outputs != 1, "outputs", "at least 2")
    is_there = given.device == "cpu" or torch.cuda.is_available()
    need(is_there, "device", "'cpu', since PyTorch finds no CUDA device")


def require(given, condition, name, needed):
    """Raise ValueError that says what an argument must be, unless a condition holds."""
    if not condition:
        raise ValueError(f"--{name} must be {needed}. Got {getattr(given, name)!r} instead.")


def new_trainer(given, directory, half=False):
    """A new run, with fresh weights or those of another checkpoint."""
    weights = None
    if given.init:
        checkpoint = resolve_checkpoint(given.init, given.task)
        config, weights = checkpoint.config, Tab2D.from_checkpoint(checkpoint).state_dict()
        check_same(given, sizes_of(config), given.init)
    else:
        sizes = {**_SIZES, "outputs": _OUTPUTS[given.task]}
        sizes = {name: _first(getattr(given, name), size) for name, size in sizes.items()}
        if sizes["dim"] % sizes["heads"]:
            raise ValueError(
                f"--dim must be a multiple of --heads. Got {sizes['dim']} and {sizes['heads']}."
            )
        config = Config(sizes["dim"], sizes["outputs"], sizes["layers"], sizes["heads"], given.task)
    settings = {name: _first(getattr(given, name), getattr(Options, name)) for name in SETTINGS}
    options = Options(given.seconds, half=half, compile=given.compile, **settings)
    return Trainer(config, options, directory, given.device, weights)


def sizes_of(config):
    """A network's sizes by the names of their arguments."""
    return {
        "dim": config.dim,
        "layers": config.n_layers,
        "heads": config.n_heads,
        "outputs": config.dim_output,
    }


def check_same(given, found, where):
    """Raise ValueError if an argument contradicts what is there already."""
    for name, value in found.items():
        if getattr(given, name) not in (None, value):
            raise ValueError(f"--{name} is {getattr(given, name)}, but {value} in {where!r}.")


def _first(given, default):
    return default if given is None else given
