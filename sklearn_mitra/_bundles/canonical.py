"""Canonical JSON, bounded in size, that every reader of bundles reads alike."""

import json
from typing import Any

from .._common.fields import brief
from .._errors import BundleError

MAX_INTEGER = 2**53 - 1  # the largest integer that JavaScript reads exactly
_MAX_DEPTH = 64  # far from Python's recursion limit

# Limits of every JSON text, artifacts included. A parsed value can take a hundred times the memory
# of its text, so values are counted before parsing, by their commas and brackets.
_MAX_TEXT_SIZE = 2**26
_MAX_VALUES = 2**20


def to_json(obj: object, what: str = "value") -> bytes:
    """Write an object as canonical JSON, in bytes.

    The object may consist of dicts with str keys, lists, str, bool, None, and finite numbers within
    +-(2**53 - 1). It may have about a million values and at most 64 levels of nesting. ``what``
    names it in a `BundleError`.
    """
    _check_portable(obj, what)
    data = json.dumps(obj, sort_keys=True, separators=(",", ":")).encode()
    _check_text(data, what)
    return data


def from_json(data: Any, what: str) -> Any:
    """Read JSON in any layout, within the limits of `to_json`.

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
    if len(text) > 17:  # a sign and 16 digits; int() is quadratic on Python 3.10
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
