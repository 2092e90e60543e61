"""The memory that cached contexts of all estimators in this process may take together."""

import functools
import weakref
from numbers import Integral
from typing import Any

from sklearn.utils import check_scalar

from .locks import make_lock
from .memory import total_memory
from .sessions import forget_sessions

_lock = make_lock()
_limit: int | None = None


class Kept:
    """Something of known size that is kept, and can be dropped and made again.

    Attributes
    ----------
    nbytes : int
    value : object or None
        None before it was made, and after it was dropped.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.value: Any = None


# From the least to the most recently used. Whoever owns one decides how long it lives.
_kept: list["weakref.ref[Kept]"] = []


def context_budget() -> int:
    """Most bytes of all cached contexts together."""
    return _quarter_of_memory() if _limit is None else _limit


@functools.cache  # or every prediction would ask the system
def _quarter_of_memory() -> int:
    return total_memory() // 4


def set_context_budget(nbytes: int | None) -> None:
    """Set how much memory the cached contexts of all estimators in this process may take.

    When a further context would take more, those not used for the longest time are dropped; the
    next prediction that needs one computes it again.

    Parameters
    ----------
    nbytes : int or None
        In bytes. None is a quarter of the machine's memory, as it is from the start.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or negative.

    Examples
    --------
    >>> import sklearn_mitra
    >>> sklearn_mitra.set_context_budget(2 * 2**30)
    >>> sklearn_mitra.set_context_budget(None)
    """
    global _limit
    _limit = None if nbytes is None else int(check_scalar(nbytes, "nbytes", Integral, min_val=0))
    make_room(0)


def clear_sessions() -> None:
    """Free the memory of all onnxruntime sessions and cached contexts of this process.

    Estimators stay fitted. The next prediction makes what it needs again.

    Examples
    --------
    >>> import sklearn_mitra
    >>> sklearn_mitra.clear_sessions()
    """
    _drop(-1)
    forget_sessions()


def make_room(nbytes: int) -> None:
    """Drop what was not used for the longest time until so many bytes more fit the budget."""
    _drop(context_budget() - nbytes)


def keep(kept: Kept) -> None:
    """Remember something that is kept now, or was used again."""
    with _lock:
        _kept[:] = [ref for ref in _kept if ref() not in (None, kept)]
        _kept.append(weakref.ref(kept))


def _drop(most: int) -> None:
    """Drop until no more than so many bytes are left, or nothing."""
    with _lock:
        alive = [kept for ref in _kept if (kept := ref()) is not None]
        total = sum(kept.nbytes for kept in alive)
        while alive and total > most:
            oldest = alive.pop(0)
            oldest.value = None  # it lives on in predictions that run
            total -= oldest.nbytes
        _kept[:] = [weakref.ref(kept) for kept in alive]
