"""The exceptions of this package.

::

    ValueError
    ├── CheckpointError       the weights can't be had or don't fit
    ├── BundleError           a .wlrn bundle is damaged or foreign
    └── NotFittedError        (scikit-learn's)
        └── DisposedError     predicting after ``dispose()``
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._sklearn import NotFittedError
else:
    from sklearn.exceptions import NotFittedError


class CheckpointError(ValueError):
    """A checkpoint can't be found, downloaded or read, or doesn't fit the task."""


class BundleError(ValueError):
    """A ``.wlrn`` bundle is damaged, foreign, or doesn't match its checkpoint."""


class DisposedError(NotFittedError):
    """A prediction was asked of an estimator whose support was dropped by ``dispose()``."""
