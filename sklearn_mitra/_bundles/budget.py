"""A limit on the memory that reading a bundle may take.

Most fields take about as much memory as they do space in the bundle. Some expand from few bytes to
many: a thousand ensemble members of one table, functions of all its rows, or an array of strings of
which one is long. These reserve their memory in the budget before they are built.
"""

from .._errors import BundleError

LEAST = 2**30
_TIMES = 64


class Budget:
    """Memory that reading a bundle may take: 1 GiB, or 64 times its size if that is more.

    Parameters
    ----------
    n_stored : int
        Size of the bundle in bytes.
    """

    def __init__(self, n_stored: int) -> None:
        self._most = self._left = max(LEAST, _TIMES * n_stored)

    def take(self, nbytes: int, what: str) -> None:
        """Reserve memory for ``what``, or raise a BundleError that names it."""
        self._left -= nbytes
        if self._left < 0:
            raise BundleError(
                f"{what} needs more memory than a bundle of this size may take, "
                f"{self._most} bytes in all. A pickle has no such limit."
            )
