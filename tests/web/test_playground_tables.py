"""What the playground makes of tables, compared with Python and pandas."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from javascript import run_job, run_jobs

from sklearn_mitra._preprocessing.columns import Categories, Dates, Numbers
from sklearn_mitra._preprocessing.dates import parse_date
from sklearn_mitra._preprocessing.encoder import TableEncoder

SCRIPT = "run_playground.mjs"
TARGET = [str(i % 2) for i in range(12)]

# Twelve values each.
COLUMNS = {
    "numbers": ["1", "2.5", "-3", "+4", ".5", "6.", "1e3", "2E-2", "0", "-0.0", "7", "8"],
    "gaps": ["1", "", "NA", "4", "nan", "None", "null", "8", "#N/A", "<NA>", "n/a", "9"],
    "question marks": ["1", "?", "3", "4", "?", "6", "7", "8", "9", "10", "11", "12"],
    "spaces": [" 1", "2 ", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"],
    "booleans": ["True", "false", "TRUE", "true", "False", "FALSE"] * 2,
    "booleans with gaps": ["True", "", "False", "True", "False", "False"] * 2,
    "levels": ["b", "a", "ä", "B", "", "zz"] * 2,
    "astral": ["\U0001f600", "\uffee", "a", "\U0001f601"] * 3,
    "mixed": ["1", "2", "x", "4"] * 3,
    "words": ["True", "yes", "False", "no"] * 3,
    "dates": [f"2024-02-{day:02}" for day in range(1, 13)],
    "dates with gaps": ["2024-02-01", "?", "2024-02-03", "", "2024-02-05", "n/a"] * 2,
    "moments": ["2024-03-01T12:30:00+01:00", "2024-03-01 12:30", "", "1969-12-31T23:59:59.25Z"] * 3,
    "no dates": ["2024-02-30", "2024-01-01", "2024-01-02"] * 4,
    "seconds since 1970": [str(1_700_000_000 + 7 * i) for i in range(12)],
    "large": ["1e30", "-1e30", "3", "4"] * 3,
    "constant": ["5"] * 12,
    "one level": ["x"] * 12,
}


def as_csv(columns, delimiter=","):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([columns, *zip(*columns.values())])
    return file.getvalue()


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_read_as_in_python(name):
    text = as_csv({"column": COLUMNS[name], "other": [str(i) for i in range(12)], "y": TARGET})
    result = run_job(SCRIPT, csv=text, target="y", task="classification")
    frame = pd.read_csv(io.StringIO(text))[["column", "other"]]
    encoder, x = TableEncoder.fit(frame)
    expected = {"number": Numbers, "boolean": Numbers, "category": Categories, "date": Dates}
    found, column = result["columns"][0], encoder.columns[0]
    assert isinstance(column, expected[found["kind"]])
    assert found["levels"] == column.categories
    is_there = np.array([value not in ("?", "") for value in COLUMNS[name]]) & frame.column.notna()
    assert found["nMissing"] == 12 - is_there.sum()
    # of dates only the days; columns that are constant are left out
    keep = [0, x.shape[1] - 1] if encoder.varying[0] else [1]
    assert result["used"] == ["column", "other"][-len(keep) :]
    np.testing.assert_array_equal(np.float32(result["x"]).reshape(12, -1), x[:, keep])


def test_codes_are_categories():
    """As in Python, if pandas has read them as strings."""
    codes = ["007", "012", "100"] * 4
    result = run_job(SCRIPT, csv=as_csv({"code": codes, "y": TARGET}))
    (column,) = TableEncoder.fit(pd.DataFrame({"code": codes}))[0].columns
    assert result["columns"][0]["kind"] == "category"
    assert result["columns"][0]["levels"] == column.categories


@pytest.mark.parametrize(
    "value, message",
    [
        ("1,5", "In column “c”, “1,5” is a number with a decimal comma. Write all numbers with"),
        ("inf", "In column “c”, “inf” is not a number to compute with. Leave it empty."),
        ("-Infinity", "In column “c”, “-Infinity” is not a number to compute with."),
        ("1e39", "In column “c”, “1e39” is too large. Leave it empty, or change it."),
    ],
)
def test_numbers_that_are_refused(value, message):
    text = as_csv({"c": [value, *"123"], "y": list("abab")})
    (result,) = run_jobs({"csv": text}, script=SCRIPT)
    assert result["error"].startswith(message)


def test_advice():
    n = 40
    columns = {
        "id": [f"customer-{i}" for i in range(n)],
        "text": [f"the quick brown fox number {i} jumps over dogs" for i in range(n)],
        "empty": [""] * n,
        "same": ["x"] * n,
        "fine": ["x", "y"] * (n // 2),
    }
    result = run_job(SCRIPT, csv=as_csv({**columns, "y": list("ab") * (n // 2)}))
    assert [column["advice"] for column in result["columns"]] == [
        "Nearly every row has a value of its own.",
        "It looks like free text.",
        "It holds no values.",
        "All values are the same.",
        None,
        None,
    ]


def test_dates():
    texts = ["2024-02-29", "2023-02-29", "0001-01-01", "0099-12-31", "0000-01-01", "2024-13-01"]
    texts += ["9999-12-31T23:59:59.999999", "2024-01-01T24:00", "2024-01-01T10:60", "24-1-1", ""]
    texts += ["2024-01-01T00:00:00.123456789-0230", " 2024-01-01 ", "2024-01-01T10", "20240101"]
    days = run_job(SCRIPT, dates=texts)["days"]
    for text, found in zip(texts, days):
        stamp = parse_date(text)
        if text.startswith("0000"):  # a year that to_dates refuses
            stamp = None
        assert (found is None) == (stamp is None), text
        if stamp is not None:
            assert found == stamp.astype(np.int64) / 86_400_000_000, text


# ---- CSV -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_both_ways(delimiter, end):
    rng = np.random.default_rng(0)
    alphabet = np.array(["a", "1", " ", '"', ",", ";", "\t", "\n", "é", "\U0001f600", ""])
    names = ["first", 'the "second"', "third\nline"]
    rows = [["".join(rng.choice(alphabet, 4)) for _ in names] for _ in range(200)]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
    writer.writerows([names, *rows])
    result = run_job(SCRIPT, read="\ufeff" + file.getvalue())
    assert result["names"] == names
    assert result["rows"] == rows
    assert list(csv.reader(io.StringIO(result["written"], newline=""))) == [names, *rows]


def test_formulas_get_an_apostrophe_and_numbers_stay():
    formulas = [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "-",
        "-1e",
    ]
    others = ["", "-1", "+4", "-1.5e-3", "-.5", "-1,5", "1=1", "a-b", "'=1", " x", "2024-03-01"]
    cells = run_job(SCRIPT, cells=[*formulas, *others])["cells"]
    assert cells == [*(f"'{formula}" for formula in formulas), *others]


def test_csv_forms():
    last_is_empty, unnamed, blank_lines = run_jobs(
        {"read": "a,b\n1,"}, {"read": ",b\n0,1\n"}, {"read": "a,b\n\n1,2\n\n\n"}, script=SCRIPT
    )
    assert last_is_empty["rows"] == [["1", ""]]
    assert unnamed["names"] == ["Unnamed: 0", "b"]
    assert blank_lines["rows"] == [["1", "2"]]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "The file needs a line of column names"),
        ("a,b\n", "The file needs a line of column names"),
        ("a,b\n1,2\n\n3\n", "Line 4 has 1 values. The first line has 2 column names."),
        ("a,a\n1,2\n", "Two columns are called “a”. Rename one."),
        ("1,2\n3,4\n", "The first line must hold column names. Got “1”."),
        ('a,b\n1,"2\n', "The quote that starts in line 2 is never closed."),
        ('a,b\n1,"2"x\n', "In line 2, something follows a closing quote: “x"),
    ],
)
def test_csv_that_is_refused(text, message):
    (result,) = run_jobs({"read": text}, script=SCRIPT)
    assert result["error"].startswith(message)
