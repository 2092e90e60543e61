"""From the ``model`` parameter of an estimator to a network."""

import os

from .._common.fields import brief
from .._errors import CheckpointError
from .checkpoint import CHECKPOINTS, find_checkpoint, resolve_checkpoint
from .config import TASKS
from .interchange import SUFFIX, InterchangeNetwork, resolve_interchange
from .network import Network
from .serving import ServingNetwork


def resolve_network(model: str | os.PathLike[str], task: str, sha256: str | None = None) -> Network:
    """Find the network of a name; see the parameter ``model`` of the estimators.

    Parameters
    ----------
    model : str or os.PathLike
        What ends in ``.onnx`` is an interchange file; all else is a checkpoint, by the rules of
        :func:`~.checkpoint.resolve_checkpoint`.
    task : {"classification", "regression"}
    sha256 : str, default=None
        Of the weights that are wanted; others are not downloaded.

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
    return ServingNetwork(resolve_checkpoint(model, task, sha256))


def resolve_stored(name: str, task: str, sha256: str, trusted: bool = True) -> Network:
    """Find the network that something stored names.

    One that is embedded or in the hub's cache, with the same weights, is taken from there, and the
    hub isn't asked.

    Parameters
    ----------
    name : str
        As in :class:`~.weights.WeightsFile`.
    task : {"classification", "regression"}
    sha256 : str
        Of its weights.
    trusted : bool, default=True
        Whether to look for it at paths and on the hub, too.

    Returns
    -------
    network : Network

    Raises
    ------
    CheckpointError
        If it can't be had, is damaged, or is for another task. Whether it has the weights is for
        the caller to check.
    """
    checkpoint = find_checkpoint(name, task)
    if checkpoint is not None and (checkpoint.sha256 == sha256 or not trusted):
        return ServingNetwork(checkpoint)
    if not trusted:
        raise CheckpointError(
            f"The bundle names the checkpoint {brief(name)}, which is neither embedded nor in "
            "the hub's cache. Pass a checkpoint as model; or, if you trust whoever made the "
            "bundle, pass trusted=True to look for it where the bundle says, in files of this "
            "machine or on the hub."
        )
    return resolve_network(name, task, sha256)


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
