"""Target encoding: in columns of many categories, the mean target takes the place of the code.

The network sees ranks, and the rank of a category's code has no meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .training_table import TrainingTable

# Columns with fewer categories are not encoded. Linear models have a term for each of these
# categories.
FEWEST_CATEGORIES = 30
_N_FOLDS = 5
# Smoothing: the overall mean counts as this many rows of every category.
_PRIOR_ROWS = 2.0
_LARGEST = 1e30


@dataclass(frozen=True)
class TargetEncoding:
    """Mean targets of categories, in columns that follow a table's encoded ones.

    Attributes
    ----------
    sources : ndarray of shape (n_sources,), int64
        The encoded columns that hold the codes of categories, ascending.
    n_categories : ndarray of shape (n_sources,), int64
        Number of categories of each.
    means : ndarray of shape (sum of n_categories, n_targets), float64
        Means of each category, one source after the other. In classification, the targets are
        indicators of the classes, or of the second of two classes.
    default : ndarray of shape (n_targets,), float64
        Means for missing values and unseen categories.
    held_out : ndarray of shape (n_support, n_sources * n_targets), float32
        Out-of-fold means for the support rows. Otherwise, the mean of a rare category would give
        away the target of a support row.
    """

    sources: NDArray[np.int64]
    n_categories: NDArray[np.int64]
    means: NDArray[np.float64]
    default: NDArray[np.float64]
    held_out: NDArray[np.float32]

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return self.held_out.shape[1]

    def support(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encoded columns of the support rows, followed by their out-of-fold means."""
        return np.hstack([x, self.held_out])

    def query(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encoded columns (n_rows, n_encoded) of query rows, followed by their means."""
        starts = np.cumsum(self.n_categories) - self.n_categories
        columns = [x]
        for j, start, n_categories in zip(self.sources, starts, self.n_categories):
            means = self.means[start : start + n_categories]
            columns.append(_look_up(x[:, j], means, self.default).astype(np.float32))
        return np.hstack(columns)

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {
            "sources": pack(self.sources),
            "means": pack(self.means),
            "default": pack(self.default),
            "heldOut": pack(self.held_out),
        }

    @classmethod
    def unpack(
        cls, fields: BundleFields, n_support: int, n_categories: Sequence[int], n_classes: int
    ) -> "TargetEncoding":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError.

        Parameters
        ----------
        fields : BundleFields
        n_support : int
        n_categories : sequence of int, of length n_encoded
            Number of categories of each encoded column.
        n_classes : int
            0 for regression.
        """
        sources = fields.array("sources", "<i8", None)
        fits = len(sources) > 0 and bool(((sources >= 0) & (sources < len(n_categories))).all())
        fits = fits and bool((np.diff(sources) > 0).all())
        fields.require(fits, "sources", f"ascending columns, 0 to {len(n_categories) - 1}")
        counts = np.array(n_categories, np.int64)[sources]
        fields.require(bool((counts > 0).all()), "sources", "columns of categories")
        n_targets = count_targets(n_classes)
        means = fields.array("means", "<f8", int(counts.sum()), n_targets)
        default = fields.array("default", "<f8", n_targets)
        held_out = fields.array("heldOut", "<f4", n_support, len(sources) * n_targets)
        for name, values in (("means", means), ("default", default), ("heldOut", held_out)):
            is_small = bool((np.abs(values) <= _LARGEST).all())
            fields.require(is_small, name, "small enough to compute with")
        return cls(sources, counts, means, default, held_out)


def count_targets(n_classes: int) -> int:
    """Number of means of a category."""
    return n_classes if n_classes > 2 else 1


def fit_target_encoding(
    table: TrainingTable, seed: int
) -> tuple[TargetEncoding, TrainingTable] | None:
    """Learn the target encoding of a training table's columns of many categories.

    Parameters
    ----------
    table : TrainingTable
    seed : int

    Returns
    -------
    encoding : TargetEncoding
    table : TrainingTable
        The same table, showing out-of-fold means in place of these columns.

    None if there are no such columns.
    """
    x, y, support, columns, n_categories, n_classes = table
    sources = np.array([j for j in columns if n_categories[j] >= FEWEST_CATEGORIES], np.int64)
    n_folds = min(_N_FOLDS, len(x))
    if not len(sources) or n_folds < 2:
        return None
    targets = y.astype(np.float64)[:, None]
    if n_classes > 2:
        targets = np.eye(n_classes)[y]
    folds = np.arange(len(x)) % n_folds
    np.random.RandomState(seed).shuffle(folds)
    means, held_out = [], []
    for j in sources:
        means.append(_fit(x[:, j], targets, n_categories[j]))
        values = np.empty_like(targets)
        for k in range(n_folds):
            others = _fit(x[folds != k, j], targets[folds != k], n_categories[j])
            default = targets[folds != k].mean(axis=0)
            values[folds == k] = _look_up(x[folds == k, j], others, default)
        held_out.append(values)
    encoded = np.hstack(held_out).astype(np.float32)
    counts = np.array([n_categories[j] for j in sources], np.int64)
    encoding = TargetEncoding(
        sources, counts, np.vstack(means), targets.mean(axis=0), encoded[support]
    )
    return encoding, table.showing(np.hstack([x, encoded]), sources)


def _fit(
    codes: NDArray[np.float32], targets: NDArray[np.float64], n_categories: int
) -> NDArray[np.float64]:
    """Mean targets of categories (n_categories, n_targets), smoothed by the overall mean."""
    is_category = codes == np.floor(codes)  # missing values are the mean of the codes
    ids = codes[is_category].astype(np.int64)
    counts = np.bincount(ids, minlength=n_categories)[:, None]
    sums = np.column_stack(
        [np.bincount(ids, weights=t, minlength=n_categories) for t in targets[is_category].T]
    )
    smoothed: NDArray[np.float64] = (sums + _PRIOR_ROWS * targets.mean(axis=0)) / (
        counts + _PRIOR_ROWS
    )
    return smoothed


def _look_up(
    codes: NDArray[np.float32], means: NDArray[np.float64], default: NDArray[np.float64]
) -> NDArray[np.float64]:
    is_known = (codes == np.floor(codes)) & (codes >= 0) & (codes < len(means))
    return np.where(is_known[:, None], means[np.where(is_known, codes, 0).astype(int)], default)
