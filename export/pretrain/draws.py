"""Random numbers from an explicit generator, on that generator's device.

Nothing here or in the rest of the folder touches PyTorch's global random state. A seed gives
other numbers on CUDA than on the CPU.
"""

import math

import torch


def uniform(generator, *shape, low=0.0, high=1.0):
    """Uniform numbers.

    Parameters
    ----------
    generator : torch.Generator
    *shape : int
    low, high : float

    Returns
    -------
    numbers : Tensor of shape ``shape``, float32
    """
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def normal(generator, *shape):
    """Normal numbers, as :func:`uniform`."""
    return torch.randn(shape, generator=generator, device=generator.device)


def log_uniform(generator, *shape, low, high):
    """Numbers whose logarithm is uniform, as :func:`uniform`."""
    return uniform(generator, *shape, low=math.log(low), high=math.log(high)).exp()


def integers(generator, low, high, *shape):
    """Integers from ``low`` up to, but without, ``high``, int64."""
    return torch.randint(low, high, shape, generator=generator, device=generator.device)


def is_chosen(generator, probability, *shape):
    """Booleans, each True with the given probability (a number, or one for each)."""
    return uniform(generator, *shape) < probability


def permutations(generator, *shape):
    """Permutations of the last axis, int64."""
    return uniform(generator, *shape).argsort(dim=-1)


# ---- one choice for a whole batch ----------------------------------------------------------------


def chance(generator, probability):
    """True with the given probability."""
    return uniform(generator).item() < probability


def integer(generator, low, high):
    """An int from ``low`` to ``high``, both included."""
    return integers(generator, low, high + 1).item()


def log_integer(generator, low, high):
    """An int from ``low`` to ``high``, both included, log-uniform."""
    return min(high, int(log_uniform(generator, low=low, high=high + 1).item()))


def choice(generator, weights):
    """A key of a dict of weights, which need not add up to 1."""
    chances = torch.tensor(list(weights.values()), device=generator.device)
    return list(weights)[torch.multinomial(chances, 1, generator=generator).item()]
