"""Loading of bundles of either estimator."""

import contextlib
import os
from typing import Any

from ._bundles.estimators import Stored, read_artifacts, read_bundle
from ._classifier import MitraClassifier
from ._errors import BundleError, CheckpointError
from ._persistence import LoadOptions
from ._regressor import MitraRegressor

_CLASSES = {cls._bundle_type: cls for cls in (MitraClassifier, MitraRegressor)}


def load(
    source: Any,
    model: str | os.PathLike[str] | None = None,
    n_estimators: int | None = None,
    trusted: bool = False,
) -> MitraClassifier | MitraRegressor:
    """Read a classifier or regressor from a ``.wlrn`` bundle.

    Parameters
    ----------
    source : str, PathLike or bytes-like
        A file, or the bundle itself.
    model : str or PathLike, default=None
        The checkpoint or ``.onnx`` file to use, as for the estimators' parameter ``model``. None is
        the checkpoint named in the bundle, or "mini" if it names none, like bundles of the
        JavaScript package. If no member needs the network, nothing is looked up, and this is the
        parameter for the next ``fit``.
    n_estimators : int, default=None
        Number of ensemble members to use. None is all members in the bundle, or one for a bundle of
        the JavaScript package.
    trusted : bool, default=False
        Whether you trust the bundle's author. If not, the checkpoint named in the bundle must be
        embedded or in the hub's cache: no other file or directory is looked up, and nothing is
        downloaded, just because a bundle names it.

    Returns
    -------
    estimator : MitraClassifier or MitraRegressor
        Fitted, with default ``n_jobs``, ``providers``, ``cache_context`` and ``verbose``.

    Raises
    ------
    BundleError
        If the bundle is damaged, of a foreign type, or made with other weights.
    CheckpointError
        If the checkpoint is not available.

    Warns
    -----
    UserWarning
        If the bundle was made with an ``.onnx`` file, and ``model`` isn't given.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import sklearn_mitra
    >>> X, y = load_iris(return_X_y=True)
    >>> bundle = sklearn_mitra.MitraClassifier(max_support=50).fit(X, y).save()
    >>> sklearn_mitra.load(bundle)
    MitraClassifier(max_support=50)
    """
    return _build(read_bundle(source), LoadOptions(model, n_estimators, trusted))


def register_loaders(
    classifier: str | os.PathLike[str] | None = None,
    regressor: str | os.PathLike[str] | None = None,
) -> None:
    """Let PyPI's ``wlearn`` load bundles of this package and of ``@wlearn/mitra``.

    ``wlearn.load(bundle)`` then returns a :class:`MitraClassifier` or :class:`MitraRegressor`.
    Pass parameters of :func:`load` in wlearn's ``loader_options``, under the type of the bundle.

    Parameters
    ----------
    classifier, regressor : str or PathLike, default=None
        The checkpoint or ``.onnx`` file to use for bundles that name none, or one that is not
        available.

    Raises
    ------
    ImportError
        If ``wlearn`` is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import sklearn_mitra, wlearn
    >>> sklearn_mitra.register_loaders()
    >>> bundle = sklearn_mitra.MitraClassifier().fit(*load_iris(return_X_y=True)).save()
    >>> options = {"wlearn.mitra_onnx.classifier@1": {"n_estimators": 2}}
    >>> wlearn.load(bundle, loader_options=options)
    MitraClassifier(n_estimators=2)
    """
    import wlearn

    fallbacks = {MitraClassifier._bundle_type: classifier, MitraRegressor._bundle_type: regressor}

    def load_validated(manifest: Any, toc: Any, blobs: Any, context: Any) -> Any:
        artifacts = {e["id"]: blobs[e["offset"] : e["offset"] + e["length"]] for e in toc}
        stored = read_artifacts(manifest, artifacts)
        given = context["loaderOptions"].get(stored.type_id, {})
        unknown = set(given) - set(LoadOptions._fields)
        if unknown:
            raise TypeError(
                f"The loader options of {stored.type_id} must be some of "
                f"{list(LoadOptions._fields)}. Got {sorted(unknown)} as well."
            )
        options, fallback = LoadOptions(**given), fallbacks[stored.type_id]
        if options.model is not None or fallback is None:
            return _build(stored, options)
        if stored.learned is not None:
            with contextlib.suppress(BundleError, CheckpointError):
                return _build(stored, options)
        return _build(stored, options._replace(model=fallback))

    for type_id in _CLASSES:
        wlearn.register(type_id, load_validated, accepts_context=True)


def _build(stored: Stored, options: LoadOptions) -> MitraClassifier | MitraRegressor:
    return _CLASSES[stored.type_id]._from_stored(stored, options)
