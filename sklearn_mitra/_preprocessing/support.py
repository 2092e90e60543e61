"""Selection of the support set from the training rows.

The selection is bit-compatible with the JavaScript package ``@wlearn/mitra``: the same seed
selects the same rows. That package leaves places empty if a class has fewer rows than its share.
Here, the same generator continues and fills them with the remaining rows, except with "equal"
sampling.
"""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

_MULTIPLIER, _INCREMENT, _MASK = 1664525, 1013904223, 0x7FFFFFFF


class Lcg:
    """wlearn's linear congruential generator.

    Its state is updated as ``s = (s * 1664525 + 1013904223) & 0x7fffffff``. A draw is
    ``s / 0x7fffffff``, a number in [0, 1], both ends included.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def draw(self, n: int) -> NDArray[np.float64]:
        """The next ``n`` draws, ndarray of shape (n,), float64."""
        # The k-th state in closed form. uint64 wraps modulo 2**64, a multiple of 2**31.
        powers = np.cumprod(np.full(n, _MULTIPLIER, np.uint64))
        sums = np.cumsum(np.concatenate([np.ones(1, np.uint64), powers]))[:n]
        states = powers * np.uint64(self._state) + sums * np.uint64(_INCREMENT)
        states = np.bitwise_and(states, np.uint64(_MASK))
        if n:
            self._state = int(states[-1])
        return states / _MASK

    def shuffle(self, values: Sequence[int]) -> list[int]:
        """A shuffled copy, by Fisher-Yates from the end."""
        shuffled = list(values)
        ends = np.arange(len(shuffled) - 1, 0, -1)
        draws = self.draw(len(ends))
        partners = np.minimum((draws * (ends + 1)).astype(np.int64), ends)  # a draw can be 1
        for i, j in zip(ends.tolist(), partners.tolist()):
            shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
        return shuffled


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """A seed from scikit-learn's ``random_state``. An int is the seed itself."""
    if isinstance(random_state, Integral):
        return int(random_state)
    if random_state is None:  # fresh entropy; NumPy's global generator is left alone
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31))


def select_rows(n_rows: int, max_support: int, seed: int) -> NDArray[np.int64]:
    """Select support rows at random.

    Parameters
    ----------
    n_rows : int
        Number of training rows.
    max_support : int
        Largest number of rows to select. All are selected if ``n_rows <= max_support``.
    seed : int

    Returns
    -------
    indices : ndarray of shape (min(n_rows, max_support),), int64
        Ascending.
    """
    if n_rows <= max_support:
        return np.arange(n_rows, dtype=np.int64)
    return np.sort(np.array(Lcg(seed).shuffle(range(n_rows))[:max_support], np.int64))


def select_rows_per_class(
    class_ids: NDArray[np.int64], max_support: int, seed: int, sampling: str
) -> NDArray[np.int64]:
    """Select support rows, with a quota for every class.

    Parameters
    ----------
    class_ids : ndarray of shape (n_rows,), int64
        0..n_classes-1, each present at least once.
    max_support : int
        Largest number of rows to select. All are selected if ``n_rows <= max_support``.
    seed : int
    sampling : {"balanced", "equal", "stratified"}
        "balanced" and "equal" give every class the same number of places. "stratified" gives it a
        number in proportion to its rows, but at least one. Places that a class can't fill go to
        rows of other classes, except with "equal".

    Returns
    -------
    indices : ndarray of shape (n_selected,), int64
        Ascending.

    Raises
    ------
    ValueError
        If there are fewer places than classes.
    """
    n_rows = len(class_ids)
    if n_rows <= max_support:
        return np.arange(n_rows, dtype=np.int64)
    counts = np.bincount(class_ids)
    if max_support < len(counts):
        raise ValueError(
            f"max_support={max_support} leaves no place for some of the {len(counts)} classes. "
            "Raise max_support to at least the number of classes."
        )
    if sampling in ("balanced", "equal"):
        quotas = _equal_quotas(len(counts), max_support)
    else:
        quotas = _proportional_quotas(counts, max_support)
    generator = Lcg(seed)
    selected = []
    for class_id, quota in enumerate(quotas):
        selected += generator.shuffle(np.flatnonzero(class_ids == class_id).tolist())[:quota]
    missing = max_support - len(selected)
    if missing and sampling != "equal":
        rest = np.setdiff1d(np.arange(n_rows), selected)
        selected += generator.shuffle(rest.tolist())[:missing]
    return np.sort(np.array(selected, np.int64))


def _equal_quotas(n_classes: int, places: int) -> NDArray[np.int64]:
    quotas = np.full(n_classes, places // n_classes)
    quotas[: places % n_classes] += 1
    return quotas


def _proportional_quotas(counts: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    """One place for each class, and the others by the largest remainder method."""
    shares = counts / counts.sum() * (places - len(counts))
    quotas = np.floor(shares).astype(np.int64)
    left = places - len(counts) - quotas.sum()
    quotas[np.argsort(quotas - shares, kind="stable")[:left]] += 1
    return quotas + 1
