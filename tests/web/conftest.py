"""Interchange files for JavaScript, and the playground in a browser."""

import functools
import threading
from http.server import ThreadingHTTPServer

import pytest
from browser import HERE, find_browser
from oracles.exports import export_once  # noqa: F401, a fixture
from playground import Handler, build
from playwright.sync_api import expect, sync_playwright
from reader import TIMEOUT

from sklearn_mitra import clear_sessions


@pytest.fixture(scope="session")
def classifier_file(export_once):  # noqa: F811
    return export_once("mini", "classification", "wlearn")


@pytest.fixture(scope="session")
def regressor_file(export_once):  # noqa: F811
    return export_once("mini", "regression", "wlearn")


@pytest.fixture(autouse=True, scope="session")
def _sessions():
    yield
    clear_sessions()


# ---- the playground ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site(classifier_file, regressor_file, tmp_path_factory):
    """The playground in a folder of a site: its folder, its address, and all requests so far."""
    root = tmp_path_factory.mktemp("site")
    folder = root / "playground"
    build(folder, HERE, {"classification": classifier_file, "regression": regressor_file})
    requests = []

    class Logged(Handler):
        def log_message(self, *args):
            pass

        def log_request(self, code="-", size="-"):
            requests.append((self.command, self.path, int(code)))

    handler = functools.partial(Logged, directory=root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/playground/", requests
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        yield playwright.chromium.launch(executable_path=find_browser(), args=flags)


@pytest.fixture
def open_page(browser, site):
    """A function that opens the page, in a context with the options given."""
    _, url, _ = site
    contexts, errors = [], []

    def open_and_wait(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT / 2)
        page.on("pageerror", lambda error: errors.append(error))
        page.add_init_script("Math.random = () => 0.25")  # always the same moons
        page.goto(url)
        expect(page.locator("#versions")).to_contain_text("onnxruntime-web", timeout=TIMEOUT)
        return page

    yield open_and_wait
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture
def page(open_page):
    return open_page()
