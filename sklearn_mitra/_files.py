"""Files that are replaced as a whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator


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
        yield temporary
        os.chmod(temporary, mode)  # whoever wrote may have put a file of its own there
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
