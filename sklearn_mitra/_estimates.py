"""The methods that estimate what fits and predictions take."""

import time
from abc import abstractmethod
from typing import Any

from sklearn import config_context

from ._cost import Cost, estimate_fit, estimate_prediction, read_rows
from ._fit import EncodedTable
from ._params import Parametrised
from ._preprocessing.encoder import TableEncoder


class Estimated(Parametrised):
    """An estimator that can say what a fit or a prediction will take."""

    # ------------------------------------------------------------ defined by the subclass

    @abstractmethod
    def _copy(self) -> Any:
        """A snapshot of the estimator."""

    @abstractmethod
    def _ready(self) -> Any:
        """A snapshot that is fitted and has valid parameters; otherwise an error is raised."""

    # ------------------------------------------------------------ estimates

    def estimate_cost(self, n_rows: Any = 1000) -> Cost:
        """Estimate the time and memory of a prediction without making it.

        The network and the trees run on a few rows to measure the current speed of the machine.
        That usually takes a few tenths of a second. The sessions are kept for the prediction.

        Parameters
        ----------
        n_rows : int or table, default=1000
            Number of rows to predict, or the table to predict, of which only this number counts.

        Returns
        -------
        cost : sklearn.utils.Bunch
            - ``n_rows``, int: the number of rows.
            - ``first_seconds`` and ``later_seconds``, float: the time of a prediction before and
              after the context is cached.
            - ``interval_seconds``, float: the further time of a regressor's first
              ``predict_interval``, ``predict_quantiles``, ``predict_std`` or
              ``predict_distribution``, which predicts the support rows out of fold. 0 if their
              residuals are known already, and for a classifier.
            - ``context_nbytes``, int: the size of the cached context.
            - ``peak_nbytes``, int: the peak memory that a prediction adds to the process, not
              counting the rows and the predictions.

            ``context_nbytes`` is exact; the others are correct within a factor of about two. If
            printed, it is a line of text.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint is gone or has changed since ``fit``.
        TypeError, ValueError
            If ``n_rows`` is neither an integer nor a table, or is less than 1.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_mitra import MitraRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = MitraRegressor(max_support=100).fit(X, y)
        >>> cost = reg.estimate_cost(1_000_000)
        >>> cost.context_nbytes
        17203200
        >>> cost.later_seconds > reg.estimate_cost(X).later_seconds
        True
        >>> cost  # doctest: +SKIP
        1,000,000 rows: 32 minutes at first, 32 minutes later; 17 MB cached, 106 MB at peak; 2.6 s
        more for the first interval
        """
        ready = self._ready()
        n_rows = read_rows(n_rows)
        return estimate_prediction(ready._model, n_rows, ready._make_runtime(), ready.cache_context)

    def estimate_fit_cost(self, X: Any, y: Any, n_rows: Any = 1000) -> Cost:
        """Estimate the time and memory of a fit and its first prediction without making them.

        The table is checked and encoded. Then simple models and trees are fitted to at most 1000
        of its rows, and the network runs on a few. That usually takes a few seconds, of which trees
        take the most. The estimator stays as it is, fitted or not.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The training table.
        y : array-like of shape (n_samples,)
            Class labels or targets.
        n_rows : int or table, default=1000
            Number of rows to predict, or the table to predict.

        Returns
        -------
        cost : sklearn.utils.Bunch
            As that of :meth:`estimate_cost`, with ``fit_seconds``, float: the time of ``fit``.
            Times are correct within a factor of about three. With more than a million cells, trees
            use several threads, which the estimate doesn't know.

        Raises
        ------
        CheckpointError, TypeError, ValueError
            As ``fit`` does, and if ``n_rows`` is neither an integer nor a table, or is less than 1.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_mitra import MitraClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> cost = MitraClassifier().estimate_fit_cost(X, y, n_rows=100_000)
        >>> cost.later_seconds > cost.fit_seconds
        True
        """
        learner = self._copy()
        learner._check_params()
        n_rows, runtime, start = read_rows(n_rows), learner._make_runtime(), time.perf_counter()
        with config_context(skip_parameter_validation=True):
            X, target, y, network = learner._read_training(X, y, runtime)
        encoder, x = TableEncoder.fit(X, getattr(learner, "feature_names_in_", None))
        seconds = time.perf_counter() - start
        tunes = getattr(learner, "softmax_temperature", None) == "auto"
        table = EncodedTable(encoder, x, target, y)
        cost = estimate_fit(
            table, learner._settings(), network, runtime, learner.cache_context, n_rows, tunes
        )
        cost.fit_seconds += seconds
        return cost
