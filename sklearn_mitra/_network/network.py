"""What every network can do, whatever it is made of. Its users never ask what that is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import Config
from .plan import Workload
from .runtime import Runtime
from .weights import WeightsFile


@dataclass(frozen=True)
class Support:
    """A support table as a network remembers it.

    Attributes
    ----------
    workload : Workload
        Its size.
    inputs : dict of str to (ndarray or OrtValue)
        What the graph for query rows is told of it: keys and values, or the table itself.
    see : callable
        From query rows as they are to the graph's ``x_query``.
    is_kept : bool
        Whether ``inputs`` are keys and values.
    """

    workload: Workload
    inputs: dict[str, Any]
    see: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    is_kept: bool


class Network(ABC):
    """A pretrained network: a support table and query rows in, outputs out.

    Attributes
    ----------
    file : WeightsFile
        Where its weights are; and its name, sha256 and recommended number of ensemble members.
    can_keep : bool
        Whether it can keep the keys and values of a support between predictions.
    """

    file: WeightsFile
    can_keep: bool

    @property
    def config(self) -> Config:
        """Its hyperparameters."""
        return self.file.config

    @property
    def onnx_sha256(self) -> str | None:
        """sha256 of the interchange file that other languages can run in its place, if any."""
        return None

    @abstractmethod
    def check_runtime(self, runtime: Runtime) -> None:
        """Raise a ValueError if the network can't be run so."""

    @abstractmethod
    def remember(
        self, x: NDArray[np.float32], y: NDArray[Any], keeps: bool, runtime: Runtime
    ) -> Support:
        """Take in a support table.

        Parameters
        ----------
        x : ndarray of shape (n_support, n_features), float32
        y : ndarray of shape (n_support,), int64 or float32
            Class ids, or targets scaled to 0..1.
        keeps : bool
            Whether to compute its keys and values now. Only if ``can_keep``.
        runtime : Runtime
        """

    @abstractmethod
    def open(self, keeps: bool, runtime: Runtime) -> Any:
        """The session for query rows."""

    @abstractmethod
    def outputs(
        self, session: Any, support: Support, x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Run query rows.

        Parameters
        ----------
        session : onnxruntime.InferenceSession
            From :meth:`open`.
        support : Support
            From :meth:`remember`, with the same ``keeps``.
        x : ndarray of shape (n_rows, n_features), float32

        Returns
        -------
        outputs : ndarray of shape (n_rows, n_outputs), float32
            Logits of the classes or of the target's bins, or one column of scaled targets.
        """
