"""Warnings point at the user's own line, however deep in the package they are issued."""

import functools
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from estimators import both, small
from sklearn.model_selection import cross_val_score
from tables import make_frame

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._common.warnings import warn_once, warn_user

PACKAGE = str(Path(sklearn_mitra.__file__).parent)
USER = os.path.join(os.sep, "home", "user", "analysis.py")
LIBRARY = os.path.join(os.sep, "lib", "library", "validation.py")


def catch(function, *args):
    """The warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    return caught


# ---- frames of any files -------------------------------------------------------------------------


def warn_through(*files):
    """Warn in the first file, which is called in the second, and so on, in lines 10, 11 ..."""
    function = functools.partial(warn_user, "Look here.")
    for line, file in enumerate(files, start=10):
        namespace = {"function": function}
        code = "\n" * (line - 1) + "def call(): function()"
        exec(compile(code, file, "exec"), namespace)
        function = namespace["call"]
    return catch(function)


@pytest.mark.parametrize("n_frames", [0, 1, 2, 9])
def test_frames_of_the_package_are_passed_over(n_frames):
    files = [os.path.join(PACKAGE, *"ab"[: i % 3], f"{i}.py") for i in range(n_frames)]
    (warning,) = warn_through(*files, USER, LIBRARY)
    assert (warning.filename, warning.lineno) == (USER, 10 + n_frames)
    assert warning.category is UserWarning and str(warning.message) == "Look here."


def test_the_first_line_outside_counts_even_if_others_follow():
    inside = os.path.join(PACKAGE, "_base.py")
    (warning,) = warn_through(inside, LIBRARY, inside, USER)
    assert (warning.filename, warning.lineno) == (LIBRARY, 11)


@pytest.mark.parametrize("folder", [f"{PACKAGE}_more", os.path.dirname(PACKAGE)])
def test_folders_beside_the_package_are_outside(folder):
    file = os.path.join(folder, "analysis.py")
    (warning,) = warn_through(os.path.join(PACKAGE, "_base.py"), file, USER)
    assert warning.filename == file


# ---- in estimators -------------------------------------------------------------------------------


FITS = {
    "ids": {"level": [f"id{i}" for i in range(40)]},
    "decimal commas": {"level": ["1,5", "2"] * 20},
    "some time zones": {"level": ["2024-03-01T12:00", "2024-03-02T12:00Z"] * 20},
    "tiny values": {"a": 1e-200 * np.arange(40.0) ** 2},
}


@both
@pytest.mark.parametrize("columns", FITS.values(), ids=FITS)
def test_warnings_of_fit_point_at_the_call(cls, columns):
    frame, y = make_frame(40)
    frame = frame.assign(**columns)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = sys._getframe().f_lineno + 1
        small(cls).fit(frame, y)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


def test_warnings_of_targets_point_at_the_call():
    frame, _ = make_frame(40)
    y = np.arange(40.0)
    y[3] = 1e5
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = sys._getframe().f_lineno + 1
        small(MitraRegressor).fit(frame, y)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


@pytest.mark.parametrize(
    ("cls", "method"),
    [
        *((MitraClassifier, name) for name in ("predict", "predict_proba", "predict_log_proba")),
        *((MitraRegressor, name) for name in ("predict", "predict_interval", "predict_std")),
        (MitraRegressor, "predict_distribution"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_warnings_of_predictions_point_at_the_call(cls, method):
    frame, y = make_frame(40)
    ask, queries = getattr(small(cls).fit(frame, y), method), frame.assign(level="sideways")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = sys._getframe().f_lineno + 1
        ask(queries)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]


@both
def test_warnings_in_a_cross_validation_point_at_scikit_learn(cls):
    """It is scikit-learn that calls fit."""
    frame, y = make_frame(40)
    frame = frame.assign(level=["1,5", "2"] * 20)
    scores = []
    caught = catch(lambda: scores.extend(cross_val_score(small(cls), frame, y, cv=2)))
    assert len(scores) == 2 and np.isfinite(scores).all()
    messages = [str(w.message) for w in caught if "look like numbers" in str(w.message)]
    assert len(messages) == len(caught) == 2
    folders = {Path(w.filename).parts[-3:-1] for w in caught}
    assert folders == {("sklearn", "model_selection")}


@both
def test_warnings_in_a_thread_that_calls_fit_itself(cls):
    frame, y = make_frame(40)
    frame = frame.assign(level=["1,5", "2"] * 20)
    estimator = small(cls)

    def fit():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(estimator.fit, frame, y).result()

    (warning,) = catch(fit)
    assert not warning.filename.startswith(PACKAGE) and "look like" in str(warning.message)


# ---- once for a line -----------------------------------------------------------------------------


def test_a_line_is_warned_once_whatever_happens_to_filters():
    def loop():
        for _ in range(3):
            with warnings.catch_warnings():  # forgets what was warned of
                warn_once("a loop")

    assert [str(w.message) for w in catch(loop)] == ["a loop"]
    assert len(catch(lambda: (warn_once("two lines"), warn_once("of one message")))) == 2
    again = catch(lambda: warn_once("here"))
    again += catch(lambda: warn_once("here"))
    assert len(again) == 2 and {w.filename for w in again} == {__file__}
