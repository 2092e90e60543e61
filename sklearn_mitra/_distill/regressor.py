"""The distilled regressor."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import validate_data

from .._regressor import MitraRegressor
from .base import BaseDistilled, Training, fit_clone

if TYPE_CHECKING:
    from .._sklearn import RegressorMixin
else:
    from sklearn.base import RegressorMixin


class DistilledRegressor(RegressorMixin, BaseDistilled):
    """Regressor that has learned the predictions of another, and predicts much faster.

    A teacher, such as :class:`MitraRegressor`, answers training rows and many more rows that are
    made from them. A fast regressor, the student, learns its predictions. On tables where the
    teacher is better than gradient boosting, so is the student, in the time of boosting.
    ``fidelity_`` tells how much was lost.

    Parameters
    ----------
    teacher : estimator, default=None
        The regressor to learn from: any with ``fit`` and ``predict``. It sees the table as
        it is passed to ``fit``. None is :class:`MitraRegressor` with its defaults.
    student : estimator, default=None
        The regressor that learns the teacher's predictions. It sees the table encoded as numbers:
        categories as their ranks, dates as days and their parts, and the mean of the column for
        missing values.
        None is a ridge regression and histogram gradient boosting of its residuals.
    n_rows : int, default=2000
        Number of rows that the teacher answers for the student: training rows, at random if there
        are more. If there are fewer, the others are mixed from pairs of training rows: each value
        is that of one of the two rows.
    random_state : int, RandomState instance or None, default=42
        Seed of the choice of rows, of the mixed rows and of the default student. Teacher and
        student have seeds of their own if they are passed.
    keep_teacher : bool, default=False
        Whether to keep a teacher fitted to all rows, in ``teacher_``. Teachers such as
        :class:`MitraRegressor` contain training rows; students don't.
    verbose : int, default=0
        1 prints a line after each step of ``fit``.

    Attributes
    ----------
    student_ : estimator
        The fitted student. It predicts encoded rows.
    teacher_ : estimator
        The teacher, fitted to all rows. Only with ``keep_teacher=True``.
    fidelity_ : dict of str to float
        Scores on held-out rows, a fifth of the training rows that the student learns from.
        ``n_held_out`` is their number. ``teacher_r2``,
        ``student_r2`` and ``boosting_r2`` are R² on the targets; boosting is
        ``HistGradientBoostingRegressor`` on the targets. ``agreement_r2`` is R² of the student's
        predictions with the teacher's in the place of the targets, 1 if they are equal.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of ``X`` were strings.

    See Also
    --------
    DistilledClassifier : The same for classes.

    Notes
    -----
    The teacher answers training rows out of fold, in five folds. It would otherwise repeat the
    labels that it has seen instead of predicting them. Mixed rows and ``X_unlabelled`` are new to
    the teacher, and are answered by one that was fitted to all rows. So ``fit`` fits the teacher
    six times, and passes about twice ``n_rows`` rows through it, half of them for ``fidelity_``.

    ``fidelity_`` comes from a student that has seen nothing of the held-out rows. It learns only
    mixed rows, from a teacher that was fitted without these rows.

    The seed of ``teacher`` is not changed, and metadata other than ``X_unlabelled`` is routed to
    its ``fit``.

    The student learns predictions of the mean only, and neither quantiles nor intervals.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_mitra import DistilledRegressor, MitraRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> teacher = MitraRegressor(n_estimators=2)
    >>> reg = DistilledRegressor(teacher, n_rows=300).fit(X[:200], y[:200])
    >>> reg.score(X[200:], y[200:]) > 0.2
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseDistilled._parameter_constraints,
        "teacher": [HasMethods(["fit", "predict"]), None],
    }

    def fit(
        self, X: Any, y: ArrayLike, X_unlabelled: Any = None, **params: Any
    ) -> "DistilledRegressor":
        """Fit the teacher, and have the student learn its predictions.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table that both the teacher and :class:`MitraRegressor` can read.
        y : array-like of shape (n_samples,)
            Targets.
        X_unlabelled : array-like, sparse matrix or DataFrame of shape (n_rows, n_features), \
default=None
            More rows to learn the teacher's predictions of, all of them, besides ``n_rows``.
        **params : dict
            Metadata for the teacher's ``fit``, if metadata routing is enabled.

        Returns
        -------
        self : DistilledRegressor

        Raises
        ------
        TypeError, ValueError
            If a parameter or a table is invalid, or the teacher predicts something infinite or
            missing.

        Warns
        -----
        UserWarning
            If gradient boosting of the labels predicts held-out rows clearly better than the
            teacher or the student, so that distilling is not worth it.
        """
        return self._fit(X, y, X_unlabelled, params)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the targets of rows.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        y : ndarray of shape (n_samples,), float64
        """
        return self._predict(X)[:, 0]

    # ------------------------------------------------------------ implementation

    def _new_teacher(self) -> Any:
        return MitraRegressor() if self.teacher is None else self.teacher

    def _read_target(self, y: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
        y = validate_data(self, y=y, y_numeric=True)
        return y, y.astype(np.float64)

    def _fit_teacher(self, training: Training, rows: NDArray[np.int64]) -> Any:
        return fit_clone(self._new_teacher(), training, rows)

    def _ask(self, teacher: Any, X: Any) -> NDArray[np.float64]:
        return np.asarray(teacher.predict(X), np.float64).reshape(-1, 1)

    def _boost(self, training: Training, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        from sklearn.ensemble import HistGradientBoostingRegressor

        rest = np.setdiff1d(np.arange(len(training.y)), fold)
        model = HistGradientBoostingRegressor(random_state=training.seed)
        model.fit(training.x[rest], training.target[rest])
        return model.predict(training.x[fold])[:, None]

    def _losses(self, answers: NDArray[np.float64], target: NDArray[Any]) -> NDArray[np.float64]:
        return np.square(answers[:, 0] - target)

    def _score(self, answers: dict[str, NDArray[np.float64]], target: Any) -> dict[str, float]:
        scores = {f"{name}_r2": _r2(values[:, 0], target) for name, values in answers.items()}
        agreement = _r2(answers["student"][:, 0], answers["teacher"][:, 0])
        return {**scores, "agreement_r2": agreement}


def _r2(predictions: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """R², or NaN if all targets are equal."""
    total = np.square(target - target.mean()).sum()
    return float(1 - np.square(predictions - target).sum() / total) if total else np.nan
