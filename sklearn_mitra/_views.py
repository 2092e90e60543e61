"""Ensemble views: the same table seen differently, each with the way back.

The network has no notion of an order of the classes or of a direction of a column, but it
answers a little differently for each. Averaging over a few views cancels part of that.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """One way of seeing a table.

    Attributes
    ----------
    signs : ndarray of shape (n_features,), float32
        1 or -1: whether a column is turned over.
    classes : ndarray of shape (n_classes,), int64
        Class ``k`` is shown to the network as class ``classes[k]``. Empty for regression.
    mirror : bool
        Whether a scaled target ``y`` is shown as ``1 - y``.
    """

    signs: np.ndarray
    classes: np.ndarray
    mirror: bool

    def columns(self, x):
        """See the columns of ``x`` (n_rows, n_features)."""
        return x * self.signs

    def targets(self, y):
        """See class ids or scaled targets (n_rows,)."""
        if len(self.classes):
            return self.classes[y]
        return 1 - y if self.mirror else y

    def undo_logits(self, logits):
        """Bring logits (n_rows, n_outputs >= n_classes) back to (n_rows, n_classes)."""
        return logits[:, self.classes]

    def undo_targets(self, y):
        """Bring scaled targets (n_rows,) back."""
        return 1 - y if self.mirror else y


def make_views(n_views, n_features, n_classes, seed):
    """Draw the views of an ensemble.

    Parameters
    ----------
    n_views : int
        The first view changes nothing.
    n_features : int
    n_classes : int
        0 for regression.
    seed : int
        0 to 2**32 - 1.

    Returns
    -------
    views : list of View
        Asking for more views with the same seed gives the same ones first.
    """
    # The stream of RandomState is frozen: a seed means the same views in every NumPy version.
    generator = np.random.RandomState(seed)
    views = [View(np.ones(n_features, np.float32), np.arange(n_classes, dtype=np.int64), False)]
    while len(views) < n_views:
        signs = generator.choice([-1, 1], n_features).astype(np.float32)
        classes = generator.permutation(n_classes).astype(np.int64)
        views.append(View(signs, classes, n_classes == 0 and len(views) % 2 == 1))
    return views
