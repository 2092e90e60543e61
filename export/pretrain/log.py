"""The log of a run: one JSON object in a line for every report."""

import json
import os
from numbers import Real

from sklearn_mitra._common.files import replaced


class Log:
    """A file of JSON lines.

    Parameters
    ----------
    path : str
    numbers : tuple of str, default=("step",)
        What each line has as a number, ``step`` at least.
    """

    def __init__(self, path, numbers=("step",)):
        self._path, self._numbers = path, numbers

    def append(self, line):
        """Write one line, a dict."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def read(self):
        """The lines, list of dict; one that was cut off is left out.

        Raises
        ------
        ValueError
            If a line is damaged.
        """
        if not os.path.exists(self._path):
            return []
        with open(self._path, "rb") as file:
            return [self._parse(i, text) for i, text in enumerate(file, 1) if text.endswith(b"\n")]

    def forget_after(self, step):
        """Drop lines of steps that were lost with the process that took them."""
        if not os.path.exists(self._path):
            return
        lines = [line for line in self.read() if line["step"] <= step]
        with replaced(self._path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def _parse(self, number, text):
        """A line as a dict."""
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            wrong = "is not a JSON object"
        elif lacking := [name for name in self._numbers if not isinstance(line.get(name), Real)]:
            wrong = f"has no number for {', '.join(map(repr, lacking))}"
        else:
            return line
        raise ValueError(
            f"{self._path!r} is damaged: line {number} {wrong}. Delete this line, or restore the "
            "file from a copy."
        )
