"""Canonical JSON, which every reader of bundles reads the same and within bounds."""

import json
from typing import Any

from .._common.fields import brief
from .._errors import BundleError

MAX_INTEGER = 2**53 - 1  # the largest that JavaScript reads exactly
_MAX_DEPTH = 64  # far from Python's recursion limit

# For every JSON text, that of an artifact too. A value takes up to a hundred times the memory
# of its bytes. To count them before they are read, their commas and brackets are counted.
_MAX_TEXT_SIZE = 2**26
_MAX_VALUES = 2**20


def to_json(obj: object, what: str = "value") -> bytes:
    """Write canonical JSON, as bytes; ``what`` names the object in a `BundleError`.

    It may be made of dicts with str keys, lists, str, bool, None, and finite numbers within
    +-(2**53 - 1), a million values or so, at most 64 levels deep.
    """
    _check_portable(obj, what)
    data = json.dumps(obj, sort_keys=True, separators=(",", ":")).encode()
    _check_text(data, what)
    return data


def from_json(data: Any, what: str) -> Any:
    """Read JSON in any layout, but only what `to_json` could write again.

    ``what`` names the bytes-like ``data`` in a `BundleError`.
    """
    data = bytes(data)
    _check_text(data, what)
    try:
        obj = _DECODER.decode(str(data, "utf-8"))
    except RecursionError:
        raise BundleError(f"{what} is nested more than {_MAX_DEPTH} levels deep.") from None
    except ValueError as error:
        raise BundleError(f"{what} is not valid JSON: {error}") from error
    _check_portable(obj, what)
    return obj


def _parse_int(text: str) -> int:
    if len(text) > 17:  # a sign and 16 digits; int() takes quadratic time on Python 3.10
        raise ValueError(f"an integer of {len(text)} characters")
    return int(text)


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    obj = dict(pairs)
    if len(obj) < len(pairs):
        raise ValueError(f"an object has a duplicate key, one of {brief(list(obj))}")
    return obj


_DECODER = json.JSONDecoder(parse_int=_parse_int, object_pairs_hook=_parse_object)


def _check_text(data: bytes, what: str) -> None:
    n_values = sum(map(data.count, (b",", b"[", b"{")))
    if len(data) > _MAX_TEXT_SIZE or n_values > _MAX_VALUES:
        raise BundleError(
            f"{what} is too large: {len(data)} bytes, about {n_values} values. At most "
            f"{_MAX_TEXT_SIZE} and {_MAX_VALUES} are read. A pickle has no such limit."
        )


def _check_portable(value: Any, what: str, depth: int = 0) -> None:
    if isinstance(value, (dict, list)):
        if depth == _MAX_DEPTH:
            raise BundleError(f"{what} is nested more than {_MAX_DEPTH} levels deep.")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise BundleError(f"{what} has a key of type {type(key).__name__}, not str.")
            value = value.values()
        for child in value:
            _check_portable(child, what, depth + 1)
    elif isinstance(value, (int, float)):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # NaN too
            got = value if isinstance(value, float) else f"an int of {value.bit_length()} bits"
            raise BundleError(f"{what} has a number beyond +-(2**53 - 1): {got}.")
    elif not isinstance(value, (str, type(None))):
        raise BundleError(f"{what} has a {type(value).__name__}, which JSON can't hold.")
