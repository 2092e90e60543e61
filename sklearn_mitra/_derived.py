"""Columns that the network can't make itself: linear functions of a table's encoded columns.

The network sees the ranks of single columns. What many columns tell together, and how a target
follows them beyond what was seen, it can only guess.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bundles.fields import BundleFields, pack

# More than that, times the width of a float32 column, could overflow.
_LARGEST = 1e100


@dataclass(frozen=True)
class Terms:
    """What linear functions of a table add up: its numbers, and its categories level by level.

    A number outside of its range in training counts as the nearest number inside: a linear
    function sees no further than the network does.

    Attributes
    ----------
    sources : ndarray of shape (n_terms,), int64
        The encoded column that a term reads.
    levels : ndarray of shape (n_terms,), float64
        A code: the term is 1 where the column has it, else 0. -1: the term is the number itself.
    lows, highs, means : ndarray of shape (n_terms,), float64
        Range and mean in training. The mean is subtracted.
    """

    sources: NDArray[np.int64]
    levels: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    means: NDArray[np.float64]

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Encoded columns (n_rows, n_features) as terms (n_rows, n_terms)."""
        values = x[:, self.sources].astype(np.float64)
        is_number = self.levels < 0
        values = np.where(is_number, values, values == self.levels)
        return np.clip(values, self.lows, self.highs) - self.means

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {name: pack(values) for name, values in vars(self).items()}

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int) -> "Terms":
        """Read what :meth:`pack` wrote."""
        sources = fields.array("sources", "<i8", None)
        fits = bool(((sources >= 0) & (sources < n_features)).all())
        fields.require(fits, "sources", f"columns, 0 to {n_features - 1}")
        arrays = [
            fields.array(name, "<f8", len(sources)) for name in ("levels", "lows", "highs", "means")
        ]
        for name, values in zip(("lows", "highs", "means"), arrays[1:]):
            is_small = bool((np.abs(values) <= _LARGEST).all())
            fields.require(is_small, name, "small enough to compute with")
        return cls(sources, *arrays)


@dataclass(frozen=True)
class Linear:
    """Linear functions of a table's encoded columns.

    Attributes
    ----------
    terms : Terms
    weights : ndarray of shape (n_terms, n_functions), float64
    intercepts : ndarray of shape (n_functions,), float64
    """

    terms: Terms
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Encoded columns (n_rows, n_features) as values (n_rows, n_functions).

        Terms are added one by one: the bits of a matrix product depend on the number of rows.
        """
        total = np.tile(self.intercepts, (len(x), 1))
        for term, weights in zip(self.terms.transform(x).T, self.weights):
            total += term[:, None] * weights
        return total

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {
            "terms": self.terms.pack(),
            "weights": pack(self.weights),
            "intercepts": pack(self.intercepts),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int, n_functions: int | None) -> "Linear":
        """Read what :meth:`pack` wrote: so many functions, or one or more if None."""
        terms = Terms.unpack(fields.fields("terms"), n_features)
        intercepts = fields.array("intercepts", "<f8", n_functions)
        fields.require(len(intercepts) > 0, "intercepts", "one or more numbers")
        weights = fields.array("weights", "<f8", len(terms.sources), len(intercepts))
        for name, values in (("weights", weights), ("intercepts", intercepts)):
            is_small = bool((np.abs(values) <= _LARGEST).all())
            fields.require(is_small, name, "small enough to compute with")
        return cls(terms, weights, intercepts)


@dataclass(frozen=True)
class Derived:
    """Columns that an ensemble member is shown beside the table's, or instead of them.

    Attributes
    ----------
    function : Linear
        Of query rows.
    held_out : ndarray of shape (n_support, n_functions), float32, or None
        Of the stored support rows, if other than what ``function`` makes of them: a model that
        has seen a row's target would tell it.
    """

    function: Linear
    held_out: NDArray[np.float32] | None = None

    @property
    def n_columns(self) -> int:
        """How many columns these are."""
        return len(self.function.intercepts)

    def support(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Columns (n_support, n_columns) of the stored support rows."""
        return self.query(x) if self.held_out is None else self.held_out

    def query(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Columns (n_rows, n_columns) of query rows."""
        return self.function.transform(x).astype(np.float32)

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        held_out = None if self.held_out is None else pack(self.held_out)
        return {**self.function.pack(), "heldOut": held_out}

    @classmethod
    def unpack(cls, fields: BundleFields, n_support: int, n_features: int) -> "Derived":
        """Read what :meth:`pack` wrote."""
        function = Linear.unpack(fields, n_features, None)
        held_out = None
        if fields.optional("heldOut"):
            held_out = fields.array("heldOut", "<f4", n_support, len(function.intercepts))
        return cls(function, held_out)


@dataclass(frozen=True)
class Vote:
    """A linear model's logits, averaged with those of a member.

    Attributes
    ----------
    function : Linear
        As many functions as there are classes.
    share : float
        Weight of the linear model.
    """

    function: Linear
    share: float

    def add(self, logits: NDArray[Any], x: NDArray[np.float32]) -> NDArray[np.float64]:
        """The member's logits (n_rows, n_classes) of encoded rows, averaged."""
        return (1 - self.share) * logits + self.share * self.function.transform(x)

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {**self.function.pack(), "share": self.share}

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int, n_classes: int) -> "Vote":
        """Read what :meth:`pack` wrote."""
        return cls(Linear.unpack(fields, n_features, n_classes), _unpack_share(fields))


def _unpack_share(fields: BundleFields) -> float:
    share: float = fields.get("share", "a number, 0 to 1", float)
    fields.require(0 <= share <= 1, "share", "a number, 0 to 1")
    return share


@dataclass(frozen=True)
class Trend:
    """A linear prediction that a member leaves to itself: it is shown what is left of the target.

    Attributes
    ----------
    function : Linear
        One function, of targets scaled to 0..1.
    low, high : float
        Range of what is left in training, which is scaled to 0..1 in turn.
    share : float
        How much of what the member answers is added to the prediction. Most of what is left is
        noise in most tables.
    """

    function: Linear
    low: float
    high: float
    share: float = 1.0

    def remove(self, y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled targets (n_rows,) of encoded rows as the member is to see them."""
        rest = y - self.function.transform(x)[:, 0] - self.low
        scale = self.high - self.low
        return (rest / scale if scale else rest).astype(np.float32)

    def add(self, y: NDArray[Any], x: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the member answers for encoded rows as scaled targets (n_rows,)."""
        rest = y * (self.high - self.low) + self.low
        return self.share * rest + self.function.transform(x)[:, 0]

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {**self.function.pack(), "range": pack([self.low, self.high]), "share": self.share}

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int) -> "Trend":
        """Read what :meth:`pack` wrote."""
        low, high = fields.array("range", "<f8", 2).tolist()
        fields.require(-_LARGEST < low <= high < _LARGEST, "range", "two numbers, ascending")
        return cls(Linear.unpack(fields, n_features, 1), low, high, _unpack_share(fields))
