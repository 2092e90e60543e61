"""Warnings that point at the user's own code."""

import os
import sys
import warnings

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
