"""Explanations of arguments that a function doesn't take."""

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def explain_unexpected(hints: Mapping[str, str]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Add what to do to Python's error about unexpected keyword arguments.

    The function keeps its signature, by which scikit-learn knows what it takes.

    Parameters
    ----------
    hints : mapping of str to str
        What to do, for each of these names of arguments.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def checked(*args: P.args, **named: P.kwargs) -> T:
            for name, hint in hints.items():
                if name in named:
                    raise TypeError(
                        f"{function.__qualname__}() got an unexpected keyword argument {name!r}. "
                        f"{hint}"
                    )
            return function(*args, **named)

        return checked

    return decorate
