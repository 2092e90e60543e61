"""Features that ensemble members show beside a table's columns, or instead of them.

The network sees the ranks of single columns. Combinations of columns are hard for it to find.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.quantiles import LARGEST_SHOWN
from .functions import Functions, Linear, Rows, StoredFunctions


@dataclass(frozen=True)
class Features:
    """Functions of a table whose values are shown to the network as columns.

    Attributes
    ----------
    function : Linear
        Computes the values of query rows.
    held_out : ndarray of shape (n_member_rows, n_functions), float32, or None
        Out-of-fold values of the member's support rows, if the function was fitted to targets: in
        sample, it would give them away. None if the function's own values can be used.
    """

    function: Linear
    held_out: NDArray[np.float32] | None = None

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.function.intercepts)

    def support(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Columns (n_member_rows, n_columns) of the member's support rows."""
        return self.query(Rows(x)) if self.held_out is None else self.held_out

    def query(self, rows: Rows) -> NDArray[np.float32]:
        """Columns (n_rows, n_columns) of query rows."""
        values = np.clip(rows.apply(self.function), -LARGEST_SHOWN, LARGEST_SHOWN)
        return values.astype(np.float32)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle."""
        held_out = None if self.held_out is None else pack(self.held_out)
        return {"function": functions.place(self.function), "heldOut": held_out}

    @classmethod
    def unpack(cls, fields: BundleFields, functions: StoredFunctions, n_rows: int) -> "Features":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        function = functions.find(fields)
        held_out = None
        if fields.optional("heldOut"):
            held_out = fields.array("heldOut", "<f4", n_rows, len(function.intercepts))
        else:
            functions.take_steps(fields, function, n_rows)
        return cls(function, held_out)
