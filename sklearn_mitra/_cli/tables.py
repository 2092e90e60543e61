"""Tables in CSV and Parquet files, read as a whole or piece by piece."""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .errors import CommandError

STANDARD_STREAM = "-"  # stdin or stdout, in CSV
PARQUET_SUFFIXES = (".parquet", ".pq")
# pandas' error for a row with more values than there are names.
_SURPLUS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


def read_table(path: str) -> Any:
    """Read a whole table.

    Parameters
    ----------
    path : str
        A CSV file, which may be compressed; a Parquet file; or "-" for CSV from stdin.

    Returns
    -------
    table : pandas.DataFrame

    Raises
    ------
    CommandError
        If the table can't be read, or pandas isn't installed.
    """
    pandas = import_pandas()
    with readable(path):
        if is_parquet(path):
            return pandas.read_parquet(path)
        with _checked_source(path) as source:
            return pandas.read_csv(source, **_exact(pandas))


def read_pieces(
    path: str, n_rows: int, text: Sequence[str] = (), keep: Sequence[str] = ()
) -> Iterator[tuple[Any, Any]]:
    """Read consecutive pieces of a table.

    See :func:`read_table` for the path and errors.

    Parameters
    ----------
    path : str
    n_rows : int
        Largest number of rows in a piece.
    text : sequence of str, default=()
        Columns of a CSV file that are text, even if they look like numbers.
    keep : sequence of str, default=()
        Columns that are also needed exactly as they are in the file.

    Yields
    ------
    piece : DataFrame
    kept : DataFrame
        The columns to keep: the original text of a CSV file, or the types of a Parquet file.
    """
    pandas = import_pandas()
    keep = list(keep)
    with readable(path):
        if is_parquet(path):
            import pyarrow.parquet

            def exact_type(type_: Any) -> Any:
                # pandas' own types would make floats of integers if some are missing
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
                if keep:  # the model gets the types that pandas infers
                    written = io.StringIO(table.to_csv(index=False))
                    table = pandas.read_csv(written, dtype=types, **exact)
                yield table, kept


def count_rows(path: str) -> int | None:
    """Count the rows of a file without parsing it; None if that is not possible.

    In a CSV file, lines are counted, so values that contain line breaks are counted several times.
    """
    if is_parquet(path):
        import_pandas()
        with readable(path):
            import pyarrow.parquet

            return int(pyarrow.parquet.read_metadata(path).num_rows)
    if not path.lower().endswith(".csv") or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        n_lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return max(0, n_lines - 1)


def choose_columns(table: Any, names: Sequence[str] | None, n_features: int, path: str) -> Any:
    """Select the columns that a model was trained on.

    Parameters
    ----------
    table : DataFrame
        It may have further columns.
    names : sequence of str or None
        Names of the columns. None if the model doesn't know them; the table must then have the same
        number of columns.
    n_features : int
    path : str
        The file's name for messages.

    Raises
    ------
    CommandError
        If some columns are missing.
    """
    if names is None:
        if table.shape[1] != n_features:
            raise CommandError(
                f"The model was trained without column names and needs {n_features} columns. "
                f"{path} has {table.shape[1]}."
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
    """Raise a CommandError if a table lacks one of these columns."""
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


def is_parquet(path: str) -> bool:
    return path.lower().endswith(PARQUET_SUFFIXES)


class _Stream:
    """A text stream whose start can be read a second time, after ``rewind``."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._start: list[str] = []
        self._is_start = True

    def __iter__(self) -> Any:  # otherwise pandas doesn't accept it as a file
        return iter(self._file)

    def read(self, n: int = -1) -> str:
        """Read the next characters."""
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
    """Open a CSV file for pandas, unless its first row has more values than there are names.

    In that case, pandas would use the first columns as an index and shift all names. For any other
    row it raises an error. Reading the first two lines without a header raises the same error for
    the first row.
    """
    with contextlib.ExitStack() as stack:
        source: Any = path
        if path == STANDARD_STREAM:
            source = _Stream(sys.stdin)
        elif os.path.exists(path) and not os.path.isfile(path):  # such as a pipe
            file = stack.enter_context(open(path, encoding="utf-8", newline=""))
            source = _Stream(file)
        pandas = import_pandas()
        with contextlib.suppress(pandas.errors.EmptyDataError):  # raised again later
            pandas.read_csv(source, header=None, dtype=str, nrows=2)
        if isinstance(source, _Stream):
            source.rewind()
        yield source


def _exact(pandas: Any) -> dict[str, Any]:
    """Options that make pandas read numbers exactly, and infer a column's type from all of it.

    Exact numbers are the default from pandas 3.1 on. Without the second option, a column of a long
    file could be numbers in some parts and text in others.
    """
    version = tuple(map(int, pandas.__version__.split(".")[:2]))
    exact = {"float_precision": "round_trip"} if version < (3, 1) else {}
    return {"low_memory": False, **exact}


def import_pandas() -> Any:
    """Import pandas.

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
            "Parquet files also need pyarrow."
        ) from error
    return pandas


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """Turn errors in reading a file into CommandErrors."""
    try:
        yield
    except FileNotFoundError as error:  # pyarrow's has no message
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
                f"values, but there are {n_names} column names. Name every column, or remove what "
                "follows the last one, such as a comma. Put values that contain a comma in double "
                "quotes."
            ) from error
        raise CommandError(f"{path} can't be read as a table: {error}") from error
