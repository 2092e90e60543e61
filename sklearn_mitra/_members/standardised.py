"""Standardised terms of linear models."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .functions import Linear, Terms

# Largest number of categories of a column with a term of their own: the most frequent ones.
_MOST_CODES = 30


class StandardisedTerms(NamedTuple):
    """Terms, and their values for the rows to fit to, divided by the standard deviations.

    Attributes
    ----------
    terms : Terms
    scales : ndarray of shape (n_terms,), float64
        The standard deviations.
    z : ndarray of shape (n_rows, n_terms), float64
        The standardised terms.
    """

    terms: Terms
    scales: NDArray[np.float64]
    z: NDArray[np.float64]

    @classmethod
    def fit(
        cls, x: NDArray[np.float32], codes: dict[int, list[float]], knots: Sequence[float] = ()
    ) -> "StandardisedTerms":
        """Learn means and standard deviations, and leave out terms that don't vary.

        Parameters
        ----------
        x : ndarray of shape (n_rows, n_features), float32
        codes : dict of int to list of float
            The columns to read, each with the codes that :func:`frequent_codes` returns for it.
        knots : sequence of float, default=()
            Quantiles at which a function of a column of numbers may bend.
        """
        terms = _make_terms(x, codes, knots)
        values = terms.transform(x)
        means, scales = values.mean(axis=0), values.std(axis=0)
        varies = scales > 1e-12 * np.abs(values).max(axis=0)
        arrays = [array[varies] for array in vars(replace(terms, means=means)).values()]
        return cls(Terms(*arrays), scales[varies], (values - means)[:, varies] / scales[varies])

    def function(self, weights: NDArray[np.float64], intercepts: NDArray[np.float64]) -> Linear:
        """Convert linear functions of ``z`` to functions of a table."""
        return Linear(self.terms, weights / self.scales[:, None], intercepts)


def frequent_codes(column: NDArray[np.float32], n_categories: int) -> list[float]:
    """The codes of a column that get a term of their own; only -1 for a column of numbers."""
    if not n_categories:
        return [-1.0]
    codes, counts = np.unique(column, return_counts=True)
    by_count = codes[np.argsort(-counts, kind="stable")]
    # a fractional code is the mean of the codes, in place of missing values
    return [float(c) for c in by_count if c == int(c)][:_MOST_CODES]


def _make_terms(
    x: NDArray[np.float32], codes: dict[int, list[float]], knots: Sequence[float]
) -> Terms:
    """The terms of every column, with means of 0.

    A category has an indicator. A number has a term over its range and, for functions that may
    bend, one from each knot to the end of the range.
    """
    terms = []
    for j, own in codes.items():
        if own != [-1.0]:
            terms += [(j, code, 0.0, 1.0) for code in own]
            continue
        low, high = float(x[:, j].min()), float(x[:, j].max())
        bends = {float(q) for q in np.quantile(x[:, j], knots)} if knots else set()
        bends -= {low, high}
        terms += [(j, -1.0, start, high) for start in (low, *sorted(bends))]
    table = np.array(terms, np.float64).reshape(-1, 4)
    sources = table[:, 0].astype(np.int64)
    return Terms(sources, table[:, 1], table[:, 2], table[:, 3], np.zeros(len(terms)))
