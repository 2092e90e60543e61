"""The picture of the first page: how good and how fast defaults are, of results/accuracy.json.

    python -m benchmarks.front_page

A row for each model, so no label can cover another. Draw it again whenever that file changes; a
test compares them.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

_RESULTS = Path(__file__).parent / "results" / "accuracy.json"
PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "accuracy_and_time.svg"
_OURS = "sklearn-mitra"
_NAMES = {
    "mitra": _OURS,
    "catboost": "CatBoost",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "boosting": "hist. boosting",
    "forest": "random forest",
    "linear": "linear",
}


def main():
    rows = read_rows()
    draw(rows).savefig(
        PICTURE, metadata={"Date": None, "Title": _title(rows), "Description": describe(rows)}
    )
    print(describe(rows))


def read_rows():
    """Each model's mean rank among these models and its median seconds, best rank first.

    Returns
    -------
    rows : list of (str, float, float)
    n_tables : int
    """
    ranks, seconds = [], []
    for scores in json.loads(_RESULTS.read_text(encoding="utf-8"))["results"].values():
        tables = [list(scores[key].values()) for key in _NAMES]
        # log loss, less is better; or R²
        losses = [[t.get("log loss", -t.get("R2", 0)) for t in by_table] for by_table in tables]
        ranks.append(rankdata(losses, axis=0))
        seconds.append([[t["fit"] + t["1000 rows"] for t in by_table] for by_table in tables])
    ranks, seconds = np.hstack(ranks), np.hstack(seconds)
    rows = zip(_NAMES.values(), ranks.mean(axis=1), np.median(seconds, axis=1))
    return sorted(rows, key=lambda row: row[1]), ranks.shape[1]


def describe(rows):
    """What the picture shows, in one line."""
    rows, n_tables = rows
    models = "; ".join(f"{name} {rank:.2f}, {time:.2f} s" for name, rank, time in rows)
    return f"{n_tables} tables, mean rank and median seconds: {models}"


def _title(rows):
    return f"{rows[1]} real tables, all models with their defaults"


def draw(rows):
    """A figure that can be read at the width of a phone."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = _OURS
    title, (rows, _) = _title(rows), rows
    names, ranks, seconds = zip(*rows)
    colours = ["#0d7a6f" if name == _OURS else "#b8c0c8" for name in names]
    figure, panels = plt.subplots(1, 2, figsize=(4.3, 3.1), sharey=True, layout="constrained")
    for panel, values, form, words in (
        (panels[0], ranks, "{:.1f}", "mean rank\n(1 is best)"),
        (panels[1], seconds, "{:.2g} s", "fit and 1000 rows\n(median)"),
    ):
        bars = panel.barh(names, values, color=colours, height=0.7)
        panel.bar_label(bars, [form.format(value) for value in values], padding=3)
        panel.set_title(words, fontsize=10)
        panel.set_xlim(0, 1.3 * max(values))
        panel.xaxis.set_visible(False)
        panel.spines[:].set_visible(False)
        panel.tick_params(axis="y", length=0)
    panels[0].invert_yaxis()
    for label in panels[0].get_yticklabels():
        if label.get_text() == _OURS:
            label.set_fontweight("bold")
    figure.suptitle(title, fontsize=10.5, x=0.02, ha="left")
    return figure


if __name__ == "__main__":
    main()
