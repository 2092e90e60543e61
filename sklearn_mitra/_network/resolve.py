"""From the ``model`` parameter of an estimator to a network."""

import os

from .._errors import CheckpointError
from .checkpoint import CHECKPOINTS, resolve_checkpoint
from .config import TASKS
from .interchange import SUFFIX, InterchangeNetwork, resolve_interchange
from .network import Network
from .serving import ServingNetwork


def resolve_network(model: str | os.PathLike[str], task: str) -> Network:
    """Find the network of a name; see the parameter ``model`` of the estimators.

    Parameters
    ----------
    model : str or os.PathLike
        What ends in ``.onnx`` is an interchange file; all else is a checkpoint, by the rules of
        :func:`~.checkpoint.resolve_checkpoint`.
    task : {"classification", "regression"}

    Returns
    -------
    network : Network

    Raises
    ------
    CheckpointError
        If it can't be had, is damaged, or is for another task.
    """
    if isinstance(model, (str, os.PathLike)) and os.fsdecode(model).endswith(SUFFIX):
        return InterchangeNetwork(resolve_interchange(model, task))
    return ServingNetwork(resolve_checkpoint(model, task))


def resolve_networks(model: str | os.PathLike[str]) -> dict[str, Network]:
    """The networks of a name by task: both, or, of a directory, repository or file, the one it has.

    Parameters
    ----------
    model : str or os.PathLike

    Returns
    -------
    networks : dict of str to Network

    Raises
    ------
    CheckpointError
        If there is none.
    """
    networks, errors = {}, []
    for task in TASKS:
        try:
            networks[task] = resolve_network(model, task)
        except CheckpointError as error:
            if model in CHECKPOINTS:  # which has both
                raise
            errors.append(error)
    if not networks:
        raise errors[0]
    return networks
