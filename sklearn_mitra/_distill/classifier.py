"""The distilled classifier."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import validate_data

from .._classifier import MitraClassifier
from .._common.means import log_softmax, softmax
from .._targets.classes import ClassTarget, check_labels, keep_integers
from .base import BaseDistilled, Training, fit_clone

if TYPE_CHECKING:
    from .._sklearn import ClassifierMixin
else:
    from sklearn.base import ClassifierMixin

# The smallest log-probability to learn. A student of squared errors of logits would otherwise care
# most for the difference between tiny probabilities.
_LEAST = -7.0


class DistilledClassifier(ClassifierMixin, BaseDistilled):
    """Classifier that has learned the predictions of another, and predicts much faster.

    A teacher, such as :class:`MitraClassifier`, answers training rows and many more rows that are
    made from them. A fast regressor, the student, learns the logits of its probabilities. On tables
    where the teacher is better than gradient boosting, so is the student, in the time of boosting.
    ``fidelity_`` tells how much was lost.

    Parameters
    ----------
    teacher : estimator, default=None
        The classifier to learn from: any with ``fit`` and ``predict_proba``. It sees the table as
        it is passed to ``fit``. None is :class:`MitraClassifier` with its defaults.
    student : estimator, default=None
        The regressor that learns the teacher's logits. It sees the table encoded as numbers:
        categories as their ranks, dates as days and their parts, and the mean of the column for
        missing values. With three or more classes, it has
        an output for each class; regressors of a single output are fitted once for each class.
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
        :class:`MitraClassifier` contain training rows; students don't.
    verbose : int, default=0
        1 prints a line after each step of ``fit``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    student_ : estimator
        The fitted student. It predicts encoded rows.
    teacher_ : estimator
        The teacher, fitted to all rows. Only with ``keep_teacher=True``.
    fidelity_ : dict of str to float
        Scores on held-out rows, a fifth of the training rows that the student learns from.
        ``n_held_out`` is their number. ``teacher_log_loss``,
        ``student_log_loss`` and ``boosting_log_loss`` are log losses; boosting is
        ``HistGradientBoostingClassifier`` on the labels. ``divergence`` is the mean
        Kullback-Leibler divergence of the student's probabilities from the teacher's.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of ``X`` were strings.

    See Also
    --------
    DistilledRegressor : The same for numeric targets.

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

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn_mitra import DistilledClassifier, MitraClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> teacher = MitraClassifier(max_support=60, n_estimators=1)
    >>> clf = DistilledClassifier(teacher, n_rows=300).fit(X[:200, :5], y[:200])
    >>> clf.score(X[200:, :5], y[200:]) > 0.85
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseDistilled._parameter_constraints,
        "teacher": [HasMethods(["fit", "predict_proba"]), None],
    }

    classes_: NDArray[Any]

    def fit(
        self, X: Any, y: ArrayLike, X_unlabelled: Any = None, **params: Any
    ) -> "DistilledClassifier":
        """Fit the teacher, and have the student learn its predictions.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table that both the teacher and :class:`MitraClassifier` can read.
        y : array-like of shape (n_samples,)
            Class labels, all numbers or all strings.
        X_unlabelled : array-like, sparse matrix or DataFrame of shape (n_rows, n_features), \
default=None
            More rows to learn the teacher's predictions of, all of them, besides ``n_rows``.
        **params : dict
            Metadata for the teacher's ``fit``, if metadata routing is enabled.

        Returns
        -------
        self : DistilledClassifier

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

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """The student's logits.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            The log-odds of two classes; otherwise one for each class, with a mean of 0.
        """
        answers = self._predict(X)
        return answers[:, 0] if len(self.classes_) == 2 else answers

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.
        """
        return softmax(self._logits(self._predict(X)))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        return log_softmax(self._logits(self._predict(X)))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            A table with the columns of training.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Labels with the dtype of ``classes_``.
        """
        best = self._logits(self._predict(X)).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    # ------------------------------------------------------------ implementation

    def _new_teacher(self) -> Any:
        return MitraClassifier() if self.teacher is None else self.teacher

    def _read_target(self, y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
        check_labels(y)
        y = validate_data(self, y=keep_integers(y))
        target, ids = ClassTarget.fit(y)
        self.classes_ = target.classes
        return y, ids

    def _fit_teacher(self, training: Training, rows: NDArray[np.int64]) -> Any:
        if (training.y[rows] == training.y[rows[0]]).all():
            return _fit_dummy(training.y[rows])
        return fit_clone(self._new_teacher(), training, rows)

    def _ask(self, teacher: Any, X: Any) -> NDArray[np.float64]:
        return self._to_answers(teacher.predict_proba(X), teacher.classes_)

    def _boost(self, training: Training, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        from sklearn.ensemble import HistGradientBoostingClassifier

        rest = np.setdiff1d(np.arange(len(training.y)), fold)
        x, y = training.x[rest], training.y[rest]
        if (y == y[0]).all():
            model = _fit_dummy(y)
        else:  # early stopping would need two rows of every class
            model = HistGradientBoostingClassifier(early_stopping=False, random_state=training.seed)
            model.fit(x, y)
        return self._to_answers(model.predict_proba(training.x[fold]), model.classes_)

    def _losses(self, answers: NDArray[np.float64], target: NDArray[Any]) -> NDArray[np.float64]:
        losses: NDArray[np.float64] = -log_softmax(self._logits(answers))[
            np.arange(len(target)), target
        ]
        return losses

    def _score(self, answers: dict[str, NDArray[np.float64]], target: Any) -> dict[str, float]:
        losses = {
            f"{name}_log_loss": float(self._losses(values, target).mean())
            for name, values in answers.items()
        }
        teacher, student = (
            log_softmax(self._logits(answers[name])) for name in ("teacher", "student")
        )
        divergence = (np.exp(teacher) * (teacher - student)).sum(axis=1).mean()
        return {**losses, "divergence": float(divergence)}

    def _to_answers(self, probabilities: NDArray[Any], known: NDArray[Any]) -> NDArray[np.float64]:
        """What a student learns: the log-odds of two classes, or centred logits of others.

        ``known`` are the classes of the probabilities, all classes or some of them.
        """
        logits = np.full((len(probabilities), len(self.classes_)), _LEAST)
        places = np.searchsorted(self.classes_, known)
        with np.errstate(divide="ignore"):
            logits[:, places] = np.maximum(np.log(probabilities), _LEAST)
        if len(self.classes_) == 2:
            return logits[:, 1:] - logits[:, :1]
        centred: NDArray[np.float64] = logits - logits.mean(axis=1, keepdims=True)
        return centred

    def _logits(self, answers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of all classes (n_rows, n_classes)."""
        return np.hstack([np.zeros_like(answers), answers]) if len(self.classes_) == 2 else answers


def _fit_dummy(y: NDArray[Any]) -> Any:
    """A classifier that always predicts the only class there is."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier().fit(np.zeros((len(y), 1)), y)
