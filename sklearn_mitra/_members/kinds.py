"""Kinds of ensemble members: "plain", parts joined by "+", and the tree models.

A new kind is an entry in :data:`PARTS`. If it needs a new model, the model becomes a property of
:class:`~sklearn_mitra._members.baseline.LinearModels`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sklearn.utils._param_validation import InvalidParameterError

from .._common.fields import brief

PLAIN = "plain"
# Members that need no network. They are not joined with other parts.
BOOSTING, EXTRA_TREES = MODELS = ("boosting", "extra_trees")


class Part(NamedTuple):
    """What a part of a kind adds to a member.

    Attributes
    ----------
    features : tuple of str
        Properties of ``LinearModels`` whose features are added.
    replaces : bool
        Whether the features replace the table's columns.
    is_blended : bool
        Whether a classifier's logits are blended with those of the logistic regression.
    has_baseline : bool
        Whether a regressor's member predicts the residuals of the baseline.
    tasks : tuple of str
        The tasks that the part is for.
    """

    features: tuple[str, ...] = ()
    replaces: bool = False
    is_blended: bool = False
    has_baseline: bool = False
    tasks: tuple[str, ...] = ("classification", "regression")


PARTS = {
    # nothing more: all members but plain ones have target encoding in columns of many categories
    "target_encoding": Part(),
    # principal components beside the columns
    "components": Part(features=("components",)),
    # logits of a logistic regression, or predictions of the baseline, beside the columns
    "scores": Part(features=("scores",), is_blended=True),
    # components and scores instead of the columns
    "compressed": Part(features=("components", "scores"), replaces=True, is_blended=True),
    # the residuals of the baseline (ridge regression and trees) as the target
    "residual": Part(has_baseline=True, tasks=("regression",)),
}
# Chosen on real tables, see benchmarks/accuracy.py. They cost no more than as many plain members.
_RECOMMENDED = {
    "classification": ("components+scores", "compressed", PLAIN, "compressed"),
    "regression": ("residual", "compressed+residual", PLAIN, "compressed+residual"),
}
# Chosen for tables with more columns than this, which would cost more than they are worth, and for
# regression if the support set is a sample of the training rows, since baselines are fitted to all.
_MANY_COLUMNS = 40
_RECOMMENDED_COMPRESSED = {
    "classification": ("compressed",),
    "regression": ("compressed+residual",),
}

# With this many training rows, the tree models are members by default. For regression, residual
# members already have trees in their baseline, which are as good on small tables.
_FEWEST_ROWS = {"classification": 100, "regression": 1000}
# The default temperature no longer falls beyond this many classes. Boosting is not a default member
# then: it fits a tree for each class in every step, which took 48 s for 1200 rows of 100 classes.
_MOST_CLASSES = 10


def check_members(members: str | Sequence[str], task: str, estimator: str) -> None:
    """Raise an error unless these are kinds of members for the task.

    Parameters
    ----------
    members : str or sequence of str
    task : {"classification", "regression"}
    estimator : str
        Name of the estimator in the error message.
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
            f"one or more strings: 'plain', some of {[*parts]} joined by '+', or 'boosting' and "
            f"'extra_trees', at most once each. Got {brief(members)} instead."
        )


def need_network(members: str | Sequence[str]) -> bool:
    """Whether some of these members use the network; see :func:`check_members`."""
    return isinstance(members, str) or not {*members} <= {*MODELS}


class Kinds(NamedTuple):
    """The kind of each member of an ensemble.

    Attributes
    ----------
    network : list of str
        Kinds of the members that use the network.
    models : list of str
        Kinds of the other members.
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
    """Choose the kind of each member.

    Parameters
    ----------
    members : str or sequence of str
        "auto", "plain" or a list of kinds.
    n_members : int or None
        Number of members that use the network. None is one for each kind in the list, or
        ``n_recommended`` without a list.
    n_recommended : int
        The checkpoint's recommendation.
    n_columns : int
        Number of columns of the table.
    task : {"classification", "regression"}
    is_sample : bool, default=False
        Whether the support set lacks some of the training rows.
    n_rows : int, default=0
        Number of training rows. With 100 or more for classification, or 1,000 or more for
        regression, "auto" includes the tree models, unless ``n_members`` is 1.
    n_classes : int, default=0
        Number of classes of a classifier. If there are many, "auto" does not include boosting.

    Returns
    -------
    kinds : Kinds
        Kinds are repeated if there are more members. If "auto" has only one member, it is plain.
    """
    models: list[str] = []
    if not isinstance(members, str):
        models = [kind for kind in members if kind in MODELS]
        kinds = [kind for kind in members if kind not in MODELS]
        n_members = (n_members or len(kinds)) if kinds else 0
    else:
        if members == "auto" and n_rows >= _FEWEST_ROWS[task] and n_members != 1:
            models = [*MODELS] if n_classes <= _MOST_CLASSES else [EXTRA_TREES]
        n_members = n_members or n_recommended
        is_compressed = n_columns > _MANY_COLUMNS or (is_sample and task == "regression")
        recommended = _RECOMMENDED_COMPRESSED if is_compressed else _RECOMMENDED
        is_plain = members == PLAIN or n_members == 1
        kinds = [PLAIN] if is_plain else list(recommended[task])
    return Kinds([kinds[i % len(kinds)] for i in range(n_members)], models)


def recommend_temperature(n_classes: int) -> float:
    """The default temperature of members that are not plain.

    Their probabilities are too cautious, the more so with more classes. On the tables of
    benchmarks/accuracy.py, 0.9 was best for two classes, 0.7 for four and 0.5 for nine. It is the
    same for more classes, which are split among class trees.
    """
    return float(0.9 * (2 / min(n_classes, _MOST_CLASSES)) ** (1 / 3))
