"""Files that are replaced as a whole or not at all, and streams, which are written to."""

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

# Folders of a process's open files.
_OPEN_FILES = re.compile(r"/dev/fd|/proc/\d+(/task/\d+)?/fd")
_MOST_LINKS = 40  # that Linux follows


@contextlib.contextmanager
def written(path: str | os.PathLike[str], private: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which then replaces ``path`` as :func:`replaced` does.

    Streams are no files to replace: ``/dev/stdout``, ``/dev/fd/3``, ``/proc/self/fd/3`` and links
    to them are written to where they are, even if a file is behind them.

    Parameters
    ----------
    path : str or PathLike
    private : bool, default=False
        See :func:`replaced`.

    Yields
    ------
    file : binary file
    """
    stream = _find_stream(path)
    if stream is not None:
        with _open_stream(stream) as file:
            yield file
        return
    with replaced(path, private) as temporary, open(temporary, "wb") as file:
        yield file


def _find_stream(path: str | os.PathLike[str]) -> str | None:
    """The name of an open file, such as /proc/17/fd/1, that a path leads to; None if to no such."""
    path = os.fsdecode(path)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder)
        path = os.path.join(folder, name)
        if _OPEN_FILES.fullmatch(folder):
            return path
        if not os.path.islink(path):
            break
        path = os.path.join(folder, os.readlink(path))
    return None


def _open_stream(stream: str) -> BinaryIO:
    """An open file to write to, without truncating it."""
    folder, name = os.path.split(stream)
    is_own = folder == "/dev/fd" or folder.startswith(os.path.realpath("/proc/self") + "/")
    if not (is_own and name.isdecimal()):
        return open(stream, "ab")
    for printed in (sys.stdout, sys.stderr):  # what was printed before comes first
        if printed is not None:
            printed.flush()
    try:
        return open(os.dup(int(name)), "wb")  # to open its name would start at 0 again
    except OSError as error:
        error.filename = stream
        raise


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str], private: bool = False) -> Iterator[str]:
    """A path to write to, which then replaces ``path``; nothing is left of a failure.

    Parameters
    ----------
    path : str or PathLike
        An existing file keeps its mode. If it is a symbolic link, the file that it leads to is
        replaced; what is no regular file, such as a pipe, is written to as it is.
    private : bool, default=False
        Whether a new file is for its owner alone, mode 0600. Otherwise its mode is what the
        process gives to new files.

    Yields
    ------
    temporary : str
        An empty file beside ``path``.

    Raises
    ------
    OSError
        If ``path`` is empty, a directory, or can't be written.
    """
    name = os.fsdecode(path)
    if not name:
        raise FileNotFoundError(errno.ENOENT, "The path is empty. Pass that of a file", name)
    if os.path.isdir(name):
        raise IsADirectoryError(errno.EISDIR, "This is a directory. Pass a file in it", name)
    target = os.path.realpath(name)
    if os.path.exists(target) and not os.path.isfile(target):
        yield target
        return
    temporary = f"{target}.{secrets.token_hex(4)}.tmp"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        os.close(os.open(temporary, flags, 0o600 if private else 0o666))
    except OSError as error:
        error.filename = name  # not of a file that nobody has asked for
        raise
    try:
        mode = stat.S_IMODE(os.stat(target if os.path.isfile(target) else temporary).st_mode)
        os.chmod(temporary, mode)
        inode = os.stat(temporary).st_ino
        yield temporary
        if os.stat(temporary).st_ino != inode:  # whoever wrote has put a file of its own there
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
