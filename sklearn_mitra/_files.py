"""Files that are replaced as a whole or not at all."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def replaced(path):
    """A path to write to, which then replaces ``path``; nothing is left of a failure.

    Parameters
    ----------
    path : str

    Yields
    ------
    temporary : str
        An empty file beside ``path``.
    """
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".")
    os.close(descriptor)
    try:
        yield temporary
        os.chmod(temporary, 0o644)  # temporary files are made for their owner alone
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
