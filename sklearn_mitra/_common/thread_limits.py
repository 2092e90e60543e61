"""Limits on the threads of libraries, around a call."""

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def limit_threads(n_threads: int, user_api: str | None = None) -> Any:
    """A context manager in which libraries use at most so many threads.

    Parameters
    ----------
    n_threads : int
    user_api : {"blas", "openmp"}, default=None
        The libraries to limit; None is all of them.
    """
    return _find_libraries().limit(limits=n_threads, user_api=user_api)


@cache
def _find_libraries() -> ThreadpoolController:
    """The libraries of this process. To look for them takes as long as a small fit."""
    return ThreadpoolController()
