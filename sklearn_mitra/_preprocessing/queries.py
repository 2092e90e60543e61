"""Query rows: a table to predict, encoded piece by piece and cut into chunks of distinct rows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import UnseenLevels
from .encoder import TableEncoder
from .table import take_rows

# Most rows to encode at a time. A table of more is encoded twice: piece by piece to see that all of
# it can be, before the network runs, and again when a piece's turn has come.
_ENCODED_ROWS = 10_000


class DistinctRows(NamedTuple):
    """Some of a table's distinct rows, and where in the table they are.

    Attributes
    ----------
    rows : ndarray of shape (n_distinct, n_features), float32
    indices : ndarray of shape (n_rows,), int64
        All rows of the table that are equal to one of these, ascending.
    places : ndarray of shape (n_rows,), int64
        For each of them, which of ``rows`` it is equal to.
    """

    rows: NDArray[np.float32]
    indices: NDArray[np.int64]
    places: NDArray[np.int64]


def cut_distinct(x: NDArray[np.float32], n_rows: int) -> Iterator[DistinctRows]:
    """The distinct rows of an encoded table, so many at a time, in the order of the table.

    Rows are equal if all their bits are. To find them takes 0.3 ms for 1000 rows x 20 columns,
    a ten-thousandth of the time that the network takes.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32
    n_rows : int
    """
    row = np.dtype((np.void, x.itemsize * x.shape[1]))
    keys = np.ascontiguousarray(x).view(row)[:, 0]
    _, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    firsts, places = firsts[order], ranks[places]
    for start in range(0, len(firsts), n_rows):
        indices = np.flatnonzero((start <= places) & (places < start + n_rows))
        rows = x[firsts[start : start + n_rows]]
        yield DistinctRows(rows, indices, places[indices] - start)


class Queries:
    """A table to predict.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_features)
    encoder : TableEncoder
        Raises its errors at once, before any chunk is asked for.

    Attributes
    ----------
    unseen : UnseenLevels
        Of the whole table.
    """

    def __init__(self, X: Any, encoder: TableEncoder) -> None:
        self._X = X
        self._encoder = encoder
        self._encoded: NDArray[np.float32] | None = None
        self.unseen = UnseenLevels()
        for start in range(0, len(X), _ENCODED_ROWS):
            x = encoder.transform(take_rows(X, start, start + _ENCODED_ROWS), self.unseen)
            self._encoded = x if len(x) == len(X) else None

    def __len__(self) -> int:
        return len(self._X)

    def chunks(self, n_rows: int, title: str | None = None) -> Iterator[DistinctRows]:
        """The rows, at most so many distinct ones at a time.

        Parameters
        ----------
        n_rows : int
        title : str, default=None
            Of a progress bar, which is shown if there are more rows. None shows no bar.
        """
        chunks = self._cut(n_rows)
        if title is None or len(self) <= n_rows:
            yield from chunks
            return
        from tqdm import tqdm

        with tqdm(total=len(self), unit="row", desc=title) as bar:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk.indices))

    def _cut(self, n_rows: int) -> Iterator[DistinctRows]:
        for start in range(0, len(self), _ENCODED_ROWS):
            x = self._encoded
            if x is None:
                x = self._encoder.transform(take_rows(self._X, start, start + _ENCODED_ROWS))
            for chunk in cut_distinct(x, n_rows):
                yield chunk._replace(indices=start + chunk.indices)
