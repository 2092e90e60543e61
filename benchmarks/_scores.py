"""What the scores of several benchmarks have in common."""

import numpy as np

_LEAST = 1e-3  # of a probability in a log loss; a forest's are often 0


def clipped(p):
    """Probabilities (n_rows, n_classes) that are not too small, and sum to 1."""
    p = np.clip(p, _LEAST, None)
    return p / p.sum(axis=1, keepdims=True)


def interval(differences):
    """Mean, and a bootstrap's 95 % interval of it."""
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (2000, len(differences))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"
