"""The members of an ensemble, built from a training table."""

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
    """The members of an ensemble, and the target encoding that they have in common.

    Parameters
    ----------
    kinds : sequence of str
        Of each member. If all are plain, nothing is learned of the table.
    table : TrainingTable
    n_outputs : int
        Of the network. If there are more classes, each member is a tree of members.
    seed : int
    is_encoded : bool, default=False
        Whether there is a target encoding even if all members are plain.

    Returns
    -------
    encoding : TargetEncoding or None
    members : list of EnsembleMember
        The nodes of one member after those of the other.
    training : TrainingRows
        All training rows, as members see rows that they haven't seen.
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

    The first member, if it is plain, sees the table unchanged. Those of a class tree's nodes are
    each the first of their draws, so their columns and classes are as they are.

    Parameters
    ----------
    kinds : sequence of str
        Of each member.
    models : LinearModels or None
        None makes all members plain.
    columns : ndarray of int64
        The columns that plain members show.
    n_classes : int
        0 for regression.
    seed : int
        0 to 2**32 - 1.
    encoded : ndarray of int64, default=None
        The columns that other members show, if not the same: those of the target encoding.
    node : ClassNode, default=None
        That of the members, if there are more classes than outputs.

    Returns
    -------
    members : list of EnsembleMember
        Asking for more members with the same seed gives the same ones first.
    """
    # The stream of RandomState is frozen: a seed means the same members in every NumPy version.
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
        for further in features:
            more = generator.choice([-1, 1], further.n_columns).astype(np.float32)
            signs = np.concatenate([signs, more])
        target: ClassView | NumberView
        if n_classes:
            is_blended = any(part.is_blended for part in parts)
            target = ClassView(permutation, models.blend if models and is_blended else None, node)
        else:
            has_baseline = any(part.has_baseline for part in parts)
            mirror = i % 2 == 1 and not parts  # others were worse with a mirrored target
            target = NumberView(mirror, models.baseline if models and has_baseline else None)
        members.append(EnsembleMember(chosen, signs, target, tuple(features)))
    return members
