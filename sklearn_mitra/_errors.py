"""The exceptions of this package.

::

    Exception
    └── MitraError
        ├── CheckpointError   (also a ValueError)      the weights can't be had or don't fit
        ├── BundleError       (also a ValueError)      a .wlrn bundle is damaged or foreign
        └── DisposedError     (also a NotFittedError)  predicting after ``dispose()``
"""

from sklearn.exceptions import NotFittedError


class MitraError(Exception):
    """Base class of the package's own exceptions."""


class CheckpointError(MitraError, ValueError):
    """A checkpoint can't be found, downloaded or read, or doesn't fit the task."""


class BundleError(MitraError, ValueError):
    """A ``.wlrn`` bundle is damaged, foreign, or doesn't match its checkpoint."""


class DisposedError(MitraError, NotFittedError):
    """A prediction was asked of an estimator whose support was dropped by ``dispose()``."""
