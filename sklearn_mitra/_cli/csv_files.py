"""CSV files: how they are written, and whether every row has a value for each name."""

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import re
import sys
import zlib
from collections.abc import Iterator
from typing import Any

from .errors import CommandError

STANDARD_STREAM = "-"  # stdin or stdout

_SEPARATORS = (",", ";", "\t")
# As in _preprocessing/values.py, which imports NumPy.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written.

    Attributes
    ----------
    separator : str or None
        None is the comma, semicolon or tab that is most frequent in the first line.
    decimal : str
    encoding : str
    """

    separator: str | None = None
    decimal: str = "."
    encoding: str = "utf-8-sig"


class CsvText:
    """The text of a CSV file for pandas, which is checked as it is read.

    pandas itself fills short rows with missing values, and takes the first columns for an index if
    all rows are longer than the first line.

    Parameters
    ----------
    lines : iterator of str
        With their ends.
    separator : str or None
        As in :class:`CsvFormat`.
    path : str
        For messages.
    """

    def __init__(self, lines: Iterator[str], separator: str | None, path: str) -> None:
        start = _read_start(lines)
        self.separator = separator or _find_separator("".join(start))
        self._path = path
        self._records = self._check(itertools.chain(start, lines))
        self._rest = ""

    def __iter__(self) -> Iterator[str]:  # otherwise pandas doesn't accept it as a file
        return self._records

    def read(self, n: int) -> str:
        """Read at most n characters."""
        parts, size = [self._rest], len(self._rest)
        while size < n and (record := next(self._records, "")):
            parts.append(record)
            size += len(record)
        text = "".join(parts)
        self._rest = text[n:]
        return text[:n]

    def _check(self, lines: Iterator[str]) -> Iterator[str]:
        """Pass records on as they are written, unless they are wrong."""
        raw: list[str] = []  # lines of the current record

        def noted() -> Iterator[str]:
            for line in lines:
                if "\0" in line:
                    raise CommandError(f"{self._path} is not a text file. It has null characters.")
                raw.append(line)
                yield line

        reader = csv.reader(noted(), delimiter=self.separator, strict=True)
        names: list[str] | None = None
        n_rows = 0
        while True:
            first = reader.line_num + 1
            try:
                record = next(reader, None)
            except csv.Error as error:
                raise CommandError(self._explain(error, first, reader.line_num)) from error
            if record is None:
                break
            text = "".join(raw)
            raw.clear()
            if len(record) > 1 or text.strip():  # pandas skips blank lines, too
                if names is None:
                    names = record
                    check_unique(names, self._path)
                else:
                    n_rows += 1
                    if len(record) != len(names):
                        raise CommandError(self._count(record, names, first))
            yield text
        if not n_rows:
            raise CommandError(f"{self._path} needs a line of column names, and rows below it.")

    def _count(self, record: list[str], names: list[str], line: int) -> str:
        values = f"{len(record)} value{'s' if len(record) > 1 else ''}"
        advice = (
            "Name every column, and put values that contain a separator in double quotes."
            if len(record) > len(names)
            else "Write a separator for every missing value, too."
        )
        return (
            f"Line {line} of {self._path} has {values}, but there are {len(names)} column names "
            f"(separated by {_describe(self.separator)}). {advice}"
        )

    def _explain(self, error: csv.Error, first: int, line: int) -> str:
        if "expected after" in str(error):
            return (
                f"In line {line} of {self._path}, something follows a closing quote. Write a "
                "quote inside a value twice."
            )
        if "unexpected end" in str(error):
            return (
                f"A quote in the row that starts in line {first} of {self._path} is never closed."
            )
        if "field limit" in str(error):
            return (
                f"In the row that starts in line {first} of {self._path}, a value is longer than "
                f"{csv.field_size_limit()} characters, or a quote is never closed."
            )
        return f"Line {line} of {self._path} is not CSV: {error}."


@contextlib.contextmanager
def opened(path: str, form: CsvFormat) -> Iterator[CsvText]:
    """Open a CSV file, which may be compressed by gzip, or stdin.

    Raises
    ------
    CommandError
        If it isn't a CSV file, then or later.
    """
    try:
        with contextlib.ExitStack() as stack:
            if path == STANDARD_STREAM:
                file = io.TextIOWrapper(sys.stdin.buffer, form.encoding, newline="")
                stack.callback(file.detach)  # stdin stays open
            else:
                file = stack.enter_context(_open(path, form.encoding))
            yield CsvText(iter(file), form.separator, path)
    except UnicodeError as error:
        if form.encoding == CsvFormat.encoding:
            raise CommandError(
                f'{path} can\'t be read as UTF-8 text. Save it as "CSV UTF-8", or pass its '
                "encoding, such as --encoding cp1252 for Western European text of Windows."
            ) from error
        raise CommandError(
            f"{path} can't be read as {form.encoding} text. Pass another --encoding, or save it as "
            '"CSV UTF-8" and pass none.'
        ) from error
    except (EOFError, zlib.error) as error:  # compressed files that end too early
        raise CommandError(f"{path} is damaged: {error}") from error


def check_unique(names: Any, path: str) -> None:
    """Raise a CommandError if two columns of a table have the same name."""
    seen: set[Any] = set()
    for name in names:
        if name in seen and name != "":  # pandas numbers those without a name
            if is_number(name):
                raise CommandError(
                    f"The first line of {path} must hold column names. Got {name!r} twice."
                )
            raise CommandError(f"Two columns of {path} are called {name!r}. Rename one of them.")
        seen.add(name)


def check_decimals(table: Any, path: str, form: CsvFormat) -> None:
    """Raise a CommandError if a column of a CSV file has numbers with the other decimal mark."""
    is_wrong = is_number if form.decimal == "," else _has_comma
    for name in table.columns:
        if table[name].dtype.kind in "biufmM":  # pandas has read all of its values
            continue
        values = [str(value).strip() for value in table[name].dropna()]
        if all(is_number(value) or _has_comma(value) for value in values):
            wrong = next(filter(is_wrong, values), None)
            if wrong is not None:
                raise CommandError(_ADVICE[form.decimal].format(name=name, path=path, value=wrong))


def is_number(text: Any) -> bool:
    """Whether a string is a number with a decimal point, or none."""
    return _NUMBER.fullmatch(str(text).strip()) is not None


def _has_comma(text: str) -> bool:
    return _DECIMAL_COMMA.fullmatch(text) is not None


_ADVICE = {
    ".": "Column {name!r} of {path} has numbers with a comma, such as {value!r}. If this is a "
    "decimal comma, pass --decimal , and otherwise remove it.",
    ",": "Column {name!r} of {path} has numbers with a decimal point, such as {value!r}. Leave out "
    "--decimal.",
}


def _open(path: str, encoding: str) -> Any:
    """Open a file for reading as text, by its suffix."""
    how: dict[str, Any] = {"mode": "rt", "encoding": encoding, "newline": ""}
    return gzip.open(path, **how) if path.lower().endswith(".gz") else open(path, **how)


def _read_start(lines: Iterator[str]) -> list[str]:
    """Read the first record and what is above it."""
    start, n_quotes = [], 0
    for line in lines:
        start.append(line)
        n_quotes += line.count('"')
        if line.strip() and n_quotes % 2 == 0:
            break
    return start


def _find_separator(header: str) -> str:
    plain = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=plain.count)  # the first of those as frequent


def _describe(separator: str) -> str:
    names = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}
    return names.get(separator, repr(separator))
