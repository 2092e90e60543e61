"""Query rows: encoded in pieces, cut into chunks of distinct rows, and put together again."""

import numpy as np
import pytest
from estimators import both, outputs, same, small
from tables import make_repeated_frame as make_frame
from tables import make_repeated_rows as repeated
from tables import make_table

from sklearn_mitra._network.context import Member
from sklearn_mitra._network.plan import Plan
from sklearn_mitra._preprocessing import queries
from sklearn_mitra._preprocessing.encoder import TableEncoder
from sklearn_mitra._preprocessing.queries import Queries, cut_distinct


def naive_cut(x, n_rows):
    """Chunks as (distinct rows, the places of all that are equal to one of them)."""
    places = {}
    for i, row in enumerate(x):
        places.setdefault(row.tobytes(), []).append(i)
    distinct = list(places.values())  # in the order of the table
    for start in range(0, len(distinct), n_rows):
        part = distinct[start : start + n_rows]
        yield x[[equal[0] for equal in part]], sorted(i for equal in part for i in equal)


# ---- distinct rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [1, 5, 12, 13, 100])
@pytest.mark.parametrize("n_columns", [1, 3])
def test_chunks_are_those_of_a_loop(n_rows, n_columns):
    x = repeated(n_columns=n_columns)
    before = x.copy()
    chunks, expected = [*cut_distinct(x, n_rows)], [*naive_cut(x, n_rows)]
    for chunk, (rows, indices) in zip(chunks, expected, strict=True):
        same(chunk.rows, rows)
        assert chunk.indices.tolist() == indices
        same(chunk.rows[chunk.places], x[chunk.indices])
    same(x, before)


def test_rows_are_equal_if_all_their_bits_are():
    nan = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)  # two of them
    x = np.array([[0.0], [-0.0], [nan[0]], [nan[1]], [0.0], [nan[0]]], np.float32)
    (chunk,) = cut_distinct(x, 10)
    assert len(chunk.rows) == 4
    assert chunk.places.tolist() == [0, 1, 2, 3, 0, 2]
    same(chunk.rows[chunk.places].view(np.uint32), x.view(np.uint32))


@pytest.mark.parametrize("order", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]])
def test_the_layout_in_memory_does_not_matter(order):
    x = repeated()
    for chunk, expected in zip(cut_distinct(order(x), 5), cut_distinct(x, 5), strict=True):
        for found, other in zip(chunk, expected):
            same(found, other)


def test_no_rows_make_no_chunks():
    assert [*cut_distinct(np.zeros((0, 3), np.float32), 5)] == []


# ---- tables --------------------------------------------------------------------------------------


@pytest.fixture
def pieces_seen(monkeypatch):
    """How many rows an encoder was given each time."""
    seen, transform = [], TableEncoder.transform

    def count(encoder, X, *args):
        seen.append(len(X))
        return transform(encoder, X, *args)

    monkeypatch.setattr(TableEncoder, "transform", count)
    return seen


@pytest.mark.parametrize("is_frame", [True, False], ids=["frame", "array"])
@pytest.mark.parametrize("piece", [7, 20, 50, 1000])
@pytest.mark.parametrize("n_rows", [1, 5, 100])
def test_chunks_put_together_are_the_encoded_table(is_frame, piece, n_rows, monkeypatch):
    X = make_frame() if is_frame else repeated().astype(np.float64)
    encoder, x = TableEncoder.fit(X)
    monkeypatch.setattr(queries, "_ENCODED_ROWS", piece)
    table = Queries(X, encoder)
    assert len(table) == 50
    found, times = np.empty_like(x), np.zeros(50, int)
    for chunk in table.chunks(n_rows):
        assert 1 <= len(chunk.rows) <= n_rows and (np.diff(chunk.indices) > 0).all()
        found[chunk.indices] = chunk.rows[chunk.places]
        times[chunk.indices] += 1
    same(found, x)
    same(times, np.ones(50, int))
    same(np.concatenate([chunk.indices for chunk in table.chunks(100)]), np.arange(50))  # again


def test_a_table_of_several_pieces_is_encoded_twice(monkeypatch, pieces_seen):
    X = make_frame()
    encoder, _ = TableEncoder.fit(X)
    for piece, pieces in ((50, [50]), (20, [20, 20, 10])):
        monkeypatch.setattr(queries, "_ENCODED_ROWS", piece)
        pieces_seen.clear()
        table = Queries(X, encoder)
        assert pieces_seen == pieces
        [*table.chunks(5)]
        assert pieces_seen == pieces * (1 if len(pieces) == 1 else 2)


def test_errors_of_any_piece_come_before_the_first_chunk(monkeypatch):
    X = repeated().astype(np.float64)
    encoder, _ = TableEncoder.fit(X)
    monkeypatch.setattr(queries, "_ENCODED_ROWS", 20)
    X[47, 1] = np.inf
    with pytest.raises(ValueError, match="infinity or a value too large .* column 1"):
        Queries(X, encoder)


def test_unseen_levels_are_counted_in_all_pieces_and_once(monkeypatch):
    X = make_frame()
    encoder, _ = TableEncoder.fit(X)
    monkeypatch.setattr(queries, "_ENCODED_ROWS", 20)
    table = Queries(X.assign(c=["sideways"] * 27 + ["up"] * 23), encoder)
    [*table.chunks(5)]
    with pytest.warns(UserWarning, match="'c', 27 of 50 values .* such as 'sideways'") as record:
        table.unseen.warn()
    assert len(record) == 1


@pytest.mark.parametrize(("n_rows", "title"), [(50, "Rows"), (20, None)])
def test_few_rows_or_no_title_show_no_bar(n_rows, title, capsys):
    X = make_frame()
    [*Queries(X, TableEncoder.fit(X)[0]).chunks(n_rows, title)]
    assert capsys.readouterr() == ("", "")


def test_a_bar_counts_rows_that_repeat(capsys):
    X = make_frame()
    [*Queries(X, TableEncoder.fit(X)[0]).chunks(8, "Rows")]
    out, err = capsys.readouterr()
    assert out == "" and "Rows" in err and "50/50" in err


# ---- in estimators -------------------------------------------------------------------------------


@pytest.fixture
def rows_seen(monkeypatch):
    """How many rows each run of the network was given."""
    seen, outputs_of = [], Member.outputs

    def count(member, x):
        seen.append(len(x))
        return outputs_of(member, x)

    monkeypatch.setattr(Member, "outputs", count)
    return seen


@both
def test_the_network_sees_a_row_once_however_often_it_is_asked_for(cls, rows_seen):
    X, y = make_table()
    query, _ = make_table(12, seed=1)
    estimator = small(cls, n_estimators=2).fit(X, y)
    expected = outputs(estimator, query)
    rows_seen.clear()
    order = np.random.default_rng(0).integers(0, 12, 100)
    same(outputs(estimator, query[order]), expected[order])
    assert rows_seen == [len(np.unique(order))] * 2


@both
def test_rows_are_the_same_if_they_are_once_encoded(cls, rows_seen):
    X, y = make_table()
    estimator = small(cls).fit(X.astype(object), y)
    query = np.array([[np.nan, 1, 2, 3], [None, 1.0, np.float32(2), 3]], object)
    predictions = outputs(estimator, query)
    assert rows_seen == [1]
    same(predictions[:1], predictions[1:])


@both
def test_repeated_rows_in_pieces_and_chunks(cls, monkeypatch, rows_seen):
    X, y = make_table()
    query, _ = make_table(50, seed=1)
    estimator = small(cls).fit(X, y)
    expected = outputs(estimator, query)
    monkeypatch.setattr(queries, "_ENCODED_ROWS", 20)  # the fourth piece has rows of the first
    monkeypatch.setattr(Plan, "chunk_rows", 8)
    rows_seen.clear()
    same(outputs(estimator, np.concatenate([query, query[:30]])), np.r_[expected, expected[:30]])
    assert rows_seen == [8, 8, 4, 8, 8, 4, 8, 8, 4, 8, 8, 4]


def with_chunks(cls):
    """A fitted estimator, and a table that takes it three chunks."""
    # Much support for few columns: that makes chunks of the fewest values.
    X, y = make_table(1000, 1)
    query, _ = make_table(1900, 1, seed=1)
    return small(cls, max_support=1000).fit(X, y), query


@both
@pytest.mark.slow
def test_a_row_gets_the_same_bits_on_both_sides_of_a_chunks_end(cls, rows_seen):
    estimator, query = with_chunks(cls)
    expected = outputs(estimator, query)
    end = rows_seen[0]
    assert 2 * end < len(query)
    for rows in ([end - 1], [end], slice(end - 2, end + 2), slice(-1, None)):
        same(outputs(estimator, query[rows]), expected[rows])


@pytest.mark.slow
@both
def test_progress_bar_for_several_chunks_only_and_only_if_wanted(cls, capsys):
    estimator, query = with_chunks(cls)
    estimator.set_params(verbose=1).predict(query[:2])
    assert capsys.readouterr() == ("", "")
    with_bar = outputs(estimator, query)
    out, err = capsys.readouterr()
    assert out == "" and cls.__name__ in err and "1900/1900" in err
    same(outputs(estimator.set_params(verbose=0), query), with_bar)
    assert capsys.readouterr() == ("", "")
    outputs(estimator.set_params(verbose=1), query.repeat(2, axis=0))  # rows count that repeat
    assert "3800/3800" in capsys.readouterr().err
