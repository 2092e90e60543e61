"""The classifier."""

from numbers import Real

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets

from ._base import BaseMitra
from ._encoding import count_missing
from ._support import select_rows, select_rows_per_class


class MitraClassifier(ClassifierMixin, BaseMitra):
    """Classifier that reads the training table in context, with Mitra's Tab2D network.

    ``fit`` trains no weights: it picks a support set of training rows and encodes them. In
    prediction, a pretrained transformer takes the support and the rows in question through its
    layers and puts out the logits of their classes.

    .. warning::
        A fitted classifier, its pickle and its bundle contain training rows: the encoded
        columns and labels of the support, and all levels of the categorical columns. Share
        them as you would share the data.

    Read more in the documentation of the network [1]_ and of the method [2]_.

    Parameters
    ----------
    model : str or PathLike, default="mini"
        The checkpoint:

        - ``"mini"``: 2.4 million parameters, embedded in this package,
        - ``"mitra"``: AutoGluon's, 75.7 million parameters, from the Hugging Face hub;
          ``"mitra-2"`` is its second version,
        - ``"organisation/name"`` or ``"organisation/name@revision"``: a repository of the hub,
        - a directory with ``config.json`` and ``model.safetensors``,
        - an ``.onnx`` file made of one of these by ``sklearn_mitra.export.convert``, or by
          others with the same inputs. It passes the support through the network in every
          prediction anew.

    max_support : int, default=512
        Most training rows to keep as support. Time and memory of the first prediction grow
        with it, as do those of every later one, more slowly.

    n_estimators : int, default=None
        Ensemble views to average: the table as it is, then with permuted classes and with
        random columns turned over. None is the checkpoint's recommendation, 4 for "mini" and
        1 for others.

    support_sampling : {"balanced", "stratified", "random"}, default="balanced"
        How to choose the support from more than ``max_support`` rows: the same number for every
        class as far as they go, in proportion to the classes, or regardless of them.
        Probabilities are corrected for the difference to the frequencies in training.

    softmax_temperature : float, default=1.0
        Logits are divided by it: more than 1 makes probabilities less extreme.

    random_state : int, RandomState instance or None, default=42
        Chooses the support rows and the views. An int chooses the rows that the JavaScript
        package ``@wlearn/mitra`` chooses for this seed.

    n_jobs : int, default=None
        Threads of onnxruntime. None is all cores that this process may use, or its share of
        them in a worker process of joblib; -1 is all cores.

    providers : list of str, default=None
        Execution providers of onnxruntime, in order of preference. None is the CPU.

    precision : {"float32", "int8"}, default="float32"
        "int8" computes most matrix products in 8-bit integers: faster and smaller, a little less
        accurate, and a row's prediction then depends a little on the rows it is predicted with. The
        weights are converted once and kept in the cache folder of ``huggingface_hub``.

    cache_context : bool or "auto", default="auto"
        Whether to keep what the network remembers of the support (see ``context_nbytes_``), which
        makes later predictions many times faster than the first. "auto" keeps it if it takes no
        more than a quarter of the machine's memory. What is not kept is computed in every
        prediction anew, as it always is with an ``.onnx`` file.

    verbose : int, default=0
        1 shows a progress bar in predictions that take several chunks of rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    class_prior_ : ndarray of shape (n_classes,), float64
        Frequency of each class in training.
    support_indices_ : ndarray of shape (n_support,), int64
        Rows of the training data that are the support, ascending. Not there in a classifier
        loaded from a bundle that another package wrote.
    X_support_ : ndarray of shape (n_support, n_features_in_), float32
        The support with encoded categories and with missing values filled.
    y_support_ : ndarray of shape (n_support,), int64
        Class ids of the support: places in ``classes_``.
    context_nbytes_ : int
        Memory that keeps what the network remembers of the support, in bytes. There after the
        first prediction, 0 if nothing is kept.
    checkpoint_ : dict
        ``name`` and ``sha256`` of the checkpoint in use.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had names that are all strings.

    See Also
    --------
    MitraRegressor : The same for numeric targets.

    Notes
    -----
    Columns of numbers, booleans, strings and categories are taken as they are. Categories
    become the rank of their level, missing values and unseen levels the mean of the training
    column; columns constant in training are left out. No scaling is needed: the network sees
    quantiles.

    ``softmax_temperature``, ``n_jobs``, ``providers`` and ``verbose`` may be set after ``fit``;
    the other parameters take effect in the next ``fit``.

    On one machine, a row's probabilities are the same to the bit alone, in a batch of any size
    and in any order, and after cloning and refitting, pickling, or a bundle.

    References
    ----------
    .. [1] X. Zhang et al., "Mitra: Mixed Synthetic Priors for Enhancing Tabular Foundation
       Models", NeurIPS 2025.
    .. [2] ``autogluon/tabular/models/mitra`` in AutoGluon 1.6.3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_mitra import MitraClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, test_size=0.4, random_state=0, stratify=y)
    >>> clf = MitraClassifier().fit(X_train, y_train)
    >>> print(f"{clf.score(X_test, y_test):.2f}")
    0.99
    """

    _task = "classification"
    _parameter_constraints = {
        **BaseMitra._parameter_constraints,
        "support_sampling": [StrOptions({"balanced", "stratified", "random"})],
        "softmax_temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        model="mini",
        max_support=512,
        n_estimators=None,
        support_sampling="balanced",
        softmax_temperature=1.0,
        random_state=42,
        n_jobs=None,
        providers=None,
        precision="float32",
        cache_context="auto",
        verbose=0,
    ):
        self.model = model
        self.max_support = max_support
        self.n_estimators = n_estimators
        self.support_sampling = support_sampling
        self.softmax_temperature = softmax_temperature
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.providers = providers
        self.precision = precision
        self.cache_context = cache_context
        self.verbose = verbose

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in training.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.

        Raises
        ------
        NotFittedError
            Before ``fit``; its subclass ``DisposedError`` after ``dispose``.
        CheckpointError
            If the checkpoint of the fit is gone or has changed.
        TypeError, ValueError
            If ``X`` is not of the kind seen in training.
        """
        n_rows, encode = self._check_query(X)
        probabilities = np.ones((n_rows, len(self.classes_)))
        if len(self.classes_) == 1:
            return probabilities
        return self._predict_rows(encode, probabilities)

    def predict(self, X):
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in training.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Of the dtype of ``classes_``. See :meth:`predict_proba` for the errors raised.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    @property
    def capabilities(self):
        """What wlearn asks of a model, dict of str to bool."""
        return {**super().capabilities, "classifier": True, "predictProba": True}

    def _check_target(self, y):
        y = np.asarray(y)
        n_missing = count_missing(y) if y.ndim else 0
        if n_missing:
            raise ValueError(
                f"Input y contains NaN, None or NA in {n_missing} rows. Leave out the rows without "
                "a label."
            )
        if y.dtype == object and len({isinstance(label, str) for label in y.ravel()}) > 1:
            types = ", ".join(sorted({type(label).__name__ for label in y.ravel()}))
            raise TypeError(
                f"Class labels must be all numbers or all strings. Got {types}. Convert them, for "
                "example with .astype(str)."
            )

    def _encode_target(self, y, config):
        check_classification_targets(y)
        classes, ids = np.unique(y, return_inverse=True)
        if len(classes) > config.dim_output:
            raise ValueError(
                f"The checkpoint {self.model!r} tells at most {config.dim_output} classes apart. "
                f"Got {len(classes)}. Merge rare classes, or wrap the classifier in "
                "sklearn.multiclass.OneVsRestClassifier or OutputCodeClassifier."
            )
        self.classes_ = classes
        self.class_prior_ = np.bincount(ids) / len(ids)
        return ids.astype(np.int64)

    def _select_support(self, ids):
        if self.support_sampling == "random":
            return select_rows(len(ids), self.max_support, self._seed)
        return select_rows_per_class(ids, self.max_support, self._seed, self.support_sampling)

    def _network_target(self):
        return self.y_support_

    def _combine(self, outputs):
        """Average the views' logits, and correct for the support's class frequencies."""
        logits = [view.undo_logits(logits) for view, logits in outputs]
        support = np.bincount(self.y_support_, minlength=len(self.classes_))
        support = support / len(self.y_support_)
        # A class without support rows keeps what the network gives it.
        correction = np.ones_like(support)
        np.divide(self.class_prior_, support, out=correction, where=support > 0)
        # added up one by one: NumPy's order of summation depends on the number of rows
        logits = sum(values.astype(np.float64) for values in logits) / len(logits)
        with np.errstate(over="ignore"):  # a tiny temperature makes -inf of all but the largest
            scaled = (logits - logits.max(axis=1, keepdims=True)) / self.softmax_temperature
        return softmax(scaled + np.log(correction), axis=1)
