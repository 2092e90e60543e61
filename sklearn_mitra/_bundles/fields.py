"""Arrays, labels and categories as JSON to the bit, and their checked way back."""

import base64
import binascii
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.fields import Fields
from .._errors import BundleError
from .budget import LEAST, Budget
from .canonical import MAX_INTEGER

_LABEL_DTYPES = ["|b1", "|i1", "|u1", *(kind + n for kind in ("<i", "<u", "<f") for n in "248")]
_SCALARS = (str, bool, int, float)
_LEVELS = "a list of null, or distinct strings and numbers, for every column"


def pack(values: ArrayLike) -> dict[str, Any]:
    """An array of numbers or booleans: its dtype, shape and bytes, little-endian."""
    array = np.asarray(values)
    array = array.astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def pack_labels(classes: NDArray[Any]) -> dict[str, Any]:
    """Class labels, ndarray of shape (n_classes,) of numbers, booleans or strings."""
    if classes.dtype.newbyteorder("<").str in _LABEL_DTYPES:
        return pack(classes)
    if all(isinstance(label, str) for label in classes):
        dtype = "object" if classes.dtype == object else "str"
        labels = [str.__str__(label) for label in classes]
        if dtype == "str" and _array_nbytes(labels) > LEAST // 2:  # views need some, too
            raise BundleError(
                f"A bundle can't hold {len(labels)} class labels in an array of {classes.dtype}. "
                "Convert them with .astype(object) before fitting, or pickle the estimator instead."
            )
        return {"dtype": dtype, "labels": labels}
    types = ", ".join(sorted({type(label).__name__ for label in classes}))
    raise BundleError(
        f"A bundle can hold class labels that are all numbers or all strings. Got {types}. "
        "Convert the labels before fitting, or pickle the estimator instead."
    )


def pack_levels(levels: list[Any] | None, name: str) -> list[Any] | None:
    """The levels of a column, or None."""
    for level in levels or []:
        if not isinstance(level, (str, bool, int, float)):
            raise BundleError(
                f"A bundle can hold categories that are strings or numbers. In {name}, got "
                f"{type(level).__name__}. Convert the column with .astype(str) before fitting, or "
                "pickle the estimator instead."
            )
        if not isinstance(level, str) and not abs(level) <= MAX_INTEGER:
            raise BundleError(
                f"A bundle can hold categories that are numbers up to 2**53 - 1. In {name}, got "
                f"{level!r}. Convert the column with .astype(str) before fitting, or pickle the "
                "estimator instead."
            )
    return levels


class BundleFields(Fields):
    """A JSON object out of a bundle, read field by field, each of them checked.

    Parameters
    ----------
    obj : object
        As parsed.
    where : str
        What errors call it.
    budget : Budget, default=None
        That of the bundle. None is the budget of a small one.
    """

    error = BundleError

    def __init__(self, obj: object, where: str, budget: Budget | None = None) -> None:
        super().__init__(obj, where)
        self._budget = budget or Budget(0)

    def _inside(self, obj: object, where: str) -> "BundleFields":
        return BundleFields(obj, where, self._budget)

    def take(self, key: str, nbytes: int) -> None:
        """Take from the bundle's budget what is about to be made of the field ``key``."""
        self._budget.take(nbytes, f"{key!r} in {self._where}")

    def place(self, key: str, length: int) -> int:
        """A place in a list of so many."""
        needed = f"an integer, 0 to {length - 1}" if length else "absent: there is nothing to name"
        place: int = self.get(key, needed, int)
        self.require(0 <= place < length, key, needed)
        return place

    def array(self, key: str, dtype: str, *shape: int | None) -> NDArray[Any]:
        """The finite array that :func:`pack` packed; a length of None may be any."""
        packed = self.fields(key)
        found = packed.get("shape", "a list of lengths", list)
        fits = len(found) == len(shape) and all(
            type(n) is int and n >= 0 and n == (n if wanted is None else wanted)
            for n, wanted in zip(found, shape)
        )
        packed.require(fits, "shape", f"{list(shape)}")
        packed.require(packed.get("dtype", "a string", str) == dtype, "dtype", dtype)
        try:
            data = base64.b64decode(packed.get("data", "base64", str), validate=True)
        except (binascii.Error, ValueError):
            packed.require(False, "data", "base64")
        size = math.prod(found) * np.dtype(dtype).itemsize
        packed.require(len(data) == size, "data", f"base64 of {size} bytes")
        array = np.frombuffer(data, dtype).reshape(found)
        packed.require(np.isfinite(array).all(), "data", "finite numbers")
        return array.astype(array.dtype.newbyteorder("="))

    def labels(self, key: str) -> NDArray[Any]:
        """What :func:`pack_labels` packed: one or more labels, ascending, no two the same."""
        packed = self.fields(key)
        dtype = packed.get("dtype", "a string", str)
        if dtype in ("object", "str"):
            values = packed.get("labels", "a list of strings", list)
            strings = all(isinstance(label, str) for label in values)
            packed.require(strings, "labels", "a list of strings")
            if dtype == "str":
                packed.take("labels", _array_nbytes(values))
            labels = np.array(values, dtype=object if dtype == "object" else str)
            is_same = labels.tolist() == values
            packed.require(is_same, "labels", "strings that don't end in a null character")
        else:
            packed.require(dtype in _LABEL_DTYPES, "dtype", f"one of {_LABEL_DTYPES}")
            labels = self.array(key, dtype, None)
        ascending = len(labels) > 0 and bool(np.all(labels[:-1] < labels[1:]))
        self.require(ascending, key, "one or more labels, each larger than the one before")
        return labels

    def levels(self, key: str, length: int) -> list[list[Any] | None]:
        """What :func:`pack_levels` packed for so many columns."""
        columns = self.get(key, "a list", list)
        self.require(len(columns) == length, key, f"a list of length {length}")
        for levels in columns:
            self.require(levels is None or _are_levels(levels), key, _LEVELS)
        return columns


def _array_nbytes(strings: list[str]) -> int:
    """Size of an array of strings, which gives each the room of the longest."""
    return 4 * len(strings) * max(map(len, strings), default=0)


def _are_levels(levels: object) -> bool:
    if not isinstance(levels, list) or not all(type(v) in _SCALARS for v in levels):
        return False
    return len(set(levels)) == len(levels)
