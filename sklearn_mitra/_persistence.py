"""Fitted models as ``.wlrn`` bundles, and back; also reads bundles of ``@wlearn/mitra``."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._bundles.estimators import CLASSIFIER, REGRESSOR, Stored, write_bundle
from ._bundles.fields import BundleFields, pack
from ._common.warnings import warn_user
from ._errors import BundleError
from ._fitted import CheckpointId, FittedModel, Support
from ._members.build import build_members
from ._members.functions import Functions
from ._members.kinds import PLAIN
from ._members.member import EnsembleMember, unpack_members
from ._members.target_encoding import TargetEncoding
from ._members.training_table import TrainingTable
from ._members.tree_models import TreeModel
from ._network.config import Config
from ._network.network import Network
from ._network.quantiles import LARGEST_SHOWN
from ._network.resolve import resolve_network, resolve_stored
from ._preprocessing.encoder import TableEncoder
from ._targets.classes import ClassTarget
from ._targets.numbers import NumberTarget
from ._uncertainty.conformal import Conformal
from ._uncertainty.weights import Weights

# No path is as long as this.
_LONGEST_NAME = 4096
_TYPES = {"classification": CLASSIFIER, "regression": REGRESSOR}
_TASKS = {type_id: task for task, type_id in _TYPES.items()}


class LoadOptions(NamedTuple):
    """How to load a bundle; see :func:`sklearn_mitra.load`.

    Attributes
    ----------
    model : str, PathLike or None
    n_estimators : int or None
    trusted : bool
    """

    model: str | os.PathLike[str] | None = None
    n_estimators: int | None = None
    trusted: bool = False


# ---- to a bundle ---------------------------------------------------------------------------------


def pack_model(model: FittedModel, params: Mapping[str, Any], others: Mapping[str, Any]) -> bytes:
    """Pack a fitted model as a bundle.

    Parameters
    ----------
    model : FittedModel
    params : mapping of str to object
        The estimator's parameters, as JSON.
    others : mapping of str to object
        Further fields, as JSON.

    Returns
    -------
    bundle : bytes

    Raises
    ------
    BundleError
        If a bundle can't hold one of the class labels, targets or categories.
    """
    encoder, target, (x, y, indices) = model.encoder, model.target, model.support
    functions, max_support, checkpoint = Functions(), params["max_support"], model.checkpoint
    has_offset = encoder.offsets != 0
    encoding, names = model.target_encoding, model.feature_names
    learned = {
        "params": params,
        "seed": model.seed,
        "checkpoint": checkpoint and {"name": checkpoint.name, "sha256": checkpoint.sha256},
        "featureNames": None if names is None else names.tolist(),
        **encoder.pack(),
        # columns with an offset, since float32 can't hold their values with the offset added
        "nearSupport": pack(x[:, has_offset]) if has_offset.any() else None,
        "levelMeans": None if encoding is None else encoding.pack(),
        "indices": None if indices is None else pack(indices),
        "views": [member.pack(y, functions) for member in model.members],
        **functions.pack(),
        **target.pack(y),
        **({} if model.conformal is None else {"heldOut": model.conformal.pack()}),
        **({} if model.weights is None else _pack_weights(model, model.weights)),
        **others,
    }
    return write_bundle(
        _TYPES[target.task],
        x + encoder.offsets,  # other packages know no offsets
        y,
        target.classes if isinstance(target, ClassTarget) else None,
        checkpoint and checkpoint.onnx_sha256,
        {"maxSupport": len(x) if max_support is None else max_support, "seed": model.seed},
        learned,
    )


def _pack_weights(model: FittedModel, weights: Weights) -> dict[str, Any]:
    models = [None if m is None else m.pack() for m in model.models]
    return {"models": models, "memberWeights": weights.pack()}


# ---- from a bundle -------------------------------------------------------------------------------


def unpack_model(stored: Stored, learned: BundleFields, options: LoadOptions) -> FittedModel:
    """Read what :func:`pack_model` wrote.

    Parameters
    ----------
    stored : Stored
    learned : BundleFields
        The bundle's artifact ``sklearn_mitra``.
    options : LoadOptions

    Raises
    ------
    BundleError
        If the bundle is invalid, or made with other weights.
    CheckpointError
        If the checkpoint is not available.
    ValueError
        If more ensemble members are requested than the bundle has, and no more can be made.
    """
    n_support, n_encoded = stored.x.shape
    seed = learned.get("seed", "an integer, 0 to 2**32 - 1", int)
    learned.require(0 <= seed < 2**32, "seed", "an integer, 0 to 2**32 - 1")
    encoder = TableEncoder.unpack(learned, n_encoded)
    x, indices = _unpack_support(learned, stored, encoder)
    names = None
    if learned.get("featureNames", "a list or null", list, type(None)) is not None:
        names = np.array(learned.strings("featureNames", len(encoder.columns)), dtype=object)
    target, y = _unpack_target(learned, stored)
    n_columns, encoding = n_encoded, None
    if learned.optional("levelMeans"):
        encoding = TargetEncoding.unpack(
            learned.fields("levelMeans"), n_support, encoder.n_categories, target.n_classes
        )
        n_columns += encoding.n_columns
    weights, models = _unpack_weights(learned, n_columns, target.n_classes)
    checkpoint = _unpack_checkpoint(learned, stored)
    needs_network = any(weights.network) if weights else bool(checkpoint or not target.is_constant)
    members, config = [], None
    if needs_network:
        is_named = checkpoint is not None
        learned.require(is_named, "checkpoint", "an object, since members use the network")
        assert checkpoint is not None
        members = unpack_members(learned, y, n_columns, target.n_classes)
        network = _find_network(checkpoint, _TASKS[stored.type_id], options)
        checkpoint, config = CheckpointId.of(network), network.config
        most = config.dim_output
        for member in members if target.n_classes else ():
            key = "labels" if member.target.node is None else "views"
            fits = member.target.n_shown <= most
            learned.require(fits, key, f"at most {most}, the checkpoint's outputs")
    conformal = None
    if "heldOut" in learned and isinstance(target, NumberTarget):
        conformal = Conformal.unpack(learned.fields("heldOut"), n_columns)
    # These residuals can't be computed from the support set: tree models were fitted to it.
    is_known = weights is None or target.n_classes > 0 or conformal is not None
    learned.require(is_known, "heldOut", "present if members have weights")
    support = Support(x, y, indices)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        model = FittedModel(
            encoder,
            target,
            support,
            encoding,
            members,
            checkpoint,
            seed,
            names,
            conformal,
            models,
            weights,
        )
        if weights is not None:
            fits = model.n_members == sum(weight > 0 for weight in weights.network)
            learned.require(fits, "memberWeights", "the weights of the members in 'views'")
        if options.n_estimators is not None:
            model = _with_number(model, options.n_estimators, config)
    return _checked(model)


def unpack_foreign(
    stored: Stored, model: str | os.PathLike[str], n_estimators: int, options: LoadOptions
) -> FittedModel:
    """Read a bundle written by JavaScript, so that it predicts the same here as there.

    Parameters
    ----------
    stored : Stored
    model : str or PathLike
        The checkpoint or ``.onnx`` file to use.
    n_estimators : int
    options : LoadOptions

    Raises
    ------
    BundleError, CheckpointError
        See :func:`unpack_model`.
    """
    network = resolve_network(model, _TASKS[stored.type_id])
    _check_foreign_network(stored, network, options)
    encoder, x = TableEncoder.fit(stored.x)
    target: ClassTarget | NumberTarget
    y: NDArray[Any]
    if stored.type_id == CLASSIFIER:
        target, y = ClassTarget.among(np.array(stored.classes, np.int32), stored.y)
        if target.n_classes > network.config.dim_output:
            raise BundleError(
                f"The bundle has {target.n_classes} classes, but the checkpoint {model!r} "
                f"can tell at most {network.config.dim_output} apart."
            )
    else:
        target, y = NumberTarget.fit(stored.y, "none")
    # including constant columns, which JavaScript doesn't leave out
    columns = np.arange(stored.x.shape[1])
    support, seed = Support(x, y), foreign_seed(stored)
    members = _make_plain(
        support,
        encoder,
        target,
        columns=columns,
        n_members=n_estimators,
        config=network.config,
        seed=seed,
    )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        checkpoint = CheckpointId.of(network)
        fitted = FittedModel(encoder, target, support, None, members, checkpoint, seed)
    return _checked(fitted)


def foreign_seed(stored: Stored) -> int:
    """The seed of a JavaScript bundle, reduced to the bits that the selection uses."""
    return stored.seed & 0x7FFFFFFF


def check_support(stored: Stored) -> None:
    """Raise a BundleError if the support holds values too large to compute with."""
    if np.abs(stored.x).max() > LARGEST_SHOWN:
        raise BundleError("The artifact 'support_x' holds values too large to compute with.")


def _unpack_support(
    learned: BundleFields, stored: Stored, encoder: TableEncoder
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """The encoded support set and, if known, the indices of its rows."""
    x, has_offset = stored.x, encoder.offsets != 0
    if has_offset.any():
        near = learned.array("nearSupport", "<f4", len(x), int(has_offset.sum()))
        is_small = bool((np.abs(near) <= LARGEST_SHOWN).all())
        learned.require(is_small, "nearSupport", "small enough to compute with")
        x[:, has_offset] = near
    else:
        learned.get("nearSupport", "null, since no column has an offset", type(None))
    indices = None
    if learned.optional("indices"):
        indices = learned.array("indices", "<i8", len(x))
        is_ascending = bool(indices[0] >= 0 and (np.diff(indices) > 0).all())
        learned.require(is_ascending, "indices", "ascending rows")
    return x, indices


def _unpack_weights(
    learned: BundleFields, n_columns: int, n_classes: int
) -> tuple[Weights | None, tuple[TreeModel | None, ...]]:
    """The weights of the members, and the members that need no network."""
    if "models" not in learned:
        return None, ()
    packed = learned.objects("models", empty=True, null=True)
    weights = Weights.unpack(learned.fields("memberWeights"), len(packed))
    models: list[TreeModel | None] = []
    for weight, fields in zip(weights.models, packed):
        fits = (fields is None) == (weight == 0)
        learned.require(fits, "models", "null exactly where the weight is 0")
        models.append(None if fields is None else TreeModel.unpack(fields, n_columns, n_classes))
    return weights, tuple(models)


def _unpack_target(
    learned: BundleFields, stored: Stored
) -> tuple[ClassTarget | NumberTarget, NDArray[Any]]:
    if stored.type_id == CLASSIFIER:
        return ClassTarget.unpack(learned, stored)
    return NumberTarget.unpack(learned, stored)


def _unpack_checkpoint(learned: BundleFields, stored: Stored) -> CheckpointId | None:
    """The checkpoint that one of our bundles was made with, if any."""
    if not learned.optional("checkpoint"):
        return None
    was = learned.fields("checkpoint")
    name, sha256 = was.get("name", "a string", str), was.get("sha256", "a string", str)
    was.require(len(sha256) == 64, "sha256", "of 64 characters")
    return CheckpointId(name[:_LONGEST_NAME], sha256, stored.onnx_sha256)


def _find_network(checkpoint: CheckpointId, task: str, options: LoadOptions) -> Network:
    """The network of a bundle's checkpoint."""
    name, sha256, _ = checkpoint
    if options.model is None:
        network = resolve_stored(name, task, sha256, options.trusted)
    else:
        network = resolve_network(options.model, task, sha256)
    if network.file.sha256 != sha256:
        raise BundleError(
            f"The bundle was made with a checkpoint {name!r} of sha256 {sha256}. "
            f"{network.file.name!r} is a different one, of sha256 {network.file.sha256}. Pass the "
            "former as model, for example as a directory, or fit again."
        )
    return network


def _check_foreign_network(stored: Stored, network: Network, options: LoadOptions) -> None:
    """Raise or warn if the network isn't the one that a JavaScript bundle was made with."""
    if stored.onnx_sha256 in (None, network.onnx_sha256):
        return
    made = f"The bundle was made with an .onnx file of sha256 {stored.onnx_sha256:.64}."
    if network.onnx_sha256 is not None:
        raise BundleError(
            f"{made} {network.file.name!r} is a different one, of sha256 {network.onnx_sha256}. "
            "Pass the former as model."
        )
    if options.model is None:
        warn_user(
            f"{made} It is loaded with the checkpoint {network.file.name!r}, and its predictions "
            "may differ. Pass as model the file, or the checkpoint that the file was made from."
        )


def _checked(model: FittedModel) -> FittedModel:
    for x, y in model.context.tables if model.members else ():
        if not (np.abs(x).max() <= LARGEST_SHOWN and np.isfinite(y).all()):
            raise BundleError("The bundle's members show values too large to compute with.")
    return model


def _with_number(model: FittedModel, n_members: int, config: Config | None) -> FittedModel:
    """The model with another number of the network's members, which share their weight equally."""
    weights = model.weights
    if config is None:
        raise ValueError(
            f"The bundle has no ensemble members that use the network. Got n_estimators={n_members}"
            ". Leave it out, or fit again."
        )
    if n_members == model.n_members:
        return model
    if weights is not None and not model.target.n_classes:
        raise ValueError(
            f"The bundle's intervals belong to its {model.n_members} ensemble members that use the "
            f"network. Got n_estimators={n_members}. Pass {model.n_members}, or fit again."
        )
    members = _change_number(model, n_members, config)
    if weights is not None:
        weights = weights._replace(network=(sum(weights.network) / n_members,) * n_members)
    return replace(model, members=members, weights=weights, conformal=None)


def _change_number(model: FittedModel, n_members: int, config: Config) -> list[EnsembleMember]:
    """The first ``n_members`` members of a bundle. If all are plain, more can be made."""
    n_found = model.n_members
    if n_members <= n_found:
        return model.members[: n_members * model.members[0].target.n_nodes]
    if model.target_encoding is not None or not all(member.is_plain for member in model.members):
        raise ValueError(
            f"The bundle has {n_found} ensemble members, built from training rows that it doesn't "
            f"contain. Got n_estimators={n_members}. Pass at most {n_found}, or fit again."
        )
    return _make_plain(
        model.support,
        model.encoder,
        model.target,
        columns=model.members[0].columns,
        n_members=n_members,
        config=config,
        seed=model.seed,
    )


def _make_plain(
    support: Support,
    encoder: TableEncoder,
    target: ClassTarget | NumberTarget,
    *,
    columns: NDArray[np.int64],
    n_members: int,
    config: Config,
    seed: int,
) -> list[EnsembleMember]:
    rows = np.arange(len(support.y))
    table = TrainingTable(
        support.x, support.y, rows, columns, encoder.n_categories, target.n_classes
    )
    return build_members([PLAIN] * n_members, table, config.dim_output, seed)[1]
