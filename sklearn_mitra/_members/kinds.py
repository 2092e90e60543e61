"""The kinds of ensemble members: "plain", the table as it is, or parts joined by "+"; and trees.

A new kind is an entry in :data:`PARTS`. If it shows what no model makes yet, the model becomes a
property of :class:`~sklearn_mitra._members.baseline.LinearModels`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sklearn.utils._param_validation import InvalidParameterError

from .._common.fields import brief

PLAIN = "plain"
# Members that need no network; they are not joined with others.
BOOSTING, EXTRA_TREES = MODELS = ("boosting", "extra_trees")


class Part(NamedTuple):
    """What a kind of member does.

    Attributes
    ----------
    features : tuple of str
        The models whose features are added, by their names in ``LinearModels``.
    replaces : bool
        Whether these take the place of the table's columns.
    is_blended : bool
        Whether a classifier's logits are blended with those of the logistic regression.
    has_baseline : bool
        Whether a regressor's member predicts what the baseline leaves of the target.
    tasks : tuple of str
    """

    features: tuple[str, ...] = ()
    replaces: bool = False
    is_blended: bool = False
    has_baseline: bool = False
    tasks: tuple[str, ...] = ("classification", "regression")


PARTS = {
    # all members but plain ones: in columns of many levels, the mean target takes the code's place
    "target_encoding": Part(),
    # principal components beside the columns
    "components": Part(features=("components",)),
    # beside the columns, logits of a logistic regression or the baseline's prediction
    "scores": Part(features=("scores",), is_blended=True),
    # components and scores instead of the columns
    "compressed": Part(features=("components", "scores"), replaces=True, is_blended=True),
    # the target is what ridge regression and trees leave of it
    "residual": Part(has_baseline=True, tasks=("regression",)),
}
# Chosen on real tables, see benchmarks/accuracy.py; no dearer than as many plain members.
_RECOMMENDED = {
    "classification": ("components+scores", "compressed", PLAIN, "compressed"),
    "regression": ("residual", "compressed+residual", PLAIN, "compressed+residual"),
}
# The same for tables whose columns cost more than they are worth: of more than so many; and for
# regression on tables of which the support is a sample, while trends are fitted to all rows.
_MANY_COLUMNS = 40
_RECOMMENDED_COMPRESSED = {
    "classification": ("compressed",),
    "regression": ("compressed+residual",),
}

# From so many training rows on, trees that read all of them are members by default.
_MANY_ROWS = 1000
# From so many classes on, the default temperature is the same. With more, boosting is no member by
# default: it makes a tree for each class in every step, and took 48 s for 1200 rows of 100 classes.
_MOST_CLASSES = 10


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
    parts = [name for name, part in PARTS.items() if task in part.tasks]
    are_kinds = not isinstance(members, str) and len(members) > 0
    for kind in members if are_kinds else ():
        names = kind.split("+") if isinstance(kind, str) else [""]
        are_parts = set(names) <= {*parts} and len(set(names)) == len(names)
        are_kinds &= kind in (PLAIN, *MODELS) or are_parts
    are_kinds = are_kinds and all(members.count(kind) < 2 for kind in MODELS)
    if not are_kinds:
        raise InvalidParameterError(
            f"The 'members' parameter of {estimator} must be 'auto', 'plain', or a list of "
            f"one or more strings that are 'plain', some of {[*parts]} joined by '+', or at most "
            f"once each 'boosting' and 'extra_trees'. Got {brief(members)} instead."
        )


class Kinds(NamedTuple):
    """The kinds of an ensemble's members.

    Attributes
    ----------
    network : list of str
        Of each member that the network answers for.
    models : list of str
        Of each other member.
    """

    network: list[str]
    models: list[str]


def choose_kinds(
    members: str | Sequence[str],
    n_members: int | None,
    n_recommended: int,
    n_columns: int,
    task: str,
    is_sample: bool = False,
    n_rows: int = 0,
    n_classes: int = 0,
) -> Kinds:
    """The kind of each member.

    Parameters
    ----------
    members : str or sequence of str
        "auto", "plain" or kinds.
    n_members : int or None
        Members that the network answers for. None is one for each kind, or as many as recommended
        if no kinds are given.
    n_recommended : int
    n_columns : int
        Of the table.
    task : {"classification", "regression"}
    is_sample : bool, default=False
        Whether the support lacks some of the training rows.
    n_rows : int, default=0
        Training rows. If there are many, "auto" has all kinds of trees, unless one member is asked
        for.
    n_classes : int, default=0
        Of a classifier. If there are many, boosting is not among these kinds.

    Returns
    -------
    kinds : Kinds
        Kinds are repeated if there are fewer than members. One member that is chosen
        automatically is plain.
    """
    models: list[str] = []
    if not isinstance(members, str):
        models = [kind for kind in members if kind in MODELS]
        kinds = [kind for kind in members if kind not in MODELS]
        n_members = (n_members or len(kinds)) if kinds else 0
    else:
        if members == "auto" and n_rows >= _MANY_ROWS and n_members != 1:
            models = [*MODELS] if n_classes <= _MOST_CLASSES else [EXTRA_TREES]
        n_members = n_members or n_recommended
        is_compressed = n_columns > _MANY_COLUMNS or (is_sample and task == "regression")
        recommended = _RECOMMENDED_COMPRESSED if is_compressed else _RECOMMENDED
        is_plain = members == PLAIN or n_members == 1
        kinds = [PLAIN] if is_plain else list(recommended[task])
    return Kinds([kinds[i % len(kinds)] for i in range(n_members)], models)


def recommend_temperature(n_classes: int) -> float:
    """The default for members that are not plain: they hedge too much, and more among many classes.

    On the tables of benchmarks/accuracy.py, 0.9 was best for two classes, 0.7 for four, 0.5 for
    nine. It stays there for more classes, of which there are trees.
    """
    return float(0.9 * (2 / min(n_classes, _MOST_CLASSES)) ** (1 / 3))
