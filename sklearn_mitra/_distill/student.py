"""The default student: a ridge regression, and gradient boosting of its residuals."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from .._sklearn import BaseEstimator, RegressorMixin
else:
    from sklearn.base import BaseEstimator, RegressorMixin

_PENALTIES = np.logspace(-2, 4, 7)  # of ridge regression, chosen by generalised cross-validation


class LinearBoosting(RegressorMixin, BaseEstimator):
    """Ridge regression, and histogram gradient boosting of its residuals.

    Numbers outside their range in training are clipped to it, so the linear functions extrapolate
    no further than trees do. A row's prediction has the same bits in any batch.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Seed of boosting.

    Attributes
    ----------
    low_, high_ : ndarray of shape (n_features,), float64
        Range of each feature in training.
    coef_ : ndarray of shape (n_features, n_outputs), float64
    intercept_ : ndarray of shape (n_outputs,), float64
    boosting_ : list of HistGradientBoostingRegressor
        One for each output.
    """

    def __init__(self, random_state: int | np.random.RandomState | None = None) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "LinearBoosting":
        """Fit to a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        self : LinearBoosting
        """
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import RidgeCV

        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._is_flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        scale = X.std(axis=0)
        scale[scale == 0] = 1
        middle = X.mean(axis=0)
        ridge = RidgeCV(_PENALTIES).fit((X - middle) / scale, y)
        self.coef_ = ridge.coef_.reshape(y.shape[1], -1).T / scale[:, None]
        self.intercept_ = np.ravel(ridge.intercept_) - middle @ self.coef_
        residuals = y - self._predict_linear(X)
        self.boosting_ = [
            HistGradientBoostingRegressor(random_state=self.random_state).fit(X, column)
            for column in residuals.T
        ]
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the outputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            As many as in training.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        answers = self._predict_linear(X)
        for output, boosting in zip(answers.T, self.boosting_):
            output += boosting.predict(X)
        return answers[:, 0] if self._is_flat else answers

    def _predict_linear(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """The linear functions. The bits of a matrix product would depend on the number of rows."""
        answers = np.tile(self.intercept_, (len(X), 1))
        for column, weights in zip(np.clip(X, self.low_, self.high_).T, self.coef_):
            answers += column[:, None] * weights
        return answers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
