"""Bundles of either estimator, for those who don't know which it is."""

import os
from typing import Any

from ._bundles.estimators import Stored, read_artifacts, read_bundle
from ._classifier import MitraClassifier
from ._regressor import MitraRegressor

_CLASSES = {cls._bundle_type: cls for cls in (MitraClassifier, MitraRegressor)}


def load(
    source: Any, model: str | os.PathLike[str] | None = None
) -> MitraClassifier | MitraRegressor:
    """Read a classifier or regressor from a ``.wlrn`` bundle.

    Parameters
    ----------
    source : str, PathLike or bytes-like
        A file, or the bundle itself.
    model : str or PathLike, default=None
        Where to find the checkpoint, if not where the bundle says; see the parameter ``model``
        of the estimators.

    Returns
    -------
    estimator : MitraClassifier or MitraRegressor
        Fitted, with the default ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.

    Raises
    ------
    BundleError
        If the bundle is damaged, of a foreign type, or was made with other weights.
    CheckpointError
        If the checkpoint can't be had.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import sklearn_mitra
    >>> X, y = load_iris(return_X_y=True)
    >>> bundle = sklearn_mitra.MitraClassifier(max_support=50).fit(X, y).save()
    >>> sklearn_mitra.load(bundle)
    MitraClassifier(max_support=50)
    """
    return _build(read_bundle(source), model)


def register_loaders() -> None:
    """Teach PyPI's ``wlearn`` to load bundles of this package.

    ``wlearn.load(bundle)`` then returns a :class:`MitraClassifier` or :class:`MitraRegressor`.

    Raises
    ------
    ImportError
        If ``wlearn`` is not installed.

    Examples
    --------
    >>> import sklearn_mitra
    >>> sklearn_mitra.register_loaders()
    """
    import wlearn

    def load_validated(manifest: Any, toc: Any, blobs: Any) -> MitraClassifier | MitraRegressor:
        artifacts = {e["id"]: blobs[e["offset"] : e["offset"] + e["length"]] for e in toc}
        return _build(read_artifacts(manifest, artifacts), None)

    for type_id in _CLASSES:
        wlearn.register(type_id, load_validated)


def _build(
    stored: Stored, model: str | os.PathLike[str] | None
) -> MitraClassifier | MitraRegressor:
    return _CLASSES[stored.type_id]._from_stored(stored, model)
