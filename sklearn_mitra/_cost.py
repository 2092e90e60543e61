"""What predictions of a fitted model take: seconds and bytes."""

import time
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_scalar

from ._common.fields import brief
from ._common.progress import duration
from ._fitted import ROWS_WITHOUT_NETWORK, FittedModel
from ._members.functions import Rows
from ._network.context import Cache
from ._network.runtime import Runtime
from ._targets.numbers import NumberTarget
from ._uncertainty.held_out import N_FOLDS, cut_folds

if TYPE_CHECKING:
    from ._sklearn import Bunch
else:
    from sklearn.utils import Bunch

# Number of rows to time tree models with, and the approximate memory of a block of rows.
_ROWS_TIMED, _BLOCK_NBYTES = 500, 2**24


class Cost(Bunch):
    """Time and memory of a prediction.

    :meth:`sklearn_mitra.MitraClassifier.estimate_cost` describes the keys.
    """

    def __repr__(self) -> str:
        rows = "1 row" if self.n_rows == 1 else f"{self.n_rows:,} rows"
        text = f"{rows}: {duration(self.first_seconds)} at first, {duration(self.later_seconds)}"
        text += f" later; {_size(self.context_nbytes)} cached, {_size(self.peak_nbytes)} at peak"
        if self.interval_seconds:
            text += f"; {duration(self.interval_seconds)} more for the first interval"
        return text


def _size(nbytes: float) -> str:
    return f"{nbytes / 1e6:,.0f} MB"


def read_rows(n_rows: Any) -> int:
    """Read a number of rows, which may be a float such as 1e6, or a table with that many rows."""
    given, shape = n_rows, getattr(n_rows, "shape", None)
    if shape:
        n_rows = shape[0]
    elif isinstance(n_rows, (list, tuple)):
        n_rows = len(n_rows)
    elif isinstance(n_rows, float) and n_rows.is_integer():
        n_rows = int(n_rows)
    if not isinstance(n_rows, Integral) or isinstance(n_rows, bool):
        raise TypeError(
            f"'n_rows' must be a number of rows or a table. Got {brief(given)} instead."
        )
    return int(check_scalar(n_rows, "n_rows", Integral, min_val=1))


def estimate_prediction(model: FittedModel, n_rows: int, runtime: Runtime, cache: Cache) -> Cost:
    """The cost of a prediction, by a short trial.

    Parameters
    ----------
    model : FittedModel
    n_rows : int
    runtime : Runtime
    cache : bool or "auto"
        Whether the context is to be cached.
    """
    keys = ("context_nbytes", "peak_nbytes", "first_seconds", "later_seconds", "interval_seconds")
    cost = Cost(n_rows=n_rows, **dict.fromkeys(keys, 0))
    if model.target.is_constant:  # nothing runs
        return cost
    if model.members:
        plan, speed = model.context.measure(runtime, cache)
        cost.update(plan.estimate(n_rows, speed))
        has_residuals = plan.workloads[0].config.dim_output == 1  # and no target bins
        if has_residuals and isinstance(model.target, NumberTarget) and model.conformal is None:
            y = model.support.y
            folds = cut_folds(y, N_FOLDS, model.seed) if len(y) > 1 else []
            sizes = [(len(y) - len(fold), len(fold)) for fold in folds]
            cost.interval_seconds = plan.seconds_of_folds(sizes, speed)
    if any(model.models):
        seconds = n_rows * _time_models(model)
        cost.first_seconds += seconds
        cost.later_seconds += seconds
        nbytes = ROWS_WITHOUT_NETWORK * max(1, model.target.n_classes) * 8 * 4 + _BLOCK_NBYTES
        cost.peak_nbytes = max(cost.peak_nbytes, nbytes)
    return cost


def _time_models(model: FittedModel) -> float:
    """Seconds that the members without a network take for a row."""
    x = np.resize(model.support.x, (_ROWS_TIMED, model.support.x.shape[1]))
    rows = Rows(x if model.target_encoding is None else model.target_encoding.query(x))
    start = time.perf_counter()
    model.mix(rows, None)
    return (time.perf_counter() - start) / len(x)
