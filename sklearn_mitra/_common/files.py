"""Files to write: replaced as a whole or not at all; streams are written in place."""

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO

# Directories that list a process's open files.
_OPEN_FILES = re.compile(r"/dev/fd|/proc/\d+(/task/\d+)?/fd")
_MOST_LINKS = 40  # the number of symbolic links that Linux follows


@contextlib.contextmanager
def written(path: str | os.PathLike[str], private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, which then replaces ``path`` as in :func:`replaced`.

    Streams are not replaced. ``/dev/stdout``, ``/dev/fd/3``, ``/proc/self/fd/3`` and links to them
    are written to directly, even if they lead to a file.

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
    """The open file, such as /proc/17/fd/1, that a path leads to; None if it leads to none."""
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
    """Open a stream for writing, without truncating it."""
    folder, name = os.path.split(stream)
    is_own = folder == "/dev/fd" or folder.startswith(os.path.realpath("/proc/self") + "/")
    if not (is_own and name.isdecimal()):
        return open(stream, "ab")
    for printed in (sys.stdout, sys.stderr):  # earlier output comes first
        if printed is not None:
            printed.flush()
    try:
        return open(os.dup(int(name)), "wb")  # opening it by name would start at 0 again
    except OSError as error:
        error.filename = stream
        raise


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str], private: bool = False) -> Iterator[str]:
    """Provide a temporary path to write to, which then replaces ``path``.

    If writing fails, ``path`` is unchanged and the temporary file is removed.

    Parameters
    ----------
    path : str or PathLike
        An existing file keeps its mode. If the path is a symbolic link, the file it leads to is
        replaced. Anything that is not a regular file, such as a pipe, is written to directly.
    private : bool, default=False
        Whether only the owner may read a new file: its mode is then 0600. Otherwise it has the
        process's default mode for new files.

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
        raise FileNotFoundError(errno.ENOENT, "The path is empty. Pass the path of a file", name)
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
        error.filename = name  # not the temporary file, which the caller doesn't know
        raise
    try:
        mode = stat.S_IMODE(os.stat(target if os.path.isfile(target) else temporary).st_mode)
        os.chmod(temporary, mode)
        inode = os.stat(temporary).st_ino
        yield temporary
        if os.stat(temporary).st_ino != inode:  # the writer has replaced the temporary file
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
