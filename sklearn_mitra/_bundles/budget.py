"""How much memory a bundle may ask for, whatever the field that asks.

Most fields take about as much room as they do in the bundle. Some say much in few bytes: a
thousand views of one table, functions of all its rows, or an array of strings in which one is
long. These take their bytes from the budget before anything is made of them.
"""

from .._errors import BundleError

LEAST = 2**30
_TIMES = 64


class Budget:
    """The bytes that may be made of a bundle: 1 GiB, or 64 times its size if that is more.

    Parameters
    ----------
    n_stored : int
        Size of the bundle.
    """

    def __init__(self, n_stored: int) -> None:
        self._most = self._left = max(LEAST, _TIMES * n_stored)

    def take(self, nbytes: int, what: str) -> None:
        """Take so many bytes; a BundleError names ``what`` needs them if they aren't left."""
        self._left -= nbytes
        if self._left < 0:
            raise BundleError(
                f"{what} needs more memory than a bundle of this size may ask for, "
                f"{self._most} bytes in all. A pickle has no such limit."
            )
