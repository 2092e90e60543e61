"""Code in pages is narrow enough for a page: 72 characters."""

import ast
import re

import pytest
from snippets import ROOT

WIDTH = 72
PAGES = [
    str(page.relative_to(ROOT))
    for pattern in ("README.md", "docs/*.md", "docs/guide/*.md")
    for page in sorted(ROOT.glob(pattern))
    if page.name != "development.md"  # its maps of the code are wider, and so is its page
]
EXAMPLES = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/gallery/*/*.py"))]
# A page wraps what is printed: text.
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)


def too_wide(lines):
    return [line for line in lines if len(line) > WIDTH]


def read_code(page):
    """The code of a page, by language."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [(language, code) for language, code in blocks if language != "text"]


@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_pages(page):
    lines = "".join(code for _, code in read_code(page)).splitlines()
    assert too_wide(lines) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example):
    """All lines but those of the prose: the docstring, and comments at the margin."""
    source = (ROOT / example).read_text(encoding="utf-8")
    title = ast.parse(source).body[0]
    lines = source.splitlines()[title.end_lineno :]
    assert too_wide(line for line in lines if not line.startswith("#")) == []


def test_there_is_code():
    assert EXAMPLES
    assert {"python", "sh"} <= {language for page in PAGES for language, _ in read_code(page)}
