"""Arrays, labels and categories as JSON to the bit, and their checked way back."""

import base64
import binascii
import math

import numpy as np

from ._errors import BundleError

_LABEL_DTYPES = ["|b1", "|i1", "|u1", *(kind + n for kind in ("<i", "<u", "<f") for n in "248")]
_LEVELS = "a list of null, or distinct strings and numbers, for every column"


def pack(values):
    """An array of numbers or booleans: its dtype, shape and bytes, little-endian."""
    array = np.asarray(values)
    array = array.astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def pack_labels(classes):
    """Class labels, ndarray of shape (n_classes,) of numbers, booleans or strings."""
    if classes.dtype.newbyteorder("<").str in _LABEL_DTYPES:
        return pack(classes)
    if all(isinstance(label, str) for label in classes):
        dtype = "object" if classes.dtype == object else "str"
        return {"dtype": dtype, "labels": [str.__str__(label) for label in classes]}
    types = ", ".join(sorted({type(label).__name__ for label in classes}))
    raise BundleError(
        f"A bundle can hold class labels that are all numbers or all strings. Got {types}. "
        "Convert the labels before fitting, or pickle the estimator instead."
    )


def pack_levels(levels, name):
    """The levels of a column, or None."""
    for level in levels or []:
        if not isinstance(level, (str, bool, int, float)):
            raise BundleError(
                f"A bundle can hold categories that are strings or numbers. In {name}, got "
                f"{type(level).__name__}. Convert the column with .astype(str) before fitting, or "
                "pickle the estimator instead."
            )
    return levels


class Fields:
    """A JSON object out of a bundle, read field by field, each of them checked.

    Parameters
    ----------
    obj : object
        As parsed.
    where : str
        What errors call it.
    """

    def __init__(self, obj, where):
        self._where = where
        self._obj = obj
        if not isinstance(obj, dict):
            raise BundleError(f"{where} must be an object. Got {_show(obj)}.")

    def require(self, condition, key, needed):
        """Raise a BundleError that says what the field ``key`` must be, unless it is so."""
        if not condition:
            got = _show(self._obj[key]) if key in self._obj else "nothing"
            raise BundleError(f"{key!r} in {self._where} must be {needed}. Got {got}.")

    def get(self, key, needed, *types):
        """A field of one of the types; ``needed`` puts them into words."""
        value = self._obj.get(key)
        self.require(key in self._obj and type(value) in types, key, needed)
        return value

    def count(self, key):
        """A positive integer."""
        value = self.get(key, "a positive integer", int)
        self.require(value > 0, key, "a positive integer")
        return value

    def fields(self, key):
        """An object, as Fields."""
        return Fields(self.get(key, "an object", dict), f"{key!r} in {self._where}")

    def array(self, key, dtype, *shape):
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

    def labels(self, key):
        """What :func:`pack_labels` packed: one or more labels, ascending, no two the same."""
        packed = self.fields(key)
        dtype = packed.get("dtype", "a string", str)
        if dtype in ("object", "str"):
            values = packed.get("labels", "a list of strings", list)
            strings = all(isinstance(label, str) for label in values)
            packed.require(strings, "labels", "a list of strings")
            labels = np.array(values, dtype=object if dtype == "object" else str)
        else:
            packed.require(dtype in _LABEL_DTYPES, "dtype", f"one of {_LABEL_DTYPES}")
            labels = self.array(key, dtype, None)
        ascending = len(labels) > 0 and bool(np.all(labels[:-1] < labels[1:]))
        self.require(ascending, key, "one or more labels, each larger than the one before")
        return labels

    def strings(self, key, length):
        """A list of so many strings."""
        values = self.get(key, "a list", list)
        fits = len(values) == length and all(isinstance(value, str) for value in values)
        self.require(fits, key, f"a list of {length} strings")
        return values

    def levels(self, key, length):
        """What :func:`pack_levels` packed for so many columns."""
        columns = self.get(key, "a list", list)
        self.require(len(columns) == length, key, f"a list of length {length}")
        for levels in columns:
            self.require(levels is None or _are_levels(levels), key, _LEVELS)
        return columns


def _are_levels(levels):
    scalars = isinstance(levels, list) and all(type(v) in (str, bool, int, float) for v in levels)
    return scalars and len(set(levels)) == len(levels)


def _show(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
