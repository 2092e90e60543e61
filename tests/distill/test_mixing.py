"""Mixed rows hold values of their columns, and keep dtypes."""

import numpy as np
import pandas as pd
import pytest
from tables import make_frame_of_all_types

from sklearn_mitra._distill.mixing import mix_rows, rows_of
from sklearn_mitra._preprocessing.encoder import TableEncoder


def mix(X, rows=None, n_rows=400, seed=0):
    rows = np.arange(len(X)) if rows is None else rows
    return mix_rows(X, rows, n_rows, np.random.RandomState(seed))


def test_each_value_is_that_of_one_of_two_rows():
    X = np.arange(10)[:, None] + np.arange(5) / 10  # the row can be read off a value
    mixed = mix(X)
    sources = np.floor(mixed).astype(int)
    np.testing.assert_allclose(mixed - sources, np.tile(np.arange(5) / 10, (400, 1)), atol=1e-12)
    n_sources = np.array([len(set(row)) for row in sources])
    assert n_sources.max() == 2
    first, last = sources[:, 0], sources[:, -1]
    assert 0.4 < (first != last).mean() < 0.5  # of pairs of ten rows, a tenth are of a row twice
    assert set(sources.ravel()) == set(range(10))


def test_only_the_given_rows_are_mixed():
    X = np.arange(20.0).reshape(10, 2)
    assert set(mix(X, np.array([1, 4]))[:, 0]) == {2.0, 8.0}


def test_frames_keep_their_types_and_hold_no_new_values():
    frame = make_frame_of_all_types().set_index(np.arange(60) * 3)
    before = frame.copy()
    mixed = mix(frame)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_series_equal(mixed.dtypes, frame.dtypes)
    assert len(mixed) == 400
    for name in frame:
        known = set(frame[name].astype(str))
        assert set(mixed[name].astype(str)) <= known
        assert mixed[name].isna().any() == frame[name].isna().any()
    encoder, _ = TableEncoder.fit(frame)
    assert np.isfinite(encoder.transform(mixed)).all()


@pytest.mark.parametrize(
    "columns", [["a", "a"], [0, 1], pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])]
)
def test_frames_keep_their_column_names(columns):
    frame = pd.DataFrame(np.arange(8.0).reshape(4, 2)).set_axis(columns, axis=1)
    pd.testing.assert_index_equal(mix(frame).columns, frame.columns)


def test_the_generator_decides():
    X = np.random.default_rng(0).normal(size=(30, 3))
    np.testing.assert_array_equal(mix(X), mix(X))
    assert (mix(X) != mix(X, seed=1)).any()


def test_rows_of_a_frame_are_taken_by_position():
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=[2, 0, 1])
    assert rows_of(frame, np.array([0, 2]))["a"].tolist() == [1, 3]
    assert rows_of(frame.to_numpy(), np.array([0, 2])).tolist() == [[1], [3]]
