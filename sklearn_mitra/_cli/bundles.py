"""The command that shows the contents of a bundle."""

import argparse
import hashlib
from collections import Counter
from typing import Any

from .errors import named


def add_commands(commands: Any) -> None:
    """Add the command to an argument parser."""
    parser = commands.add_parser(
        "inspect",
        help="show the contents of a .wlrn bundle, with training values only on request",
        description="Show the contents of a .wlrn bundle. This needs no checkpoint.",
        epilog="example: sklearn-mitra inspect model.wlrn",
    )
    parser.add_argument("bundle", metavar="model", help="a .wlrn bundle")
    parser.add_argument(
        "--values",
        action="store_true",
        help="also show values of the training table: class labels, categories, range of "
        "the target",
    )
    parser.set_defaults(run=run_inspect)


def run_inspect(options: argparse.Namespace) -> int:
    """Print the contents of a bundle."""
    from .._bundles.estimators import CLASSIFIER, read_bundle

    with open(options.bundle, "rb") as file:
        data = file.read()
    with named(options.bundle):
        stored = read_bundle(data)
    is_classifier = stored.type_id == CLASSIFIER
    _print("type", stored.type_id)
    _print("size", f"{len(data)} bytes")
    _print("sha256", hashlib.sha256(data).hexdigest())
    _print("training rows", f"{len(stored.x)} (the support set)")
    _print("encoded columns", str(stored.x.shape[1]))
    learned = stored.learned
    if learned is None:
        _print("made by", "another package, such as @wlearn/mitra")
        _print("onnx sha256", str(stored.onnx_sha256))
    else:
        _print("format", str(learned.count("format")))
        if learned.optional("checkpoint"):
            checkpoint = learned.fields("checkpoint")
            for key in ("name", "sha256"):
                _print(f"checkpoint {key}", checkpoint.get(key, "a string", str))
        else:
            _print("checkpoint", "none: no member uses the network")
        params = learned.get("params", "an object", dict)
        _print("parameters", ", ".join(f"{k}={v!r}" for k, v in sorted(params.items())))
        _print("ensemble members", str(_count_members(learned)))
        names = learned.get("featureNames", "a list or null", list, type(None))
        _print("columns", "without names" if names is None else ", ".join(map(str, names)))
    if is_classifier:
        _print("classes", str(len(set(stored.y.tolist()))))
    if options.values:
        _print_values(stored, is_classifier)
    return 0


def _count_members(learned: Any) -> int:
    """Number of ensemble members whose weight is not 0, at least one as in ``member_weights_``."""
    models = learned.objects("models", empty=True, null=True) if "models" in learned else []
    n_models = sum(model is not None for model in models)
    views = learned.objects("views", empty=True)
    has_nodes = len(views) > 0 and "node" in views[0]
    n_nodes = views[0].fields("node").count("nNodes") if has_nodes else 1
    return max(1, len(views) // n_nodes + n_models)


def _print_values(stored: Any, is_classifier: bool) -> None:
    from .._preprocessing.encoder import TableEncoder

    if is_classifier:
        labels = stored.classes
        if stored.learned is not None:
            labels = stored.learned.labels("labels").tolist()
        _print("labels", ", ".join(map(str, labels)))
        counts = sorted(Counter(stored.y.tolist()).items())
        _print("rows of each", ", ".join(str(count) for _, count in counts))
    else:
        _print("target", f"{stored.y.min():.6g} to {stored.y.max():.6g}")
    if stored.learned is None:
        return
    encoder = TableEncoder.unpack(stored.learned, stored.x.shape[1])
    for column in encoder.columns:
        if column.categories:
            _print(column.name, ", ".join(map(str, column.categories)))


def _print(name: str, value: str) -> None:
    print(f"{name:<20} {value}")
