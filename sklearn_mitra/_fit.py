"""Fitting a model to a training table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._common.folds import fold_sizes
from ._common.means import log_softmax
from ._common.progress import report, stage
from ._common.thread_limits import limit_threads
from ._fitted import CheckpointId, FittedModel, Support
from ._members.build import build_members
from ._members.kinds import PLAIN, Kinds, choose_kinds, recommend_temperature
from ._members.training_rows import TrainingRows
from ._members.training_table import TrainingTable
from ._members.tree_models import TreeModel, fit_tree_model
from ._network.network import Network
from ._network.runtime import Runtime
from ._preprocessing.encoder import TableEncoder
from ._preprocessing.support import draw_seed, select_rows, select_rows_per_class
from ._targets.classes import ClassTarget
from ._targets.numbers import NumberTarget
from ._uncertainty.conformal import Conformal
from ._uncertainty.temperature import choose_temperature, cut_folds
from ._uncertainty.weights import (
    Weights,
    choose_class_weights,
    choose_number_weights,
    cut_held_out,
    read_weights,
)

# With this many training rows, only the first two of a classifier's members that use the network
# answer for held-out rows. The weights are as good then, and a fit takes a quarter less time.
_ROWS_FOR_TWO = 500
# With this many training rows, tree models aren't fitted again to the 500 rows that were held out.
SO_MANY_ROWS = 20_000


class Settings(NamedTuple):
    """The parameters of an estimator that a fit depends on.

    ``title`` begins lines about the stages of the fit. None prints none.
    """

    max_support: int | None
    n_estimators: int | None
    members: str | Sequence[str]
    random_state: int | np.random.RandomState | None
    support_sampling: str = "random"
    target_transform: str = "auto"
    member_weights: str | Sequence[float] = "auto"
    title: str | None = None


class EncodedTable(NamedTuple):
    """An encoded training table with its encoder and target.

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
    network: Network | None,
    names: Any = None,
    runtime: Runtime | None = None,
) -> tuple[FittedModel, EncodedTable]:
    """Fit a model to a table.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_rows, n_features)
    target : ClassTarget or NumberTarget
    y : ndarray of shape (n_rows,), int64 or float64
        Class ids, or targets.
    settings : Settings
    network : Network or None
        None if no member uses a network.
    names : ndarray of shape (n_features,), default=None
        Column names, if they are strings.
    runtime : Runtime, default=None
        How to predict held-out rows, for the weights of members. None is one thread.

    Returns
    -------
    model : FittedModel
    table : EncodedTable
        The encoded training table.
    """
    seed = draw_seed(settings.random_state)
    with stage(settings.title, "encoding"):
        encoder, x = TableEncoder.fit(X, names)
    table = EncodedTable(encoder, x, target, y)
    return fit_encoded(table, settings, network, seed, names, runtime=runtime), table


def fit_encoded(
    table: EncodedTable,
    settings: Settings,
    network: Network | None,
    seed: int,
    names: Any = None,
    indices: NDArray[np.int64] | None = None,
    runtime: Runtime | None = None,
) -> FittedModel:
    """Fit a model to an encoded table; see :func:`fit_model`.

    ``indices`` are the rows of the support set, ascending. None selects them by the settings.
    """
    encoder, x, target, y = table
    if indices is None:
        indices = select_support(table, settings, seed)
    support = Support(x[indices], y[indices], indices)
    kinds = member_kinds(
        encoder, target, settings, network, len(y), is_sample=len(indices) < len(y)
    )
    weights = None if target.is_constant else read_weights(settings.member_weights, kinds)
    if isinstance(target, NumberTarget) and _is_scaled_by_support(kinds, settings):
        target = target.scaled_by(support.y)
    training = TrainingTable(
        x, target.transform(y), indices, encoder.shown, encoder.n_categories, target.n_classes
    )
    n_outputs, is_encoded = network.config.dim_output if network else 0, bool(kinds.models)
    learns = bool({*kinds.network} - {PLAIN})
    # In many small fits, threads of BLAS wait for each other if other processes are busy.
    with (
        stage(settings.title if learns else None, "simple models"),
        limit_threads(1, user_api="blas"),
    ):
        encoding, members, rows = build_members(
            kinds.network, training, n_outputs, seed, is_encoded=is_encoded
        )
    checkpoint = CheckpointId.of(network) if network else None
    model = FittedModel(encoder, target, support, encoding, members, checkpoint, seed, names)
    if weights is None and not kinds.models:
        return model
    table = table._replace(target=target)
    return _Ensemble(model, kinds, rows, table, settings, runtime or Runtime()).weigh(weights)


def member_kinds(
    encoder: TableEncoder,
    target: ClassTarget | NumberTarget,
    settings: Settings,
    network: Network | None,
    n_rows: int,
    is_sample: bool,
) -> Kinds:
    """Choose the kind of each ensemble member. All are plain if the target is constant.

    Parameters
    ----------
    encoder : TableEncoder
    target : ClassTarget or NumberTarget
    settings : Settings
    network : Network or None
    n_rows : int
        Number of training rows.
    is_sample : bool
        Whether the support set lacks some of them.
    """
    is_equal = isinstance(settings.member_weights, str) and settings.member_weights == "equal"
    kinds = choose_kinds(
        settings.members,
        settings.n_estimators,
        network.file.n_estimators if network else 0,
        len(encoder.shown),
        target.task,
        is_sample,
        # without learned weights, "auto" includes no tree models
        n_rows=0 if is_equal else n_rows,
        n_classes=target.n_classes,
    )
    return Kinds([PLAIN] * len(kinds.network), []) if target.is_constant else kinds


def select_support(table: EncodedTable, settings: Settings, seed: int) -> NDArray[np.int64]:
    """Indices of the rows that the settings select as the support set, ascending."""
    most = settings.max_support or len(table.y)
    if settings.support_sampling == "random":
        return select_rows(len(table.y), most, seed)
    return select_rows_per_class(table.y, most, seed, settings.support_sampling)


def _is_scaled_by_support(kinds: Kinds, settings: Settings) -> bool:
    """Whether targets are scaled by the range of the support set, as in JavaScript.

    Plain members see only the support set. Others learn from all training rows, whose targets must
    be within the range.
    """
    are_plain = {*kinds.network} == {PLAIN} and not kinds.models
    return settings.target_transform == "none" and are_plain


# ---- weights of members --------------------------------------------------------------------------


class _HeldOut(NamedTuple):
    """Held-out predictions of training rows: log-probabilities or targets.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,), int64
        Indices of the held-out rows.
    network : ndarray of shape (n_rows, n_classes) or (n_rows,), float64, or None
        Predictions of the network's members together; None if there are none.
    models : list of ndarray, of the same shape
        Predictions of each other member.
    fitted : list of TreeModel
        These members, fitted to the rows outside the last fold.
    """

    rows: NDArray[np.int64]
    network: NDArray[np.float64] | None
    models: list[NDArray[np.float64]]
    fitted: list[TreeModel]


class _Ensemble(NamedTuple):
    """A model with only the network's members, and what the others are fitted to.

    Attributes
    ----------
    model : FittedModel
    kinds : Kinds
        Kinds of all members.
    training : TrainingRows
        The training rows as members see them.
    table : EncodedTable
    settings : Settings
    runtime : Runtime
    """

    model: FittedModel
    kinds: Kinds
    training: TrainingRows
    table: EncodedTable
    settings: Settings
    runtime: Runtime

    def weigh(self, given: Weights | None) -> FittedModel:
        """Add the members that need no network, and the weights of all members.

        ``given`` are the weights; None chooses them on held-out rows.
        """
        target, y = self.table.target, self.table.y
        ensemble = self if given is None else self._replace(model=_with_weights(self.model, given))
        held_out, conformal, weights = None, None, given
        title = self.settings.title
        if weights is None or isinstance(target, NumberTarget):
            with stage(title, "held-out rows"):
                held_out = ensemble._hold_out()
        if weights is None and held_out is not None:
            choose = choose_class_weights if target.n_classes else choose_number_weights
            rows, network, models, _ = held_out
            weights = choose(network, models, y[rows], len(self.kinds.network))
        assert weights is not None
        report(title, f"weights: {weights.describe(self.kinds)}")
        if held_out is not None and isinstance(target, NumberTarget):
            rows, network, models, _ = held_out
            scaled = target.scale(weights.mix(network, models))[:, None]
            x, seed = self.training.table.x[rows], self.model.seed
            conformal = Conformal.fit(x, target.scale(y[rows]), scaled, seed)
        if held_out is None or len(y) < SO_MANY_ROWS:
            everything = np.arange(len(y))
            fitted = [
                self._fit_trees(kind, everything, title) if weight else None
                for kind, weight in zip(self.kinds.models, weights.models)
            ]
        else:
            pairs = zip(held_out.fitted, weights.models)
            fitted = [fitted_model if weight else None for fitted_model, weight in pairs]
        weighted = _with_weights(self.model, weights, models=tuple(fitted), conformal=conformal)
        weighted.warned_like(ensemble.model)
        return weighted

    def _fit_trees(self, kind: str, rows: NDArray[np.int64], title: str | None = None) -> TreeModel:
        n_threads = self.runtime.n_threads
        table, seed = self.training.table, self.model.seed
        with stage(title, kind):
            return fit_tree_model(kind, table, self.table.y, rows, seed, n_threads)

    def _hold_out(self) -> _HeldOut:
        """Predict held-out rows with all members: some rows if there are many, otherwise all."""
        folds = cut_held_out(self.table.y, self.model.seed)
        if self.model.members:
            sizes = fold_sizes(len(self.table.y), folds)
            self.model.warn_of_wait(
                "Predicting held-out rows, by which fit chooses the weights of members,",
                lambda plan, speed: plan.seconds_of_folds(sizes, speed),
                self.runtime,
            )
        by_fold, models = [], list[TreeModel]()
        for fold in folds:
            rest = np.setdiff1d(np.arange(len(self.table.y)), fold)
            models = [self._fit_trees(kind, rest) for kind in self.kinds.models]
            answers = [fitted.answers(self.training.table.x[fold]) for fitted in models]
            if self.model.members:
                answers.insert(0, self._answer(fold, rest))
            by_fold.append(answers)
        whole = [np.concatenate(parts) for parts in zip(*by_fold)]
        by_network = whole.pop(0) if self.model.members else None
        return _HeldOut(np.concatenate(folds), by_network, whole, models)

    def _answer(self, fold: NDArray[np.int64], rest: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict a fold with the network's members, and a support set selected from the rest."""
        model, training, others = self.model, self.training, self.table.without(fold)
        support = rest[select_support(others, self.settings, model.seed)]
        rows, y = training.take(support), training.table.y[support]
        members = model.members
        is_class = isinstance(others.target, ClassTarget)  # intervals are those of all members
        if is_class and len(self.table.y) >= _ROWS_FOR_TWO:
            members = members[: 2 * members[0].target.n_nodes]
        tables = [member.training_support(rows, y) for member in members]
        # this sample of rows may have none of the classes that a node tells apart
        has_rows = [len(targets) > 0 for _, targets in tables]
        context = model.new_context([t for t, has in zip(tables, has_rows) if has])
        # nothing is cached, since these tables pass through the network only once
        plan, ready = context.prepare(self.runtime, False)
        answers = []
        for start in range(0, len(fold), plan.chunk_rows):
            chunk = training.take(fold[start : start + plan.chunk_rows])
            left = iter(ready)
            outputs = [
                next(left).outputs(member.query(chunk))
                if has
                else np.zeros((len(chunk.x), member.target.n_shown), np.float32)
                for member, has in zip(members, has_rows)
            ]
            answers.append(model.answers(chunk, outputs))
        found = np.concatenate(answers)
        if isinstance(others.target, ClassTarget):
            correction = others.target.log_correction(self.table.y[support])
            temperature = default_temperature(model)
            return log_softmax(others.target.inverse_transform(found, temperature, correction))
        return others.target.inverse_transform(found)


def _with_weights(model: FittedModel, weights: Weights, **changes: Any) -> FittedModel:
    """A copy with these weights, without the network's members whose weight is 0."""
    n_nodes = len(model.members) // len(weights.network) if weights.network else 1
    kept = [m for i, m in enumerate(model.members) if weights.network[i // n_nodes]]
    return replace(model, members=kept, weights=weights, **changes)


# ---- the temperature -----------------------------------------------------------------------------


def default_temperature(model: FittedModel) -> float:
    """The default temperature of a classifier."""
    if all(member.is_plain and member.target.node is None for member in model.members):
        return 1.0
    return recommend_temperature(model.target.n_classes)


def tune_temperature(
    model: FittedModel,
    table: EncodedTable,
    settings: Settings,
    network: Network | None,
    runtime: Runtime,
) -> float:
    """Choose the temperature with the lowest log loss of rows held out in folds.

    Parameters
    ----------
    model : FittedModel
        A classifier's model, fitted to the whole table.
    table, settings, network
        See :func:`fit_encoded`.
    runtime : Runtime
    """
    default = default_temperature(model)
    if model.models:  # the mixture has a temperature of its own
        return default
    folds = [] if model.target.is_constant else cut_folds(table.y, model.seed)
    if not folds:
        return default
    logits, corrections = [], []
    for rows in folds:
        fold = fit_encoded(table.without(rows), settings._replace(title=None), network, model.seed)
        assert isinstance(fold.target, ClassTarget)
        # nothing is cached, since these tables pass through the network only once
        plan, ready = fold.context.prepare(runtime, False)
        for start in range(0, len(rows), plan.chunk_rows):
            chunk = table.x[rows[start : start + plan.chunk_rows]]
            logits.append(fold.answers(*fold.run(chunk, ready)))
        # the classes of held-out rows have the same frequencies as in training
        corrections.append(np.tile(fold.target.log_correction(fold.support.y), (len(rows), 1)))
    y = table.y[np.concatenate(folds)]
    return choose_temperature(np.concatenate(logits), np.concatenate(corrections), y, default)
