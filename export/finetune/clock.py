"""The time of a run: what has passed, and whether another step would end in time."""

import contextlib
import math
import time
from collections import deque

# Fewer steps than these hardly tune anything.
_FEWEST_STEPS = 20
# The next step, or validation, will take no longer than the longest of so many before it.
_N_TIMED = 8


class Clock:
    """The time of a run, from its start to the end of its last validation.

    Parameters
    ----------
    seconds : float
        Length of the run.
    start : float
        When it started, by ``time.monotonic``.
    validation_steps : float
        How many of the longest steps a validation takes as long as, roughly. This is gone by until
        enough steps were timed.
    """

    def __init__(self, seconds, start, validation_steps):
        self._seconds, self._start, self._validation_steps = seconds, start, validation_steps
        self._before = self._prepared = 0.0
        self._steps, self._validations = deque(maxlen=_N_TIMED), deque(maxlen=_N_TIMED)

    @property
    def elapsed(self):
        """Seconds since the start, with those of the parts before, if the run was resumed."""
        return self._before + time.monotonic() - self._start

    def begin_steps(self):
        """Count the time since the start as preparation, which takes nothing off the schedule."""
        self._prepared += self.elapsed - self._before

    def time_step(self):
        """A context that takes the time of a step."""
        return _timed(self._steps)

    def time_validation(self):
        """A context that takes the time of a validation."""
        return _timed(self._validations)

    @property
    def progress(self):
        """How much of the time for steps is over, from 0 to 1."""
        length = self._seconds - self._validation_seconds - self._prepared
        return min(1.0, (self.elapsed - self._prepared) / length) if length > 0 else 1.0

    @property
    def has_time(self):
        """Whether another step, and its validation, would end in time."""
        needed = self._step_seconds + self._validation_seconds
        return self.elapsed + needed <= self._seconds

    def explain_shortage(self, n_steps, interval):
        """A warning that a run of so few steps can't have learned much, or None.

        Parameters
        ----------
        n_steps : int
            Those that were taken.
        interval : int
            Steps from one validation to the next.
        """
        if n_steps >= _FEWEST_STEPS:
            return None
        step, validation = self._step_seconds, self._validation_seconds
        n_validations = math.ceil(_FEWEST_STEPS / interval)
        needed = self._prepared + _FEWEST_STEPS * step + n_validations * validation
        return (
            f"Only {n_steps} of the {_FEWEST_STEPS} steps that tuning needs at least were taken in "
            f"seconds={self._seconds:g}. Preparation took {self._prepared:.1f} s. A step takes "
            f"about {step:.1f} s, and a validation {validation:.1f} s. Pass "
            f"seconds={10 * math.ceil(1.2 * needed / 10)} or more."
        )

    @property
    def _step_seconds(self):
        by_validation = self._validation_seconds / self._validation_steps
        return max(self._steps if len(self._steps) == _N_TIMED else (*self._steps, by_validation))

    @property
    def _validation_seconds(self):
        return max(self._validations, default=0.0)

    # ------------------------------------------------------------ interruption

    def state(self):
        """What :meth:`restore` needs, dict."""
        return {
            "elapsed": self.elapsed,
            "prepared": self._prepared,
            "steps": [*self._steps],
            "validations": [*self._validations],
        }

    def restore(self, state):
        """Go on from a state."""
        self._before, self._prepared = float(state["elapsed"]), float(state["prepared"])
        self._steps.extend(map(float, state["steps"]))
        self._validations.extend(map(float, state["validations"]))


@contextlib.contextmanager
def _timed(durations):
    start = time.monotonic()
    yield
    durations.append(time.monotonic() - start)
