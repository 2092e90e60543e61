"""The guide is true: its code prints what it says, its lists are complete."""

import re
from inspect import signature

import pytest
from sklearn import datasets
from snippets import ROOT, read_blocks, run_page

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor

DOCS = ROOT / "docs"
# They need a hub, an exported file, or what only production has, or print a number that varies:
# oracles/test_guide_checkpoints, production/test_dask and test_mlflow, and test_uncertain run them.
APART = {"checkpoints.md", "clusters.md", "export.md", "mlflow.md", "uncertainty.md"}
PAGES = [
    str(page.relative_to(DOCS))
    for page in [*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guide/*.md"))]
    if page.name not in APART and read_blocks(page)
]
# Pages that don't say what their code prints, and would take half a minute with their own tables:
# as many rows as theirs get here.
SMALLER = {"calibration.md": 800, "large_tables.md": 1350}


def test_there_are_pages_with_code():
    pages = {"index.md", "calibration.md", "guide/how_it_works.md", "guide/serving.md"}
    assert pages <= {*PAGES}
    assert {*PAGES} >= {*SMALLER}
    assert all(block.output is None for page in SMALLER for block in read_blocks(DOCS / page))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("context_budget")
def test_code_prints_what_the_page_says(page, tmp_path, monkeypatch):
    if page in SMALLER:
        make_smaller(SMALLER[page], monkeypatch)
    monkeypatch.chdir(tmp_path)
    run_page(DOCS / page)


def make_smaller(n_rows, monkeypatch):
    """Have scikit-learn give a part of its tables."""
    load, make = datasets.load_breast_cancer, datasets.make_classification

    def load_part(**options):
        X, y = load(**options)
        return X[::4, ::4], y[::4]

    def make_part(*sizes, **options):
        X, y = make(*sizes, **options)
        return X[:n_rows], y[:n_rows]

    monkeypatch.setattr(datasets, "load_breast_cancer", load_part)
    monkeypatch.setattr(datasets, "make_classification", make_part)


@pytest.mark.parametrize("estimator", [MitraClassifier, MitraRegressor])
def test_the_parameter_table_matches(estimator):
    text = (DOCS / "guide" / "parameters.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \| (?:(\w+) only:)?", text, flags=re.MULTILINE)
    kind = estimator.__name__.removeprefix("Mitra").lower()
    table = [(name, eval(default)) for name, default, only in rows if only in ("", kind)]
    parameters = signature(estimator).parameters
    assert table == [(name, parameter.default) for name, parameter in parameters.items()]


def test_examples_are_numbered_as_the_gallery_shows_them():
    """In the order of the sections in conf.py; within one, titles are sorted as text."""
    sections = re.findall(r"^ {16}\"(\w+)\",$", (DOCS / "conf.py").read_text(), flags=re.MULTILINE)
    assert {*sections} == {path.parent.name for path in DOCS.glob("gallery/*/README.rst")}
    numbers = []
    for section in sections:
        titles = [path.read_text().splitlines()[1] for path in DOCS.glob(f"gallery/{section}/*.py")]
        numbers += [int(title.split(".")[0]) for title in sorted(titles)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_reference_lists_the_public_objects():
    text = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^\.\. currentmodule:: (\S+)$", text, flags=re.MULTILINE)
    listed = {module: [] for module in parts[::2]}
    for module, part in zip(parts[::2], parts[1::2]):
        listed[module] += re.findall(r"^   (\w+)$", part, flags=re.MULTILINE)
    assert sorted(listed.pop("sklearn_mitra")) == sorted({*sklearn_mitra.__all__} - {"__version__"})
    # importing them needs PyTorch
    source = (ROOT / "export" / "finetune" / "__init__.py").read_text(encoding="utf-8")
    (names,) = re.findall(r"^__all__ = (\[.+\])$", source, flags=re.MULTILINE)
    assert sorted(sum(listed.values(), [])) == eval(names)
