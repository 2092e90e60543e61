"""``python -m sklearn_mitra.export.pretrain.pictures``: the pictures of ``docs/pretraining.md``.

They need matplotlib, which nothing else here does: ``pip install matplotlib``.
"""

import argparse
import json
import os

import torch
from matplotlib import pyplot as plt

from .priors import FAMILIES, sample_tables
from .targets import class_labels, regression_targets

_N_ROWS = 300
_FOLDER = os.path.join("docs", "pretraining")
_RUNS = {
    "classifier": ("classifier-1.jsonl", "classifier-2.jsonl"),
    "regressor": ("regressor.jsonl",),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=_FOLDER, help="of logs and pictures (%(default)s)")
    folder = parser.parse_args().folder
    pictures = {"classes": draw_classes, "targets": draw_targets}
    for name, draw in pictures.items():
        figure, axes = plt.subplots(3, 3, figsize=(7, 7), layout="constrained")
        for ax, family in zip(axes.flat, FAMILIES):
            draw(ax, family)
            ax.set(title=family, xticks=[], yticks=[])
        _save(figure, folder, name)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    for ax, (title, logs) in zip(axes, _RUNS.items()):
        draw_losses(ax, [os.path.join(folder, log) for log in logs])
        ax.set(title=title, xlabel="steps", ylabel="loss")
    _save(figure, folder, "losses")


def draw_classes(ax, family):
    """Two features, and the classes as colours, of the first table with three or more."""
    generator = torch.Generator().manual_seed(1)
    n_classes, x, labels = torch.zeros(1), None, None
    while n_classes.item() < 3:
        x, latents = sample_tables(1, _N_ROWS, 2, 10, generator, family)
        labels, n_classes = class_labels(latents, _N_ROWS, generator)
    is_whole = (x == x.round()).all(dim=1, keepdim=True)
    x = x + 0.4 * is_whole * (torch.rand(x.shape, generator=generator) - 0.5)  # or dots hide dots
    ax.scatter(*x[0].T, c=labels[0], s=4, cmap="tab10", vmin=0, vmax=9, linewidths=0)


def draw_targets(ax, family):
    """One feature and the target."""
    generator = torch.Generator().manual_seed(2)
    x, latents = sample_tables(1, _N_ROWS, 1, 1, generator, family)
    y, _ = regression_targets(latents[:, :, 0], _N_ROWS, generator)
    ax.scatter(x[0, :, 0], y[0], s=4, color="tab:blue", linewidths=0)


def draw_losses(ax, paths):
    """The losses of runs that follow each other."""
    start = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        ax.plot([start + line["step"] for line in lines], [line["loss"] for line in lines])
        start += lines[-1]["step"]


def _save(figure, folder, name):
    figure.savefig(os.path.join(folder, f"{name}.png"), dpi=70, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
