"""The documentation in a real browser: nobody scrolls sideways to read it.

The site is built without running its examples, by the environment of ``make docs``.
"""

import functools
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import HERE
from playwright.sync_api import expect
from reader import TIMEOUT

ROOT = HERE.parents[1]
PYTHON = ROOT / ".venv-docs" / "bin" / "python"
PROSE = "p, li, h1, h2, h3, h4, dt, dd, figcaption, img"

# What is wider than the screen. Tables and code may scroll inside themselves.
FIND_WIDE = """prose => {
  const text = (node) => (node.textContent || node.alt).trim().slice(0, 60)
  const name = (node) => `${node.tagName.toLowerCase()}: ${text(node)}`
  const wide = (node) => node.getBoundingClientRect().right > innerWidth + 1
  const scrolls = (node) => node && getComputedStyle(node).overflowX === 'auto' && !wide(node)
  const found = document.documentElement.scrollWidth > innerWidth ? ['page'] : []
  for (const node of document.querySelectorAll('article table'))
    if (wide(node) && !scrolls(node.parentElement)) found.push(name(node))
  for (const node of document.querySelectorAll('article pre'))
    if (!scrolls(node)) found.push(name(node))
  for (const node of document.querySelectorAll(`article :is(${prose})`))
    if (wide(node) && !node.closest('table, pre')) found.push(name(node))
  return found
}"""
FIND_CUT_CODE = """() => [...document.querySelectorAll('article pre')]
  .filter((node) => node.scrollWidth > node.clientWidth + 1)
  .map((node) => node.textContent.split('\\n').sort((a, b) => b.length - a.length)[0])"""


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    """The folder of the built site, and its address."""
    assert PYTHON.exists(), "The site is built by .venv-docs: make .venv-docs/installed"
    folder = tmp_path_factory.mktemp("docs")
    built = shutil.ignore_patterns("_build", "auto_gallery", "generated", "__pycache__")
    for part in "docs", "benchmarks":
        shutil.copytree(ROOT / part, folder / part, ignore=built)
    for linked in "LICENSE", "NOTICE", "CITATION.cff":
        shutil.copy(ROOT / linked, folder)
    command = [PYTHON, "-m", "sphinx", "--quiet", "-D", "plot_gallery=0"]
    subprocess.run([*command, folder / "docs", folder / "html"], check=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=folder / "html")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    yield folder / "html", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_tab(browser):
    """A function that opens a tab of a width."""
    contexts = []

    def open_with(width):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        return contexts[-1].new_page()

    yield open_with
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_is_wider_than_the_screen(width, docs, open_tab):
    folder, address = docs
    tab = open_tab(width)
    pages = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.html"))]
    pages = [page for page in pages if not page.startswith("_")]
    assert {"index.html", "guide/installation.html", "auto_gallery/index.html"} <= {*pages}
    wide = {}
    for page in pages:
        tab.goto(f"{address}/{page}")
        wide[page] = tab.evaluate(FIND_WIDE, PROSE)
    assert {page: found for page, found in wide.items() if found} == {}


def test_code_of_the_guide_fits_beside_both_sidebars(docs, open_tab):
    """tests/test_code_width.py counts characters; here they are seen."""
    folder, address = docs
    tab = open_tab(1300)
    cut = {}
    for page in sorted(folder.glob("guide/*.html")):
        tab.goto(f"{address}/guide/{page.name}")
        cut[page.name] = tab.evaluate(FIND_CUT_CODE)
    assert len(cut) > 10
    assert {page: lines for page, lines in cut.items() if lines} == {}


def test_wide_things_are_found(open_tab):
    tab = open_tab(390)
    tab.set_content(
        f"<article><p>{'wide' * 200}</p><pre>{'code' * 200}</pre><p>narrow</p>"
        f"<table><tr><td>{'cell' * 200}</td></tr></table></article>"
    )
    found = tab.evaluate(FIND_WIDE, PROSE)
    assert [name.split(":")[0] for name in found] == ["page", "table", "pre"]
    tab.set_content('<article><p style="width: 800px">a paragraph</p></article>')
    assert tab.evaluate(FIND_WIDE, PROSE) == ["page", "p: a paragraph"]


def test_who_searches_for_install_finds_the_page(docs, open_tab):
    tab = open_tab(1300)
    tab.goto(f"{docs[1]}/search.html?q=install")
    first = tab.locator("#search-results ul.search > li").first
    expect(first.locator("a").first).to_have_text("Installation", timeout=TIMEOUT)
