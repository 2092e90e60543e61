"""Warnings that point at the user's own code."""

import os
import sys
import warnings

# Packages whose code is not the user's own, though it may call this one.
_LIBRARIES = {"sklearn_mitra", "sklearn", "joblib"}
_told: set[tuple[str, str, int]] = set()

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class LongWaitWarning(UserWarning):
    """A fit or a prediction will take more than 10 seconds, on the CPU.

    There is at most one for a fit with its predictions. To silence them::

        warnings.simplefilter("ignore", sklearn_mitra.LongWaitWarning)
    """


def warn_user(message: str, category: type[UserWarning] = UserWarning) -> None:
    """Issue a warning that points at the first caller outside this package."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def warn_once(message: str) -> None:
    """Issue a warning like :func:`warn_user`, but only once for a line of the user's own code.

    By default, Python does the same. But it forgets what it has warned of when filters change, as
    they do in every fold of scikit-learn's cross-validation.
    """
    frame = sys._getframe(0)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _LIBRARIES:
            break
        frame = frame.f_back
    place = message, frame.f_code.co_filename, frame.f_lineno
    if place not in _told:
        _told.add(place)
        warn_user(message)
