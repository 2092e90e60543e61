"""What a reader of the playground does, and a table to do it with."""

import numpy as np
import pandas as pd

TIMEOUT = 120_000  # milliseconds; on a busy machine the model takes its time to load and run


def upload(page, frame, selector="#file", name="table.csv"):
    """Give the page a DataFrame, or text, as a file."""
    text = frame if isinstance(frame, str) else frame.to_csv(index=False)
    page.set_input_files(
        selector, {"name": name, "mimeType": "text/csv", "buffer": text.encode("utf-8")}
    )


def fit_and_score(page):
    page.get_by_role("button", name="Fit and score").click()
    page.locator("#score-section").wait_for(timeout=TIMEOUT)


def score_of(page, row, column):
    """A number in the table of scores; row 0 is the model, 1 the baseline."""
    text = page.locator("#score table").first.locator("tbody tr").nth(row).locator("td")
    return float(text.nth(column).inner_text().removesuffix(" %"))


def download(page, button):
    with page.expect_download() as pending:
        page.get_by_role("button", name=button).click()
    return pending.value.path()


def make_trips(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"distance": rng.uniform(1, 9, n_rows).round(2)})
    frame["vehicle"] = rng.choice(["bike", "car"], n_rows)
    frame["rain"] = rng.random(n_rows) < 0.5
    minutes = frame.distance * np.where(frame.vehicle == "car", 2, 4) + 3 * frame.rain
    frame.loc[rng.random(n_rows) < 0.1, "distance"] = np.nan
    return frame, minutes.round(1)
