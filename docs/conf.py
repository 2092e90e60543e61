"""Settings of the documentation site, which ``make docs`` builds."""

import re
from importlib import metadata
from typing import Any

from sphinx_gallery.sorting import ExplicitOrder

import sklearn_mitra

project = "sklearn-mitra"
author = "The sklearn-mitra developers"
copyright = author
version = release = sklearn_mitra.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery", "playground", "pretraining"]
nitpicky = True
# Nothing is fetched during a build, so names of other packages link nowhere.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!sklearn_mitra).*"),
    ("std:ref", "(accuracy|r2)_score"),
]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "min_reported_time": 1,
    "plot_gallery": "True",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "subsection_order": ExplicitOrder(
        [
            f"gallery/{section}"
            for section in (
                "first_steps",
                "uncertainty",
                "accuracy",
                "explanations",
                "production",
            )
        ]
    ),
    # Titles have numbers: tests/test_guide.py.
    "within_subsection_order": "ExampleTitleSortKey",
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_extra_path = ["llms.txt"]
html_show_sourcelink = False
html_use_index = False
# Where the repository is, pyproject.toml says once it is public.
_urls = metadata.metadata(project).get_all("Project-URL") or []
html_theme_options: dict[str, Any] = {
    "icon_links": [
        {"name": name, "url": url, "icon": "fa-solid fa-code-branch"}
        for name, url in (entry.split(", ", 1) for entry in _urls)
        if name == "Repository"
    ],
    "article_header_end": [],
    "footer_end": [],
    "footer_start": ["copyright"],
    "navbar_align": "left",
    "show_toc_level": 2,
}
html_sidebars: dict[str, list[str]] = {
    "index": [],
    "CHANGELOG": [],
    "development": [],
}


# Sources link to each other so that links work in the repository, too.
_PLACES_ON_THE_SITE = [
    (r"\]\((?:\.\./)+benchmarks/README\.md", "](/benchmarks.md"),
    (
        r"\]\((?:\.\./)*gallery/(\w+/plot_\w+)\.py",
        r"](/auto_gallery/\1.rst",
    ),
    # no page of Sphinx's: it is copied to the site afterwards
    (
        r"\[([^]]+)\]\(((?:\.\./)*playground/index\.html)\)",
        r'<a href="\2">\1</a>',
    ),
]


def _link_within_the_site(
    app: Any, name: str, source: list[str]
) -> None:
    for pattern, place in _PLACES_ON_THE_SITE:
        source[0] = re.sub(pattern, place, source[0])


def setup(app: Any) -> None:
    """Have Sphinx call what is defined above."""
    app.connect("source-read", _link_within_the_site)
