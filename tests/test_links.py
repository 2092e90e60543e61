"""Links of Markdown files and of the built site: what they name exists."""

import re
import runpy
from urllib.parse import urlsplit

import pytest
from snippets import ROOT

PAGES = [
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "benchmarks/*.md", "docs/*.md", "docs/*/*.md")
    for page in sorted(ROOT.glob(pattern))
    if not {"_build", "auto_gallery"} & {*page.relative_to(ROOT).parts}
]
# made when the site is built
GENERATED = "docs/auto_gallery/"


def read(path):
    """A page without its code."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.sub(r"^```(?!\{).*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """What GitHub and Sphinx call the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", read(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page):
    links = re.findall(r"\]\(([^)\s]+)\)", read(page))
    for link in links:
        if "://" in link:
            address = urlsplit(link)
            assert address.scheme == "https" and "." in address.netloc, link
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if GENERATED not in target.as_posix():
            assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.resolve().relative_to(ROOT)), link


def test_broken_links_of_a_site_are_found(tmp_path):
    find_broken = runpy.run_path(str(ROOT / "docs" / "check_links.py"))["find_broken"]
    (tmp_path / "llms.txt").write_text("[a](a.html) [gone](gone.html)")
    (tmp_path / "a.html").write_text(
        '<h1 id="top-of-a"></h1><a href="#top-of-a">1</a><a href="sub/b.html#there">2</a>'
        '<a href="https://example.org">3</a><img src="missing.png">'
        '<a href="sub/b.html#nowhere">4</a>'
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text('<p id="there"></p><a href="../a.html">5</a>')
    assert find_broken(tmp_path.resolve()) == [
        "a.html: missing.png is not there",
        "a.html: sub/b.html#nowhere has no such anchor",
        "llms.txt: gone.html is not there",
    ]
