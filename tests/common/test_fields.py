"""JSON objects from outside: every field is checked, and what is wrong is named."""

import json

import numpy as np
import pytest

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.budget import Budget
from sklearn_mitra._bundles.fields import BundleFields, pack, pack_categories, pack_labels
from sklearn_mitra._common.fields import Fields


def read(**values):
    return BundleFields(json.loads(json.dumps(values)), "an object")


@pytest.mark.parametrize("obj", [None, [], "text", 3, True], ids=repr)
def test_only_an_object_has_fields(obj):
    with pytest.raises(BundleError, match="^here must be an object. Got .* instead.$"):
        BundleFields(obj, "here")


def test_the_error_is_that_of_the_class():
    class Own(Fields):
        error = KeyError

    with pytest.raises(KeyError, match="'a' in here must be an integer. Got nothing instead"):
        Own({}, "here").get("a", "an integer", int)


def test_types_are_exact():
    fields = read(number=1, real=1.0, truth=True, nothing=None)
    assert fields.get("number", "an integer", int) == 1
    assert fields.get("nothing", "nothing or a text", str, type(None)) is None
    assert "nothing" in fields and "other" not in fields
    for key in ("real", "truth", "nothing", "missing"):
        with pytest.raises(BundleError, match=f"'{key}' in an object must be an integer. Got"):
            fields.get(key, "an integer", int)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None, [1]], ids=repr)
def test_a_count_is_a_positive_integer(value):
    assert read(n=3).count("n") == 3
    with pytest.raises(BundleError, match="'n' in an object must be a positive integer. Got"):
        read(n=value).count("n")


def test_what_is_inside_is_named_with_its_place():
    fields = read(inner={"n": 0}, list=[{"n": 1}, {"n": 0}])
    with pytest.raises(BundleError, match="'n' in 'inner' in an object must be"):
        fields.fields("inner").count("n")
    first, second = fields.objects("list")
    assert first.count("n") == 1
    with pytest.raises(BundleError, match=r"'n' in 'list'\[1\] in an object must be"):
        second.count("n")


@pytest.mark.parametrize("value", [[], {}, None, [1], [{}, "text"]], ids=repr)
def test_a_list_of_objects_has_one_or_more_and_nothing_else(value):
    with pytest.raises(BundleError, match="must be a"):
        read(list=value).objects("list")


@pytest.mark.parametrize("value", [["a"], ["a", "b", "c"], ["a", 1], "ab", None], ids=repr)
def test_a_list_of_strings_has_its_length(value):
    assert read(names=["a", "b"]).strings("names", 2) == ["a", "b"]
    with pytest.raises(BundleError, match="'names' in an object must be a list"):
        read(names=value).strings("names", 2)


def test_long_values_are_shortened_in_messages():
    for value in ("x" * 10**6, list(range(10**6)), {str(i): i for i in range(1000)}):
        with pytest.raises(BundleError) as error:
            read(n=value).count("n")
        assert len(str(error.value)) < 300


# ---- arrays --------------------------------------------------------------------------------------

ARRAYS = {
    "float64": np.array([[0.1, -0.0, 5e-324], [1.7e308, 1, 2]]),
    "float32": np.array([[0.1, 2, 3.4e38]], np.float32),
    "int64": np.array([-(2**63), 2**63 - 1]),
    "big-endian": np.array([1, 256], ">i4"),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "not contiguous": np.arange(12.0).reshape(3, 4)[:, ::2],
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back_to_the_bit(array):
    dtype = array.dtype.newbyteorder("<").str
    for shape in (array.shape, (None, *array.shape[1:])):
        found = read(a=pack(array)).array("a", dtype, *shape)
        assert found.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(np.signbit(found), np.signbit(array.astype(found.dtype)))
        np.testing.assert_array_equal(found, array)


WRONG = {
    "another shape": {"shape": [2]},
    "a negative length": {"shape": [-3]},
    "a length that is no integer": {"shape": [3.0]},
    "no list as shape": {"shape": 3},
    "another dtype": {"dtype": "<f4"},
    "objects": {"dtype": "|O"},
    "no base64": {"data": "***"},
    "half of the data": {"data": pack([1.0])["data"]},
    "NaN": {"data": pack([1.0, np.nan, 2.0])["data"]},
    "infinity": {"data": pack([1.0, np.inf, 2.0])["data"]},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_packed_arrays_that_are_not_as_expected_are_named(change):
    packed = {**pack([1.0, 2.0, 3.0]), **change}
    (field,) = change
    with pytest.raises(BundleError, match=f"'{field}' in 'a' in an object must be"):
        read(a=packed).array("a", "<f8", 3)


# ---- what may be made ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n_stored", "most"), [(0, 2**30), (2**24, 2**30), (2**25, 2**31)])
def test_a_budget_is_64_times_the_bundle_or_a_gigabyte_if_that_is_more(n_stored, most):
    fields = BundleFields({"a": {}, "b": [{}]}, "a bundle", Budget(n_stored))
    fields.take("a", most // 2)
    fields.fields("a").take("inner", most // 2 - 1)
    (last,) = fields.objects("b")
    last.take("inner", 1)
    with pytest.raises(
        BundleError, match=rf"'inner' in 'b'\[0\] in a bundle needs .* {most} bytes"
    ):
        last.take("inner", 1)


# ---- labels and categories -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [np.array([1, 2, 5]), np.array([0.5, 1.5]), np.array(["a", "b"]), np.array([False, True])],
    ids=str,
)
def test_labels_come_back(labels):
    found = read(labels=pack_labels(labels)).labels("labels")
    np.testing.assert_array_equal(found, labels, strict=True)


@pytest.mark.parametrize("values", [[], ["b", "a"], ["a", "a"]], ids=str)
def test_labels_are_ascending(values):
    packed = {"dtype": "str", "labels": values}
    with pytest.raises(BundleError, match="'labels' in an object must be one or more labels"):
        read(labels=packed).labels("labels")


def test_categories_come_back_and_are_distinct_scalars():
    columns = [None, [], ["b", "a"], [3, 1], [True, False], [0.5]]
    packed = [pack_categories(categories, "a column") for categories in columns]
    assert read(levels=packed).categories("levels", 6) == columns
    for wrong in ([["a", "a"]], [[["a"]]], ["ab"], [{"a": 1}], [[None]]):
        with pytest.raises(BundleError, match="'levels' in an object must be a list with null, or"):
            read(levels=wrong).categories("levels", 1)
    with pytest.raises(BundleError, match="a list of length 2"):
        read(levels=[None]).categories("levels", 2)


def test_categories_of_other_types_are_refused_naming_the_column():
    with pytest.raises(BundleError, match=r"In column 'a', got tuple.*\.astype\(str\)"):
        pack_categories([(1, 2)], "column 'a'")
    for level in (2**53, -(2**60), np.inf):
        with pytest.raises(BundleError, match=r"In column 'a', got .*\.astype\(str\)"):
            pack_categories([1, level], "column 'a'")
    assert pack_categories([2**53 - 1], "column 'a'") == [2**53 - 1]
