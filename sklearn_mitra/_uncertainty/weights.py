"""Weights of ensemble members, given or chosen on held-out rows."""

from collections.abc import Callable, Sequence
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

# Penalty on the total weight of the members without a network, in nats of log-likelihood over all
# held-out rows. If these are few, the weight stays with the network, which is good on small tables.
_PRIOR = 2.0
# Standard deviation of the prior of the mixture's log-temperature, and its largest absolute value.
_SPREAD, _HOTTEST = 0.2, 1.5
# The smallest size of residuals, relative to the range of the targets, since a member may be exact;
# and the largest residual in units of the smallest size, so that its square doesn't overflow.
_LEAST_SIZE, _LARGEST = 1e-6, 1e100
# A member's residuals count as so many times their 90 % quantile at most: in a table with heavy
# tails, a few rows would choose the weights. These are 8 standard deviations of normal residuals.
_OUTLYING = 5.0
# A third of the training rows is held out, and no more than about 500. With fewer rows than this,
# regression holds out each third in turn: intervals need as many residuals as possible.
_MANY_ROWS, _HELD_OUT_ROWS, _N_FOLDS = 1000, 500, 3
# Smaller weights are set to 0: a member with little weight costs as much as one with a lot.
_LEAST = 0.02
# The network costs more than all others. A weight below this is set to 0 if that adds no more than
# so many nats to the loss of all held-out rows.
_LITTLE, _LOSS_OF_LITTLE = 0.2, 1.0


class Weights(NamedTuple):
    """Weights of ensemble members, which add up to 1, and the temperature of their mixture.

    Attributes
    ----------
    network : tuple of float
        Weight of each of the network's members.
    models : tuple of float
        Weight of each member without a network.
    temperature : float
        Divides the mixed log-probabilities; 1 for regression.
    """

    network: tuple[float, ...]
    models: tuple[float, ...]
    temperature: float = 1.0

    def mix(
        self, network: NDArray[np.float64] | None, models: Sequence[NDArray[np.float64] | None]
    ) -> NDArray[np.float64]:
        """The weighted mean of answers, divided by the temperature.

        Parameters
        ----------
        network : ndarray of shape (n_rows, n_classes) or (n_rows,), float64, or None
            Mean log-probabilities or targets of the network's members; None if there are none.
        models : sequence of (ndarray of the same shape, or None)
            Those of each other member; None if its weight is 0.
        """
        weighted = zip((sum(self.network), *self.models), (network, *models))
        parts = [weight * answers for weight, answers in weighted if answers is not None]
        return sum(parts[1:], parts[0]) / self.temperature

    def describe(self, kinds: Kinds) -> str:
        """The weight of the network's members together, and of each other member, in words."""
        network = [f"network {sum(self.network):.2g}"] if self.network else []
        models = [f"{kind} {weight:.2g}" for kind, weight in zip(kinds.models, self.models)]
        return ", ".join([*network, *models])

    def pack(self) -> dict[str, Any]:
        """Fields to store in a bundle."""
        weights = {name: pack(np.array(getattr(self, name))) for name in ("network", "models")}
        return {**weights, "temperature": self.temperature}

    @classmethod
    def unpack(cls, fields: BundleFields, n_models: int) -> "Weights":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        network = fields.array("network", "<f8", None)
        fits = len(network) <= MOST_ESTIMATORS
        fields.require(fits, "network", f"at most {MOST_ESTIMATORS} numbers")
        models = fields.array("models", "<f8", n_models)
        weights = np.concatenate([network, models])
        fits = bool((weights >= 0).all() and np.isclose(weights.sum(), 1))
        fields.require(fits, "network", "non-negative numbers that add up to 1 with 'models'")
        temperature: float = fields.get("temperature", "a number", float)
        fields.require(1e-3 <= temperature <= 1e3, "temperature", "a number, 0.001 to 1000")
        return cls(tuple(network.tolist()), tuple(models.tolist()), temperature)


def read_weights(weights: str | Sequence[float], kinds: Kinds) -> Weights | None:
    """Read the parameter ``member_weights``; None if weights must be chosen, or are not needed.

    Parameters
    ----------
    weights : "auto", "equal" or sequence of float
        Weights of the network's members and then of the others.
    kinds : Kinds
        Kinds of these members.
    """
    names = [*kinds.network, *kinds.models]
    if isinstance(weights, str):
        if weights == "auto" or not kinds.models:
            return None
        weights = [1.0] * len(names)
    if len(weights) != len(names):
        raise ValueError(
            f"'member_weights' must have one number for each of the {len(names)} members, {names}. "
            f"Got {len(weights)} numbers: {brief(weights)}."
        )
    given = np.array(weights, np.float64)
    given = given / given.max()  # the sum of large weights could overflow
    shares = (given / given.sum()).tolist()
    n_network = len(kinds.network)
    return Weights(tuple(shares[:n_network]), tuple(shares[n_network:]))


def cut_held_out(y: NDArray[Any], seed: int) -> list[NDArray[np.int64]]:
    """Choose rows to hold out: a third of them but no more than about 500, or all in folds.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class ids (int64) or targets (float64) of two rows or more. Folds are stratified by them.
    seed : int

    Returns
    -------
    folds : list of ndarray of int64
        Disjoint, each ascending.
    """
    shuffled = np.random.RandomState(seed).permutation(len(y))
    folds = stratified_folds(shuffled, y, max(_N_FOLDS, round(len(y) / _HELD_OUT_ROWS)))
    return folds if len(y) < _MANY_ROWS and y.dtype.kind == "f" else folds[:1]


def choose_class_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.int64],
    n_network: int = 1,
) -> Weights:
    """Choose the weights with the lowest log loss, regularised towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows, n_classes), float64, or None
        Log-probabilities that the network's members predict for held-out rows; None if there are no
        such members.
    models : sequence of ndarray of shape (n_rows, n_classes), float64
        Log-probabilities that each other member predicts.
    y : ndarray of shape (n_rows,), int64
        Class ids of the rows.
    n_network : int, default=1
        Number of the network's members, which share its weight equally.
    """
    stack, penalties = _stack(network, models), _penalties(network, models)

    def search(kept: slice) -> tuple[NDArray[np.float64], float, float]:
        return _search_classes(stack[kept], penalties[kept], y)

    return _choose(search, network is not None, len(models), n_network)


def choose_number_weights(
    network: NDArray[np.float64] | None,
    models: Sequence[NDArray[np.float64]],
    y: NDArray[np.float64],
    n_network: int = 1,
) -> Weights:
    """Choose the weights with the lowest squared error, regularised towards the network.

    Parameters
    ----------
    network : ndarray of shape (n_rows,), float64, or None
        Targets that the network's members predict for held-out rows; None if there are no such
        members.
    models : sequence of ndarray of shape (n_rows,), float64
        Targets that each other member predicts.
    y : ndarray of shape (n_rows,), float64
        Targets of the rows.
    n_network : int, default=1
        Number of the network's members, which share its weight equally.
    """
    residuals, penalties = _stack(network, models) - y, _penalties(network, models)
    usual = np.quantile(np.abs(residuals), 0.9, axis=1, keepdims=True)
    most = np.where(usual > 0, _OUTLYING * usual, np.inf)
    residuals = np.clip(residuals, -most, most)
    peaks = np.abs(residuals).max(axis=1, keepdims=True)
    peaks = np.where(peaks > 0, peaks, 1)
    sizes = peaks[:, 0] * np.sqrt(np.square(residuals / peaks).mean(axis=1))
    unit = max(float(sizes.min()), _LEAST_SIZE * float(np.ptp(y))) or 1.0
    residuals = np.clip(residuals / unit, -_LARGEST, _LARGEST)

    def search(kept: slice) -> tuple[NDArray[np.float64], float, float]:
        return _search_numbers(residuals[kept], penalties[kept])

    return _choose(search, network is not None, len(models), n_network)


def _choose(
    search: Callable[[slice], tuple[NDArray[np.float64], float, float]],
    has_network: bool,
    n_models: int,
    n_network: int,
) -> Weights:
    """Choose weights, and try again without the network if its weight is little.

    ``search`` finds the best weights of some members, their log-temperature and their loss. Tiny
    weights are set to 0. The network's members share its weight equally.
    """
    found, log_temperature, loss = search(slice(None))
    if has_network and n_models and found[0] < _LITTLE:
        others, other_temperature, other_loss = search(slice(1, None))
        if other_loss - loss <= _LOSS_OF_LITTLE:
            found, log_temperature = np.append(0.0, others), other_temperature
    kept = np.where(found < _LEAST, 0.0, found)
    kept = (kept / kept.sum()).tolist()
    network = (kept.pop(0) / n_network,) * n_network if has_network else ()
    return Weights(network, tuple(kept), float(np.exp(log_temperature)))


def _search_classes(
    stack: NDArray[np.float64], penalties: NDArray[np.float64], y: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float, float]:
    """Weights of log-probabilities (n_members, n_rows, n_classes) with the lowest log loss."""
    own = stack[:, np.arange(len(y)), y]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss, and its gradient, of the weights and the logarithm of the scale."""
        weights, log_scale = parameters[:-1], parameters[-1]
        scale = np.exp(log_scale)
        log_proba = log_softmax(scale * np.tensordot(weights, stack, 1))
        value = -log_proba[np.arange(len(y)), y].sum()
        value += penalties @ weights + 0.5 * (log_scale / _SPREAD) ** 2
        excess = np.tensordot(stack, np.exp(log_proba), 2) - own.sum(axis=1)
        of_scale = scale * (excess @ weights) + log_scale / _SPREAD**2
        return float(value), np.append(scale * excess + penalties, of_scale)

    n_members = len(stack)
    # The loss is convex in the weights, but not in weights and scale together.
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
    best = min(results, key=lambda result: result.fun)
    return best.x[:-1], -float(best.x[-1]), float(best.fun)


def _search_numbers(
    residuals: NDArray[np.float64], penalties: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float]:
    """Weights of residuals (n_members, n_rows) with the lowest squared sum."""

    def loss(weights: NDArray[np.float64]) -> float:
        return float(np.square(weights @ residuals).sum() / 2 + penalties @ weights)

    # The optimum lies inside one face of the simplex of weights, given by the members with weight.
    by_size = np.argsort(np.square(residuals).sum(axis=1), kind="stable")
    found = []
    for first, *others in _subsets(by_size.tolist()):
        # changes of the residuals if weight moves from the first member to each of the others
        differences = residuals[others] - residuals[first]
        lengths = np.sqrt(np.square(differences).sum(axis=1))
        lengths = np.where(lengths > 0, lengths, 1)
        differences /= lengths[:, None]
        slopes = differences @ residuals[first]
        slopes += (penalties[others] - penalties[first]) / lengths
        steps = np.linalg.lstsq(differences @ differences.T, -slopes, rcond=None)[0]
        weights = np.zeros(len(residuals))
        weights[others] = steps / lengths
        weights[first] = 1 - weights.sum()
        if (weights >= 0).all():
            found.append(weights)
    best = min(found, key=loss)
    return best, 0.0, loss(best)


def _subsets(members: Sequence[int]) -> list[tuple[int, ...]]:
    """All subsets except the empty one, in the given order."""
    sizes = range(1, len(members) + 1)
    return [chosen for size in sizes for chosen in combinations(members, size)]


def _stack(
    network: NDArray[np.float64] | None, models: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    return np.stack([*([] if network is None else [network]), *models])


def _penalties(
    network: NDArray[np.float64] | None, models: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Penalty on the weight of each member."""
    return np.array([*([] if network is None else [0.0]), *[_PRIOR] * len(models)])
