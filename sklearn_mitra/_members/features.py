"""What the network can't make itself of a table: columns, trends and votes.

The network sees the ranks of single columns. What many columns tell together, and how a target
follows them beyond what was seen, it can only guess.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.quantiles import LARGEST_SHOWN
from .functions import LARGEST, Functions, Linear, Rows, StoredFunctions


@dataclass(frozen=True)
class Derived:
    """Columns that an ensemble member is shown beside the table's, or instead of them.

    Attributes
    ----------
    function : Linear
        Of query rows.
    held_out : ndarray of shape (n_view_rows, n_functions), float32, or None
        Of the view's support rows, if other than what ``function`` makes of them: a model that
        has seen a row's target would tell it.
    """

    function: Linear
    held_out: NDArray[np.float32] | None = None

    @property
    def n_columns(self) -> int:
        """How many columns these are."""
        return len(self.function.intercepts)

    def support(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Columns (n_view_rows, n_columns) of the view's support rows."""
        return self.query(Rows(x)) if self.held_out is None else self.held_out

    def query(self, rows: Rows) -> NDArray[np.float32]:
        """Columns (n_rows, n_columns) of query rows."""
        values = np.clip(rows.apply(self.function), -LARGEST_SHOWN, LARGEST_SHOWN)
        return values.astype(np.float32)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """As fields of a bundle."""
        held_out = None if self.held_out is None else pack(self.held_out)
        return {"function": functions.place(self.function), "heldOut": held_out}

    @classmethod
    def unpack(cls, fields: BundleFields, functions: StoredFunctions, n_rows: int) -> "Derived":
        """Read what :meth:`pack` wrote."""
        function = functions.find(fields)
        held_out = None
        if fields.optional("heldOut"):
            held_out = fields.array("heldOut", "<f4", n_rows, len(function.intercepts))
        else:
            _take_steps(fields, function, n_rows)
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

    def add(self, logits: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
        """The member's logits (n_rows, n_classes) of query rows, averaged."""
        return (1 - self.share) * logits + self.share * rows.apply(self.function)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """As fields of a bundle."""
        return {"function": functions.place(self.function), "share": self.share}

    @classmethod
    def unpack(cls, fields: BundleFields, functions: StoredFunctions, n_classes: int) -> "Vote":
        """Read what :meth:`pack` wrote."""
        function = functions.find(fields, n_classes)
        return cls(function, _unpack_share(fields))


def _take_steps(fields: BundleFields, function: Linear, n_rows: int) -> None:
    """Count a function of the support rows. Of its steps, one byte each: they take more time."""
    fields.take("function", n_rows * function.n_steps)


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
    held_out : ndarray of shape (n_view_rows,), float32, or None
        Of the view's support rows, if other than what ``function`` makes of them: a model that
        has seen a row's target leaves less of it.
    """

    function: Linear
    low: float
    high: float
    share: float = 1.0
    held_out: NDArray[np.float32] | None = None

    def support(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The prediction (n_view_rows,) of the view's support rows."""
        return self.function.transform(x)[:, 0] if self.held_out is None else self.held_out

    def remove(self, y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled targets (n_view_rows,) of the view's support rows as the member sees them."""
        rest = y - self.support(x) - self.low
        scale = self.high - self.low
        return (rest / scale if scale else rest).astype(np.float32)

    def add(self, y: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
        """What the member answers for query rows as scaled targets (n_rows,)."""
        return self.add_to(rows.apply(self.function)[:, 0], y)

    def add_to(self, trend: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """The same, given the prediction (n_rows,) of these rows."""
        rest = y * (self.high - self.low) + self.low
        return self.share * rest + trend

    def pack(self, functions: Functions) -> dict[str, Any]:
        """As fields of a bundle."""
        return {
            "function": functions.place(self.function),
            "range": pack([self.low, self.high]),
            "share": self.share,
            "heldOut": None if self.held_out is None else pack(self.held_out),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, functions: StoredFunctions, n_rows: int) -> "Trend":
        """Read what :meth:`pack` wrote. In format 3 nothing was held out."""
        low, high = fields.array("range", "<f8", 2).tolist()
        fields.require(-LARGEST < low <= high < LARGEST, "range", "two numbers, ascending")
        held_out = None
        if functions.version > 3 and fields.optional("heldOut"):
            held_out = fields.array("heldOut", "<f4", n_rows)
        function = functions.find(fields, 1)
        if held_out is None:
            _take_steps(fields, function, n_rows)
        return cls(function, low, high, _unpack_share(fields), held_out)
