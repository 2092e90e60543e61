"""What query rows hold that training did not: categories, time zones."""

from collections.abc import Sequence
from typing import Any

from .._common.fields import brief
from .._common.warnings import warn_user


class UnseenCategories:
    """Counts unseen categories, and warns of columns where they are the majority.

    It also warns of dates whose time zones differ from those of training.

    Attributes
    ----------
    counts : dict of str to list
        For each column: the number of values that are not missing, the number of those whose
        category is unseen, and one unseen category as an example.
    zones : dict of str to bool
        For each column of dates with a mismatch: True if some dates now have a time zone and those
        of training had none, False if it is the other way round.
    """

    def __init__(self) -> None:
        self.counts: dict[str, list[Any]] = {}
        self.zones: dict[str, bool] = {}

    def add(self, name: str, values: Sequence[Any]) -> None:
        """Count the values of a column; categories seen in training are passed as None."""
        counts = self.counts.setdefault(name, [0, 0, None])
        unseen = [value for value in values if value is not None]
        counts[0] += len(values)
        counts[1] += len(unseen)
        counts[2] = unseen[0] if unseen and counts[2] is None else counts[2]

    def warn(self) -> None:
        """Warn once about each column that is mostly unseen or has other time zones."""
        for name, has_zones in self.zones.items():
            zones = ("no time zone", "one") if has_zones else ("a time zone", "none")
            warn_user(
                f"In {name}, times had {zones[0]} in training, but some have {zones[1]} now. Times "
                "without a time zone are taken as UTC. If they are not in UTC, convert the column "
                "as you did for training."
            )
        for name, (n_values, n_unseen, example) in self.counts.items():
            if 2 * n_unseen > n_values:
                warn_user(
                    f"In {name}, {n_unseen} of {n_values} values are unseen categories, such as "
                    f"{brief(example)}. They are treated as missing. Check that the column is "
                    "written as it was in training, or leave it out of both tables."
                )
