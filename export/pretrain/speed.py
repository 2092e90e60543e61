"""``python -m sklearn_mitra.export.pretrain.speed``: tokens per second of the training.

    python -m sklearn_mitra.export.pretrain.speed --task regression --device cuda [--compile]

It takes steps as ``python -m sklearn_mitra.export.pretrain`` with the same arguments would, writes
nothing, and says which part of their time the drawing of tables takes.
"""

import argparse
import json
import sys
import tempfile
import time
from typing import NamedTuple

import torch

from .arguments import add_training_arguments, check, new_trainer
from .batches import draw_batch, draw_shape

_WARM_UP = 20  # steps that don't count: kernels are chosen or compiled in the first ones


class Speed(NamedTuple):
    """How fast a training is.

    Attributes
    ----------
    tokens_per_second : float
    step_seconds : float
        Of a step with its tables, on average.
    drawing_seconds : float
        Of drawing the same tables alone, without steps to wait for.
    n_steps : int
        That were measured.
    memory : int
        The most bytes of CUDA memory that were taken, 0 on a CPU.
    """

    tokens_per_second: float
    step_seconds: float
    drawing_seconds: float
    n_steps: int
    memory: int


def measure(trainer, seconds, n_warm_up=_WARM_UP):
    """Take steps for some seconds.

    Parameters
    ----------
    trainer : Trainer
        Its weights change.
    seconds : float
    n_warm_up : int

    Returns
    -------
    speed : Speed
    """
    for _ in range(n_warm_up):
        trainer.train_step()
    states = trainer.shapes.get_state(), trainer.tables.get_state()
    n_tokens, n_steps = trainer.n_tokens, trainer.step
    start = _now(trainer.device)
    while time.monotonic() - start < seconds:
        trainer.train_step()
    step_time = _now(trainer.device) - start
    n_steps = trainer.step - n_steps
    trainer.shapes.set_state(states[0])
    trainer.tables.set_state(states[1])
    start = _now(trainer.device)
    for _ in range(n_steps):
        shape = draw_shape(trainer.options.budget, trainer.shapes)
        draw_batch(trainer.network.config, shape, trainer.tables)
    drawing_time = _now(trainer.device) - start
    is_cuda = trainer.device.type == "cuda"
    return Speed(
        (trainer.n_tokens - n_tokens) / step_time,
        step_time / n_steps,
        drawing_time / n_steps,
        n_steps,
        torch.cuda.max_memory_allocated() if is_cuda else 0,
    )


def _now(device):
    """The time, once the device has done what it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_mitra.export.pretrain.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training_arguments(parser)
    parser.add_argument("--seconds", type=float, default=20.0, help="to measure for (20)")
    given = parser.parse_args(arguments)
    try:
        check(given)
        with tempfile.TemporaryDirectory() as directory:
            speed = measure(new_trainer(given, directory), given.seconds)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    share = speed.drawing_seconds / speed.step_seconds
    print(
        f"{speed.tokens_per_second:.3g} tokens/s: {1000 * speed.step_seconds:.1f} ms a step, of "
        f"which drawing the tables takes {1000 * speed.drawing_seconds:.1f} ms, {share:.0%}"
    )
    print(json.dumps({"torch": torch.__version__, "compile": given.compile, **speed._asdict()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
