"""The exceptions of this package.

::

    ValueError
    ├── CheckpointError       a checkpoint is not available or doesn't fit the task
    ├── BundleError           a .wlrn bundle is damaged, foreign, or can't be written
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
    """A ``.wlrn`` bundle is damaged, foreign, can't be written, or doesn't match its checkpoint."""


class DisposedError(NotFittedError):
    """An estimator can't predict after ``dispose()``, which deletes its support set."""
