"""The playground in a real browser: what it predicts, refuses and saves."""

import io

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from reader import TIMEOUT, download, fit_and_score, make_trips, score_of, upload

import sklearn_mitra

# ---- what it predicts ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Iris", "Trips", "Two moons"])
def test_samples(name, page):
    page.get_by_role("button", name=name).click()
    fit_and_score(page)
    assert score_of(page, 0, 0) > score_of(page, 1, 0) + (0.5 if name == "Trips" else 20)
    assert score_of(page, 0, 1) < 0.6 * score_of(page, 1, 1)
    shows_classes = name != "Trips"
    assert page.locator("#score svg").count() == (0 if shows_classes else 1)
    assert page.locator("#score table").count() == (2 if shows_classes else 1)
    if shows_classes:  # all held-out rows are in the confusion matrix
        cells = page.locator("#score table").nth(1).locator("td").all_inner_texts()
        assert sum(map(int, cells)) == (36 if name == "Iris" else 30)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_from_the_page_to_python(task, page):
    frame, minutes = make_trips()
    query, _ = make_trips(7, seed=1)
    y = minutes if task == "regression" else np.where(minutes > minutes.median(), "long", "short")
    upload(page, frame.assign(y=y))
    fit_and_score(page)
    upload(page, query, "#new-file")
    predictions = pd.read_csv(download(page, "Save the predictions"))
    model = sklearn_mitra.load(download(page, "Save model.wlrn"))
    pd.testing.assert_frame_equal(predictions[frame.columns], query)
    rows = pd.read_csv(io.StringIO(query.to_csv(index=False)))[model.feature_names_in_]
    if task == "regression":
        found, expected = predictions["predicted y"], model.predict(rows)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.ptp(minutes))
    else:
        assert predictions["predicted y"].tolist() == model.predict(rows).tolist()
        found = predictions[["probability of long", "probability of short"]]
        np.testing.assert_allclose(found, model.predict_proba(rows), rtol=0, atol=1e-5)
    # the model of all rows, a row of which the form starts with
    assert len(model.X_support_) == 60
    page.get_by_text("Or fill in one row by hand").click()
    page.get_by_label("distance", exact=True).fill("")
    page.get_by_label("vehicle", exact=True).select_option("car")
    page.get_by_label("rain", exact=True).select_option("True")
    page.get_by_role("button", name="Predict", exact=True).click()
    answer = page.locator("#predictions strong").inner_text()
    row = pd.DataFrame({"distance": [np.nan], "vehicle": ["car"], "rain": [True]})
    (expected,) = model.predict(row)
    assert answer == expected if task == "classification" else abs(float(answer) - expected) < 1e-3


def test_columns_that_are_left_out(page):
    """By the page's advice, and by the reader."""
    frame, minutes = make_trips()
    names = [f"trip number {i}" for i in range(60)]
    frame = frame.assign(name=names, y=np.where(minutes > 15, "long", "short"))
    frame.loc[:4, "y"] = None
    upload(page, frame)
    expect(page.locator("#summary")).to_contain_text("5 rows have no “y” and are left out")
    assert page.get_by_label("Use distance").is_checked()
    assert not page.get_by_label("Use name").is_checked()
    expect(page.locator("#columns")).to_contain_text("Nearly every row has a value of its own")
    page.get_by_label("Use rain").uncheck()
    fit_and_score(page)
    model = sklearn_mitra.load(download(page, "Save model.wlrn"))
    assert model.feature_names_in_.tolist() == ["distance", "vehicle"]
    assert len(model.X_support_) == 55
    # what was shown is no longer that of the columns chosen
    page.get_by_label("Use rain").check()
    expect(page.locator("#score-section")).to_be_hidden()


def test_points(page):
    page.get_by_role("button", name="Two moons").click()
    fit_and_score(page)
    status, canvas = page.locator("#picture-status"), page.locator("#boundary")

    def pixel():  # between the place and the mark of the point
        script = """([x, y]) => [...document.getElementById('boundary').getContext('2d')
            .getImageData(x, y, 1, 1).data.slice(0, 3)]"""
        return page.evaluate(script, [618, 424])

    expect(status).to_have_text("120 points; the classes of 36 × 36 places.", timeout=TIMEOUT)
    before = pixel()
    page.get_by_label("Class", exact=True).select_option("upper")
    box = canvas.bounding_box()
    scale = box["width"] / 640
    for i, (x, y) in enumerate([(600, 430), (630, 430), (615, 410)]):
        canvas.click(position={"x": x * scale, "y": y * scale})
        expect(status).to_contain_text(f"{121 + i} points; the classes of", timeout=TIMEOUT)
    expect(status).to_contain_text("36 × 36", timeout=TIMEOUT)
    after = pixel()
    assert before[2] > before[0] and after[0] > after[2]  # blue is lower, orange upper
    page.locator("#point-x").fill("0.5")
    page.locator("#point-y").fill("1,5")
    page.get_by_role("button", name="Add the point").click()
    expect(page.locator("#picture-error")).to_have_text(
        "Column “y” needs a number such as 3.5. Got “1,5”."
    )
    page.locator("#point-y").fill("1.5")
    page.get_by_role("button", name="Add the point").click()
    expect(status).to_contain_text("124 points", timeout=TIMEOUT)
    expect(page.locator("#picture-error")).to_be_empty()
    expect(status).to_contain_text("36 × 36", timeout=TIMEOUT)
    model = sklearn_mitra.load(download(page, "Save model.wlrn"))
    assert len(model.X_support_) == 124


def test_a_large_table_can_be_cancelled(page):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(5000, 50)).round(3)).add_prefix("c")
    upload(page, frame.assign(y=np.where(frame.c0 + frame.c1 > 0, "a", "b")))
    page.get_by_role("button", name="Fit and score").click()
    status = page.locator("#run-progress")
    expect(status).to_contain_text("Predicting 500 rows", timeout=TIMEOUT)
    # the page answers while the model runs
    page.get_by_label("Use c49").focus()
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text("Cancelled.")
    expect(page.locator("#score-section")).to_be_hidden()
    for i in range(2, 50):
        page.get_by_label(f"Use c{i}", exact=True).uncheck()
    page.get_by_label("Rows that the model reads").select_option("128")
    fit_and_score(page)
    assert score_of(page, 0, 0) > 85


# ---- what it refuses ----------------------------------------------------------------------------


def test_what_it_refuses(page):
    alert = page.locator("#table-error")
    upload(page, "price;size\n1,5;2\n2,5;3\n")
    expect(alert).to_have_text(
        "In column “price”, “1,5” is a number with a decimal comma. Write all numbers with a "
        "decimal point."
    )
    assert alert.get_attribute("role") == "alert"
    page.set_input_files(
        "#file", {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n\xff,1\n"}
    )
    expect(alert).to_have_text("t.csv can't be read as UTF-8 text. Save it as “CSV UTF-8”.")
    upload(page, "a\n1\n")
    expect(alert).to_contain_text("The table has one column")
    expect(page.locator("#columns-section")).to_be_hidden()
    rows = "\n".join(f"{i},level {i % 11},2024-01-{i % 27 + 1:02}" for i in range(33))
    upload(page, f"n,c,d\n{rows}\n")
    expect(alert).to_be_empty()
    hint, button = page.locator("#task-hint"), page.get_by_role("button", name="Fit and score")
    for target, reason in ("c", "“c” has 11 different values"), ("d", "“d” holds dates"):
        page.get_by_label("Predict", exact=True).select_option(label=target)
        expect(hint).to_contain_text(reason)
        expect(button).to_be_disabled()
    page.get_by_label("Predict", exact=True).select_option(label="n")
    expect(button).to_be_enabled()
    upload(page, "a,b\n1,x\n2,y\n")
    expect(hint).to_contain_text("Only 2 rows have a target")


@pytest.mark.parametrize("name", ["mini-classifier.onnx", "worker.mjs"])
def test_a_file_of_the_page_is_missing(name, page, site):
    folder, _, _ = site
    page.get_by_role("button", name="Iris").click()
    path = folder / name
    hidden = path.rename(folder / "hidden")
    try:
        page.get_by_role("button", name="Fit and score").click()
        expect(page.locator("#run-error")).to_contain_text("The model can't be", timeout=TIMEOUT)
    finally:
        hidden.rename(path)
    fit_and_score(page)
    expect(page.locator("#run-error")).to_be_empty()


def test_names_and_labels_are_text(page):
    """Whatever they are."""
    evil = '<img src=x onerror="window.hacked=1">'
    names = [evil, "__proto__", '"><script>window.hacked=1</script>']
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=names[:2])
    frame[names[2]] = np.where(frame[evil] > 0, evil, "constructor")
    upload(page, frame)
    fit_and_score(page)
    upload(page, frame, "#new-file")
    predictions = pd.read_csv(download(page, "Save the predictions"))
    assert set(predictions[f"predicted {names[2]}"]) == {evil, "constructor"}
    page.get_by_text("Or fill in one row by hand").click()
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("#predictions")).to_contain_text(f"{evil}: ")
    expect(page.locator("#picture-status")).to_contain_text("36 × 36", timeout=TIMEOUT)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None
    model = sklearn_mitra.load(download(page, "Save model.wlrn"))
    assert model.classes_.tolist() == [evil, "constructor"]
