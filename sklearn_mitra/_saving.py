"""How a fitted estimator becomes a bundle."""

import os
from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ._bundles.canonical import MAX_INTEGER
from ._bundles.estimators import write_bundle
from ._bundles.fields import pack
from ._common.files import written
from ._members.functions import Functions
from ._members.member import View
from ._members.target_encoding import LevelMeans
from ._params import NOT_STORED
from ._pickles import Pickled
from ._preprocessing.encoder import TableEncoder


class Saved(Pickled):
    """An estimator that can be saved as a bundle."""

    _bundle_type: ClassVar[str]

    X_support_: NDArray[np.float32]
    y_support_: NDArray[Any]
    support_indices_: NDArray[np.int64]
    checkpoint_: dict[str, str]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    _encoder: TableEncoder
    _level_means: LevelMeans | None = None
    _onnx_sha256: str | None
    _seed: int
    _views: list[View]

    @property
    @abstractmethod
    def _n_classes(self) -> int:
        """0 for regression."""

    @abstractmethod
    def _pack_target(self) -> dict[str, Any]:
        """What was learned of y, as JSON."""

    def save(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """Write the fitted estimator as a ``.wlrn`` bundle.

        A bundle holds the support set, which is training rows, and all levels of categorical
        columns. It holds no weights of the network.

        Parameters
        ----------
        path : str or PathLike, default=None
            A file to write, too. An existing one is replaced once the new one is complete, and
            keeps its mode; a new one is for its owner alone. A stream, such as ``/dev/stdout``, is
            written to.

        Returns
        -------
        bundle : bytes

        Raises
        ------
        BundleError
            If a class label, target or category is of a kind that a bundle can't hold.
        OSError
            If ``path`` is empty, a directory, or can't be written.
        """
        self = self._snapshot()
        self._check_ready()
        params = self._pack_params()
        max_support = params["max_support"]
        bundle = write_bundle(
            self._bundle_type,
            self.X_support_ + self._encoder.offsets,  # as readers without this package take it
            self.y_support_,
            getattr(self, "classes_", None),
            self._onnx_sha256,
            {
                "maxSupport": len(self.X_support_) if max_support is None else max_support,
                "seed": self._seed,
            },
            {"params": params, **self._pack_learned()},
        )
        if path is not None:
            with written(path, private=True) as file:
                file.write(bundle)
        return bundle

    def _pack_learned(self) -> dict[str, Any]:
        indices = getattr(self, "support_indices_", None)
        names = getattr(self, "feature_names_in_", None)
        functions = Functions()
        return {
            "seed": self._seed,
            "checkpoint": self.checkpoint_,
            "featureNames": None if names is None else names.tolist(),
            **self._encoder.pack(),
            "nearSupport": self._pack_near(),
            "levelMeans": None if self._level_means is None else self._level_means.pack(),
            "indices": None if indices is None else pack(indices),
            "views": [view.pack(len(self.X_support_), functions) for view in self._views],
            **functions.pack(),
            **self._pack_target(),
        }

    def _pack_near(self) -> dict[str, Any] | None:
        """The support's columns with an offset, which float32 can't hold together with it."""
        has_offset = self._encoder.offsets != 0
        return pack(self.X_support_[:, has_offset]) if has_offset.any() else None

    def _pack_params(self) -> dict[str, Any]:
        params = {}
        for name, value in self.get_params(deep=False).items():
            if name in NOT_STORED:
                continue
            if name == "model":
                value = self.checkpoint_["name"]  # what was fitted, whatever was set since
            elif name == "max_support" and value is not None:
                value = min(value, MAX_INTEGER)
            elif name == "random_state" and not isinstance(value, (Integral, type(None))):
                value = self._seed  # what was drawn from the generator
            elif isinstance(value, tuple):
                value = list(value)  # members
            params[name] = value.item() if isinstance(value, np.generic) else value
        return params
