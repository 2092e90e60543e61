"""Query rows: a table to predict, encoded in pieces and cut into chunks of distinct rows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .encoder import TableEncoder
from .table import take_rows
from .unseen import UnseenCategories

# Number of rows to encode at a time. A larger table is encoded twice, piece by piece: first to find
# errors before the network runs, and again when each piece is predicted.
_ENCODED_ROWS = 10_000


class DistinctRows(NamedTuple):
    """Some of a table's distinct rows, and their positions in the table.

    Attributes
    ----------
    rows : ndarray of shape (n_distinct, n_features), float32
    indices : ndarray of shape (n_rows,), int64
        Positions in the table of all rows that equal one of these, ascending.
    places : ndarray of shape (n_rows,), int64
        For each of these positions, the index of the equal row in ``rows``.
    """

    rows: NDArray[np.float32]
    indices: NDArray[np.int64]
    places: NDArray[np.int64]


def cut_distinct(x: NDArray[np.float32], n_rows: int) -> Iterator[DistinctRows]:
    """Cut the distinct rows of an encoded table into chunks, in the order of the table.

    Rows are equal if all their bits are. Finding them takes 0.3 ms for 1000 rows x 20 columns,
    a ten-thousandth of the network's time.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32
    n_rows : int
        Largest number of rows in a chunk.
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
        Its errors are raised at once, before any chunk is requested.

    Attributes
    ----------
    unseen : UnseenCategories
        Unseen categories in the whole table.
    """

    def __init__(self, X: Any, encoder: TableEncoder) -> None:
        self._X = X
        self._encoder = encoder
        self._encoded: NDArray[np.float32] | None = None
        self.unseen = UnseenCategories()
        for start in range(0, len(X), _ENCODED_ROWS):
            x = encoder.transform(take_rows(X, start, start + _ENCODED_ROWS), self.unseen)
            self._encoded = x if len(x) == len(X) else None

    def __len__(self) -> int:
        return len(self._X)

    def chunks(self, n_rows: int, title: str | None = None) -> Iterator[DistinctRows]:
        """Iterate over chunks of distinct rows.

        Parameters
        ----------
        n_rows : int
            Largest number of rows in a chunk.
        title : str, default=None
            Title of a progress bar, which appears if there are more rows than that. None shows no
            bar.
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
