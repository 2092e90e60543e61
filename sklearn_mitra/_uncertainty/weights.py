"""Weights of ensemble members, chosen on held-out rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from .._bundles.fields import BundleFields, pack
from .._common.fields import brief
from .._common.folds import stratified_folds
from .._members.kinds import Kinds
from .._network.config import MOST_ESTIMATORS

# Penalty on the total weight of the members without a network, in nats of log-likelihood over all
# held-out rows. If these are few, the weight stays with the network, which is good on small tables.
_PRIOR = 2.0
# Standard deviation of the prior of the mixture's log-temperature, and its largest absolute value.
_SPREAD = 0.2
_HOTTEST = 1.5
# With this many training rows, about 500 are held out once. With fewer, all are held out, in folds.
_MANY_ROWS, _HELD_OUT_ROWS, _N_FOLDS = 1000, 500, 3
# Smaller weights are set to 0: a member with little weight costs as much as one with a lot.
_LEAST = 0.02


class Weights(NamedTuple):
    """Weights of ensemble members, which add up to 1, and the temperature of their mixture.

    Attributes
    ----------
    network : float
        Total weight of the network's members.
    models : tuple of float
        Weight of each member without a network.
    temperature : float
        Divides the mixed log-probabilities; 1 for regression.
    n_network : int
        Number of the network's members, which share its weight equally.
    """

    network: float
    models: tuple[float, ...]
    temperature: float = 1.0
    n_network: int = 0

    @property
    def by_member(self) -> NDArray[np.float64]:
        """Weight of each member (n_members,), the network's members first."""
        return np.array([self.network / self.n_network] * self.n_network + [*self.models])

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        parts = [self.network, *self.models]
        return {
            "weights": pack(parts),
            "temperature": self.temperature,
            "nNetwork": self.n_network,
        }

    @classmethod
    def unpack(cls, fields: BundleFields, n_models: int) -> "Weights":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        weights = fields.array("weights", "<f8", 1 + n_models)
        fits = bool((weights >= 0).all()) and bool(np.isclose(weights.sum(), 1))
        fields.require(fits, "weights", "non-negative numbers that add up to 1")
        temperature: float = fields.get("temperature", "a number", float)
        fields.require(1e-3 <= temperature <= 1e3, "temperature", "a number, 0.001 to 1000")
        n_network: int = fields.get("nNetwork", "an integer", int)
        fits = 0 <= n_network <= MOST_ESTIMATORS and (n_network > 0 or weights[0] == 0)
        fields.require(fits, "nNetwork", f"an integer, 0 to {MOST_ESTIMATORS}")
        network, *models = weights.tolist()
        return cls(network, tuple(models), temperature, n_network)


def check_weights(weights: str | Sequence[float], kinds: Kinds) -> None:
    """Raise an error if the number of weights is not that of the members."""
    n_members = len(kinds.network) + len(kinds.models)
    if isinstance(weights, str):
        return
    if len(weights) != n_members:
        raise ValueError(
            f"'member_weights' must have one number for each of the {n_members} members, "
            f"{[*kinds.network, *kinds.models]}. Got {len(weights)} numbers: {brief(weights)}."
        )


def cut_held_out(y: NDArray[Any], seed: int) -> list[NDArray[np.int64]]:
    """Choose rows to hold out: some if there are many rows, otherwise all of them, in folds.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class ids or targets. Folds are stratified by them.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, each ascending.
    """
    shuffled = np.random.RandomState(seed).permutation(len(y))
    if len(y) < _MANY_ROWS:
        return [fold for fold in stratified_folds(shuffled, y, _N_FOLDS) if len(fold) < len(y)]
    return stratified_folds(shuffled, y, round(len(y) / _HELD_OUT_ROWS))[:1]


def choose_class_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.int64],
) -> Weights:
    """Choose the weights with the lowest log loss, regularised towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows, n_classes), float64, or None
        Log-probabilities that the network's members predict for held-out rows; None if the ensemble
        has no such members.
    models : sequence of ndarray of shape (n_rows, n_classes), float64
        Log-probabilities that each other member predicts.
    y : ndarray of shape (n_rows,), int64
        Class ids of the rows.
    """
    stack = np.stack([*([] if network is None else [network]), *models])
    own = stack[:, np.arange(len(y)), y]
    penalties = _penalties(len(stack), network is not None)

    def loss(parameters: NDArray[np.float64]) -> float:
        weights, log_scale = parameters[:-1], parameters[-1]
        scale = np.exp(log_scale)
        normaliser = logsumexp(np.tensordot(scale * weights, stack, 1), axis=1)
        prior = penalties @ weights + 0.5 * (log_scale / _SPREAD) ** 2
        return float((normaliser - scale * (weights @ own)).sum() + prior)

    found = _minimise(loss, len(stack), [(-_HOTTEST, _HOTTEST)])
    return _make(found[:-1], network is not None, float(np.exp(-found[-1])))


def choose_number_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.float64],
) -> Weights:
    """Choose the weights with the lowest squared error, regularised towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows,), float64, or None
        Targets that the network's members predict for held-out rows; None if the ensemble
        has no such members.
    models : sequence of ndarray of shape (n_rows,), float64
        Targets that each other member predicts.
    y : ndarray of shape (n_rows,), float64
        Targets of the rows.
    """
    stack = np.stack([*([] if network is None else [network]), *models])
    largest = np.abs(stack - y).max()
    residuals = (stack - y) / (largest if largest > 0 else 1)  # whose squares float64 holds
    penalties = _penalties(len(stack), network is not None)
    variance = float(np.square(residuals).mean(axis=1).min()) or 1.0

    def loss(weights: NDArray[np.float64]) -> float:
        return float(np.square(weights @ residuals).sum() / (2 * variance) + penalties @ weights)

    return _make(_minimise(loss, len(stack), []), network is not None, 1.0)


def _penalties(n_members: int, has_network: bool) -> NDArray[np.float64]:
    penalties = np.full(n_members, _PRIOR)
    if has_network:
        penalties[0] = 0
    return penalties


def _minimise(loss: Any, n_members: int, others: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Minimise from two starts. Losses are convex in the weights, but not in the temperature."""
    bounds = [(0.0, 1.0)] * n_members + others
    constraint = {"type": "eq", "fun": lambda p: p[:n_members].sum() - 1}
    starts = np.eye(n_members)[0] * 0.8 + 0.2 / n_members, np.full(n_members, 1 / n_members)
    results = [
        minimize(
            loss,
            np.append(start, np.zeros(len(others))),
            bounds=bounds,
            constraints=constraint,
            method="SLSQP",
        )
        for start in starts
    ]
    found: NDArray[np.float64] = min(results, key=lambda result: result.fun).x
    return found


def _make(weights: NDArray[np.float64], has_network: bool, temperature: float) -> Weights:
    kept = np.where(weights < _LEAST, 0.0, weights)
    kept = (kept / kept.sum()).tolist()
    network = kept.pop(0) if has_network else 0.0
    return Weights(network, tuple(kept), temperature)
