"""Class labels as a target: their ids, and the correction of logits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from .._bundles.estimators import Stored
from .._bundles.fields import BundleFields, pack, pack_labels
from .._common.fields import brief
from .._common.missing import is_missing
from .._errors import BundleError

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None

# A class is rare if it has less than this share of the training rows, and less than a quarter of
# what it would have if all classes had as many.
_RARE = 0.05
# If so many rows of a class are expected, the chance that there are none is 5 %.
_EXPECTED = 3


@dataclass(frozen=True)
class ClassTarget:
    """The class labels and their frequencies in training.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, ascending. The position of a label is its class id.
    prior : ndarray of shape (n_classes,), float64
        Frequencies of the classes in training.
    temperature : float or None
        The temperature chosen by ``softmax_temperature="auto"``.
    """

    classes: NDArray[Any]
    prior: NDArray[np.float64]
    temperature: float | None = None
    task: ClassVar[str] = "classification"

    @classmethod
    def fit(cls, y: NDArray[Any]) -> "tuple[ClassTarget, NDArray[np.int64]]":
        """Learn from training labels (n_rows,), and return their class ids."""
        check_classification_targets(y)
        return cls.among(np.unique(y), y)

    @classmethod
    def among(
        cls, classes: NDArray[Any], y: NDArray[Any]
    ) -> "tuple[ClassTarget, NDArray[np.int64]]":
        """Do the same for known classes, ascending."""
        ids = np.searchsorted(classes, y).astype(np.int64)
        return cls(classes, _frequencies(ids, len(classes))), ids

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def is_constant(self) -> bool:
        """Whether there is only one class, which is then always predicted."""
        return len(self.classes) == 1

    def without(self, ids: NDArray[np.int64]) -> "ClassTarget":
        """A copy with the class frequencies of these ids, the rows that are not held out."""
        return replace(self, prior=_frequencies(ids, self.n_classes))

    def constant_answers(self, n_rows: int) -> NDArray[np.float64]:
        """Logits of ``n_rows`` rows, if there is only one class."""
        return np.zeros((n_rows, self.n_classes))

    # ------------------------------------------------------------ to the network and back

    def transform(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class ids (n_rows,) as they are shown to the network."""
        return ids

    def inverse_transform(
        self, logits: NDArray[np.float64], temperature: float, correction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Divide logits by a temperature, and then correct them.

        Parameters
        ----------
        logits : ndarray of shape (n_rows, n_classes), float64
        temperature : float
        correction : ndarray of shape (n_classes,), float64
            See :meth:`log_correction`.
        """
        with np.errstate(over="ignore"):  # a tiny temperature makes all but the largest -inf
            scaled = (logits - logits.max(axis=1, keepdims=True)) / temperature
        corrected: NDArray[np.float64] = scaled + correction
        return corrected

    def log_correction(
        self, ids: NDArray[np.int64], class_weight: ClassWeight = None, to_prior: bool = True
    ) -> NDArray[np.float64]:
        """The correction of logits from the support's class frequencies to the desired ones.

        Parameters
        ----------
        ids : ndarray of shape (n_support,), int64
            Class ids of the support set.
        class_weight : mapping, "balanced" or None, default=None
        to_prior : bool, default=True
            Whether the desired frequencies are those of training. Otherwise they are those of the
            support set.

        Returns
        -------
        correction : ndarray of shape (n_classes,), float64
        """
        support = _frequencies(ids, self.n_classes)
        wanted = self.prior if to_prior else support
        if class_weight == "balanced":
            wanted = np.full(self.n_classes, 1 / self.n_classes)
        # The network's logit of a class without support rows is not corrected.
        correction = np.divide(wanted, support, out=np.ones(self.n_classes), where=support > 0)
        log_correction: NDArray[np.float64] = np.log(correction) + np.log(
            self.weights(class_weight)
        )
        return log_correction

    def weights(self, class_weight: ClassWeight) -> NDArray[np.float64]:
        """Weights (n_classes,) from a dict; all 1 if ``class_weight`` is not a dict.

        Raises
        ------
        ValueError
            If a weight is not finite and positive, or the dict has other classes.
        """
        if not isinstance(class_weight, Mapping):
            return np.ones(self.n_classes)
        labels = self.classes.tolist()
        for label, weight in class_weight.items():
            # As in scikit-learn, an unknown label is fine if all classes are there, since a fold
            # may lack a class. Otherwise it is a mistake.
            if label not in labels and not class_weight.keys() >= {*labels}:
                raise ValueError(
                    f"class_weight has a weight for {label!r}, which is not a class, and none for "
                    f"some of the classes, which are {brief(labels)}."
                )
            if not isinstance(weight, Real) or not 0 < float(weight) < np.inf:
                raise ValueError(
                    f"Class weights must be finite and greater than 0. Got {weight!r} for "
                    f"{label!r} in class_weight."
                )
        return np.array([class_weight.get(label, 1) for label in labels], np.float64)

    # ------------------------------------------------------------ rare classes

    def find_missed(self, probabilities: NDArray[np.float64]) -> int | None:
        """The id of the rarest class, if rows of it are likely but none is predicted; or None.

        They are likely if the probabilities add up to some rows of the class, and tell rows apart:
        one row at least is of the class with twice the probability that a training row has.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, n_classes), float64
        """
        rarest = int(self.prior.argmin())
        share, of_class = self.prior[rarest], probabilities[:, rarest]
        if share >= min(_RARE, 0.25 / self.n_classes) or of_class.sum() < _EXPECTED:
            return None
        is_missed = of_class.max() >= 2 * share and (probabilities.argmax(axis=1) != rarest).all()
        return rarest if is_missed else None

    # ------------------------------------------------------------ bundles

    def pack(self, ids: NDArray[np.int64]) -> dict[str, Any]:
        """Fields to store in a bundle. The support's class ids are in ``support_y``."""
        return {"labels": pack_labels(self.classes), "prior": pack(self.prior)}

    @classmethod
    def unpack(
        cls, fields: BundleFields, stored: Stored
    ) -> "tuple[ClassTarget, NDArray[np.int64]]":
        """Read what :meth:`pack` wrote. Invalid fields raise a BundleError."""
        classes, y = fields.labels("labels"), stored.y
        if stored.classes is not None:  # integer labels, which become class ids
            ids = np.searchsorted(classes, y).clip(max=len(classes) - 1)
            fields.require(bool((classes[ids] == y).all()), "labels", "those in 'support_y'")
            y = ids
        if y.min() < 0:
            raise BundleError(f"The artifact 'support_y' holds a class id of {y.min()}.")
        fields.require(y.max() < len(classes), "labels", f"of {int(y.max()) + 1} classes or more")
        prior = fields.array("prior", "<f8", len(classes))
        is_seen = np.bincount(y, minlength=len(classes)) > 0
        is_share = (prior >= 0) & (prior <= 1) & ((prior > 0) | ~is_seen)
        frequencies = bool(is_share.all() and np.isclose(prior.sum(), 1))
        fields.require(frequencies, "prior", "frequencies of the classes")
        return cls(classes, prior), y.astype(np.int64)


def check_labels(y: Any) -> None:
    """Raise an error if labels are missing, or only some of them are strings."""
    y = np.asarray(y)
    n_missing = _count_missing(y) if y.ndim else 0
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


def keep_integers(y: Any) -> Any:
    """Convert labels of a nullable or pyarrow integer or boolean dtype to NumPy's dtype.

    scikit-learn would convert them to float64, which can't tell large integers apart. No label may
    be missing.
    """
    is_column = hasattr(y, "dtypes") and y.ndim == 2 and y.shape[1] == 1
    dtype = y.dtypes.iloc[0] if is_column else getattr(y, "dtype", None)
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    is_kept = numpy_dtype is not None and numpy_dtype.kind in "biu"
    return y.astype(numpy_dtype) if is_kept else y


def _frequencies(ids: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    return np.bincount(ids, minlength=n_classes) / len(ids)


def _count_missing(values: NDArray[Any]) -> int:
    """Number of values that are None, NaN or NA."""
    if values.dtype == object:
        return sum(map(is_missing, values.ravel()))
    return np.isnan(values).sum() if values.dtype.kind == "f" else 0
