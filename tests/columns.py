"""Columns of many kinds: of many distributions, and with missing cells."""

import numpy as np

# n_rows, generator -> float32 (n_rows, 4)
COLUMNS = {
    "gaussian": lambda n, rng: rng.normal(size=(n, 4)),
    "small": lambda n, rng: rng.normal(size=(n, 4)) * 1e-30,
    "subnormal": lambda n, rng: rng.normal(size=(n, 4)) * 1e-40,
    "large": lambda n, rng: rng.normal(size=(n, 4)) * 1e37,
    "offset": lambda n, rng: rng.normal(size=(n, 4)) + 1e5,
    "heavy-tailed": lambda n, rng: np.exp(8 * rng.normal(size=(n, 4))),
    "mixed scales": lambda n, rng: rng.normal(size=(n, 4)) * [1e-5, 1.0, 1e5, 1e20],
    "tied": lambda n, rng: rng.integers(0, 3, (n, 4)),
    "tied fractions": lambda n, rng: rng.integers(-5, 5, (n, 4)) / 7,
    "binary": lambda n, rng: rng.random((n, 4)) < 0.03,
    "constant": lambda n, rng: np.full((n, 4), 0.1),
}
SIZES = [*range(1, 41), 100, 255, 256, 257, 500, 511, 512, 513, 999, 1000, 1001, 1002, 2001, 4096]


def draw(kind, n_rows, seed=0):
    return COLUMNS[kind](n_rows, np.random.default_rng(seed)).astype(np.float32)


def with_missing(x, share, rng):
    """A copy in float64 with a share of its cells missing."""
    x = np.array(x, np.float64)
    x[rng.random(x.shape) < share] = np.nan
    return x
