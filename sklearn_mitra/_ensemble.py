"""The views of an ensemble: of a training table, or of a bundle's support."""

from collections.abc import Sequence

import numpy as np

from ._class_tree import divide
from ._level_means import LevelMeans, fit_level_means
from ._linear import LinearModels
from ._members import PLAIN, make_views
from ._training import TrainingTable
from ._views import View


def learn_views(
    kinds: Sequence[str], table: TrainingTable, n_outputs: int, seed: int
) -> tuple[LevelMeans | None, list[View]]:
    """The views of an ensemble's members, and the means of levels that they have in common.

    Parameters
    ----------
    kinds : sequence of str
        Of each member. If all are plain, nothing is learned of the table.
    table : TrainingTable
    n_outputs : int
        Of the network. If there are more classes, each member has a tree of views.
    seed : int

    Returns
    -------
    means : LevelMeans or None
    views : list of View
        Those of one member after the other.
    """
    x, y = table.x[table.support], table.y[table.support]
    is_learned = {*kinds} != {PLAIN}
    shown, means, models = table, None, None
    if is_learned and (fitted := fit_level_means(table, seed)) is not None:
        means, shown = fitted
    views: list[View] = []
    for part, node in divide(kinds, x, y, table.n_classes, n_outputs, seed):
        here, rows = shown, np.arange(len(y))
        if node is not None:
            here, rows = shown.at(node), node.find(y)
        if is_learned:
            models = LinearModels(here, seed)
        rest = here.n_classes, seed, here.columns, node
        views += make_views(part, models, rows, table.columns, *rest)
    return means, views
