"""The exceptions of this package.

::

    ValueError
    ├── CheckpointError       the weights aren't available or don't fit
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
    """An estimator can't predict after ``dispose()``: it has forgotten its support set."""
