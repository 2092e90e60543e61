"""Weights of ensemble members: given, or chosen by rows that were held out."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .._bundles.fields import BundleFields, pack
from .._common.fields import brief
from .._common.folds import stratified_folds
from .._common.means import log_softmax
from .._members.kinds import Kinds
from .._network.config import MOST_ESTIMATORS

# What the whole weight of members without a network has to gain on all held-out rows together, in
# nats, to be worth it: few rows leave the weight with the network, which is good on small tables.
_PRIOR = 2.0
# Standard deviation of the logarithm of the mixture's temperature, and the most it may be.
_SPREAD, _HOTTEST = 0.2, 1.5
# The least variance of residuals, of targets scaled to 0..1: a member may be right to the bit.
_LEAST_VARIANCE = 1e-12
# Of so many training rows, one part is held out, of about so many rows; of fewer, all in folds.
_MANY_ROWS, _HELD_OUT_ROWS, _N_FOLDS = 1000, 500, 3
# Less is none: a member with little weight costs as much as one with much.
_LEAST = 0.02


class Weights(NamedTuple):
    """Weights that add up to 1, and the temperature of what they mix.

    Attributes
    ----------
    network : tuple of float
        Of each member that the network answers for.
    models : tuple of float
        Of each member without a network.
    temperature : float
        Mixed log-probabilities are divided by it; 1 for regression.
    """

    network: tuple[float, ...]
    models: tuple[float, ...]
    temperature: float = 1.0

    def pack(self) -> dict[str, Any]:
        """As fields of a bundle."""
        weights = {name: pack(np.array(getattr(self, name))) for name in ("network", "models")}
        return {**weights, "temperature": self.temperature}

    @classmethod
    def unpack(cls, fields: BundleFields, n_models: int) -> "Weights":
        """Read what :meth:`pack` wrote; what is wrong with it is a BundleError."""
        network = fields.array("network", "<f8", None)
        fields.require(
            len(network) <= MOST_ESTIMATORS, "network", f"{MOST_ESTIMATORS} numbers at most"
        )
        models = fields.array("models", "<f8", n_models)
        weights = np.concatenate([network, models])
        fits = bool((weights >= 0).all() and np.isclose(weights.sum(), 1))
        fields.require(fits, "network", "numbers of 0 or more, to 1 together with 'models'")
        temperature: float = fields.get("temperature", "a number", float)
        fields.require(1e-3 <= temperature <= 1e3, "temperature", "a number, 0.001 to 1000")
        return cls(tuple(network.tolist()), tuple(models.tolist()), temperature)


def read_weights(weights: str | Sequence[float], kinds: Kinds) -> Weights | None:
    """The weights that a parameter gives; None if they are to be chosen, or make no difference.

    Parameters
    ----------
    weights : "auto", "equal" or sequence of float
        Of the network's members and then the others.
    kinds : Kinds
        Of these members.
    """
    names = [*kinds.network, *kinds.models]
    if isinstance(weights, str):
        if weights == "auto" or not kinds.models:
            return None
        weights = [1.0] * len(names)
    if len(weights) != len(names):
        raise ValueError(
            f"'member_weights' must have a number for each of the {len(names)} members, {names}. "
            f"Got {len(weights)}: {brief(weights)}."
        )
    given = np.array(weights, np.float64)
    given = given / given.max()  # the sum of large ones could overflow
    shares = (given / given.sum()).tolist()
    n_network = len(kinds.network)
    return Weights(tuple(shares[:n_network]), tuple(shares[n_network:]))


def cut_held_out(y: NDArray[Any], seed: int) -> list[NDArray[np.int64]]:
    """Rows to hold out: some of many, else all rows in folds. Each fold is ascending.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class ids or targets, of which folds have about the same. There are two rows or more.
    seed : int
    """
    shuffled = np.random.RandomState(seed).permutation(len(y))
    if len(y) < _MANY_ROWS:
        return stratified_folds(shuffled, y, _N_FOLDS)
    return stratified_folds(shuffled, y, round(len(y) / _HELD_OUT_ROWS))[:1]


def choose_class_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.int64],
    n_network: int = 1,
) -> Weights:
    """The weights of the least log loss, drawn towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows, n_classes), float64, or None
        Log-probabilities of held-out rows by the members of the network, if there are any.
    models : sequence of ndarray of shape (n_rows, n_classes), float64
        By each other member.
    y : ndarray of shape (n_rows,), int64
        Class ids of these rows.
    n_network : int, default=1
        How many members the network answers for, which share its weight.
    """
    stack = _stack(network, models)
    own = stack[:, np.arange(len(y)), y]
    penalties = _penalties(network, models)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss of weights and the logarithm of what their mixture is multiplied by."""
        weights, log_scale = parameters[:-1], parameters[-1]
        scale = np.exp(log_scale)
        log_proba = log_softmax(scale * np.tensordot(weights, stack, 1))
        value = -log_proba[np.arange(len(y)), y].sum()
        value += penalties @ weights + 0.5 * (log_scale / _SPREAD) ** 2
        excess = np.tensordot(stack, np.exp(log_proba), 2) - own.sum(axis=1)
        of_scale = scale * (excess @ weights) + log_scale / _SPREAD**2
        return float(value), np.append(scale * excess + penalties, of_scale)

    n_members = len(stack)
    # convex in the weights, but not together with the scale
    starts = np.eye(n_members)[0] * 0.8 + 0.2 / n_members, np.full(n_members, 1 / n_members)
    results = [
        minimize(
            loss,
            np.append(start, 0.0),
            jac=True,
            bounds=[(0.0, 1.0)] * n_members + [(-_HOTTEST, _HOTTEST)],
            constraints={"type": "eq", "fun": lambda p: p[:-1].sum() - 1},
            method="SLSQP",
        )
        for start in starts
    ]
    found: NDArray[np.float64] = min(results, key=lambda result: result.fun).x
    weights = _make(found[:-1], 0 if network is None else n_network)
    return weights._replace(temperature=float(np.exp(-found[-1])))


def choose_number_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.float64],
    n_network: int = 1,
) -> Weights:
    """The weights of the least squared error, drawn towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows,), float64, or None
    models : sequence of ndarray of shape (n_rows,), float64
    y : ndarray of shape (n_rows,), float64
        Targets of these rows.
    n_network : int, default=1
        How many members the network answers for, which share its weight.
    """
    residuals = _stack(network, models) - y
    largest = np.abs(residuals).max()
    residuals /= largest if largest > 0 else 1  # float64 holds their squares
    variance = max(float(np.square(residuals).mean(axis=1).min()), _LEAST_VARIANCE)
    penalties = _penalties(network, models)

    def loss(weights: NDArray[np.float64]) -> float:
        return float(np.square(weights @ residuals).sum() / (2 * variance) + penalties @ weights)

    # the best is inside one of the faces, of which a face of one member is itself
    by_size = np.argsort(np.square(residuals).sum(axis=1), kind="stable")
    found = []
    for first, *others in _subsets(by_size.tolist()):
        # what the others' weights, one by one taken from the first, change
        differences = residuals[others] - residuals[first]
        lengths = np.sqrt(np.square(differences).sum(axis=1))
        lengths = np.where(lengths > 0, lengths, 1)
        differences /= lengths[:, None]
        slopes = differences @ residuals[first]
        slopes += variance * (penalties[others] - penalties[first]) / lengths
        steps = np.linalg.lstsq(differences @ differences.T, -slopes, rcond=None)[0]
        weights = np.zeros(len(residuals))
        weights[others] = steps / lengths
        weights[first] = 1 - weights.sum()
        if (weights >= 0).all():
            found.append(weights)
    return _make(min(found, key=loss), 0 if network is None else n_network)


def _subsets(members: Sequence[int]) -> list[tuple[int, ...]]:
    """All but the empty one, each in the same order."""
    sizes = range(1, len(members) + 1)
    return [chosen for size in sizes for chosen in combinations(members, size)]


def _stack(
    network: NDArray[np.float64] | None, models: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    return np.stack([*([] if network is None else [network]), *models])


def _penalties(
    network: NDArray[np.float64] | None, models: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """What the whole weight of each member costs."""
    return np.array([*([] if network is None else [0.0]), *[_PRIOR] * len(models)])


def _make(weights: NDArray[np.float64], n_network: int) -> Weights:
    """Weights of the network, if it has members, and of each other member, but for tiny ones."""
    kept = np.where(weights < _LEAST, 0.0, weights)
    kept = (kept / kept.sum()).tolist()
    network = (kept.pop(0) / n_network,) * n_network if n_network else ()
    return Weights(network, tuple(kept))
