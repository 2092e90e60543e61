"""JSON that every reader of bundles reads the same."""

import numpy as np
import pytest

from sklearn_mitra._bundles.canonical import from_json, to_json
from sklearn_mitra._bundles.container import encode_bundle
from sklearn_mitra._errors import BundleError

MANIFEST = {"typeId": "wlearn.model@1", "bundleVersion": 1}

circular = []
circular.append(circular)


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (float("nan"), "number beyond .*: nan"),
        (float("inf"), "number beyond .*: inf"),
        (-float("inf"), "number beyond .*: -inf"),
        (1e300, r"number beyond .*: 1e\+300"),
        (2**53, "number beyond .*: an int of 54 bits"),
        (-(2**53), "number beyond .*: an int of 54 bits"),
        pytest.param(10**5000, "number beyond .*: an int of 16610 bits", id="10**5000"),
        ({1: 2}, "key of type int, not str"),
        ({None: 2}, "key of type NoneType, not str"),
        ((1, 2), "a tuple, which JSON can't hold"),
        (b"x", "a bytes, which JSON can't hold"),
        (np.int64(1), "a int64, which JSON can't hold"),
        (circular, "nested more than 64 levels"),
        (nested(65), "nested more than 64 levels"),
    ],
)
def test_values_that_json_cannot_hold(value, match):
    with pytest.raises(BundleError, match=f"value .*{match}"):
        to_json(value)
    with pytest.raises(BundleError, match=f"manifest .*{match}"):
        encode_bundle({**MANIFEST, "params": {"p": value}}, {})


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 0.1, True, None, "", nested(64)])
def test_json_round_trip(value):
    assert from_json(to_json(value), "value") == value


def test_from_json_names_what_is_wrong():
    assert from_json(bytearray(b' {"b": 1, "a": [2.50]} '), "meta") == {"a": [2.5], "b": 1}
    with pytest.raises(BundleError, match=r"^meta is not valid JSON"):
        from_json(memoryview(b"{'a': 1}"), "meta")
