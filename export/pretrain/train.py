"""The training loop: from fresh or given weights to a checkpoint, stop and resume included."""

import contextlib
import dataclasses
import math
import os
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..tab2d import Tab2D
from .batches import N_QUERY, draw_batch, draw_shape
from .checkpoints import damage_named, read_state, write_checkpoint, write_state
from .log import Log
from .losses import batch_loss
from .optimizer import Optimizer

STATE, LOG = "state.pt", "log.jsonl"

_WEIGHT_DECAY = 0.02  # of matrices, not of biases and norms
_BETAS = 0.9, 0.98
# Without cuDNN, which torch would try on recent GPUs: it failed on these shapes.
_BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_SHAPES = 2**32  # added to the seed, so that shapes don't repeat the numbers of tables


@dataclasses.dataclass(frozen=True)
class Options:
    """How to train.

    Attributes
    ----------
    seconds : float
        Length of the run, all of its parts together.
    n_steps : int or None
        Length in steps instead, for runs that are to repeat to the bit.
    budget : int
        Tokens of a batch.
    lr : float
        The largest learning rate.
    warmup : float
        Part of the run in which the learning rate rises.
    seed : int
    half : bool
        Whether the checkpoint is to be written in float16.
    compile : bool
        Whether to use ``torch.compile``.
    log_every : int
        Steps from one log line to the next.
    save_every : float
        Seconds from one saved state to the next, at least. Log lines are when it can happen.
    """

    seconds: float = 60.0
    n_steps: int | None = None
    budget: int = 262_144
    lr: float = 1.5e-3
    warmup: float = 0.02
    seed: int = 0
    half: bool = False
    compile: bool = False
    log_every: int = 100
    save_every: float = 60.0


def learning_rate(progress, options):
    """Linear warm-up, then half a cosine to zero.

    Parameters
    ----------
    progress : float
        In [0, 1].
    options : Options

    Returns
    -------
    lr : float
    """
    if progress < options.warmup:
        return options.lr * progress / options.warmup
    rest = (progress - options.warmup) / (1 - options.warmup)
    return options.lr * (1 + math.cos(math.pi * min(rest, 1))) / 2


def average_decay(step):
    """What the average keeps in a step (from 1): it spans about a twentieth of all steps."""
    return step / (step + 20)


class Trainer:
    """A training run.

    Parameters
    ----------
    config : sklearn_mitra._network.config.Config
    options : Options
    directory : str
        Made if it doesn't exist. Gets the checkpoint with the averaged weights, ``state.pt``
        to resume from, and ``log.jsonl``.
    device : str, default="cpu"
    weights : dict of str to Tensor, default=None
        A state dict to start from. None is a fresh network.
    """

    def __init__(self, config, options, directory, device="cpu", weights=None):
        self.options, self.directory, self.device = options, directory, torch.device(device)
        os.makedirs(directory, exist_ok=True)  # rather fail now than at the first log line
        with torch.random.fork_rng(devices=[]):  # torch initialises from its global state only
            torch.default_generator.manual_seed(options.seed)
            network = Tab2D(config)
        if weights is not None:
            network.load_state_dict(weights)
        self.network = network.to(self.device)
        self.average = {name: w.clone() for name, w in network.state_dict().items()}
        self.optimizer = Optimizer(network, _BETAS, _WEIGHT_DECAY)
        self.shapes = torch.Generator().manual_seed(_SHAPES + options.seed)
        self.tables = torch.Generator(self.device).manual_seed(options.seed)
        self.step = self.n_tokens = self.n_tables = 0
        self.elapsed = 0.0
        self._forward = torch.compile(network, dynamic=True) if options.compile else network
        self._losses = []
        self._log_file = Log(os.path.join(directory, LOG))

    @classmethod
    def resume(cls, config, options, directory, device="cpu"):
        """The run whose state is in ``directory``, as it was when that was saved."""
        trainer = cls(config, options, directory, device)
        path = os.path.join(directory, STATE)
        state = read_state(path)
        with damage_named(path):
            trainer._restore(state)
        return trainer

    def _restore(self, state):
        self.network.load_state_dict(state["network"])
        self.average = {name: w.to(self.device) for name, w in state["average"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.shapes.set_state(state["shapes"])
        self.tables.set_state(state["tables"])
        for name in ("step", "n_tokens", "n_tables", "elapsed"):
            setattr(self, name, state[name])

    @property
    def progress(self):
        """How much of the run is over, from 0 to 1."""
        if self.options.n_steps is not None:
            return min(1.0, self.step / self.options.n_steps)
        return min(1.0, self.elapsed / self.options.seconds)

    def run(self):
        """Train to the end of the run, and save."""
        self._log_file.forget_after(self.step)
        start = time.monotonic() - self.elapsed
        saved = self.elapsed
        while self.progress < 1:
            self.train_step()
            self.elapsed = time.monotonic() - start
            if self.step % self.options.log_every == 0:
                self._log()
                if self.elapsed - saved >= self.options.save_every:
                    self.save()
                    saved = self.elapsed
        if self._losses:
            self._log()
        self.save()

    def train_step(self):
        """Draw one batch and learn from it."""
        lr = learning_rate(self.progress, self.options)
        shape = draw_shape(self.options.budget, self.shapes)
        with torch.no_grad():
            batch = draw_batch(self.network.config, shape, self.tables)
        with self._precision(), sdpa_kernel(_BACKENDS):
            loss = batch_loss(self._forward, batch)
        self.step += 1
        is_taken = self.optimizer.step(loss, lr)
        self.n_tables += shape.n_tables
        self.n_tokens += shape.n_tables * (shape.n_support + N_QUERY) * (shape.n_features + 1)
        if is_taken:
            self._losses.append(loss.detach())
        decay = average_decay(self.step)
        for name, weight in self.network.state_dict().items():
            self.average[name].lerp_(weight, 1 - decay)

    def save(self):
        """Write the checkpoint, and the state to resume from."""
        config = self.network.config
        write_checkpoint(self.directory, config, self.average, self.options.half)
        state = {
            "config": vars(config),
            "device": self.device.type,
            "options": dataclasses.asdict(self.options),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "shapes": self.shapes.get_state(),
            "tables": self.tables.get_state(),
            "step": self.step,
            "n_tokens": self.n_tokens,
            "n_tables": self.n_tables,
            "elapsed": self.elapsed,
        }
        write_state(os.path.join(self.directory, STATE), state)

    def _precision(self):
        """bfloat16 where that is fast; its range needs no loss scaling."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    # ---- log -------------------------------------------------------------------------------------

    def _log(self):
        """One line on the screen and one, of JSON, in the log."""
        loss = torch.stack(self._losses).mean().item() if self._losses else None
        self._losses.clear()
        line = {
            "step": self.step,
            "seconds": round(self.elapsed, 2),
            "loss": loss,
            "lr": learning_rate(self.progress, self.options),
            "tokens": self.n_tokens,
            "tables": self.n_tables,
            "skipped": self.optimizer.n_skipped,
        }
        self._log_file.append(line)
        speed = self.n_tokens / max(self.elapsed, 1e-9)
        print(
            f"{100 * self.progress:5.1f} %  step {self.step}  "
            f"loss {math.nan if loss is None else loss:.4f}  "
            f"lr {line['lr']:.2e}  {self.n_tables} tables  {speed:.3g} tokens/s",
            flush=True,
        )
