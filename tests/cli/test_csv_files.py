"""CSV files as spreadsheets and other programs write them, or an error that names the file."""

import gzip
import io
import os
import threading

import pandas as pd
import pytest

from sklearn_mitra._cli.csv_files import CsvFormat, check_decimals
from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.tables import read_pieces, read_table


def read(path, **form):
    return read_table(str(path), CsvFormat(**form))


def refusal(path, **form):
    with pytest.raises(CommandError) as error:
        read(path, **form)
    with pytest.raises(CommandError) as again:  # with --keep, all columns are read as text
        list(read_pieces(str(path), CsvFormat(**form), 10_000, keep=["a"]))
    assert str(again.value) == str(error.value)
    return str(error.value).replace(str(path), "FILE")


@pytest.fixture
def file(tmp_path):
    """A function that writes a file."""

    def write(content, name="t.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_line(file, separator):
    text = 'a,"b;\nc, d",e\n1,"x, y; z",2.5\n'
    fields = [["a", '"b;\nc\t,d"', "e"], ["1", '"x, y; z"', "2.5"]]
    text = "\n".join(separator.join(row) for row in fields)
    expected = pd.DataFrame({"a": [1], "b;\nc\t,d": ["x, y; z"], "e": [2.5]})
    pd.testing.assert_frame_equal(read(file(text)), expected)
    ((piece, kept),) = read_pieces(str(file(text)), CsvFormat(), 9, keep=["e"])
    pd.testing.assert_frame_equal(piece, expected)
    assert kept["e"].tolist() == ["2.5"]


def test_separators_and_encodings_that_are_given(file):
    expected = pd.DataFrame({"a": [1.5], "größe": ["ä,b"]})
    path = file("\na|größe\r\n\r\n1,5|ä,b\r\n".encode("cp1252"))
    found = read(path, separator="|", decimal=",", encoding="cp1252")
    pd.testing.assert_frame_equal(found, expected)
    pieces = read_pieces(str(path), CsvFormat("|", ",", "cp1252"), 1, keep=["a"])
    ((piece, kept),) = pieces
    pd.testing.assert_frame_equal(piece, expected)
    assert kept["a"].tolist() == ["1,5"]
    quoted = file('a,größe\n"1,5","ä,b"\n'.encode("utf-8-sig"))
    pd.testing.assert_frame_equal(read(quoted, decimal=","), expected)


REFUSED = {
    "": "FILE needs a line of column names, and rows below it.",
    "a,b\n\n": "FILE needs a line of column names, and rows below it.",
    "a,b,a\n1,2,3\n": "Two columns of FILE are called 'a'. Rename one of them.",
    "5.1,2,2\n1,2,3\n": "The first line of FILE must hold column names. Got '2' twice.",
    'a,b\n1,"x\n\n2,y\n': "A quote in the row that starts in line 2 of FILE is never closed.",
    'a,b\n"x"y,1\n': "In line 2 of FILE, something follows a closing quote. Write a quote inside a "
    "value twice.",
    'a,b\n1,"2\n' + 140_000 * "x": "In the row that starts in line 2 of FILE, a value is longer "
    "than 131072 characters, or a quote is never closed.",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED.values())
def test_what_is_no_table(file, text, message):
    assert refusal(file(text)) == message


RAGGED = {
    "a comma after every row": ("a,kind,colour\n1,x,red,\n2,y,blue,\n", 2, 4),
    "a value more in every row": ("a,kind,colour\n0,1,x,red\n1,2,y,blue\n", 2, 4),
    "in one row": ("a,kind,colour\n1,x,red\n2,y,blue,\n", 3, 4),
    "below blank lines and breaks": ('\na,kind,colour\n\n1,"x\n\n",red\n  \n1,x,red,\n', 8, 4),
    "a value less": ("a,kind,colour\n1,x,red\n2,y\n", 3, 2),
    "an end that is missing": ("a,kind,colour\n1,x,red\n2,y,blue\n3", 4, 1),
    "only quotes": ('a,kind,colour\n1,x,red\n""\n', 3, 1),
}


@pytest.mark.parametrize(("text", "line", "n_values"), RAGGED.values(), ids=RAGGED)
@pytest.mark.parametrize("source", ["csv", "csv.gz", "stdin", "pipe"])
def test_rows_that_are_longer_or_shorter_than_the_names(
    tmp_path, monkeypatch, source, text, line, n_values
):
    path = tmp_path / f"table.{source}"
    if source == "stdin":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "ascii"))
        path = "-"
    elif source == "pipe":
        os.mkfifo(path)
        threading.Thread(target=path.write_text, args=(text,)).start()
    else:
        path.write_bytes(gzip.compress(text.encode()) if source == "csv.gz" else text.encode())
    values = f"{n_values} value{'s' if n_values > 1 else ''}"
    with pytest.raises(CommandError) as error:
        read(path)
    message = str(error.value)
    start = f"Line {line} of {path} has {values}, but there are 3 column names (separated by commas"
    assert message.startswith(start)
    assert ("Write a separator for every missing value" in message) == (n_values < 3)


def test_a_row_after_many_pieces_is_refused(file):
    path = file("a,b\n" + "1,some text\n" * 100_000 + "2\n")
    n_rows = 0
    with pytest.raises(CommandError, match="Line 100002 of .* has 1 value, but"):
        for piece, _ in read_pieces(str(path), CsvFormat(), 10_000):
            n_rows += len(piece)
    assert n_rows > 0


def test_forms_of_csv_that_are_none_of_these(file, monkeypatch):
    text = '"a","b\nc",\n\n1,"x, ""y""\nz",\r\n2,,\n3,"5"" pipe","",'.removesuffix(",")
    expected = {
        "a": [1, 2, 3],
        "b\nc": ['x, "y"\nz', None, '5" pipe'],
        "Unnamed: 2": [None] * 3,
    }
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    for path in (file(text), "-"):
        table = read(path)
        assert table.astype(object).where(table.notna(), None).to_dict("list") == expected
    (column,) = read(file("a\n1\n\n2\n")).to_dict("list").values()
    assert column == [1, 2]


def test_text_in_another_encoding(file):
    path = file("a,größe\n1,2\n".encode("latin-1"))
    assert refusal(path) == (
        'FILE can\'t be read as UTF-8 text. Save it as "CSV UTF-8", or pass its encoding, such as '
        "--encoding cp1252 for Western European text of Windows."
    )
    assert refusal(path, encoding="utf-16").startswith("FILE can't be read as utf-16 text. Pass an")
    # beyond what is read at once
    assert "UTF-8" in refusal(file(b"a,b\n" + b"1,x\n" * 100_000 + "1,ä".encode("latin-1")))


def test_damaged_compressed_files(file):
    content = gzip.compress(os.urandom(200_000).hex().encode())
    assert refusal(file(content[:-9999], "t.csv.gz")).startswith("FILE is damaged: ")
    assert refusal(file(b"no gzip", "u.csv.gz")).startswith("FILE can't be read as a table: ")


def test_decimal_commas(file):
    path = file("a;kind;n\n1,5;x,1;2,5\n2;y;NA\n;z;3\n")
    table = read(path)
    with pytest.raises(CommandError) as error:
        check_decimals(table, "t.csv", CsvFormat())
    assert str(error.value) == (
        "Column 'a' of t.csv has numbers with a comma, such as '1,5'. If this is a decimal comma, "
        "pass --decimal , and otherwise remove it."
    )
    check_decimals(table[["kind"]], "t.csv", CsvFormat())  # text that holds commas
    form = CsvFormat(decimal=",")
    table = read(path, decimal=",")
    check_decimals(table, "t.csv", form)
    assert table["a"].dropna().tolist() == [1.5, 2] and table["n"].dropna().tolist() == [2.5, 3]
    with pytest.raises(CommandError, match="numbers with a decimal point, such as '1.5'. Leave"):
        check_decimals(read(file("a;b\n1.5;x\n2;y\n"), decimal=","), "t.csv", form)


def test_a_long_stream_is_read_from_its_start(monkeypatch):
    table = pd.DataFrame({"n": range(200_000), "text": "some text"})
    stdin = io.TextIOWrapper(io.BytesIO(table.to_csv(index=False).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    pd.testing.assert_frame_equal(read("-"), table, check_dtype=False)
    assert not stdin.buffer.closed
