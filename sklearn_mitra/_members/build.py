"""Building the members of an ensemble from a training table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .baseline import LinearModels
from .class_tree import ClassNode, divide
from .features import Features
from .kinds import PARTS, PLAIN
from .member import EnsembleMember
from .target_encoding import TargetEncoding, fit_target_encoding
from .target_views import ClassView, NumberView
from .training_rows import TrainingRows
from .training_table import TrainingTable


def build_members(
    kinds: Sequence[str],
    table: TrainingTable,
    n_outputs: int,
    seed: int,
    is_encoded: bool = False,
) -> tuple[TargetEncoding | None, list[EnsembleMember], TrainingRows]:
    """Build the network's members of an ensemble, and the target encoding that they share.

    Parameters
    ----------
    kinds : sequence of str
        The kind of each member. If all are plain, nothing is learned from the table.
    table : TrainingTable
    n_outputs : int
        Number of outputs of the network. With more classes than that, each member is a class tree.
    seed : int
    is_encoded : bool, default=False
        Whether there is a target encoding even if all members are plain.

    Returns
    -------
    encoding : TargetEncoding or None
    members : list of EnsembleMember
        The nodes of a class tree follow one another.
    training : TrainingRows
        All training rows, with out-of-fold features.
    """
    x, y = table.x[table.support], table.y[table.support]
    is_learned = bool({*kinds} - {PLAIN})
    shown, encoding, models = table, None, None
    if (is_learned or is_encoded) and (fitted := fit_target_encoding(table, seed)) is not None:
        encoding, shown = fitted
    members: list[EnsembleMember] = []
    training = TrainingRows(shown)
    for part, node in divide(kinds, x, y, table.n_classes, n_outputs, seed):
        here = shown if node is None else shown.at(node)
        if is_learned:
            models = LinearModels(here, seed)
        members += draw_members(
            part, models, table.columns, here.n_classes, seed, encoded=here.columns, node=node
        )
        if models is not None:
            training.add(models, node)
    return encoding, members, training


def draw_members(
    kinds: Sequence[str],
    models: LinearModels | None,
    columns: NDArray[np.int64],
    n_classes: int,
    seed: int,
    encoded: NDArray[np.int64] | None = None,
    node: ClassNode | None = None,
) -> list[EnsembleMember]:
    """Draw signs and permutations for members of these kinds.

    The first member keeps its columns and classes in their original direction and order. So do all
    nodes of a class tree, since each is drawn as a first member.

    Parameters
    ----------
    kinds : sequence of str
        The kind of each member.
    models : LinearModels or None
        With None, all members are plain.
    columns : ndarray of int64
        The columns that plain members show.
    n_classes : int
        0 for regression.
    seed : int
        0 to 2**32 - 1.
    encoded : ndarray of int64, default=None
        The columns that other members show, with the target encoding. None is the same columns.
    node : ClassNode, default=None
        The node of a class tree that the members belong to, if there are more classes than outputs.

    Returns
    -------
    members : list of EnsembleMember
        With the same seed, a longer list of kinds starts with the same members.
    """
    # The stream of RandomState is frozen: a seed gives the same members in every NumPy version.
    generator = np.random.RandomState(seed)
    has_models = models is not None and models.are_possible
    members = []
    for i, kind in enumerate(kinds):
        chosen = columns if kind == PLAIN or encoded is None else encoded
        signs = np.ones(len(chosen), np.float32)
        permutation = np.arange(n_classes, dtype=np.int64)
        if i:
            signs = generator.choice([-1, 1], len(chosen)).astype(np.float32)
            permutation = generator.permutation(n_classes).astype(np.int64)
        parts = [] if kind == PLAIN or not has_models else [PARTS[n] for n in kind.split("+")]
        if any(part.replaces for part in parts):
            chosen, signs = chosen[:0], signs[:0]
        names = {name for part in parts for name in part.features}
        features: list[Features] = [getattr(models, name) for name in sorted(names)]
        for feature in features:
            drawn = generator.choice([-1, 1], feature.n_columns).astype(np.float32)
            signs = np.concatenate([signs, drawn])
        target: ClassView | NumberView
        if n_classes:
            is_blended = any(part.is_blended for part in parts)
            target = ClassView(permutation, models.blend if models and is_blended else None, node)
        else:
            has_baseline = any(part.has_baseline for part in parts)
            mirror = i % 2 == 1 and not parts  # a mirrored target made other members worse
            target = NumberView(mirror, models.baseline if models and has_baseline else None)
        members.append(EnsembleMember(chosen, signs, target, tuple(features)))
    return members
