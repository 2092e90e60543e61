"""Out-of-fold predictions of a regressor's support rows.

The support set is cut into folds. Every ensemble member predicts each fold from the others, with
the same network as in any other prediction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.folds import stratified_folds
from .._common.progress import bar_of
from .._members.member import EnsembleMember
from .._members.target_views import NumberView
from .._network.context import Context
from .._network.runtime import Runtime

N_FOLDS = 5

Table = tuple[NDArray[np.float32], NDArray[Any]]


def cut_folds(y: NDArray[Any], n_folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Cut rows into folds with about the same distribution of the target.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    n_folds : int
        With fewer rows than this, every row is a fold.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        A partition of the rows; each fold is ascending.
    """
    return stratified_folds(np.random.RandomState(seed).permutation(len(y)), y, n_folds)


class HeldOut:
    """An ensemble member that predicts its own support rows, fold by fold.

    Parameters
    ----------
    member : EnsembleMember
        A member of a regressor.
    x : ndarray of shape (n_support, n_features), float32
        The support set as members receive it.
    y : ndarray of shape (n_support,), float32
        Scaled targets of the support set.
    """

    def __init__(
        self, member: EnsembleMember, x: NDArray[np.float32], y: NDArray[np.float32]
    ) -> None:
        assert isinstance(member.target, NumberView)
        self._target = member.target
        self._shown, self._y = member.support(x, y)
        baseline = member.target.baseline
        self._predictions = None if baseline is None else baseline.support(x)

    def table(self, fold: NDArray[np.int64]) -> Table:
        """The member's support without these rows."""
        stays = np.setdiff1d(np.arange(len(self._shown)), fold)
        return self._shown[stays], self._y[stays]

    def query(self, fold: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows as query rows. Their features are out of fold."""
        return self._shown[fold]

    def inverse_transform(
        self, outputs: NDArray[np.float32], fold: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Convert outputs (n_rows, n_outputs) for these rows to scaled targets (n_rows,)."""
        predictions = self._predictions
        return self._target.add_baseline(
            outputs, None if predictions is None else predictions[fold]
        )


def predict_held_out(
    members: Sequence[EnsembleMember],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    folds: Sequence[NDArray[np.int64]],
    new_context: Callable[[list[Table]], Context],
    runtime: Runtime,
    title: str | None = None,
) -> NDArray[np.float64]:
    """Predict each fold of a regressor's support set from the others.

    Whatever a member learned from training targets (a baseline, scores of a simple model, the
    target encoding) enters with its out-of-fold values for the support rows.

    Parameters
    ----------
    members : sequence of EnsembleMember
    x : ndarray of shape (n_support, n_features), float32
        The support set as members receive it.
    y : ndarray of shape (n_support,), float32
        Scaled targets of the support set.
    folds : sequence of ndarray of int64
        A partition of the support rows.
    new_context : callable
        Makes a context from the members' tables.
    runtime : Runtime
    title : str, default=None
        Title of a progress bar. None shows no bar.

    Returns
    -------
    answers : ndarray of shape (n_support, n_members), float64
        Scaled targets.
    """
    answers = np.empty((len(x), len(members)))
    held_out = [HeldOut(member, x, y) for member in members]
    for fold in bar_of(folds, title, "held-out rows", "fold"):
        context = new_context([member.table(fold) for member in held_out])
        # nothing is cached, since these tables pass through the network only once
        plan, ready = context.prepare(runtime, False)
        step = plan.chunk_rows
        for j, (member, network_member) in enumerate(zip(held_out, ready)):
            query = member.query(fold)
            starts = range(0, len(fold), step)
            parts = [network_member.outputs(query[i : i + step]) for i in starts]
            answers[fold, j] = member.inverse_transform(np.concatenate(parts), fold)
    return answers
