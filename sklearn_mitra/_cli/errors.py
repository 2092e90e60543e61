"""The exception of commands."""

import contextlib
from collections.abc import Iterator


class CommandError(Exception):
    """An error that the user can fix, with a message that explains how."""


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Name the file whose content an error of an estimator or a bundle is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        from .._errors import CheckpointError

        if isinstance(error, (CheckpointError, OSError)):
            raise
        raise CommandError(f"{path}: {error}") from error
