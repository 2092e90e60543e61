"""Tables in CSV and Parquet files, read as a whole or piece by piece."""

import contextlib
import errno
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

from .csv_files import CsvFormat, check_unique, is_number, opened
from .errors import CommandError

PARQUET_SUFFIXES = (".parquet", ".pq")


def read_table(path: str, form: CsvFormat) -> Any:
    """Read a whole table.

    Parameters
    ----------
    path : str
        A CSV file, which may be compressed by gzip; a Parquet file; or "-" for CSV from stdin.
    form : CsvFormat
        How it is written, if it is a CSV file.

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
            _check_no_format(form, path)
            import pyarrow.parquet

            check_unique(pyarrow.parquet.read_schema(path).names, path)
            table = pandas.read_parquet(path)
            if not len(table):
                raise CommandError(f"{path} has no rows.")
            return table
        with opened(path, form) as source:
            return pandas.read_csv(source, **_exact(pandas, source.separator, form))


def read_pieces(
    path: str, form: CsvFormat, n_rows: int, text: Sequence[str] = (), keep: Sequence[str] = ()
) -> Iterator[tuple[Any, Any]]:
    """Read consecutive pieces of a table.

    See :func:`read_table` for the path, the format and errors.

    Parameters
    ----------
    path : str
    form : CsvFormat
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
            _check_no_format(form, path)
            import pyarrow.parquet

            def exact_type(type_: Any) -> Any:
                # pandas' own types would make floats of integers if some are missing
                return None if pyarrow.types.is_floating(type_) else pandas.ArrowDtype(type_)

            with pyarrow.parquet.ParquetFile(path) as file:
                check_unique(file.schema_arrow.names, path)
                for batch in file.iter_batches(n_rows):
                    table = batch.to_pandas()
                    check_columns(table, keep, path)
                    kept = batch.select(keep)
                    yield table, kept.to_pandas(types_mapper=exact_type, ignore_metadata=True)
            return
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(opened(path, form))
            types = dict.fromkeys(text, str)
            exact = _exact(pandas, source.separator, form)
            how: dict[str, Any] = {"dtype": types, **exact}
            if keep:
                how = {"dtype": str, "keep_default_na": False, "sep": source.separator}
            pieces = stack.enter_context(pandas.read_csv(source, chunksize=n_rows, **how))
            for table in pieces:
                check_columns(table, keep, path)
                kept = table[keep].fillna("")
                if keep:  # the model gets the types that pandas infers
                    written = io.StringIO(table.to_csv(index=False, sep=source.separator))
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
            f"{path} lacks columns that the model was trained on: {_list(missing)}. "
            f"{_describe_columns(table)}"
        )
    return table[list(names)]


def check_columns(table: Any, names: Sequence[str], path: str) -> None:
    """Raise a CommandError if a table lacks one of these columns."""
    for name in names:
        if name not in table.columns:
            raise CommandError(f"{path} has no column {name!r}. {_describe_columns(table)}")


def check_target(n_missing: int, n_rows: int, name: str, path: str) -> None:
    """Raise a CommandError if the target is missing in some rows."""
    if n_missing:
        raise CommandError(
            f"The target {name!r} is missing in {n_missing} of {n_rows} rows of {path}. Remove "
            "these rows."
        )


def is_parquet(path: str) -> bool:
    return path.lower().endswith(PARQUET_SUFFIXES)


def _describe_columns(table: Any) -> str:
    advice = " The first line must hold column names." if all(map(is_number, table.columns)) else ""
    return f"It has: {_list(table.columns)}.{advice}"


def _list(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names[:20])) + (" ..." if len(names) > 20 else "")


def _check_no_format(form: CsvFormat, path: str) -> None:
    if form != CsvFormat():
        raise CommandError(f"--sep, --decimal and --encoding are for CSV files. Got {path}.")


def _exact(pandas: Any, separator: str, form: CsvFormat) -> dict[str, Any]:
    """Options that make pandas read numbers exactly, and infer a column's type from all of it.

    Exact numbers are the default from pandas 3.1 on. Without the second option, a column of a long
    file could be numbers in some parts and text in others.
    """
    version = tuple(map(int, pandas.__version__.split(".")[:2]))
    exact = {"float_precision": "round_trip"} if version < (3, 1) else {}
    return {"low_memory": False, "sep": separator, "decimal": form.decimal, **exact}


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
            "Reading and writing tables needs pandas, which is not installed: pip install pandas. "
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
    except ImportError as error:
        raise CommandError(
            f"{path} needs pyarrow, which is not installed: pip install pyarrow"
        ) from error
    except (ValueError, OSError) as error:  # pandas' and Arrow's parsers raise subclasses
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise CommandError(f"{path} can't be read as a table: {error}") from error
