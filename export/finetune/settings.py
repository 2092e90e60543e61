"""How to fine-tune: the settings of a run, and what they may be."""

import dataclasses
import math
from numbers import Integral, Real

#: The file in the directory of a run that was interrupted.
STATE = "state.pt"

# NumPy's numbers can't be written as JSON, nor be read from a state without running code.
_KINDS = {
    float: ("seconds", "lr", "weight_decay"),
    int: ("n_steps", "n_support", "n_query", "patience", "seed"),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes
    ----------
    seconds : float
        Length of the run.
    n_steps : int or None
        Length in steps instead.
    lr : float
        The largest learning rate.
    weight_decay : float
    n_support, n_query : int
        Most rows of a step.
    patience : int or None
        Validations without a better score after which the run ends.
    seed : int
    warmup : float
        Part of the run in which the learning rate rises.
    """

    seconds: float = 300.0
    n_steps: int | None = None
    lr: float = 1e-4
    weight_decay: float = 0.01
    n_support: int = 384
    n_query: int = 256
    patience: int | None = None
    seed: int = 0
    warmup: float = 0.05

    def __post_init__(self):
        """Raise a TypeError or ValueError for what can't be; have plain numbers of the rest."""
        _check("seconds", self.seconds, Real, 0, exclusive=True)
        _check("n_steps", self.n_steps, Integral, 0, optional=True)
        _check("learning_rate", self.lr, Real, 0, exclusive=True)
        _check("weight_decay", self.weight_decay, Real, 0)
        _check("support_size", self.n_support, Integral, 2)
        _check("query_size", self.n_query, Integral, 1)
        _check("patience", self.patience, Integral, 1, optional=True)
        for kind, names in _KINDS.items():
            for name in names:
                value = getattr(self, name)
                object.__setattr__(self, name, None if value is None else kind(value))


def _check(name, value, kind, least, exclusive=False, optional=False):
    """Raise an error unless it is a number of that kind, not less than ``least``."""
    if optional and value is None:
        return
    number = "an integer" if kind is Integral else "a finite number"
    bound = f"more than {least}" if exclusive else f"{least} or more"
    wanted = f"{number}, {bound}{', or None' if optional else ''}"
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name!r} must be {wanted}. Got {value!r} instead.")
    if not math.isfinite(value) or value < least or (exclusive and value == least):
        raise ValueError(f"{name!r} must be {wanted}. Got {value!r} instead.")
