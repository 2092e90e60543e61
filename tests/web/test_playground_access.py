"""The playground in a real browser: that data stays in the tab, and that everybody can use it."""

from urllib.parse import urlsplit

import pytest
from browser import HERE
from playwright.sync_api import expect
from reader import TIMEOUT, download, fit_and_score, make_trips, upload

AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


def test_nothing_leaves_the_tab(open_page, site):
    folder, url, requests = site
    requests.clear()
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    frame, minutes = make_trips()
    upload(page, frame.assign(y=minutes))
    fit_and_score(page)
    upload(page, frame, "#new-file")
    download(page, "Save the predictions")
    download(page, "Save model.wlrn")
    root = urlsplit(url).path
    files = {f"{root}{name}" for name in ("", *(path.name for path in folder.iterdir()))}
    assert {method for method, _ in asked} == {"GET"}
    blobs = f"blob:{url.removesuffix(root)}/"  # they have no path but an id
    is_own = [address.startswith((url, blobs)) for _, address in asked]
    assert all(is_own), asked
    answers = {("GET", file, status) for file in files for status in (200, 304)}
    assert requests and {*requests} <= answers  # 304: the worker asks for what the page has
    # nor could anything else, since the browser blocks it
    script = "url => fetch(url).then(() => 'went', (error) => String(error))"
    elsewhere = url.replace("127.0.0.1", "localhost") + "elsewhere"
    (worker,) = page.workers
    for place in page, worker:
        assert "Failed to fetch" in place.evaluate(script, elsewhere)
        assert place.evaluate(script, f"{url}about.json") == "went"
    assert f"{root}elsewhere" not in {path for _, path, _ in requests}


# ---- for everybody -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_accessible(scheme, width, open_page):
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 740}, bypass_csp=True)
    page.get_by_role("button", name="Two moons").click()
    fit_and_score(page)
    page.get_by_text("Or fill in one row by hand").click()
    expect(page.locator("#picture-status")).to_contain_text("36 × 36", timeout=TIMEOUT)
    page.add_script_tag(path=AXE)
    violations = page.evaluate("axe.run().then(({ violations }) => violations)")
    nodes = [(v["id"], [node["html"] for node in v["nodes"]]) for v in violations]
    assert nodes == []
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    needed, there = page.evaluate(widths)
    assert needed <= there
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_keyboard(page):
    def press_until(selector, key="Tab"):
        for _ in range(60):
            page.keyboard.press(key)
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} can't be reached")

    press_until("[data-sample=iris]")
    page.keyboard.press("Enter")
    page.locator("#columns-section").wait_for()
    press_until("#target")
    press_until("#most")
    press_until("#run")
    page.keyboard.press("Enter")
    page.locator("#score-section").wait_for()
    # the score is what is read out next
    expect(page.locator("#score-heading")).to_be_focused()
    press_until("#new-file")
    press_until("summary")
    page.keyboard.press("Enter")
    press_until("#by-hand button")
    page.keyboard.press("Enter")
    expect(page.locator("#predictions strong")).to_have_text("setosa", timeout=TIMEOUT)
    press_until("#save-model")


def test_drop(page):
    frame, minutes = make_trips()
    script = """text => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([text], 'dropped.csv', { type: 'text/csv' }))
        return transfer
    }"""
    transfer = page.evaluate_handle(script, frame.assign(y=minutes).to_csv(index=False))
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(page.locator("#summary")).to_contain_text("60 rows and 4 columns")
