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

from sklearn.utils._param_validation import InvalidParameterError

from .._common.fields import brief

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

# From so many classes on, the default is the same.
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


def recommend_temperature(n_classes: int) -> float:
    """The default for members that are not plain: they hedge too much, and more among many classes.

    On the tables of benchmarks/accuracy.py, 0.9 was best for two classes, 0.7 for four, 0.5 for
    nine. It stays there for more classes, of which there are trees.
    """
    return float(0.9 * (2 / min(n_classes, _MOST_CLASSES)) ** (1 / 3))
