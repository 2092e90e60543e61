"""The log of a run: one JSON object in a line for every report."""

import contextlib
import json


class Log:
    """A file of JSON lines, each with its ``step``.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path):
        self._path = path

    def append(self, line):
        """Write one line, a dict."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def read(self):
        """The lines, list of dict; those that were cut off are left out."""
        with contextlib.suppress(FileNotFoundError):
            with open(self._path, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        return []

    def forget_after(self, step):
        """Drop lines of steps that were lost with the process that took them."""
        lines = self.read()
        if not lines:
            return
        with open(self._path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines if line["step"] <= step)
