"""The guide is true: its code prints what it says, its lists are complete."""

import re

import pytest
from snippets import ROOT, read_blocks, run_page

import sklearn_mitra
from sklearn_mitra import MitraClassifier

DOCS = ROOT / "docs"
# They need a hub and an exported file, or what only production has: oracles/test_guide_checkpoints,
# production/test_dask and production/test_mlflow run them.
APART = {"checkpoints.md", "clusters.md", "mlflow.md"}
PAGES = [
    str(page.relative_to(DOCS))
    for page in [DOCS / "index.md", *sorted(DOCS.glob("guide/*.md"))]
    if page.name not in APART and read_blocks(page)
]


def test_there_are_pages_with_code():
    assert {"index.md", "guide/how_it_works.md", "guide/serving.md"} <= {*PAGES}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(DOCS / page)


def test_parameter_table_is_that_of_the_classifier():
    text = (DOCS / "guide" / "parameters.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", text, flags=re.MULTILINE)
    signature = MitraClassifier.__init__.__kwdefaults__
    assert [name for name, _ in table] == list(signature)
    assert {name: eval(default) for name, default in table} == signature


def test_reference_lists_the_public_objects():
    text = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted({*sklearn_mitra.__all__} - {"__version__"})
