"""What the classifier and the regressor share: the sequence of fit and predict."""

import os
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import Bunch, check_array, check_random_state, check_scalar, check_X_y
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checkpoint import resolve_checkpoint
from ._context import Context
from ._cost import estimate_cost
from ._encoding import ColumnEncoder, as_array, is_frame, take_rows
from ._errors import DisposedError
from ._sessions import resolve_providers, resolve_threads
from ._views import make_views

# The names that wlearn gives to two of the parameters.
_ALIASES = {"maxSupport": "max_support", "seed": "random_state"}

# Most rows to encode at a time before the network runs. A table of more is encoded twice: piece
# by piece to see that all of it can be, and again when its turn has come.
_ENCODED_ROWS = 10_000


class BaseMitra(BaseEstimator):
    """Base of both estimators; not to be used itself.

    A subclass has ``_task``, "classification" or "regression", and these methods:
    ``_check_target`` (tells what scikit-learn's checks of y would not, or not as clearly),
    ``_encode_target`` (learns from y and returns it encoded),
    ``_select_support`` (rows for the support), ``_network_target`` (y of the support as the
    network takes it) and ``_combine`` (from the views' outputs to predictions).
    """

    _parameter_constraints = {
        "model": [str, os.PathLike],
        "max_support": [Interval(Integral, 1, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "providers": [list, tuple, None],
        "precision": [StrOptions({"float32", "int8"})],
        "cache_context": [StrOptions({"auto"}), "boolean"],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Choose the support rows and encode them.

        No weights are trained. The checkpoint is looked up (and downloaded, if it is on the
        hub); the network itself first runs in the first prediction.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, booleans, strings or categories; NaN, None and pandas' NA are missing.
        y : array-like of shape (n_samples,)
            Class labels, or targets.

        Returns
        -------
        self : object

        Raises
        ------
        CheckpointError
            If ``model`` can't be found, downloaded or used for this task.
        TypeError, ValueError
            If a parameter, ``X`` or ``y`` is not of a kind described here.
        """
        former = vars(self).copy()
        try:
            return self._fit(X, y)
        except BaseException:  # leave the estimator as it was
            vars(self).clear()
            vars(self).update(former)
            raise

    def set_params(self, **params):
        """Set the parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Parameters by name. wlearn's names for two of them are understood as well:
            ``maxSupport`` for ``max_support`` and ``seed`` for ``random_state``.

        Returns
        -------
        self : object
        """
        for alias, name in _ALIASES.items():
            if alias in params:
                if name in params:
                    raise ValueError(f"{alias!r} is another name of {name!r}: pass only one.")
                params[name] = params.pop(alias)
        return super().set_params(**params)

    def save(self, path=None):
        """Write the fitted estimator as a ``.wlrn`` bundle.

        A bundle holds the support, which is training rows, and all levels of categorical
        columns. It holds no weights of the network.

        Parameters
        ----------
        path : str or PathLike, default=None
            A file to write, too. An existing one is replaced.

        Returns
        -------
        bundle : bytes

        Raises
        ------
        BundleError
            If a class label, target or category is of a kind that a bundle can't hold.
        """
        from ._wlearn import to_bundle  # which stands on the estimators

        self._check_fitted()
        self._check_params()
        bundle = to_bundle(self)
        if path is not None:
            with open(path, "wb") as file:
                file.write(bundle)
        return bundle

    @classmethod
    def load(cls, source, model=None):
        """Read an estimator from a ``.wlrn`` bundle.

        Parameters
        ----------
        source : str, PathLike or bytes-like
            A file, or the bundle itself.
        model : str or PathLike, default=None
            Where to find the checkpoint, if not where the bundle says; see the parameter
            ``model`` of the estimator.

        Returns
        -------
        estimator : object
            Fitted, with the default ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.

        Raises
        ------
        BundleError
            If the bundle is damaged, of another type, or was made with other weights.
        CheckpointError
            If the checkpoint can't be had.
        """
        from ._wlearn import from_bundle

        return from_bundle(source, model, cls)

    def estimate_cost(self, n_rows):
        """Estimate the time and memory of a prediction, without making it.

        To see how fast this machine is at the moment, the network runs on a few rows, mostly for
        some tenths of a second. Sessions that this needs are kept for the prediction.

        Parameters
        ----------
        n_rows : int
            Number of rows to predict.

        Returns
        -------
        cost : sklearn.utils.Bunch
            ``first_seconds`` and ``later_seconds``, float, of a prediction before and after the
            network has seen the support; ``context_nbytes``, int, what will be kept of it, as
            ``context_nbytes_`` says afterwards; ``peak_nbytes``, int, the most that predictions
            add to the memory of the process, beside the rows and the predictions. But for
            ``context_nbytes``, which is exact, these are right within a factor of two or so.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint of the fit is gone or has changed.
        TypeError, ValueError
            If ``n_rows`` is not an integer, or less than 1.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_mitra import MitraRegressor
        >>> reg = MitraRegressor(max_support=100).fit(*load_diabetes(return_X_y=True))
        >>> cost = reg.estimate_cost(1_000_000)
        >>> cost.context_nbytes
        27033600
        >>> cost.later_seconds > reg.estimate_cost(1000).later_seconds
        True
        """
        self._check_fitted()
        self._check_params()
        check_scalar(n_rows, "n_rows", Integral, min_val=1)
        n_threads, providers = resolve_threads(self.n_jobs), resolve_providers(self.providers)
        return Bunch(**estimate_cost(self._context, n_rows, n_threads, providers))

    def dispose(self):
        """Drop the support and all else that was learned.

        Predictions raise a ``DisposedError`` from then on, until the next ``fit``. The memory that
        the network works in stays with onnxruntime, for other estimators to use, until
        :func:`sklearn_mitra.clear_sessions`.
        """
        for name in list(vars(self)):
            if name in ("_context", "_encoder", "_seed", "_views") or name.endswith("_"):
                delattr(self, name)
        self._disposed = True

    @property
    def context_nbytes_(self):
        """Memory that keeps what the network remembers of the support, in bytes, int.

        There after the first prediction. 0 if nothing is kept; see ``cache_context``.
        """
        check_is_fitted(self)
        if not self._context.is_prepared:
            raise AttributeError("context_nbytes_ is there after the first prediction.")
        return self._context.nbytes

    @property
    def capabilities(self):
        """What wlearn asks of a model, dict of str to bool."""
        return dict.fromkeys(
            (
                "classifier",
                "regressor",
                "predictProba",
                "decisionFunction",
                "sampleWeight",
                "csr",
                "earlyStopping",
            ),
            False,
        )

    def __getstate__(self):
        """State for pickling and copying: parameters and what ``fit`` learned.

        The network's memory of the support (megabytes that can be computed again) and the
        sessions are left out; the first prediction makes them anew. Weights are never in a
        pickle: it names the checkpoint and its sha256.
        """
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_context"}

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "X_support_"):
            self._make_context()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "X_support_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    # ------------------------------------------------------------ fit

    def _fit(self, X, y):
        resolve_providers(self.providers)
        X = self._check_table(X, reset=True)
        self._check_target(y)
        rows = np.broadcast_to(np.float32(0), X.shape)  # stands in for X beside y
        _, y = check_X_y(rows, y, y_numeric=self._task == "regression", estimator=self)
        checkpoint = resolve_checkpoint(self.model, self._task)
        if checkpoint.profile is not None and self.precision != "float32":
            raise ValueError(
                f"An .onnx file has a precision of its own. Got precision={self.precision!r} with "
                f"{self.model!r}; pass the checkpoint that it was made of."
            )
        y = self._encode_target(y, checkpoint.config)
        self._seed = self._draw_seed()
        self.support_indices_ = self._select_support(y)
        self._encoder, x = ColumnEncoder.fit(X, getattr(self, "feature_names_in_", None))
        self.X_support_ = x[self.support_indices_]
        self.y_support_ = y[self.support_indices_]
        self.checkpoint_ = {"name": checkpoint.name, "sha256": checkpoint.sha256}
        n_views = self.n_estimators or checkpoint.n_estimators
        n_classes = len(self.classes_) if self._task == "classification" else 0
        self._views = make_views(n_views, len(self._columns()), n_classes, self._seed)
        self._make_context()
        self.__dict__.pop("_disposed", None)
        return self

    def _check_table(self, X, reset):
        """X as an array of any type or a DataFrame, with scikit-learn's checks of its form."""
        if is_frame(X):
            check_array(np.broadcast_to(np.float32(0), X.shape), estimator=self)
            return validate_data(self, X, reset=reset, skip_check_array=True)
        return validate_data(self, as_array(X), reset=reset, dtype=None, ensure_all_finite=False)

    def _draw_seed(self):
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        if self.random_state is None:  # fresh entropy; NumPy's global generator is left alone
            return int(np.random.default_rng().integers(2**31))
        return int(check_random_state(self.random_state).randint(2**31))

    def _columns(self):
        """Columns that the network sees: those not constant in training, or the first."""
        return np.flatnonzero(self._encoder.varying) if self._encoder.varying.any() else [0]

    def _make_context(self):
        self._context = Context(
            self.checkpoint_["name"],
            self.checkpoint_["sha256"],
            self._task,
            self.X_support_[:, self._columns()],
            self._network_target(),
            self._views,
            self.cache_context,
            self.precision,
        )

    # ------------------------------------------------------------ predict

    def _check_fitted(self):
        if getattr(self, "_disposed", False):
            raise DisposedError(
                f"This {type(self).__name__} instance was disposed of: its support is gone. "
                "Call 'fit' again before using it."
            )
        check_is_fitted(self)

    def _check_params(self):
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()

    def _check_query(self, X):
        """Look at all values of X, for prediction.

        Returns
        -------
        n_rows : int
        encode : callable
            From a first row and the one after the last to these rows as the network takes them.
        """
        self._check_fitted()
        self._check_params()  # some take effect in prediction, and may have been set since fit
        X = self._check_table(X, reset=False)
        columns = self._columns()

        def encode(start, stop):
            return self._encoder.transform(take_rows(X, start, stop))[:, columns]

        if len(X) <= _ENCODED_ROWS:
            x = encode(0, len(X))
            return len(X), lambda start, stop: x[start:stop]
        for start in range(0, len(X), _ENCODED_ROWS):
            encode(start, start + _ENCODED_ROWS)
        return len(X), encode

    def _predict_rows(self, encode, predictions):
        """Fill ``predictions`` chunk by chunk."""
        n_threads = resolve_threads(self.n_jobs)
        providers = resolve_providers(self.providers)
        self._context.prepare(n_threads, providers)
        for start, stop in self._chunks(len(predictions), self._context.chunk_rows):
            outputs = self._context.outputs(encode(start, stop), n_threads, providers)
            predictions[start:stop] = self._combine(outputs)
        return predictions

    def _chunks(self, n_rows, chunk_rows):
        """Bounds of the chunks, with a progress bar if there are several and it is wanted."""
        bounds = [(i, min(i + chunk_rows, n_rows)) for i in range(0, n_rows, chunk_rows)]
        if not self.verbose or len(bounds) == 1:
            yield from bounds
            return
        from tqdm import tqdm

        with tqdm(total=n_rows, unit="row", desc=type(self).__name__) as bar:
            for start, stop in bounds:
                yield start, stop
                bar.update(stop - start)
