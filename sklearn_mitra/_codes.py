"""More classes than a network has outputs: members that see groups of classes, several times.

Each of a member's views deals the classes out to the outputs in another way. No two classes share
an output in all of them, so the views together tell all classes apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bundles.fields import BundleFields, pack

# More would be a damaged bundle: two outputs tell 2**32 classes apart by so many codes.
_MOST_CODES = 32
# More than that could overflow.
_LARGEST = 1e6


@dataclass(frozen=True)
class ClassCode:
    """Classes in groups.

    Attributes
    ----------
    groups : ndarray of shape (n_classes,), int64
        Class ``k`` is shown to the network as class ``groups[k]``.
    n_codes : int
        How many codes the ensemble member has. The logits of all of them are to be added up;
        as members' are averaged, each is multiplied by this.
    offsets : ndarray of shape (n_classes,), float64
        Added to the logits, for the sum to count the frequency of a class once.
    """

    groups: NDArray[np.int64]
    n_codes: int
    offsets: NDArray[np.float64]

    @property
    def n_shown(self) -> int:
        """How many groups the network is to tell apart, or more."""
        return int(self.groups.max()) + 1

    def show(self, y: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class ids (n_rows,) as the network is to see them."""
        return self.groups[y]

    def restore(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Outputs (n_rows, n_outputs) as logits (n_rows, n_classes)."""
        logits: NDArray[np.float64] = self.n_codes * outputs[:, self.groups] + self.offsets
        return logits

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        return {
            "classes": None,
            "groups": pack(self.groups),
            "nCodes": self.n_codes,
            "offsets": pack(self.offsets),
        }

    @classmethod
    def unpack(cls, fields: BundleFields, n_classes: int) -> "ClassCode":
        """Read what :meth:`pack` wrote."""
        groups = fields.array("groups", "<i8", n_classes)
        in_range = bool(((groups >= 0) & (groups < n_classes)).all())
        fields.require(in_range, "groups", f"groups of classes, 0 to {n_classes - 1}")
        n_codes = fields.count("nCodes")
        fields.require(n_codes <= _MOST_CODES, "nCodes", f"at most {_MOST_CODES}")
        offsets = fields.array("offsets", "<f8", n_classes)
        fields.require(bool((np.abs(offsets) <= _LARGEST).all()), "offsets", "not so large")
        return cls(groups, n_codes, offsets)


def encode_classes(views: Sequence[Any], y: NDArray[np.int64], n_outputs: int) -> list[Any]:
    """Make views of all classes to views that a network of fewer outputs can answer.

    Parameters
    ----------
    views : sequence of View
        Each with a ``ClassOrder`` for a target.
    y : ndarray of shape (n_support,), int64
        Class ids of the support.
    n_outputs : int
        2 or more.

    Returns
    -------
    views : list of View
        The same if there are as many outputs as classes. Else each becomes as many as its classes
        need to be told apart: two for up to 100 classes and ten outputs.
    """
    n_classes = len(views[0].target.order)
    if n_classes <= n_outputs:
        return list(views)
    n_codes = 2
    while n_outputs**n_codes < n_classes:
        n_codes += 1
    # a class without support rows counts as half of one
    frequencies = np.maximum(np.bincount(y, minlength=n_classes), 0.5)
    frequencies = frequencies / frequencies.sum()
    encoded = []
    for view in views:
        for groups in _deal(view.target.order, n_outputs, n_codes):
            shares = np.bincount(groups, frequencies, minlength=n_outputs)
            offsets = np.log(frequencies) - n_codes * np.log(shares[groups])
            encoded.append(replace(view, target=ClassCode(groups, n_codes, offsets)))
    return encoded


def _deal(order: NDArray[np.int64], n_outputs: int, n_codes: int) -> list[NDArray[np.int64]]:
    """Deal classes out to outputs like cards: groups are of the same size, or differ by one.

    The next time, those that shared an output every time so far come one after the other, and so
    to different outputs, as long as they are no more than the outputs.
    """
    codes: list[NDArray[np.int64]] = []
    for _ in range(n_codes):
        places = np.empty(len(order), np.int64)
        places[np.lexsort((order, *codes[::-1]))] = np.arange(len(order))
        codes.append(places % n_outputs)
    return codes
