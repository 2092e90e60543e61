"""Functions of a table's encoded columns: linear ones, and boosted trees added to them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .boosted_trees import Trees

# More than that, times the width of a float32 column, could overflow.
LARGEST = 1e100
# Rows and terms at a time: a table of many would take hundreds of times its memory as terms, and a
# block that fits a cache is no slower.
_BLOCK_ROWS, _BLOCK_TERMS = 1000, 64


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
        Added to each of the functions.
    """

    terms: Terms
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    trees: Trees | None = None

    @property
    def n_steps(self) -> int:
        """How many terms, nodes and leaves it takes for a row."""
        return len(self.weights) + (0 if self.trees is None else self.trees.n_steps)

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Encoded columns (n_rows, n_features) as values (n_rows, n_functions)."""
        total = np.tile(self.intercepts, (len(x), 1))
        for start in range(0, len(x), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            self._add_terms(x[rows], total[rows])
        if self.trees is not None:
            total += self.trees.transform(x)[:, None]
        return total

    def _add_terms(self, x: NDArray[np.float32], total: NDArray[np.float64]) -> None:
        """Add the terms of rows to their values, which change.

        One by one: the bits of a matrix product depend on the number of rows.
        """
        for start in range(0, len(self.weights), _BLOCK_TERMS):
            block = slice(start, start + _BLOCK_TERMS)
            terms = Terms(*(values[block] for values in vars(self.terms).values()))
            for term, weights in zip(terms.transform(x).T, self.weights[block]):
                total += term[:, None] * weights

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle, without its terms."""
        return {
            "weights": pack(self.weights),
            "intercepts": pack(self.intercepts),
            "trees": None if self.trees is None else self.trees.pack(),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, terms: Terms, n_features: int) -> "Linear":
        """Read what :meth:`pack` wrote."""
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
    """Encoded query rows, and what functions make of them, each computed once.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features), float32
    """

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x
        self._values: dict[int, NDArray[np.float64]] = {}  # by id: whoever asks keeps the function

    def apply(self, function: Linear) -> NDArray[np.float64]:
        """Values (n_rows, n_functions) of a function; not to be written to."""
        if id(function) not in self._values:
            self._values[id(function)] = function.transform(self.x)
        return self._values[id(function)]

    def replace(
        self, function: Linear, places: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Have a function make other values (n_places, n_functions) of some of the rows."""
        self.apply(function)[places] = values


class Functions:
    """The functions of views as a bundle is to hold them: each once, and their terms, too."""

    def __init__(self) -> None:
        self._functions: list[Linear] = []

    def place(self, function: Linear) -> int:
        """Where a function is in the bundle; it is added if it isn't there yet."""
        return _place(function, self._functions)

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        terms: list[Terms] = []
        packed = [{"terms": _place(f.terms, terms), **f.pack()} for f in self._functions]
        return {"terms": [t.pack() for t in terms], "functions": packed}


def _place(item: Any, items: list[Any]) -> int:
    """Where an object is in a list, to which it is added if it isn't there yet."""
    for place, known in enumerate(items):
        if known is item:
            return place
    items.append(item)
    return len(items) - 1


class StoredFunctions:
    """The functions in a bundle; what is wrong with them is a BundleError.

    Parameters
    ----------
    fields : BundleFields
        What :meth:`Functions.pack` wrote.
    n_features : int
        Columns that functions may read.
    """

    def __init__(self, fields: BundleFields, n_features: int) -> None:
        self.n_features = n_features
        self._functions: list[Linear] = []
        terms = [Terms.unpack(t, n_features) for t in fields.objects("terms", empty=True)]
        for packed in fields.objects("functions", empty=True):
            own = terms[packed.place("terms", len(terms))]
            self._functions.append(Linear.unpack(packed, own, n_features))

    def find(self, fields: BundleFields, n_values: int | None = None) -> Linear:
        """The function that ``fields`` names, of so many values; of any number if None."""
        function = self._functions[fields.place("function", len(self._functions))]
        fits = n_values in (None, len(function.intercepts))
        fields.require(fits, "function", f"that of a function of {n_values} values")
        return function

    def take_steps(self, fields: BundleFields, function: Linear, n_rows: int) -> None:
        """Count a function of the support rows: a byte for each step, which takes more time."""
        fields.take("function", n_rows * function.n_steps)
