"""The file that predictions are written to: its format, and when it replaces another."""

import gzip
import io

import pandas as pd
import pytest

from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.output import check_out, writer

PIECES = [pd.DataFrame({"id": [1, 2], "prediction": ["x", "y"]}), pd.DataFrame({"id": [3]})]
PIECES[1]["prediction"] = ["a,b"]
CSV = 'id,prediction\n1,x\n2,y\n3,"a,b"\n'


def write_pieces(path):
    with writer(str(path)) as write:
        for piece in PIECES:
            write(piece)


@pytest.mark.parametrize("name", ["out", "out.csv", "OUT.CSV"])
def test_pieces_have_one_header(tmp_path, name):
    write_pieces(tmp_path / name)
    assert (tmp_path / name).read_bytes().decode() == CSV


def test_the_suffix_decides_on_the_format(tmp_path):
    write_pieces(tmp_path / "out.csv.gz")
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).decode() == CSV
    write_pieces(tmp_path / "out.parquet")
    whole = pd.concat(PIECES, ignore_index=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), whole)


def test_a_hyphen_is_stdout(monkeypatch):
    stdout = io.StringIO()
    monkeypatch.setattr("sys.stdout", stdout)
    write_pieces("-")
    assert stdout.getvalue() == CSV


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_file_is_replaced_only_once_everything_is_written(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(ZeroDivisionError), writer(str(tmp_path / name)) as write:
        write(PIECES[0])
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_an_unknown_suffix_is_refused(tmp_path):
    message = "out.xlsx has an unknown suffix. Use one of .csv, .csv.gz, .parquet, .pq, or none"
    with pytest.raises(CommandError, match=message), writer(str(tmp_path / "out.xlsx")):
        pass
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_being_read_is_not_replaced(tmp_path):
    table, link = tmp_path / "table.csv", tmp_path / "link.csv"
    table.write_text("a\n1\n")
    link.symlink_to(table)
    for out in (table, link):
        with pytest.raises(CommandError, match="would replace .*table.csv, which is being read"):
            check_out(str(out), str(tmp_path / "model.wlrn"), str(table))
    for wrong in ("", str(tmp_path), str(tmp_path / "none" / "out.csv")):
        with pytest.raises(CommandError, match="--out"):
            check_out(wrong)
    check_out(str(tmp_path / "new.csv"), str(table))
    check_out("-", str(table))
