"""How a fitted estimator comes back from a bundle."""

import os
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import InvalidParameterError

from ._bundles.estimators import Stored, read_bundle
from ._bundles.fields import BundleFields
from ._common.fields import brief
from ._errors import BundleError
from ._members.build import learn_views
from ._members.kinds import PLAIN
from ._members.member import View, are_trees, unpack_views
from ._members.target_encoding import LevelMeans
from ._members.training_table import TrainingTable
from ._network.config import Config
from ._network.context import Context
from ._network.network import Network
from ._network.quantiles import LARGEST_SHOWN
from ._network.resolve import resolve_network, resolve_stored
from ._params import NOT_STORED
from ._preprocessing.encoder import TableEncoder
from ._saving import Saved

# No path has as many characters as the former; and the most to say of a wrong parameter.
_LONGEST_NAME, _LONGEST_MESSAGE = 4096, 1000

E = TypeVar("E", bound="Loaded")


class LoadOptions(NamedTuple):
    """What somebody who loads a bundle wants; see :meth:`Loaded.load`.

    Attributes
    ----------
    model : str, PathLike or None
    n_estimators : int or None
    trusted : bool
    """

    model: str | os.PathLike[str] | None = None
    n_estimators: int | None = None
    trusted: bool = False


class Loaded(Saved):
    """An estimator that can be loaded from a bundle."""

    _context: Context

    # Parameters before there were any others to choose: of old bundles, and other packages'.
    _former_params: ClassVar[dict[str, Any]] = {"members": PLAIN}
    # Further ones with which a fit learns what one in JavaScript does.
    _javascript_params: ClassVar[dict[str, Any]] = {"n_estimators": 1}

    @abstractmethod
    def _unpack_target(self, learned: BundleFields, stored: Stored) -> None:
        """Take back what :meth:`_pack_target` returned."""

    @abstractmethod
    def _take_target(self, stored: Stored, config: Config) -> None:
        """Learn the target from a bundle that another package wrote."""

    @classmethod
    def load(
        cls: type[E],
        source: Any,
        model: str | os.PathLike[str] | None = None,
        n_estimators: int | None = None,
        trusted: bool = False,
    ) -> E:
        """Read an estimator from a ``.wlrn`` bundle.

        Parameters
        ----------
        source : str, PathLike or bytes-like
            A file, or the bundle itself.
        model : str or PathLike, default=None
            The checkpoint or ``.onnx`` file to use, as for the parameter ``model`` of the
            estimator. None is the checkpoint that the bundle names; "mini" if it names none, as
            bundles of the JavaScript package do.
        n_estimators : int, default=None
            Ensemble members to use. None is those of the bundle; a bundle of the JavaScript
            package has one.
        trusted : bool, default=False
            Whether you trust whoever made the bundle. If not, the checkpoint that it names has to
            be embedded or in the hub's cache: no file or directory is looked for and nothing is
            downloaded because a bundle says so.

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

        Warns
        -----
        UserWarning
            If the bundle was made with an ``.onnx`` file, and ``model`` isn't given.
        """
        return cls._from_stored(read_bundle(source), LoadOptions(model, n_estimators, trusted))

    @classmethod
    def _from_stored(cls: type[E], stored: Stored, options: LoadOptions) -> E:
        if stored.type_id != cls._bundle_type:
            raise BundleError(
                f"Expected a bundle of type {cls._bundle_type}. Got {stored.type_id}."
            )
        if np.abs(stored.x).max() > LARGEST_SHOWN:
            raise BundleError("The artifact 'support_x' holds values too large to compute with.")
        if stored.learned is None:
            # of its seed, a selection takes no more than these bits
            seed = stored.seed & 0x7FFFFFFF
            params = {"max_support": stored.max_support, "random_state": seed}
            params = {**params, **cls._former_params, **cls._javascript_params}
            estimator = cls._make(params, options)
            estimator._take_foreign(stored, seed, options)
        else:
            params = stored.learned.get("params", "an object", dict)
            if stored.version < 3:
                params = {**cls._former_params, **params}
            estimator = cls._make(params, options)
            estimator._take_back(stored, stored.learned, options)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            estimator._make_context()
        for x, y in estimator._context.tables:
            if not (np.abs(x).max() <= LARGEST_SHOWN and np.isfinite(y).all()):
                raise BundleError("The bundle's views show values too large to compute with.")
        return estimator

    @classmethod
    def _make(cls: type[E], params: Mapping[str, Any], options: LoadOptions) -> E:
        """An unfitted estimator with checked parameters."""
        wanted = {"model": options.model, "n_estimators": options.n_estimators}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        cls(**wanted)._validate_params()  # what the caller got wrong is no fault of the bundle
        names = set(cls().get_params()) - NOT_STORED
        if not set(params) <= names:
            unknown = brief(sorted(set(params) - names))
            raise BundleError(f"Unknown parameters in the bundle: {unknown}.")
        estimator = cls(**{**params, **wanted})
        try:
            estimator._validate_params()
        except InvalidParameterError as error:
            message = f"A parameter in the bundle is wrong. {error}"
            raise BundleError(message[:_LONGEST_MESSAGE]) from None
        return estimator

    def _take_back(self, stored: Stored, learned: BundleFields, options: LoadOptions) -> None:
        """Take what :meth:`save` wrote."""
        n_support, n_encoded = stored.x.shape
        self.X_support_ = stored.x
        self._seed = learned.get("seed", "an integer, 0 to 2**32 - 1", int)
        learned.require(0 <= self._seed < 2**32, "seed", "an integer, 0 to 2**32 - 1")
        self._encoder = TableEncoder.unpack(learned, stored.version, n_encoded)
        self.n_features_in_ = len(self._encoder.columns)
        has_offset = self._encoder.offsets != 0
        if has_offset.any():
            near = learned.array("nearSupport", "<f4", n_support, int(has_offset.sum()))
            learned.require(
                bool((np.abs(near) <= LARGEST_SHOWN).all()), "nearSupport", "not so large"
            )
            self.X_support_[:, has_offset] = near
        elif stored.version > 1:
            learned.get("nearSupport", "null, since no column has an offset", type(None))
        if learned.optional("indices"):
            indices = learned.array("indices", "<i8", n_support)
            is_ascending = bool(indices[0] >= 0 and (np.diff(indices) > 0).all())
            learned.require(is_ascending, "indices", "ascending rows")
            self.support_indices_ = indices
        if learned.get("featureNames", "a list or null", list, type(None)) is not None:
            names = learned.strings("featureNames", self.n_features_in_)
            self.feature_names_in_ = np.array(names, dtype=object)
        self._unpack_target(learned, stored)
        n_classes = self._n_classes
        n_columns = n_encoded
        if stored.version > 3 and learned.optional("levelMeans"):
            means = learned.fields("levelMeans")
            rest = n_support, self._encoder.n_levels, n_classes
            self._level_means = LevelMeans.unpack(means, *rest)
            n_columns += self._level_means.n_columns
        sizes = n_support, n_columns, n_classes
        self._views = unpack_views(learned, stored.version, *sizes, self._encoder.shown)
        network = self._find_network(learned.fields("checkpoint"), options)
        most = network.config.dim_output
        for view in self._views if n_classes else ():
            fits = view.target.n_shown <= most
            key = "labels" if view.node is None else "views"
            learned.require(fits, key, f"at most {most}, the checkpoint's outputs")
        if n_classes:
            are_complete = are_trees(self._views, self.y_support_)
            learned.require(are_complete, "views", "whole trees of the classes in the support")
        if options.n_estimators is not None:
            self._views = self._change_number(options.n_estimators, network.config)
        self._take_network(network)
        if options.model is None:  # the next fit takes the checkpoint that was checked
            self.model = self.checkpoint_["name"]

    def _find_network(self, was: BundleFields, options: LoadOptions) -> Network:
        """The network of a bundle of ours."""
        name, sha256 = was.get("name", "a string", str), was.get("sha256", "a string", str)
        name = name[:_LONGEST_NAME]
        was.require(len(sha256) == 64, "sha256", "of 64 characters")
        if options.model is None:
            network = resolve_stored(name, self._task, sha256, options.trusted)
        else:
            network = resolve_network(options.model, self._task, sha256)
        if network.file.sha256 != sha256:
            raise BundleError(
                f"The bundle was made with a checkpoint {name!r} of sha256 {sha256}. "
                f"{network.file.name!r} is another, of sha256 {network.file.sha256}. Pass the "
                "former as model, for example as a directory, or fit again."
            )
        return network

    def _take_foreign(self, stored: Stored, seed: int, options: LoadOptions) -> None:
        """Take what the JavaScript package wrote, which is to predict here what it does there."""
        network = resolve_network(self.model, self._task)
        self._take_network(network)
        if stored.onnx_sha256 not in (None, network.onnx_sha256):
            made = f"The bundle was made with an .onnx file of sha256 {stored.onnx_sha256:.64}."
            if network.onnx_sha256 is not None:
                raise BundleError(
                    f"{made} {network.file.name!r} is another, of sha256 {network.onnx_sha256}. "
                    "Pass the former as model."
                )
            if options.model is None:
                warnings.warn(
                    f"{made} It is used with the checkpoint {network.file.name!r} here, and may "
                    "predict something else. Pass the file as model, or the checkpoint that it "
                    "was made of.",
                    UserWarning,
                    stacklevel=4,
                )
        self._seed = seed
        self.n_features_in_ = stored.x.shape[1]
        self._encoder, self.X_support_ = TableEncoder.fit(stored.x)
        self._take_target(stored, network.config)
        # constant columns, too: the package doesn't leave them out
        columns = np.arange(self.n_features_in_)
        self._views = self._make_plain(self.n_estimators or 1, columns, network.config)

    def _change_number(self, n_members: int, config: Config) -> list[View]:
        """The views of so many members: the first of a bundle, or further if all are plain."""
        n_nodes = self._views[0].n_nodes
        n_found = len(self._views) // n_nodes
        if n_members <= n_found:
            return self._views[: n_members * n_nodes]
        if self._level_means is not None or not all(view.is_plain for view in self._views):
            raise ValueError(
                f"The bundle has {n_found} ensemble members, made of training rows that "
                f"it doesn't hold. Got n_estimators={n_members}; ask for no more, or fit again."
            )
        return self._make_plain(n_members, self._views[0].columns, config)

    def _make_plain(self, n_members: int, columns: NDArray[np.int64], config: Config) -> list[View]:
        rows, n_levels = np.arange(len(self.X_support_)), self._encoder.n_levels
        support = self.X_support_, self.y_support_, rows
        table = TrainingTable(*support, columns, n_levels, self._n_classes)
        return learn_views([PLAIN] * n_members, table, config.dim_output, self._seed)[1]

    def _take_network(self, network: Network) -> None:
        self.checkpoint_ = {"name": network.file.name, "sha256": network.file.sha256}
        self._onnx_sha256 = network.onnx_sha256
