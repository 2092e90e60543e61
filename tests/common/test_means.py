"""Sums whose bits depend neither on the number of rows nor on the layout in memory."""

import math

import numpy as np
import pytest

from sklearn_mitra._common.means import average, log_softmax, softmax


def draw_logits(n_rows=33, n_columns=9):
    return 9 * np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_average_adds_one_by_one(dtype):
    arrays = [draw_logits(4, n).astype(dtype)[:, :3] for n in (3, 4, 5, 6, 7)]
    before = [array.copy() for array in arrays]
    total = np.zeros((4, 3))
    for array in arrays:
        total = total + array
    found = average(iter(arrays))
    np.testing.assert_array_equal(found, total / 5, strict=True)
    np.testing.assert_array_equal(average(arrays[:1]), arrays[0].astype(np.float64), strict=True)
    for array, copy in zip(arrays, before):
        np.testing.assert_array_equal(array, copy)


def test_probabilities_are_those_of_python():
    logits = draw_logits()
    expected = []
    for row in logits.astype(np.float64).tolist():
        weights = [math.exp(logit - max(row)) for logit in row]
        expected.append([weight / math.fsum(weights) for weight in weights])
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-14)
    np.testing.assert_allclose(log_softmax(logits), np.log(expected), rtol=1e-12, atol=1e-15)
    assert softmax(logits).dtype == log_softmax(logits).dtype == np.float64


def test_logarithms_stay_exact_where_a_probability_is_zero():
    logits = np.array([[0.0, -1e4], [1e300, 0]])
    assert softmax(logits)[0].tolist() == [1, 0]
    np.testing.assert_array_equal(log_softmax(logits), [[0, -1e4], [0, -1e300]])


@pytest.mark.parametrize("reduce", [softmax, log_softmax])
@pytest.mark.parametrize("n_columns", [2, 7, 8, 9, 40, 300])
def test_a_row_is_reduced_alike_whatever_the_layout(reduce, n_columns):
    logits = draw_logits(33, n_columns)
    expected = reduce(logits)
    np.testing.assert_array_equal(reduce(np.asfortranarray(logits)), expected)
    np.testing.assert_array_equal(reduce(logits[:, ::-1][:, ::-1]), expected)
    for n_rows in (1, 2, 5):
        parts = [reduce(logits[i : i + n_rows]) for i in range(0, 33, n_rows)]
        np.testing.assert_array_equal(np.concatenate(parts), expected, strict=True)
