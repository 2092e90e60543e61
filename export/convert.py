"""From a checkpoint to one self-contained ``.onnx`` file, for any onnxruntime.

``sklearn-mitra convert`` traces :class:`~sklearn_mitra.export.tab2d.Tab2D`. ``docs/export.md``
describes the file.
"""

import contextlib
import json
import logging
import os
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad

import sklearn_mitra
from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.main import main
from sklearn_mitra._common.files import written
from sklearn_mitra._errors import CheckpointError
from sklearn_mitra._network.bins import bin_edges
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import TASKS
from sklearn_mitra._network.interchange import RANKED, SUFFIX
from sklearn_mitra._network.resolve import resolve_networks

from .tab2d import Tab2D, count_below

VARIANTS = {variant: task for task, variant in TASKS.items()}

# The first with Gelu. 23 has Attention, too, and is 8 % faster; but opset 20 is run by
# onnxruntime from 1.18 on, and by more of its backends.
_OPSET = 20

# Two of everything at least: torch takes a size of 1 for a constant.
_EXAMPLE = {"batch": 2, "n_support": 5, "n_features": 3, "n_query": 4}
_INPUTS = {
    "x_support": ("batch", "n_support", "n_features"),
    "y_support": ("batch", "n_support"),
    "x_query": ("batch", "n_query", "n_features"),
    "padding_obs_support": ("batch", "n_support"),
}


class Interchange(nn.Module):
    """Tab2D between the inputs and the output of an interchange file.

    Parameters
    ----------
    network : Tab2D
    profile : {"upstream", "wlearn"}
        "upstream" takes and gives what the network does, with targets scaled to 0..1 (for a
        regressor with bins, too). "wlearn" is for clients that feed raw targets and take the
        output as it is: targets are scaled in the graph and predictions scaled back, and
        logits are cut to as many classes as the support's labels, 0 to their maximum, span.
    """

    def __init__(self, network, profile):
        super().__init__()
        self.network = network
        self.is_raw = profile == "wlearn"
        n_bins = network.config.dim_output
        if network.config.task == "regression" and n_bins > 1:
            edges = bin_edges(n_bins)
            self.register_buffer("edges", torch.from_numpy(edges), persistent=False)
            centres = (edges[:-1].astype(np.float64) + edges[1:]) / 2
            self.register_buffer("centres", torch.from_numpy(centres), persistent=False)

    def forward(self, x_support, y_support, x_query, padding_obs_support):
        """See :meth:`Tab2D.forward`; always targets instead of bins."""
        table = x_support, x_query, padding_obs_support
        if self.network.config.task == "classification":
            return (self._raw_logits if self.is_raw else self._run)(y_support, *table)
        if not self.is_raw:
            return self._targets(y_support, *table)
        y = y_support.double()  # a range may be too large for float32
        low = torch.where(padding_obs_support, torch.inf, y).amin(dim=1, keepdim=True)
        high = torch.where(padding_obs_support, -torch.inf, y).amax(dim=1, keepdim=True)
        scale = torch.where(high > low, high - low, 1.0)
        y = self._targets(((y - low) / scale).float(), *table).double()
        return (low + torch.where(high > low, y * scale, 0.0)).float()

    def _raw_logits(self, labels, x_support, x_query, padding):
        """Logits of each table's own classes; minus infinity, where others have more classes."""
        y, n_classes = rank_labels(labels, padding)
        logits = self._run(y, x_support, x_query, padding)
        columns = torch.arange(logits.shape[2], device=logits.device)
        logits = torch.where(columns < n_classes.unsqueeze(2), logits, -torch.inf)
        return logits[:, :, : n_classes.max()]

    def _targets(self, y, *table):
        """Scaled targets of the support to those of the query."""
        if self.network.config.dim_output == 1:
            return self._run(y, *table)
        n_bins = len(self.centres)
        bins = count_below(self.edges.expand(y.shape[0], -1), y) - 1
        logits = self._run(bins.clamp(0, n_bins - 1), *table)
        return (logits.double().softmax(dim=2) * self.centres).sum(dim=2).float()

    def _run(self, y, x_support, x_query, padding):
        return self.network(x_support, y, x_query, padding)


def rank_labels(labels, padding):
    """Labels to class ids: ranks among the distinct labels of the rows that are not padded.

    Parameters
    ----------
    labels : Tensor of shape (b, s), int64
    padding : Tensor of shape (b, s), bool

    Returns
    -------
    ids : Tensor of shape (b, s), int64
        0 to K-1 in a table of K classes; 0 in padded rows.
    n_classes : Tensor of shape (b, 1), int64
        K of each table.
    """
    largest = torch.iinfo(torch.int64).max
    lowest = torch.where(padding, largest, labels).amin(dim=1, keepdim=True)
    ordered, order = torch.where(padding, lowest, labels).sort(dim=1)
    is_new = ordered[:, 1:] != ordered[:, :-1]
    ids = pad(is_new.long(), (1, 0)).cumsum(dim=1)
    return torch.zeros_like(labels).scatter(1, order, ids), ids[:, -1:] + 1


def export(checkpoint, path, profile="upstream", report=None):
    """Write a checkpoint as an interchange file.

    The same versions of this package, torch and onnxscript give the same bytes.

    Parameters
    ----------
    checkpoint : sklearn_mitra._network.checkpoint.Checkpoint
    path : str
        Replaced, if it exists, once the new file is complete.
    profile : {"upstream", "wlearn"}, default="upstream"
        See :class:`Interchange`.
    report : callable, default=None
        Called with a few words at the start of every step.
    """
    report = report or (lambda step: None)
    report(f"reading {checkpoint.weights_file}")
    network = Tab2D.from_checkpoint(checkpoint)
    report(f"tracing {checkpoint.config.n_layers} layers")
    model = _trace(Interchange(network, profile).eval())
    config = checkpoint.config
    metadata = {
        "config": json.dumps(config.as_json()),
        "n_estimators": str(checkpoint.n_estimators),
        "package_version": sklearn_mitra.__version__,
        "profile": profile,
        "weights_sha256": checkpoint.sha256,
    }
    if profile == "wlearn" and config.task == "classification":
        metadata["labels"] = RANKED
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    model.producer_name, model.producer_version = "sklearn-mitra", sklearn_mitra.__version__
    report("writing")
    with written(path) as file:
        file.write(model.SerializeToString(deterministic=True))


def _trace(module):
    """A network as a ModelProto, with every dimension dynamic and no trace of where it was."""
    config = module.network.config
    sizes = [[_EXAMPLE[axis] for axis in axes] for axes in _INPUTS.values()]
    label = torch.int64 if config.task == "classification" else torch.float32
    types = torch.float32, label, torch.float32, torch.bool
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            tuple(torch.zeros(size, dtype=dtype) for size, dtype in zip(sizes, types)),
            input_names=list(_INPUTS),
            output_names=["output"],
            dynamic_shapes={name: dict(enumerate(axes)) for name, axes in _INPUTS.items()},
            opset_version=_OPSET,
            external_data=False,
            verbose=False,
        )
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del part.metadata_props[:]  # among them the paths of source files
        part.doc_string = ""
    for axis in model.graph.output[0].type.tensor_type.shape.dim:
        if axis.dim_param and axis.dim_param not in _EXAMPLE:
            axis.dim_param = "n_classes"  # a number that depends on the labels
    return model


@contextlib.contextmanager
def _quiet():
    """Without the exporter's remarks on itself and on packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# ---- the command ---------------------------------------------------------------------------------


def resolve_variants(model, variant):
    """The checkpoints that a command is about.

    Parameters
    ----------
    model : str
        As the estimators' ``model``, but not an ``.onnx`` file.
    variant : {"classifier", "regressor", "all"}
        "all" is what there is: a directory or a repository has one or the other.

    Returns
    -------
    checkpoints : dict of str to Checkpoint
        By variant.

    Raises
    ------
    CheckpointError
        If there is no such checkpoint.
    """
    if model.endswith(SUFFIX):
        raise CheckpointError(f"{model!r} is an interchange file already. Pass its checkpoint.")
    if variant != "all":
        return {variant: resolve_checkpoint(model, VARIANTS[variant])}
    return {TASKS[task]: network.file for task, network in resolve_networks(model).items()}


def run_command(options):
    """Run the command, with its arguments.

    Returns
    -------
    status : int
    """
    if options.output and os.path.isdir(options.output):
        raise CommandError(f"--output {options.output} is a directory. Pass a file in it.")
    if options.output and not os.path.isdir(os.path.dirname(options.output) or "."):
        raise CommandError(f"There is no directory for --output {options.output}.")
    checkpoints = resolve_variants(options.model, options.variant)
    if options.output and len(checkpoints) > 1:
        raise CommandError("--output is one file. Pass --variant classifier or regressor, too.")
    for variant, checkpoint in checkpoints.items():
        path = options.output or _default_path(options.model, variant, options.profile)
        start = time.monotonic()

        def report(step, path=path):
            print(f"{path}: {step} ...", file=sys.stderr, flush=True)

        export(checkpoint, path, options.profile, report)
        seconds, size = time.monotonic() - start, os.path.getsize(path) / 1e6
        print(f"{path}: {size:.1f} MB in {seconds:.0f} s", file=sys.stderr)
    return 0


def _default_path(model, variant, profile):
    name = os.path.basename(os.path.normpath(model)).partition("@")[0]
    parts = [name] if name.endswith(variant) else [name, variant]
    return "-".join(parts + ["wlearn"] * (profile == "wlearn")) + ".onnx"


if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))
