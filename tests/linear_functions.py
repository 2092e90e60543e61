"""Linear functions of encoded columns, and their way through a bundle."""

import json

import numpy as np

from sklearn_mitra._bundles.fields import BundleFields
from sklearn_mitra._members.functions import Functions, Linear, StoredFunctions, Terms

N_FEATURES = 3


def make_terms():
    """Of a column of numbers, from -1 to 2, and two levels of a category."""
    return Terms(
        np.array([1, 2, 2]),
        np.array([-1.0, 0, 2]),
        np.array([-1.0, 0, 0]),
        np.array([2.0, 1, 1]),
        np.array([0.25, 0.5, 0.125]),
    )


def make_linear(n_functions=2):
    rng = np.random.default_rng(n_functions)
    weights = rng.normal(size=(3, n_functions))
    return Linear(make_terms(), weights, rng.normal(size=n_functions))


def fields(packed):
    """An object of a bundle, ready to be read."""
    return BundleFields(json.loads(json.dumps(packed)), "a view")


def unpack(part, size):
    """A part of a member as a bundle gives it back, for so many support rows or shown classes."""
    functions = Functions()
    packed = part.pack(functions)
    stored = StoredFunctions(fields(functions.pack()), N_FEATURES)
    return type(part).unpack(fields(packed), stored, size)


def assert_same_linear(linear, other):
    np.testing.assert_equal(vars(linear.terms), vars(other.terms))
    np.testing.assert_array_equal(linear.weights, other.weights, strict=True)
    np.testing.assert_array_equal(linear.intercepts, other.intercepts, strict=True)
