"""Reports of progress on stderr, and how they word durations."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def stage(title: str | None, name: str) -> Iterator[None]:
    """Print a line with the name of a stage and the time it took, once it is complete.

    Parameters
    ----------
    title : str or None
        What the line begins with. None prints nothing.
    name : str
    """
    start = time.perf_counter()
    yield
    report(title, f"{name}, {duration(time.perf_counter() - start)}")


def report(title: str | None, message: str) -> None:
    """Print a line; see :func:`stage`."""
    if title is not None:
        print(f"{title}: {message}", file=sys.stderr, flush=True)


def bar_of(items: Sequence[T], title: str | None, name: str, unit: str) -> Iterable[T]:
    """The items, with a progress bar while they are iterated over.

    Parameters
    ----------
    items : sequence
    title : str or None
        What the bar begins with. None shows no bar.
    name, unit : str
        What is done, and what is counted.
    """
    if title is None:
        return items
    from tqdm import tqdm

    return tqdm(items, unit=unit, desc=f"{title}: {name}")


def duration(seconds: float) -> str:
    """A duration in words, such as "31 ms", "2.5 s" or "4 minutes"."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
