"""The file that predictions are written to: CSV or Parquet."""

import contextlib
import gzip
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from .._common.files import written
from .csv_files import STANDARD_STREAM
from .errors import CommandError
from .tables import PARQUET_SUFFIXES, import_pandas, is_parquet, readable

_SUFFIXES = (".csv", ".csv.gz", *PARQUET_SUFFIXES)


def check_out(out: str, *inputs: str) -> None:
    """Raise a CommandError if a file can't be written there, or is also a file to read."""
    if not out:
        raise CommandError("--out is empty. Pass the name of a file.")
    if os.path.isdir(out):
        raise CommandError(f"--out {out} is a directory. Pass the name of a file in it.")
    folder = os.path.dirname(out)
    if folder and not os.path.isdir(folder):
        raise CommandError(f"--out {out} can't be written, since there is no directory {folder}.")
    for path in inputs:
        if os.path.isfile(out) and os.path.isfile(path) and os.path.samefile(out, path):
            raise CommandError(
                f"--out {out} would replace {path}, which is being read. Choose another name."
            )


@contextlib.contextmanager
def writer(path: str) -> Iterator[Any]:
    """Provide a function that writes DataFrames with the same columns, one after another.

    Parameters
    ----------
    path : str
        A file, which is replaced once everything is written; "-" for stdout; or a stream such as
        /dev/stdout. The suffix decides between CSV, compressed CSV and Parquet. Without a suffix,
        and on stdout, the format is CSV.

    Raises
    ------
    CommandError
        If the suffix is not known, or a package isn't installed.
    """
    import_pandas()
    if path == STANDARD_STREAM:
        yield _CsvWriter(sys.stdout).write
        return
    if os.path.splitext(path)[1] and not path.lower().endswith(_SUFFIXES):
        raise CommandError(
            f"--out {path} has an unknown suffix. Use one of {', '.join(_SUFFIXES)}, "
            "or none for CSV."
        )
    with contextlib.ExitStack() as stack:
        binary: Any = stack.enter_context(written(path))
        if is_parquet(path):
            with readable(path):
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
