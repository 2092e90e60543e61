"""How an ensemble member sees the target: classes in another order, numbers turned over."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._bundles.fields import BundleFields, pack
from .._network.bins import outputs_to_targets


@dataclass(frozen=True)
class ClassOrder:
    """Classes in another order.

    Attributes
    ----------
    order : ndarray of shape (n_classes,), int64
        Class ``k`` is shown to the network as class ``order[k]``.
    """

    order: NDArray[np.int64]

    @property
    def n_shown(self) -> int:
        """How many classes the network is to tell apart."""
        return len(self.order)

    def show(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class ids (n_rows,) as the network is to see them."""
        return self.order[y]

    def restore(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (n_rows, n_outputs >= n_classes) as logits (n_rows, n_classes)."""
        return outputs[:, self.order]

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {"classes": pack(self.order)}

    @classmethod
    def unpack(cls, fields: BundleFields, n_classes: int) -> "ClassOrder":
        """Read what :meth:`pack` wrote."""
        order = fields.array("classes", "<i8", n_classes)
        is_permutation = (np.sort(order) == np.arange(n_classes)).all()
        fields.require(is_permutation, "classes", "a permutation of the classes")
        return cls(order)


@dataclass(frozen=True)
class Direction:
    """Targets as they are, or turned over.

    Attributes
    ----------
    mirror : bool
        Whether a scaled target ``y`` is shown as ``1 - y``.
    """

    mirror: bool
    n_shown: ClassVar[int] = 1

    def show(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled targets (n_rows,) as the network is to see them."""
        return 1 - y if self.mirror else y

    def restore(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Outputs (n_rows, n_outputs) as scaled targets (n_rows,)."""
        y = outputs_to_targets(outputs)
        return 1 - y if self.mirror else y

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {"mirror": self.mirror}

    @classmethod
    def unpack(cls, fields: BundleFields) -> "Direction":
        """Read what :meth:`pack` wrote."""
        return cls(fields.get("mirror", "true or false", bool))
