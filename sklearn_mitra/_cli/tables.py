"""Tables in files, as a whole or piece by piece: CSV and Parquet."""

import contextlib
import errno
import gzip
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .._common.files import written
from .errors import CommandError

_STANDARD = "-"  # stdin or stdout, which are CSV
_PARQUET = (".parquet", ".pq")
_WRITTEN = (".csv", ".csv.gz", *_PARQUET)
# What pandas says of a row with more values than there are names.
_SURPLUS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


def read_table(path: str) -> Any:
    """A whole table.

    Parameters
    ----------
    path : str
        A CSV file, which may be compressed, a Parquet file, or "-" for CSV from stdin.

    Returns
    -------
    table : pandas.DataFrame

    Raises
    ------
    CommandError
        If it can't be read, or pandas isn't installed.
    """
    pandas = import_pandas()
    with _readable(path):
        if _is_parquet(path):
            return pandas.read_parquet(path)
        with _checked_source(path) as source:
            return pandas.read_csv(source, **_exact(pandas))


def read_pieces(
    path: str, n_rows: int, text: Sequence[str] = (), keep: Sequence[str] = ()
) -> Iterator[tuple[Any, Any]]:
    """Consecutive pieces of a table, of at most so many rows.

    See :func:`read_table` for the path and errors.

    Parameters
    ----------
    path : str
    n_rows : int
    text : sequence of str, default=()
        Columns of a CSV file that are text, even if they look like numbers.
    keep : sequence of str, default=()
        Columns that are wanted as they are in the file, too.

    Yields
    ------
    piece : DataFrame
    kept : DataFrame
        The columns to keep: text as it was written if the file is CSV, else of the file's types.
    """
    pandas = import_pandas()
    keep = list(keep)
    with _readable(path):
        if _is_parquet(path):
            import pyarrow.parquet

            def exact_type(type_: Any) -> Any:  # pandas' own would be floats if some are missing
                return None if pyarrow.types.is_floating(type_) else pandas.ArrowDtype(type_)

            with pyarrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(n_rows):
                    table = batch.to_pandas()
                    check_columns(table, keep, path)
                    kept = batch.select(keep)
                    yield table, kept.to_pandas(types_mapper=exact_type, ignore_metadata=True)
            return
        types, exact = dict.fromkeys(text, str), _exact(pandas)
        how: dict[str, Any] = (
            {"dtype": str, "keep_default_na": False} if keep else {"dtype": types, **exact}
        )
        with (
            _checked_source(path) as source,
            pandas.read_csv(source, chunksize=n_rows, **how) as pieces,
        ):
            for table in pieces:
                check_columns(table, keep, path)
                kept = table[keep].fillna("")
                if keep:  # the model gets what pandas makes of the text
                    written = io.StringIO(table.to_csv(index=False))
                    table = pandas.read_csv(written, dtype=types, **exact)
                yield table, kept


def count_rows(path: str) -> int | None:
    """How many rows a file has, without reading it as a table; None if that can't be told.

    The lines of a CSV file are counted, so values with line breaks count for more.
    """
    if _is_parquet(path):
        import_pandas()
        with _readable(path):
            import pyarrow.parquet

            return int(pyarrow.parquet.read_metadata(path).num_rows)
    if not path.lower().endswith(".csv") or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        n_lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return max(0, n_lines - 1)


def choose_columns(table: Any, names: Sequence[str] | None, n_features: int, path: str) -> Any:
    """The columns that a model was trained on.

    Parameters
    ----------
    table : DataFrame
        It may have others, too.
    names : sequence of str or None
        None if the model doesn't know them: then the table has to have the same number.
    n_features : int
    path : str
        For messages.

    Raises
    ------
    CommandError
        If some are missing.
    """
    if names is None:
        if table.shape[1] != n_features:
            raise CommandError(
                f"The model knows no names of columns and needs {n_features} of them. {path} has "
                f"{table.shape[1]}."
            )
        return table.to_numpy()
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise CommandError(
            f"{path} lacks columns that the model was trained on: {', '.join(missing[:10])}"
            f"{' ...' if len(missing) > 10 else ''}. It has: {', '.join(map(str, table.columns))}."
        )
    return table[list(names)]


def check_columns(table: Any, names: Sequence[str], path: str) -> None:
    """Raise a CommandError unless a table has these columns."""
    for name in names:
        if name not in table.columns:
            has = ", ".join(map(str, table.columns[:20]))
            raise CommandError(f"{path} has no column {name!r}. It has: {has}.")


def check_target(n_missing: int, n_rows: int, name: str, path: str) -> None:
    """Raise a CommandError if the target is missing in some rows."""
    if n_missing:
        raise CommandError(
            f"The target {name!r} is missing in {n_missing} of {n_rows} rows of {path}. Leave "
            "these rows out."
        )


def check_out(out: str, *inputs: str) -> None:
    """Raise a CommandError if the file to write is one of those that are read."""
    for path in inputs:
        if os.path.isfile(out) and os.path.isfile(path) and os.path.samefile(out, path):
            raise CommandError(
                f"--out {out} is the file {path} that is read, and would replace it. Choose "
                "another name."
            )


@contextlib.contextmanager
def writer(path: str) -> Iterator[Any]:
    """A function that takes DataFrames with the same columns, one after the other.

    Parameters
    ----------
    path : str
        A file that is replaced once all is written: CSV, compressed CSV or Parquet by its suffix,
        and CSV without one; "-" for CSV to stdout; or a stream such as /dev/stdout.

    Raises
    ------
    CommandError
        If the suffix is another, or a package isn't installed.
    """
    import_pandas()
    if path == _STANDARD:
        yield _CsvWriter(sys.stdout).write
        return
    if os.path.splitext(path)[1] and not path.lower().endswith(_WRITTEN):
        raise CommandError(
            f"--out {path} has a suffix that can't be written. Use one of {', '.join(_WRITTEN)}, "
            "or none for CSV."
        )
    with contextlib.ExitStack() as stack:
        binary: Any = stack.enter_context(written(path))
        if _is_parquet(path):
            with _readable(path):
                import pyarrow  # noqa: F401
            parquet = _ParquetWriter(binary)
            try:
                yield parquet.write
            finally:
                parquet.close()
            return
        if path.lower().endswith(".gz"):
            name = os.path.basename(path)
            binary = stack.enter_context(gzip.GzipFile(name, "wb", 6, binary))
        file = stack.enter_context(io.TextIOWrapper(binary, encoding="utf-8", newline=""))
        yield _CsvWriter(file).write


class _CsvWriter:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._header = True

    def write(self, table: Any) -> None:
        table.to_csv(self._file, index=False, header=self._header, lineterminator="\n")
        self._header = False


class _ParquetWriter:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, table: Any) -> None:
        import pyarrow.parquet

        rows = pyarrow.Table.from_pandas(table, preserve_index=False)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._file, rows.schema)
        self._writer.write_table(rows)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(_PARQUET)


class _Stream:
    """A text file that can't be read twice, but whose start is read again after ``rewind``."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._start: list[str] = []
        self._is_start = True

    def __iter__(self) -> Any:  # without it, pandas takes it for no file
        return iter(self._file)

    def read(self, n: int = -1) -> str:
        """The next characters."""
        if not self._is_start and self._start:
            return self._start.pop(0)
        text: str = self._file.read(n)
        if self._is_start:
            self._start.append(text)
        return text

    def rewind(self) -> None:
        """Go back to the start, once."""
        self._is_start = False


@contextlib.contextmanager
def _checked_source(path: str) -> Iterator[Any]:
    """A CSV file for pandas to read, unless its first row has more values than there are names.

    pandas takes the first columns for an index then, and shifts all names. Of rows below it makes
    an error, as it does here of the first one, since it is told of no names.
    """
    with contextlib.ExitStack() as stack:
        source: Any = path
        if path == _STANDARD:
            source = _Stream(sys.stdin)
        elif os.path.exists(path) and not os.path.isfile(path):  # such as a pipe
            file = stack.enter_context(open(path, encoding="utf-8", newline=""))
            source = _Stream(file)
        pandas = import_pandas()
        with contextlib.suppress(pandas.errors.EmptyDataError):  # which is said once more
            pandas.read_csv(source, header=None, dtype=str, nrows=2)
        if isinstance(source, _Stream):
            source.rewind()
        yield source


def _exact(pandas: Any) -> dict[str, Any]:
    """What has pandas read every bit of numbers, and columns as a whole.

    The former is its default from 3.1 on. It would take a column for numbers in some parts of a
    long file, and for text in others, if it weren't for the latter.
    """
    version = tuple(map(int, pandas.__version__.split(".")[:2]))
    exact = {"float_precision": "round_trip"} if version < (3, 1) else {}
    return {"low_memory": False, **exact}


def import_pandas() -> Any:
    """The module pandas.

    Raises
    ------
    CommandError
        If it isn't installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise CommandError(
            "Tables are read and written with pandas, which is not installed: pip install pandas. "
            "Parquet files need pyarrow, too."
        ) from error
    return pandas


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """What goes wrong in reading a file as a CommandError."""
    try:
        yield
    except FileNotFoundError as error:  # pyarrow's has no reason
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
    except (IsADirectoryError, PermissionError):
        raise
    except ImportError as error:
        raise CommandError(
            f"{path} needs pyarrow, which is not installed: pip install pyarrow"
        ) from error
    except (ValueError, OSError) as error:  # pandas' and Arrow's parsers raise subclasses
        if surplus := _SURPLUS.search(str(error)):
            n_names, line, n_values = surplus.groups()
            raise CommandError(
                f"Line {line} of {path}, not counting line breaks in quotes, has {n_values} "
                f"values. There are {n_names} column names. Name every column, or remove what "
                "follows the last one, such as a comma. Put values that hold a comma in double "
                "quotes."
            ) from error
        raise CommandError(f"{path} can't be read as a table: {error}") from error
