"""The views of an ensemble: of a training table, or of a bundle's support."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .baseline import LinearModels
from .class_tree import ClassNode, divide
from .features import Derived
from .kinds import PLAIN
from .member import View
from .target_encoding import LevelMeans, fit_level_means
from .target_views import ClassOrder, Direction
from .training_table import TrainingTable


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


def make_views(
    kinds: Sequence[str],
    models: LinearModels | None,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    n_classes: int,
    seed: int,
    mean_columns: NDArray[np.int64] | None = None,
    node: ClassNode | None = None,
) -> list[View]:
    """Draw the views of an ensemble.

    Parameters
    ----------
    kinds : sequence of str
        Of each member. The first member, if it is plain, sees the table unchanged.
    models : LinearModels or None
        None makes all members plain.
    rows : ndarray of int64
        The stored support rows that all views have.
    columns : ndarray of int64
        The columns that plain members show.
    n_classes : int
        0 for regression.
    seed : int
        0 to 2**32 - 1.
    mean_columns : ndarray of int64, default=None
        The columns that other members show, if not the same: those with means of levels.
    node : ClassNode, default=None
        That of the views, if there are more classes than outputs; it has the rows and classes.

    Returns
    -------
    views : list of View
        Asking for more views with the same seed gives the same ones first.
    """
    # The stream of RandomState is frozen: a seed means the same views in every NumPy version.
    generator = np.random.RandomState(seed)
    views: list[View] = []
    for i, kind in enumerate(kinds):
        chosen = columns if kind == PLAIN or mean_columns is None else mean_columns
        signs = np.ones(len(chosen), np.float32)
        order = np.arange(n_classes, dtype=np.int64)
        if i:
            signs = generator.choice([-1, 1], len(chosen)).astype(np.float32)
            order = generator.permutation(n_classes).astype(np.int64)
        derived: list[Derived] = []
        trend, vote, parts = None, None, {PLAIN}
        if models is not None and models.are_possible:
            parts = {*kind.split("+")}
            if parts & {"components", "compressed"}:
                derived.append(models.components)
            if parts & {"scores", "compressed"}:
                derived.append(models.scores)
                vote = models.vote if n_classes else None
            if "detrended" in parts:
                trend = models.trend
        mirror = i % 2 == 1 and parts == {PLAIN}  # others were worse with a mirrored target
        target = ClassOrder(order) if n_classes else Direction(mirror)
        if "compressed" in parts:
            chosen, signs = chosen[:0], signs[:0]
        for further in derived:
            more = generator.choice([-1, 1], further.n_columns).astype(np.float32)
            signs = np.concatenate([signs, more])
        views.append(View(rows, chosen, signs, target, tuple(derived), trend, vote, node))
    return views
