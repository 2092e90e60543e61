"""Arrays, labels and categories as JSON, exact to the bit, and checked when they are read."""

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
_CATEGORIES = "a list with null, or distinct strings and numbers, for every column"


def pack(values: ArrayLike) -> dict[str, Any]:
    """Pack an array of numbers or booleans as its dtype, shape and little-endian bytes."""
    array = np.asarray(values)
    array = array.astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def pack_labels(classes: NDArray[Any]) -> dict[str, Any]:
    """Pack class labels (n_classes,) that are numbers, booleans or strings."""
    if classes.dtype.newbyteorder("<").str in _LABEL_DTYPES:
        return pack(classes)
    if all(isinstance(label, str) for label in classes):
        dtype = "object" if classes.dtype == object else "str"
        labels = [str.__str__(label) for label in classes]
        if dtype == "str" and _array_nbytes(labels) > LEAST // 2:  # ensemble members need some, too
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


def pack_categories(categories: list[Any] | None, name: str) -> list[Any] | None:
    """Check that a bundle can hold the categories of a column, and return them; or None."""
    for category in categories or []:
        if not isinstance(category, (str, bool, int, float)):
            raise BundleError(
                f"A bundle can hold categories that are strings or numbers. In {name}, got "
                f"{type(category).__name__}. Convert the column with .astype(str) before fitting, "
                "or pickle the estimator instead."
            )
        if not isinstance(category, str) and not abs(category) <= MAX_INTEGER:
            raise BundleError(
                f"A bundle can hold categories that are numbers up to 2**53 - 1. In {name}, got "
                f"{category!r}. Convert the column with .astype(str) before fitting, or pickle "
                "the estimator instead."
            )
    return categories


class BundleFields(Fields):
    """A JSON object of a bundle, with a check for every field that is read.

    Parameters
    ----------
    obj : object
        The parsed JSON.
    where : str
        The object's name in error messages.
    budget : Budget, default=None
        The bundle's budget. None is the budget of a small bundle.
    """

    error = BundleError

    def __init__(self, obj: object, where: str, budget: Budget | None = None) -> None:
        super().__init__(obj, where)
        self._budget = budget or Budget(0)

    def _inside(self, obj: object, where: str) -> "BundleFields":
        return BundleFields(obj, where, self._budget)

    def take(self, key: str, nbytes: int) -> None:
        """Reserve memory in the bundle's budget for the field ``key``."""
        self._budget.take(nbytes, f"{key!r} in {self._where}")

    def place(self, key: str, length: int) -> int:
        """An index into a list of the given length."""
        needed = f"an integer, 0 to {length - 1}" if length else "absent: the list is empty"
        place: int = self.get(key, needed, int)
        self.require(0 <= place < length, key, needed)
        return place

    def array(self, key: str, dtype: str, *shape: int | None) -> NDArray[Any]:
        """The array that :func:`pack` packed, all finite. A length of None allows any length."""
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
        """The labels that :func:`pack_labels` packed: one or more, strictly ascending."""
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

    def categories(self, key: str, n_columns: int) -> list[list[Any] | None]:
        """The categories of each column, as :func:`pack_categories` packed them."""
        columns = self.get(key, "a list", list)
        self.require(len(columns) == n_columns, key, f"a list of length {n_columns}")
        for column in columns:
            self.require(column is None or _are_categories(column), key, _CATEGORIES)
        return columns


def _array_nbytes(strings: list[str]) -> int:
    """Size of an array of strings, in which each takes the space of the longest."""
    return 4 * len(strings) * max(map(len, strings), default=0)


def _are_categories(values: object) -> bool:
    if not isinstance(values, list) or not all(type(v) in _SCALARS for v in values):
        return False
    return len(set(values)) == len(values)
