"""What a fit and predictions take: seconds and bytes."""

import time
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from ._common.fields import brief
from ._common.folds import fold_sizes
from ._common.progress import duration
from ._fit import SO_MANY_ROWS, EncodedTable, Settings, fit_encoded, member_kinds, select_support
from ._fitted import ROWS_WITHOUT_NETWORK, FittedModel
from ._members import baseline, tree_models
from ._members.functions import Rows
from ._members.kinds import BOOSTING
from ._members.training_table import TrainingTable
from ._members.tree_models import count_steps, fit_tree_model
from ._network.context import Cache
from ._network.network import Network
from ._network.plan import Plan, Speed
from ._network.runtime import Runtime
from ._targets.numbers import NumberTarget
from ._uncertainty import temperature
from ._uncertainty.held_out import N_FOLDS, cut_folds
from ._uncertainty.weights import cut_held_out, read_weights

if TYPE_CHECKING:
    from ._sklearn import Bunch
else:
    from sklearn.utils import Bunch

# Number of rows to time tree models with, and the approximate memory of a block of rows.
_ROWS_TIMED, _BLOCK_NBYTES = 500, 2**24
# Number of training rows to fit simple models and trees to, before a fit. What follows was measured
# on tables of 500 to 30,000 rows x 8 to 30 columns.
_SAMPLE_ROWS = 1000
# The time of simple models and of extra trees grows with this power of the rows that they read.
_POWER = 0.85
# With this many rows, boosting takes twice as long as with few.
_DOUBLING_ROWS = 25_000

_KEYS = ("context_nbytes", "peak_nbytes", "first_seconds", "later_seconds", "interval_seconds")


class Cost(Bunch):
    """Time and memory of a prediction, and of a fit if there are ``fit_seconds``.

    :meth:`sklearn_mitra.MitraClassifier.estimate_cost` and ``estimate_fit_cost`` describe the keys.
    """

    def __repr__(self) -> str:
        text = f"fit {duration(self.fit_seconds)}; " if "fit_seconds" in self else ""
        text += "1 row" if self.n_rows == 1 else f"{self.n_rows:,} rows"
        text += f": {duration(self.first_seconds)} at first, {duration(self.later_seconds)} later"
        text += f"; {_size(self.context_nbytes)} cached, {_size(self.peak_nbytes)} at peak"
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


# ---- a prediction --------------------------------------------------------------------------------


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
    cost = Cost(n_rows=n_rows, **dict.fromkeys(_KEYS, 0))
    if model.target.is_constant:  # nothing runs
        return cost
    if model.members:
        plan, speed = model.context.measure(runtime, cache)
        cost.update(plan.estimate(n_rows, speed))
        if isinstance(model.target, NumberTarget) and model.conformal is None:
            _add_interval(cost, model.support.y, plan, speed)
    if any(model.models):
        x = np.resize(model.support.x, (_ROWS_TIMED, model.support.x.shape[1]))
        rows = Rows(x if model.target_encoding is None else model.target_encoding.query(x))
        seconds, _ = _timed(lambda: model.mix(rows, None))
        _add_models(cost, seconds / len(x), model.target.n_classes)
    return cost


def _add_interval(cost: Cost, y: NDArray[np.float64], plan: Plan, speed: Speed) -> None:
    """Add out-of-fold predictions of support rows with these targets."""
    if plan.workloads[0].config.dim_output == 1 and len(y) > 1:  # otherwise, there are target bins
        folds = cut_folds(y, N_FOLDS, 0)
        cost.interval_seconds = plan.seconds_of_folds(fold_sizes(len(y), folds), speed)


def _add_models(cost: Cost, seconds: float, n_classes: int) -> None:
    """Add members without a network, which take so many seconds for a row."""
    cost.first_seconds += cost.n_rows * seconds
    cost.later_seconds += cost.n_rows * seconds
    nbytes = ROWS_WITHOUT_NETWORK * max(1, n_classes) * 8 * 4 + _BLOCK_NBYTES
    cost.peak_nbytes = max(cost.peak_nbytes, nbytes)


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


# ---- a fit ---------------------------------------------------------------------------------------


def estimate_fit(
    table: EncodedTable,
    settings: Settings,
    network: Network | None,
    runtime: Runtime,
    cache: Cache,
    n_rows: int,
    tunes: bool,
) -> Cost:
    """The cost of a fit to an encoded table and of a prediction, by short trials.

    Parameters
    ----------
    table : EncodedTable
    settings : Settings
    network : Network or None
    runtime : Runtime
    cache : bool or "auto"
        Whether the context is to be cached.
    n_rows : int
        Number of rows to predict.
    tunes : bool
        Whether the fit chooses a temperature.
    """
    cost = Cost(n_rows=n_rows, fit_seconds=0.0, **dict.fromkeys(_KEYS, 0))
    target, y = table.target, table.y
    if target.is_constant:
        return cost
    support = select_support(table, settings, 0)
    is_sample = len(support) < len(y)
    kinds = member_kinds(table.encoder, target, settings, network, len(y), is_sample)
    weights = read_weights(settings.member_weights, kinds)
    sample, shown = _draw_sample(table, support)
    held_out: list[tuple[int, int]] = []  # the sizes of folds that trees and network predict
    if kinds.models and (weights is None or isinstance(target, NumberTarget)):
        held_out = fold_sizes(len(y), cut_held_out(y, 0))
    tuned: list[tuple[int, int]] = []
    if tunes and not kinds.models:
        tuned = fold_sizes(len(y), temperature.cut_folds(y, 0))
    if kinds.network:
        alike = settings._replace(
            members=kinds.network, n_estimators=None, member_weights="equal", title=None
        )
        seconds, model = _timed(lambda: fit_encoded(sample, alike, network, 0, indices=shown))
        growth = _growth(len(y), len(sample.y), baseline.MOST_ROWS)
        cost.fit_seconds += seconds * growth * (1 + len(tuned))
    if network and kinds.network and (weights is None or any(weights.network)):
        of_sample, speed = model.context.measure(runtime, cache)
        more = len(support) / len(shown)
        workloads = [replace(w, n_support=round(more * w.n_support)) for w in of_sample.workloads]
        plan = Plan.make(workloads, cache, network.can_keep)
        cost.update(plan.estimate(n_rows, speed))
        if isinstance(target, NumberTarget) and not kinds.models:
            _add_interval(cost, y[support], plan, speed)
        cost.fit_seconds += plan.seconds_of_folds([*held_out, *tuned], speed)
    sizes = [rest for rest, _ in held_out]
    if not held_out or len(y) < SO_MANY_ROWS:
        sizes.append(len(y))
    for i, kind in enumerate(kinds.models):
        if weights is None or weights.models[i]:
            _add_trees(cost, kind, sample, sizes, runtime)
    return cost


def _draw_sample(
    table: EncodedTable, support: NDArray[np.int64]
) -> tuple[EncodedTable, NDArray[np.int64]]:
    """A sample of rows, most of the support first, and where its support rows are."""
    generator = np.random.RandomState(0)
    shown = generator.permutation(support)[:_SAMPLE_ROWS]
    others = np.setdiff1d(np.arange(len(table.y)), support)
    more = generator.permutation(others)[: _SAMPLE_ROWS - len(shown)]
    rows = np.sort(np.concatenate([shown, more]))
    y = table.y[rows]
    sample = table._replace(x=table.x[rows], target=table.target.without(y), y=y)
    return sample, np.searchsorted(rows, np.sort(shown))


def _add_trees(
    cost: Cost, kind: str, sample: EncodedTable, sizes: list[int], runtime: Runtime
) -> None:
    """Add fits of trees to tables of these sizes, and their predictions."""
    encoder, n_classes, n_sample = sample.encoder, sample.target.n_classes, len(sample.y)
    rows = np.arange(n_sample)
    training = TrainingTable(
        sample.x, sample.y, rows, encoder.shown, encoder.n_categories, n_classes
    )
    seconds, model = _timed(
        lambda: fit_tree_model(kind, training, sample.y, rows, 0, runtime.n_threads)
    )
    for size in sizes:
        if kind == BOOSTING:
            growth = min(1.0, size / n_sample) + max(0, size - n_sample) / _DOUBLING_ROWS
            growth *= count_steps(size, n_classes) / count_steps(n_sample, n_classes)
        else:
            growth = _growth(size, n_sample, tree_models.MOST_ROWS)
        cost.fit_seconds += seconds * growth
    x = np.resize(sample.x, (_ROWS_TIMED, sample.x.shape[1]))
    seconds, _ = _timed(lambda: model.answers(x))
    _add_models(cost, seconds / len(x), n_classes)


def _growth(n_rows: int, n_sample: int, most: int) -> float:
    """How much longer a fit to so many rows takes than one to a sample."""
    return float((min(n_rows, max(most, n_sample)) / n_sample) ** _POWER)
