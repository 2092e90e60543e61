"""The members of an ensemble: their kinds, and the view that each gets.

A kind is "plain", the table as it is, or what is done to it, joined by "+":

components
    Principal components are added to the columns.
scores
    Scores of a simple model are added: logits of the classes, or a prediction of the target.
compressed
    Components and scores take the place of the columns.
means
    Nothing more than what all members do that aren't plain: in columns of many levels, the mean
    target of a level takes the place of its code.
detrended
    The member predicts what ridge regression and trees leave of the target. Not for classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import InvalidParameterError

from ._class_tree import ClassNode
from ._derived import Derived
from ._fields import brief
from ._linear import LinearModels
from ._targets import ClassOrder, Direction
from ._views import View

PLAIN = "plain"
_PARTS = {
    "classification": ("means", "components", "scores", "compressed"),
    "regression": ("means", "components", "scores", "compressed", "detrended"),
}
# Chosen on real tables, see benchmarks/accuracy.py; no dearer than as many plain members.
_RECOMMENDED = {
    "classification": ("components+scores", "compressed", PLAIN, "compressed"),
    "regression": ("detrended", "compressed+detrended", PLAIN, "compressed+detrended"),
}
# The same for tables whose columns cost more than they are worth: of more than so many; and for
# regression on tables of which the support is a sample, while trends are fitted to all rows.
_MANY_COLUMNS = 40
_RECOMMENDED_COMPRESSED = {
    "classification": ("compressed",),
    "regression": ("compressed+detrended",),
}


def check_members(members: str | Sequence[str], task: str, estimator: str) -> None:
    """Raise an error unless these are kinds of members of that task.

    Parameters
    ----------
    members : str or sequence of str
    task : {"classification", "regression"}
    estimator : str
        The name that the error gives.
    """
    if members in ("auto", PLAIN):
        return
    parts = _PARTS[task]
    are_kinds = not isinstance(members, str) and len(members) > 0
    for kind in members if are_kinds else ():
        names = kind.split("+") if isinstance(kind, str) else [""]
        are_kinds &= kind == PLAIN or (set(names) <= {*parts} and len(set(names)) == len(names))
    if not are_kinds:
        raise InvalidParameterError(
            f"The 'members' parameter of {estimator} must be 'auto', 'plain', or a list of "
            f"one or more strings that are 'plain' or some of {[*parts]} joined by '+'. "
            f"Got {brief(members)} instead."
        )


def choose_kinds(
    members: str | Sequence[str],
    n_members: int | None,
    n_recommended: int,
    n_columns: int,
    task: str,
    is_sample: bool = False,
) -> list[str]:
    """The kind of each member.

    Parameters
    ----------
    members : str or sequence of str
        "auto", "plain" or kinds.
    n_members : int or None
        None is one for each kind, or as many as recommended if no kinds are given.
    n_recommended : int
    n_columns : int
        Of the table.
    task : {"classification", "regression"}
    is_sample : bool, default=False
        Whether the support lacks some of the training rows.

    Returns
    -------
    kinds : list of str
        Kinds are repeated if there are fewer than members. One member that is chosen
        automatically is plain.
    """
    if not isinstance(members, str):
        n_members = n_members or len(members)
        kinds = list(members)
    else:
        n_members = n_members or n_recommended
        is_compressed = n_columns > _MANY_COLUMNS or (is_sample and task == "regression")
        recommended = _RECOMMENDED_COMPRESSED if is_compressed else _RECOMMENDED
        is_plain = members == PLAIN or n_members == 1
        kinds = [PLAIN] if is_plain else list(recommended[task])
    return [kinds[i % len(kinds)] for i in range(n_members)]


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
