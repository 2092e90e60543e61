"""The loop: steps, validations, the best weights so far, stop and resume."""

import contextlib
import dataclasses
import math
import os
import signal
import threading
import time

import numpy as np
import torch
from tqdm import tqdm

from ..pretrain.batches import Batch
from ..pretrain.checkpoints import damage_named, read_state, write_checkpoint, write_state
from ..pretrain.losses import batch_loss
from ..pretrain.optimizer import Optimizer
from ..pretrain.train import learning_rate
from ..tab2d import Tab2D
from .arguments import check_same
from .clock import Clock
from .device import choose_device, fit_memory, halve, precision
from .episodes import Episodes
from .history import open_history
from .settings import STATE
from .validation import Validation

_BETAS = 0.9, 0.999
_SAVE_EVERY = 60.0  # seconds, at least
# A validation takes about this part of the time of the steps since the last one.
_VALIDATION_SHARE = 0.2
_FEWEST_STEPS, _MOST_STEPS = 5, 50  # from one validation to the next


def tune(checkpoint, task, arguments, settings, directory, device, resume, verbose, start):
    """Tune a checkpoint, and write the best weights.

    Parameters
    ----------
    checkpoint : sklearn_mitra._network.checkpoint.Checkpoint
    task : Task
    arguments : dict of str to str
        Those that a resumed run must have been begun with.
    settings : Settings
    directory : str
    device : {"auto", "cpu", "cuda"}
    resume, verbose : bool
    start : float
        When the run started, by ``time.monotonic``.

    Returns
    -------
    shortage : str or None
        A warning, if too few steps were taken in the time.
    """
    device = choose_device(device)
    with _torchs_defaults(device):
        return _tune(
            checkpoint, task, arguments, settings, directory, device, resume, verbose, start
        )


def _tune(checkpoint, task, arguments, settings, directory, device, resume, verbose, start):
    tuner = Tuner(
        checkpoint,
        Tab2D.from_checkpoint(checkpoint),
        Episodes(task.learner, settings.n_support, settings.n_query, task.sampling),
        Validation(task.served, task.x, task.y, device),
        settings,
        directory,
        device,
        arguments,
        start,
    )
    if resume:
        tuner.resume()
    with _progress_bar(settings, verbose) as report:
        tuner.run(report)
    return tuner.explain_shortage()


@contextlib.contextmanager
def _torchs_defaults(device):
    """A context with gradients and in float32, whatever modes of PyTorch the caller has set."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            # Within it, copies of weights in bfloat16 would be kept from step to step.
            with torch.autocast(device.type, enabled=False, cache_enabled=False):
                yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _progress_bar(settings, verbose):
    """A function that shows how far a tuner is."""
    total = settings.seconds if settings.n_steps is None else settings.n_steps
    unit = "s" if settings.n_steps is None else "step"
    with tqdm(total=round(total), unit=unit, disable=not verbose, desc="fine-tuning") as bar:

        def report(tuner):
            done = tuner.clock.elapsed if settings.n_steps is None else tuner.step
            bar.n = min(round(done), bar.total)
            bar.set_postfix_str(
                f"step {tuner.step}, validation {tuner.first_loss:.4f} -> {tuner.best_loss:.4f}"
            )

        yield report


class Tuner:
    """A run of fine-tuning.

    Parameters
    ----------
    checkpoint : sklearn_mitra._network.checkpoint.Checkpoint
        To start from.
    network : Tab2D
        With its weights.
    episodes : Episodes
    validation : Validation
    settings : Settings
    directory : str
        Gets the checkpoint with the best weights, the history, and the state of a run that was
        interrupted.
    device : torch.device
    arguments : dict of str to str
        Those that a resumed run must have been begun with.
    start : float
        When the run started, by ``time.monotonic``.
    """

    def __init__(
        self,
        checkpoint,
        network,
        episodes,
        validation,
        settings,
        directory,
        device,
        arguments,
        start,
    ):
        self.settings, self.directory, self.device = settings, directory, device
        self._checkpoint, self._episodes, self._validation = checkpoint, episodes, validation
        self._arguments = arguments
        self.network = network.to(device)
        self.optimizer = Optimizer(self.network, _BETAS, settings.weight_decay)
        self.best = _copy(self.network)
        self.best_loss = self.first_loss = math.inf
        self.step = 0
        self._n_worse = 0
        self._is_new = True
        self._is_whole = False  # whether a run that goes on from here takes the same steps
        self._history = open_history(directory)
        self._losses = []
        fit_memory(episodes, network.config, device)
        self.validate_every = _choose_interval(self._validation_steps(episodes.mean_columns))
        longest_steps = self._validation_steps(episodes.most_columns)
        self.clock = Clock(settings.seconds, start, longest_steps)

    def resume(self):
        """Go on from the state in the directory.

        Raises
        ------
        ValueError
            If it can't be read, or is of another run.
        """
        path = os.path.join(self.directory, STATE)
        state = read_state(path)
        with damage_named(path):
            begun = dict(state["arguments"])
        check_same(begun, self._arguments, self.directory)
        with damage_named(path):
            self._restore(state)
        self._history.forget_after(self.step)
        self._is_new, self._is_whole = False, True

    def _restore(self, state):
        self.network.load_state_dict(state["network"])
        self.best = {name: w.to(self.device) for name, w in state["best"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self._losses = [torch.tensor(loss, device=self.device) for loss in state["losses"]]
        self.clock.restore(state["clock"])
        for name in ("best_loss", "first_loss", "step", "_n_worse"):
            setattr(self, name, state[name])

    @property
    def progress(self):
        """How much of the steps is over, from 0 to 1."""
        if self.settings.n_steps is not None:
            return self.step / self.settings.n_steps if self.settings.n_steps else 1.0
        return self.clock.progress

    def _progress_amid_step(self):
        """The progress that the learning rate of a step goes by: at its start, that is 0 first."""
        if self.settings.n_steps is not None:
            return (self.step + 0.5) / self.settings.n_steps
        return self.clock.progress

    @property
    def _goes_on(self):
        """Whether there is another step to take."""
        if self.settings.n_steps is not None:
            return self.step < self.settings.n_steps
        return self.clock.has_time

    def explain_shortage(self):
        """A warning, if the time was too short for the run to learn much, or None."""
        if self.settings.n_steps is not None or self._is_patience_over():
            return None
        return self.clock.explain_shortage(self.step, self.validate_every)

    def run(self, report):
        """Tune to the end of the run, and write the best checkpoint.

        Parameters
        ----------
        report : callable
            Called with the tuner after every step.
        """
        with _deferred_interrupt() as is_interrupted:
            if self._is_new:
                self._validate()
                self._is_whole = True
                self._save()
            self.clock.begin_steps()
            try:
                self._take_steps(report, is_interrupted)
            except BaseException:
                self._save()
                raise
            self._write_best()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.directory, STATE))
            if is_interrupted():  # meanwhile
                raise KeyboardInterrupt

    def _take_steps(self, report, is_interrupted):
        saved, goes_on = time.monotonic(), self._goes_on
        while goes_on and not self._is_patience_over():
            if is_interrupted():
                raise KeyboardInterrupt
            with self.clock.time_step():
                self._train_step()
            goes_on = self._goes_on
            if self.step % self.validate_every == 0 or not goes_on:
                self._validate()
                goes_on = goes_on and self._goes_on
            self._is_whole = True
            if time.monotonic() - saved >= _SAVE_EVERY:
                self._save()
                saved = time.monotonic()
            report(self)
        if is_interrupted():
            raise KeyboardInterrupt

    def _train_step(self):
        """Learn from one episode; a smaller one, if the device hasn't the memory."""
        batch = self._episodes.draw(np.random.RandomState([self.settings.seed, self.step]))
        batch = Batch(*(part if part is None else part.to(self.device) for part in batch))
        try:
            with precision(self.device):
                loss = batch_loss(self.network, batch)
            self._is_whole = False
            lr = learning_rate(self._progress_amid_step(), self.settings)
            is_taken = self.optimizer.step(loss, lr)
        except torch.OutOfMemoryError:
            halve(self._episodes)
            return
        self.step += 1
        if is_taken:
            self._losses.append(loss.detach())

    def _validate(self):
        with self.clock.time_validation():
            loss = self._validation.loss(self.network)
        if self.step == 0:
            self.first_loss = loss
        if loss < self.best_loss:
            self.best, self.best_loss = _copy(self.network), loss
            self._n_worse = 0
        else:
            self._n_worse += 1
        mean = torch.stack(self._losses).mean().item() if self._losses else None
        self._losses.clear()
        line = {
            "step": self.step,
            "seconds": round(self.clock.elapsed, 2),
            "loss": mean,
            "validation_loss": loss,
            "lr": learning_rate(self.progress, self.settings),
        }
        self._history.append(line)

    def _is_patience_over(self):
        return self.settings.patience is not None and self._n_worse >= self.settings.patience

    def _validation_steps(self, n_columns):
        """How many steps of so many columns a validation takes as long as, by their tokens."""
        n_rows = self._episodes.n_support + self._episodes.n_query
        n_tokens = n_rows * (n_columns + 1)
        return self._validation.n_tokens / (3 * n_tokens)  # backwards takes twice as long

    def _write_best(self):
        config, n_estimators = self._checkpoint.config, self._checkpoint.n_estimators
        write_checkpoint(self.directory, config, self.best, n_estimators=n_estimators)

    def _save(self):
        """Write the best checkpoint so far, and the state to resume from.

        In the middle of a step, the state that was written last stays.
        """
        self._write_best()
        if not self._is_whole:
            return
        state = {
            "config": vars(self._checkpoint.config),
            "options": dataclasses.asdict(self.settings),
            "arguments": self._arguments,
            "network": self.network.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "best_loss": self.best_loss,
            "first_loss": self.first_loss,
            "losses": [loss.item() for loss in self._losses],
            "step": self.step,
            "clock": self.clock.state(),
            "_n_worse": self._n_worse,
        }
        write_state(os.path.join(self.directory, STATE), state)


@contextlib.contextmanager
def _deferred_interrupt():
    """A function that says whether Ctrl-C was pressed; if it is once more, Python goes on as ever.

    In the middle of a step, the weights are neither the old ones nor the new ones.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or former is None:
        yield lambda: False  # other threads get no signals
        return
    asked = []

    def ask(number, frame):
        asked.append(number)
        signal.signal(signal.SIGINT, former)

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, former)


def _choose_interval(validation_steps):
    """Steps from one validation to the next, by how many steps one takes as long as."""
    return round(min(max(validation_steps / _VALIDATION_SHARE, _FEWEST_STEPS), _MOST_STEPS))


def _copy(network):
    """A network's weights, apart from those that go on changing."""
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
