"""Out-of-fold predictions of a regressor's support rows.

The support is cut into folds. Every ensemble member predicts each fold from the others, through the
same networks as any prediction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.folds import stratified_folds
from .._members.member import EnsembleMember
from .._members.target_views import NumberView
from .._network.context import Context
from .._network.runtime import Runtime

N_FOLDS = 5

Table = tuple[NDArray[np.float32], NDArray[Any]]


def cut_folds(y: NDArray[Any], n_folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Cut rows into folds that have about the same targets each.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    n_folds : int
        Of fewer rows, there are as many folds as rows.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, and all rows together; each ascending.
    """
    return stratified_folds(np.random.RandomState(seed).permutation(len(y)), y, n_folds)


class HeldOut:
    """A member whose support rows are left out and predicted, fold by fold.

    Parameters
    ----------
    member : EnsembleMember
        Of a regressor.
    x : ndarray of shape (n_support, n_features), float32
        The support as members get it.
    y : ndarray of shape (n_support,), float32
        Its scaled targets.
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
        """The rows as queries. Their features are of models that haven't seen them."""
        return self._shown[fold]

    def inverse_transform(
        self, outputs: NDArray[np.float32], fold: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Outputs (n_rows, n_outputs) for the rows as scaled targets (n_rows,)."""
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
) -> NDArray[np.float64]:
    """Predict each fold of a regressor's support from the others.

    What a member learned of the training table (a baseline, the scores of a simple model, the
    target encoding) has out-of-fold values of the support rows, and these are used.

    Parameters
    ----------
    members : sequence of EnsembleMember
    x : ndarray of shape (n_support, n_features), float32
        The support as members get it.
    y : ndarray of shape (n_support,), float32
        Its scaled targets.
    folds : sequence of ndarray of int64
        Each without some of the rows.
    new_context : callable
        Makes the context of the members' tables.
    runtime : Runtime

    Returns
    -------
    answers : ndarray of shape (n_support, n_members), float64
        Scaled targets.
    """
    answers = np.empty((len(x), len(members)))
    held_out = [HeldOut(member, x, y) for member in members]
    for fold in folds:
        context = new_context([member.table(fold) for member in held_out])
        # nothing is kept: these tables and their rows go through the network once
        plan, ready = context.prepare(runtime, False)
        step = plan.chunk_rows
        for j, (member, network_member) in enumerate(zip(held_out, ready)):
            query = member.query(fold)
            starts = range(0, len(fold), step)
            parts = [network_member.outputs(query[i : i + step]) for i in starts]
            answers[fold, j] = member.inverse_transform(np.concatenate(parts), fold)
    return answers
