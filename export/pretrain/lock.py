"""A lock on the directory of a run, so that only one run at a time writes there."""

import contextlib
import os

try:
    import fcntl
except ImportError:  # on Windows
    import msvcrt

LOCK = "run.lock"


@contextlib.contextmanager
def locked(directory):
    """Keep other runs out of a directory until the ``with`` block ends, or the process dies.

    Parameters
    ----------
    directory : str
        Made if it doesn't exist, and removed again if nothing was written there.

    Raises
    ------
    ValueError
        If another run is using the directory.
    """
    is_new = not os.path.exists(directory)
    os.makedirs(directory, exist_ok=True)
    try:
        with open(os.path.join(directory, LOCK), "ab") as file:
            if not _lock(file):
                raise ValueError(
                    f"Another run is using {directory!r}. Wait until it ends, or choose another "
                    "directory."
                )
            try:
                yield
            finally:
                with contextlib.suppress(PermissionError):  # Windows keeps a file that is open
                    os.unlink(file.name)
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it isn't empty
                os.rmdir(directory)


def _lock(file):
    """Lock an open file, unless another run has. The operating system unlocks what is closed."""
    try:
        if os.name == "nt":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # this file system has no locks; runs were possible there without them
        return True
    return os.fstat(file.fileno()).st_nlink > 0  # else a run that has just ended removed the file
