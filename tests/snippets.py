"""The Python blocks of a Markdown page, run in order as one program."""

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of code.

    Attributes
    ----------
    line : int
        Where its code starts in the page, from 1.
    code : str
    output : str or None
        What it prints, if the page says so in a block of text right after it.
    """

    line: int
    code: str
    output: str | None


def read_blocks(path):
    """The Python blocks of a page, list of Block."""
    text = Path(path).read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, found.start("code")) + 1, found["code"], found["output"])
        for found in _BLOCK.finditer(text)
    ]


def run_page(path, **names):
    """Run a page's blocks in the current directory; what they print must be what the page says.

    Parameters
    ----------
    path : Path
    **names : object
        What the first block finds defined.

    Returns
    -------
    n_blocks : int
    """
    blocks = read_blocks(path)
    for line, code, output in blocks:
        # a traceback then shows the line of the page
        program = compile("\n" * (line - 1) + code, str(path), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(program, names)
        if output is not None:
            assert printed.getvalue() == output, f"{path}, line {line}"
    return len(blocks)
