"""Functions of encoded columns: linear ones, to which boosted trees may be added."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .boosted_trees import Trees

# Larger numbers, times the width of a float32 column, could overflow.
LARGEST = 1e100
# Rows and terms per block. All terms of a large table would take hundreds of times its memory, and
# blocks that fit into the cache are no slower.
_BLOCK_ROWS, _BLOCK_TERMS = 1000, 64


@dataclass(frozen=True)
class Terms:
    """The terms of linear functions of a table: numbers, and indicators of categories.

    Numbers outside their range in training are clipped to it, so a linear function extrapolates no
    further than the network does.

    Attributes
    ----------
    sources : ndarray of shape (n_terms,), int64
        The encoded column that a term reads.
    levels : ndarray of shape (n_terms,), float64
        The code of a category, if the term is 1 for that category and 0 otherwise; -1 if the term
        is the number itself.
    lows, highs, means : ndarray of shape (n_terms,), float64
        Range and mean of the term in training. The mean is subtracted.
    """

    sources: NDArray[np.int64]
    levels: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    means: NDArray[np.float64]

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Convert encoded columns (n_rows, n_features) to terms (n_rows, n_terms)."""
        values = x[:, self.sources].astype(np.float64)
        is_number = self.levels < 0
        values = np.where(is_number, values, values == self.levels)
        return np.clip(values, self.lows, self.highs) - self.means

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {name: pack(values) for name, values in vars(self).items()}

    @classmethod
    def unpack(cls, fields: BundleFields, n_features: int) -> "Terms":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        sources = fields.array("sources", "<i8", None)
        fits = bool(((sources >= 0) & (sources < n_features)).all())
        fields.require(fits, "sources", f"columns, 0 to {n_features - 1}")
        arrays = [
            fields.array(name, "<f8", len(sources)) for name in ("levels", "lows", "highs", "means")
        ]
        for name, values in zip(("lows", "highs", "means"), arrays[1:]):
            is_small = bool((np.abs(values) <= LARGEST).all())
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
    trees : Trees or None
        Added to each function.
    """

    terms: Terms
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    trees: Trees | None = None

    @property
    def n_steps(self) -> int:
        """Number of terms, nodes and leaves to compute for a row."""
        return len(self.weights) + (0 if self.trees is None else self.trees.n_steps)

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Values (n_rows, n_functions) for encoded columns (n_rows, n_features)."""
        total = np.tile(self.intercepts, (len(x), 1))
        for start in range(0, len(x), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            self._add_terms(x[rows], total[rows])
        if self.trees is not None:
            total += self.trees.transform(x)[:, None]
        return total

    def _add_terms(self, x: NDArray[np.float32], total: NDArray[np.float64]) -> None:
        """Add weighted terms to the values of rows, in place.

        They are added one by one, since the bits of a matrix product depend on the number of rows.
        """
        for start in range(0, len(self.weights), _BLOCK_TERMS):
            block = slice(start, start + _BLOCK_TERMS)
            terms = Terms(*(values[block] for values in vars(self.terms).values()))
            for term, weights in zip(terms.transform(x).T, self.weights[block]):
                total += term[:, None] * weights

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle, without the terms."""
        return {
            "weights": pack(self.weights),
            "intercepts": pack(self.intercepts),
            "trees": None if self.trees is None else self.trees.pack(),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, terms: Terms, n_features: int) -> "Linear":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        intercepts = fields.array("intercepts", "<f8", None)
        fields.require(len(intercepts) > 0, "intercepts", "one or more numbers")
        weights = fields.array("weights", "<f8", len(terms.sources), len(intercepts))
        for name, values in (("weights", weights), ("intercepts", intercepts)):
            is_small = bool((np.abs(values) <= LARGEST).all())
            fields.require(is_small, name, "small enough to compute with")
        trees = None
        if fields.optional("trees"):
            trees = Trees.unpack(fields.fields("trees"), n_features)
        return cls(terms, weights, intercepts, trees)


class Rows:
    """Encoded query rows, and the values of functions for them, each computed once.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32
    """

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x
        self._values: dict[
            int, NDArray[np.float64]
        ] = {}  # by id: callers keep their functions alive

    def apply(self, function: Linear) -> NDArray[np.float64]:
        """Values (n_rows, n_functions) of a function; don't write to them."""
        if id(function) not in self._values:
            self._values[id(function)] = function.transform(self.x)
        return self._values[id(function)]

    def replace(
        self, function: Linear, places: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Set the values (n_places, n_functions) of a function for some of the rows."""
        self.apply(function)[places] = values


class Functions:
    """Collects the functions of members for a bundle, which stores each of them once."""

    def __init__(self) -> None:
        self._functions: list[Linear] = []

    def place(self, function: Linear) -> int:
        """The index of a function in the bundle. A new function is added."""
        return _place(function, self._functions)

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        terms: list[Terms] = []
        packed = [{"terms": _place(f.terms, terms), **f.pack()} for f in self._functions]
        return {"terms": [t.pack() for t in terms], "functions": packed}


def _place(item: Any, items: list[Any]) -> int:
    """The index of an object in a list. A new object is appended."""
    for place, known in enumerate(items):
        if known is item:
            return place
    items.append(item)
    return len(items) - 1


class StoredFunctions:
    """The functions stored in a bundle. Invalid ones raise a BundleError.

    Parameters
    ----------
    fields : BundleFields
        Fields that :meth:`Functions.pack` wrote.
    n_features : int
        Number of columns that functions may read.
    """

    def __init__(self, fields: BundleFields, n_features: int) -> None:
        self.n_features = n_features
        self._functions: list[Linear] = []
        terms = [Terms.unpack(t, n_features) for t in fields.objects("terms", empty=True)]
        for packed in fields.objects("functions", empty=True):
            own = terms[packed.place("terms", len(terms))]
            self._functions.append(Linear.unpack(packed, own, n_features))

    def find(self, fields: BundleFields, n_values: int | None = None) -> Linear:
        """The function that ``fields`` refers to. It must have ``n_values`` values, if given."""
        function = self._functions[fields.place("function", len(self._functions))]
        fits = n_values in (None, len(function.intercepts))
        fields.require(fits, "function", f"the index of a function with {n_values} values")
        return function

    def take_steps(self, fields: BundleFields, function: Linear, n_rows: int) -> None:
        """Charge the bundle's budget for a function of support rows: a byte for each step."""
        fields.take("function", n_rows * function.n_steps)
