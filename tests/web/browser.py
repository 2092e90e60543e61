"""The browser that tests drive."""

import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser():
    """The path of an installed browser."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    assert browser, f"No browser: none of {_BROWSERS} is installed; try 'apt install chromium'."
    return browser
