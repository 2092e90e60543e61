"""How a network is run: threads, execution providers, precision."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import joblib

from .ort import onnxruntime

_CPU = (("CPUExecutionProvider", ()),)

Provider = str | tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Runtime:
    """Settings of sessions. Those of equal settings are shared.

    Attributes
    ----------
    n_threads : int
        Threads of a session.
    providers : tuple of (str, tuple of (str, object))
        Execution providers of onnxruntime in order of preference, each with its options.
    precision : {"float32", "int8"}
        Of the layers' matrix products.
    """

    n_threads: int = 1
    providers: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = _CPU
    precision: str = "float32"

    @classmethod
    def resolve(
        cls,
        n_jobs: int | None = None,
        providers: Sequence[Provider] | None = None,
        precision: str = "float32",
    ) -> "Runtime":
        """The settings that an estimator's parameters of these names mean.

        Raises
        ------
        ValueError
            If onnxruntime as installed lacks one of the providers, or they are given in another
            form than its own.
        """
        return cls(_resolve_threads(n_jobs), _resolve_providers(providers), precision)

    @property
    def is_cpu(self) -> bool:
        """Whether it is onnxruntime's CPU code, with its default options."""
        return self.providers == _CPU

    def as_onnxruntime(self) -> list[Provider]:
        """The providers as onnxruntime takes them."""
        return [(name, dict(options)) if options else name for name, options in self.providers]


def _resolve_threads(n_jobs: int | None) -> int:
    """Number of threads for scikit-learn's ``n_jobs``.

    None is all cores this process may use, but no more than ``OMP_NUM_THREADS``: joblib sets
    that variable in its worker processes to their share of the cores. Negative numbers count
    back from all cores. Threads without a core only wait for each other: there are never more.
    """
    cores: int = joblib.cpu_count()
    if n_jobs is None:
        share = os.environ.get("OMP_NUM_THREADS", "")
        return min(cores, int(share)) if share.isdecimal() and int(share) else cores
    return min(cores, n_jobs) if n_jobs > 0 else max(1, cores + 1 + n_jobs)


def _resolve_providers(
    providers: Sequence[Provider] | None,
) -> tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]:
    if providers is None:
        return _CPU
    available = onnxruntime.get_available_providers()
    resolved = []
    for provider in providers or ("",):  # an empty list is refused, too
        name: Any = provider
        options: Any = {}
        if isinstance(provider, (tuple, list)) and len(provider) == 2:
            name, options = provider
        if name not in available or not _are_options(options):
            raise ValueError(
                f"The providers parameter must list names out of {', '.join(available)}, which "
                "this onnxruntime has, or pairs of a name and a dict of its options. "
                f"Got {providers!r} instead."
            )
        resolved.append((name, tuple(sorted(options.items()))))
    return tuple(resolved)


def _are_options(options: object) -> bool:
    return isinstance(options, dict) and all(
        isinstance(key, str) and isinstance(value, (str, int, float))
        for key, value in options.items()
    )
