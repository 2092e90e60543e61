"""How an ensemble member sees the target, and how the network's outputs are converted back.

Classes may be permuted, grouped by a node of a class tree, and their logits blended with those of a
logistic regression. Numbers may be mirrored, or replaced by the residuals of a baseline.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.bins import outputs_to_targets
from .class_tree import ClassNode
from .functions import LARGEST, Functions, Linear, Rows, StoredFunctions

# ---- classes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogitBlend:
    """The logits of a logistic regression, to blend with those of a member.

    Attributes
    ----------
    function : Linear
        One function for each class.
    share : float
        Weight of the logistic regression.
    """

    function: Linear
    share: float

    def add(self, logits: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
        """The blended logits (n_rows, n_classes) of query rows."""
        return (1 - self.share) * logits + self.share * rows.apply(self.function)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {"function": functions.place(self.function), "share": self.share}

    @classmethod
    def unpack(
        cls, fields: BundleFields, functions: StoredFunctions, n_classes: int
    ) -> "LogitBlend":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        function = functions.find(fields, n_classes)
        return cls(function, _unpack_share(fields))


@dataclass(frozen=True)
class ClassView:
    """Classes as a member sees them.

    Attributes
    ----------
    permutation : ndarray of shape (n_shown,), int64
        Class ``k`` is shown to the network as class ``permutation[k]``.
    blend : LogitBlend or None
    node : ClassNode or None
        If there are more classes than outputs, the groups of classes that the member tells apart.
        ``permutation`` and ``blend`` are then about these groups.
    """

    permutation: NDArray[np.int64]
    blend: LogitBlend | None = None
    node: ClassNode | None = None

    @property
    def n_shown(self) -> int:
        """Number of classes or groups that the network tells apart."""
        return len(self.permutation)

    @property
    def n_nodes(self) -> int:
        """Number of nodes of the class tree."""
        return 1 if self.node is None else self.node.n_nodes

    @property
    def is_plain(self) -> bool:
        """Whether nothing was learned for it."""
        return self.blend is None

    def find(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the rows, given by their class ids (n_rows,), that the member sees."""
        return np.arange(len(ids)) if self.node is None else self.node.find(ids)

    def support_predictions(self, x: NDArray[np.float32]) -> None:
        """Return None: class labels don't depend on predictions."""

    def query_predictions(self, rows: Rows) -> None:
        """Return None: class labels don't depend on predictions."""

    def transform(self, ids: NDArray[np.int64], predictions: None) -> NDArray[np.int64]:
        """Convert class ids (n_member_rows,) to those shown to the network."""
        return self.permutation[ids if self.node is None else self.node.groups[ids]]

    def inverse_transform(self, outputs: NDArray[np.float32], rows: Rows) -> NDArray[Any]:
        """Convert outputs (n_rows, n_outputs >= n_shown) to logits (n_rows, n_classes)."""
        logits: NDArray[Any] = outputs[:, self.permutation]
        if self.blend is not None:
            logits = self.blend.add(logits, rows)
        return logits if self.node is None else self.node.spread(logits)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {
            "trend": None,
            "vote": None if self.blend is None else self.blend.pack(functions),
            **({} if self.node is None else {"node": self.node.pack()}),
            "classes": pack(self.permutation),
        }

    @classmethod
    def unpack(
        cls, fields: BundleFields, functions: StoredFunctions, n_classes: int
    ) -> "ClassView":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        node = None
        if "node" in fields:
            node = ClassNode.unpack(fields.fields("node"), n_classes)
            n_classes = node.n_groups
        blend = None
        if fields.optional("vote"):
            blend = LogitBlend.unpack(fields.fields("vote"), functions, n_classes)
        permutation = fields.array("classes", "<i8", n_classes)
        is_permutation = (np.sort(permutation) == np.arange(n_classes)).all()
        fields.require(is_permutation, "classes", "a permutation of the classes")
        return cls(permutation, blend, node)


# ---- numbers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Baseline:
    """A prediction whose residuals are a member's target.

    Attributes
    ----------
    function : Linear
        A single function, which predicts targets scaled to 0..1.
    low, high : float
        Range of the residuals in training, which is scaled to 0..1 again.
    share : float
        Share of the member's answer that is added to the prediction, since residuals are mostly
        noise.
    held_out : ndarray of shape (n_support,), float32, or None
        Out-of-fold predictions of the support rows, whose residuals are larger than in sample. None
        if the function's own predictions can be used.
    """

    function: Linear
    low: float
    high: float
    share: float = 1.0
    held_out: NDArray[np.float32] | None = None

    def support(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Predictions (n_support,) for the support rows."""
        return self.function.transform(x)[:, 0] if self.held_out is None else self.held_out

    def query(self, rows: Rows) -> NDArray[np.float64]:
        """Predictions (n_rows,) for query rows."""
        return rows.apply(self.function)[:, 0]

    def residuals(self, y: NDArray[np.float32], predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Residuals of scaled targets (n_rows,), scaled to 0..1."""
        residuals = y - predictions - self.low
        scale = self.high - self.low
        return (residuals / scale if scale else residuals).astype(np.float32)

    def add(self, y: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
        """Add a member's answers (n_rows,) to the predictions for the same rows."""
        residuals = y * (self.high - self.low) + self.low
        return self.share * residuals + predictions

    def pack(self, functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {
            "function": functions.place(self.function),
            "range": pack([self.low, self.high]),
            "share": self.share,
            "heldOut": None if self.held_out is None else pack(self.held_out),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, functions: StoredFunctions, n_rows: int) -> "Baseline":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        low, high = fields.array("range", "<f8", 2).tolist()
        fields.require(-LARGEST < low <= high < LARGEST, "range", "two numbers, ascending")
        held_out = None
        if fields.optional("heldOut"):
            held_out = fields.array("heldOut", "<f4", n_rows)
        function = functions.find(fields, 1)
        if held_out is None:
            functions.take_steps(fields, function, n_rows)
        return cls(function, low, high, _unpack_share(fields), held_out)


@dataclass(frozen=True)
class NumberView:
    """Scaled targets as a member sees them.

    Attributes
    ----------
    mirror : bool
        Whether a scaled target ``y`` is shown as ``1 - y``.
    baseline : Baseline or None
        If there is one, its residuals are shown, and mirrored after that.
    """

    mirror: bool
    baseline: Baseline | None = None
    n_shown = n_nodes = 1
    node = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing was learned for it."""
        return self.baseline is None

    def find(self, y: NDArray[np.float32]) -> NDArray[np.int64]:
        """Indices of the rows that the member sees: all of them."""
        return np.arange(len(y))

    def support_predictions(self, x: NDArray[np.float32]) -> NDArray[Any] | None:
        """The baseline's predictions (n_support,) for the support rows, if there is one."""
        return None if self.baseline is None else self.baseline.support(x)

    def query_predictions(self, rows: Rows) -> NDArray[Any] | None:
        """The baseline's predictions (n_rows,) for query rows, if there is one."""
        return None if self.baseline is None else self.baseline.query(rows)

    def transform(
        self, y: NDArray[np.float32], predictions: NDArray[Any] | None
    ) -> NDArray[np.float32]:
        """Convert scaled targets (n_rows,) to those shown to the network."""
        if self.baseline is not None and predictions is not None:
            y = self.baseline.residuals(y, predictions)
        return 1 - y if self.mirror else y

    def inverse_transform(self, outputs: NDArray[np.float32], rows: Rows) -> NDArray[np.float64]:
        """Convert outputs (n_rows, n_outputs) for query rows to scaled targets (n_rows,)."""
        return self.add_baseline(outputs, self.query_predictions(rows))

    def add_baseline(
        self, outputs: NDArray[np.float32], predictions: NDArray[Any] | None
    ) -> NDArray[np.float64]:
        """Do the same with given predictions (n_rows,) of the baseline."""
        y = outputs_to_targets(outputs)
        if self.mirror:
            y = 1 - y
        if self.baseline is None or predictions is None:
            return y
        return self.baseline.add(y, predictions)

    def pack(self, functions: Functions) -> dict[str, Any]:
        """Fields to store in a bundle."""
        return {
            "trend": None if self.baseline is None else self.baseline.pack(functions),
            "vote": None,
            "mirror": self.mirror,
        }

    @classmethod
    def unpack(
        cls, fields: BundleFields, functions: StoredFunctions, y: NDArray[Any]
    ) -> "NumberView":
        """Read what :meth:`pack` wrote. ``y`` holds the targets of the support set."""
        baseline = None
        if fields.optional("trend"):
            baseline = Baseline.unpack(fields.fields("trend"), functions, len(y))
        return cls(fields.get("mirror", "true or false", bool), baseline)


def _unpack_share(fields: BundleFields) -> float:
    share: float = fields.get("share", "a number, 0 to 1", float)
    fields.require(0 <= share <= 1, "share", "a number, 0 to 1")
    return share
