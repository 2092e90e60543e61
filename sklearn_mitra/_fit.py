"""From a training table to a fitted model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common.means import average
from ._fitted import CheckpointId, FittedModel, Support
from ._members.build import build_members
from ._members.kinds import PLAIN, choose_kinds, recommend_temperature
from ._members.training_table import TrainingTable
from ._network.network import Network
from ._network.runtime import Runtime
from ._preprocessing.encoder import TableEncoder
from ._preprocessing.support import draw_seed, select_rows, select_rows_per_class
from ._targets.classes import ClassTarget
from ._targets.numbers import NumberTarget
from ._uncertainty.temperature import choose_temperature, cut_folds


class Settings(NamedTuple):
    """The parameters of an estimator that a fit depends on; see there."""

    max_support: int | None
    n_estimators: int | None
    members: str | Sequence[str]
    random_state: int | np.random.RandomState | None
    support_sampling: str = "random"
    target_transform: str = "auto"


class EncodedTable(NamedTuple):
    """A training table, encoded, and what was learned of its target.

    Attributes
    ----------
    encoder : TableEncoder
    x : ndarray of shape (n_rows, n_encoded), float32
    target : ClassTarget or NumberTarget
    y : ndarray of shape (n_rows,), int64 or float64
        Class ids, or targets.
    """

    encoder: TableEncoder
    x: NDArray[np.float32]
    target: ClassTarget | NumberTarget
    y: NDArray[Any]

    def without(self, rows: NDArray[np.int64]) -> "EncodedTable":
        """The table without these rows."""
        others = np.setdiff1d(np.arange(len(self.y)), rows)
        y = self.y[others]
        return self._replace(x=self.x[others], target=self.target.without(y), y=y)


def fit_model(
    X: Any,
    target: ClassTarget | NumberTarget,
    y: NDArray[Any],
    settings: Settings,
    network: Network,
    names: Any = None,
) -> tuple[FittedModel, EncodedTable]:
    """Fit to a table.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_features)
    target : ClassTarget or NumberTarget
    y : ndarray of shape (n_rows,), int64 or float64
        Class ids, or targets.
    settings : Settings
    network : Network
    names : ndarray of shape (n_features,), default=None
        Names of the columns, if they are strings.

    Returns
    -------
    model : FittedModel
    table : EncodedTable
        The same training table, encoded.
    """
    seed = draw_seed(settings.random_state)
    encoder, x = TableEncoder.fit(X, names)
    table = EncodedTable(encoder, x, target, y)
    return fit_encoded(table, settings, network, seed, names), table


def fit_encoded(
    table: EncodedTable,
    settings: Settings,
    network: Network,
    seed: int,
    names: Any = None,
    indices: NDArray[np.int64] | None = None,
) -> FittedModel:
    """Fit to a table that is encoded already; see :func:`fit_model`.

    ``indices`` are the rows of the support, ascending. None selects them as the settings say.
    """
    encoder, x, target, y = table
    if indices is None:
        indices = _select_support(table, settings, seed)
    support = Support(x[indices], y[indices], indices)
    kinds = _choose_kinds(table, settings, network, len(indices) < len(y))
    if isinstance(target, NumberTarget) and _is_scaled_by_support(kinds, settings):
        target = target.scaled_by(support.y)
    training = TrainingTable(
        x, target.transform(y), indices, encoder.shown, encoder.n_levels, target.n_classes
    )
    encoding, members = build_members(kinds, training, network.config.dim_output, seed)
    checkpoint = CheckpointId(network.file.name, network.file.sha256, network.onnx_sha256)
    return FittedModel(encoder, target, support, encoding, members, checkpoint, seed, names)


def _choose_kinds(
    table: EncodedTable, settings: Settings, network: Network, is_sample: bool
) -> list[str]:
    """The kind of each ensemble member. All are plain if the predictions are known already."""
    kinds = choose_kinds(
        settings.members,
        settings.n_estimators,
        network.file.n_estimators,
        len(table.encoder.shown),
        table.target.task,
        is_sample,
    )
    return [PLAIN] * len(kinds) if table.target.is_constant else kinds


def _select_support(table: EncodedTable, settings: Settings, seed: int) -> NDArray[np.int64]:
    most = settings.max_support or len(table.y)
    if settings.support_sampling == "random":
        return select_rows(len(table.y), most, seed)
    return select_rows_per_class(table.y, most, seed, settings.support_sampling)


def _is_scaled_by_support(kinds: Sequence[str], settings: Settings) -> bool:
    """Whether targets are scaled by the support, as in JavaScript.

    Plain members see the support alone. Others learn from all training rows, whose targets have to
    be in the range.
    """
    return settings.target_transform == "none" and {*kinds} == {PLAIN}


# ---- the temperature -----------------------------------------------------------------------------


def default_temperature(model: FittedModel) -> float:
    """The temperature of a classifier that has not chosen one."""
    if all(member.is_plain and member.target.node is None for member in model.members):
        return 1.0
    return recommend_temperature(model.target.n_classes)


def tune_temperature(
    model: FittedModel, table: EncodedTable, settings: Settings, network: Network, runtime: Runtime
) -> float:
    """The temperature of the least log loss of rows that were held out, by folds.

    Parameters
    ----------
    model : FittedModel
        Of a classifier, fitted to the whole table.
    table, settings, network
        See :func:`fit_encoded`.
    runtime : Runtime
    """
    default = default_temperature(model)
    folds = [] if model.target.is_constant else cut_folds(table.y, model.seed)
    if not folds:
        return default
    logits, corrections = [], []
    for rows in folds:
        fold = fit_encoded(table.without(rows), settings, network, model.seed)
        assert isinstance(fold.target, ClassTarget)
        # nothing is kept: these tables and rows go through the network once
        plan, ready = fold.context.prepare(runtime, False)
        for start in range(0, len(rows), plan.chunk_rows):
            chunk = table.x[rows[start : start + plan.chunk_rows]]
            logits.append(average(fold.inverse_transform(*fold.run(chunk, ready))))
        # the held out rows are as frequent as in training
        corrections.append(np.tile(fold.target.log_correction(fold.support.y), (len(rows), 1)))
    y = table.y[np.concatenate(folds)]
    return choose_temperature(np.concatenate(logits), np.concatenate(corrections), y, default)
