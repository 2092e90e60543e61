"""All implementations of the network on the same tables, against AutoGluon's original.

``sklearn-mitra verify`` exports a checkpoint and compares, on the tables of
:mod:`~sklearn_mitra.export.cases`, AutoGluon's Tab2D, the PyTorch rewrite, the graphs that
serve the estimators, and the interchange files of both profiles in onnxruntime: in Python and,
if asked for, in its builds for Node.js and for browsers.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from sklearn_mitra import clear_sessions
from sklearn_mitra._cli.errors import CommandError
from sklearn_mitra._cli.main import main
from sklearn_mitra._network.bins import outputs_to_targets, targets_to_bins
from sklearn_mitra._network.config import TASKS
from sklearn_mitra._network.context import Context
from sklearn_mitra._network.interchange import (
    PROFILES,
    InterchangeNetwork,
    resolve_interchange,
)
from sklearn_mitra._network.resolve import resolve_networks
from sklearn_mitra._network.runtime import Runtime
from sklearn_mitra._network.sessions import run

from .cases import make_cases
from .convert import Interchange, export, resolve_variants
from .tab2d import Tab2D

# The packages of npm that run a file outside of Python.
RUNTIMES = {"node": "onnxruntime-node", "web": "onnxruntime-web"}

_INPUTS = ("x_support", "y_support", "x_query", "padding_obs_support")

# Targets and labels as a client might have them, for files that take them as they are.
_RAW_SCALE, _RAW_OFFSET = 64, -16


class CannotRunError(Exception):
    """An implementation that was asked for can't be run, or not on these cases."""


def verify(checkpoint, files, runtimes=(), npm="."):
    """Run all implementations on all cases.

    Parameters
    ----------
    checkpoint : sklearn_mitra._network.checkpoint.Checkpoint
    files : list of str
        Interchange files made of it.
    runtimes : sequence of {"node", "web"}
        Where to run the files besides onnxruntime for Python.
    npm : str
        Folder with the ``node_modules`` of these.

    Returns
    -------
    reference : str
        The implementation that the others are compared with: "AutoGluon", or "torch rewrite" if
        AutoGluon is not installed.
    differences : dict of str to dict of str to (tuple of float or None)
        By case, then by implementation: the largest and the mean absolute difference to the
        reference, in logits or in scaled targets; infinity if the shape is wrong or something is
        not finite, None where an implementation doesn't have the case.
    problems : list of str
        What could not be run, and why.
    """
    cases = make_cases(checkpoint.config)
    implementations = {"torch rewrite": _rewrite, "serving graphs": _serving_graphs}
    if _has_autogluon():
        implementations = {"AutoGluon": _autogluon, **implementations}
    outputs, problems = {}, []  # by implementation: outputs, and whether absent classes are cut
    for name, implementation in implementations.items():
        outputs[name] = [(o, False) for o in implementation(checkpoint, cases)]
    for file in files:
        file = resolve_interchange(file, checkpoint.config.task)
        for name in ("onnx", *runtimes):
            try:
                results = _run_file(name, file, cases, npm)
            except CannotRunError as error:
                problems.append(str(error))
            else:
                is_cut = file.profile == "wlearn"
                outputs[f"{name} {file.profile}"] = [(o, is_cut) for o in results]
    clear_sessions()
    reference = next(iter(outputs))
    differences = {}
    for i, case in enumerate(cases):
        (expected, _) = outputs[reference][i]
        differences[case.name] = {
            name: _difference(expected, results[i], case)
            for name, results in outputs.items()
            if name != reference
        }
    return reference, differences, problems


def _difference(expected, result, case):
    output, is_cut = result
    if output is None:
        return None
    if is_cut and expected.ndim == 3:
        expected = expected[:, :, : case.y_support.max() + 1]
    if output.shape != expected.shape or not np.isfinite(output).all():
        return np.inf, np.inf
    difference = np.abs(output.astype(np.float64) - expected)
    return float(difference.max()), float(difference.mean())


# ---- implementations: (checkpoint, cases) to logits (b, q, c) or scaled targets (b, q) per case --


def _has_autogluon():
    try:
        import autogluon.tabular.models.mitra._internal.models.tab2d  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def _autogluon(checkpoint, cases):
    from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D as Upstream

    config = checkpoint.config
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries it uses
        network = Upstream.from_pretrained(str(Path(checkpoint.weights_file).parent), "cpu").eval()
        for case in cases:
            (n_tables, n_query), n_features = case.x_query.shape[:2], case.x_query.shape[2]
            y = case.y_support
            is_bins = config.task == "regression" and config.dim_output > 1
            if is_bins:
                y = np.stack([targets_to_bins(row, config.dim_output) for row in y])
            with torch.no_grad():
                output = network(  # it writes into its arguments: copies
                    torch.tensor(case.x_support),
                    torch.tensor(y),
                    torch.tensor(case.x_query),
                    torch.zeros((n_tables, n_features), dtype=torch.bool),
                    torch.tensor(case.padding_obs_support),
                    torch.zeros((n_tables, n_query), dtype=torch.bool),
                ).numpy()
            yield np.stack([outputs_to_targets(table) for table in output]) if is_bins else output


def _rewrite(checkpoint, cases):
    network = Interchange(Tab2D.from_checkpoint(checkpoint), "upstream").eval()
    for case in cases:
        with torch.no_grad():
            yield network(*(torch.tensor(getattr(case, name)) for name in _INPUTS)).numpy()


def _serving_graphs(checkpoint, cases):
    """As the estimators run them, table by table; they never have padded rows."""
    config, runtime = checkpoint.config, Runtime.resolve()
    for case in cases:
        if case.padding_obs_support.any():
            yield None
            continue
        outputs = []
        for x, y, query in zip(case.x_support, case.y_support, case.x_query):
            context = Context(checkpoint.name, checkpoint.sha256, config.task, [(x, y)])
            _, (member,) = context.prepare(runtime)
            output = member.outputs(query)
            is_classifier = config.task == "classification"
            outputs.append(output if is_classifier else outputs_to_targets(output))
        yield np.stack(outputs)


def _run_file(runtime, file, cases, npm):
    feeds = [_feeds(case, file) for case in cases]
    if runtime == "onnx":
        outputs = _onnx(file, feeds)
    else:
        outputs = _javascript(file.weights_file, feeds, RUNTIMES[runtime], npm)
    return [_scaled(output, file.profile) for output in outputs]


def _onnx(file, feeds):
    try:
        session = InterchangeNetwork(file).open(keeps=False, runtime=Runtime.resolve())
        return [run(session, inputs)["output"].numpy() for inputs in feeds]
    except Exception as error:  # onnxruntime's errors have no common base
        raise CannotRunError(f"onnxruntime can't run {file.name!r}: {error}") from error


def _javascript(path, feeds, package, npm):
    with tempfile.TemporaryDirectory() as folder:
        cases_file, outputs_file = Path(folder, "cases.json"), Path(folder, "outputs.json")
        text = json.dumps([{name: pack(v) for name, v in inputs.items()} for inputs in feeds])
        cases_file.write_text(text)
        script = Path(__file__).resolve().parent / "run_cases_node.mjs"
        command = ["node", script, package, path, cases_file, outputs_file]
        environment = {"ORT_DISABLE_TELEMETRY": "1", **os.environ}
        try:
            subprocess.run(
                command, cwd=npm, env=environment, check=True, capture_output=True, text=True
            )
        except FileNotFoundError as error:
            raise CannotRunError(
                f"{package}: can't start node in {npm!r} ({error}). Install Node.js 20 or newer."
            ) from error
        except subprocess.CalledProcessError as error:
            lines = [line for line in error.stderr.splitlines() if line.startswith("Error")]
            raise CannotRunError(
                f"{package} in {npm!r}: {lines[0] if lines else error.stderr[-500:]}. If it is not "
                f"installed, run 'npm install --ignore-scripts {package}' there."
            ) from error
        outputs = json.loads(outputs_file.read_text())
    return [unpack(output) for output in outputs]


def _feeds(case, file):
    feeds = {name: getattr(case, name) for name in _INPUTS}
    takes_raw_targets = file.profile == "wlearn" and case.y_support.dtype == np.float32
    if takes_raw_targets or file.ranks_labels:
        feeds["y_support"] = case.y_support * _RAW_SCALE + _RAW_OFFSET
    return feeds


def _scaled(output, profile):
    if profile == "wlearn" and output.ndim == 2:
        return (output - _RAW_OFFSET) / _RAW_SCALE
    return output


def pack(array):
    """An array as JSON."""
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"type": array.dtype.name, "dims": array.shape, "data": data}


def unpack(output):
    """An output in JSON, as an array."""
    return np.frombuffer(base64.b64decode(output["data"]), "<f4").reshape(output["dims"])


# ---- the command ---------------------------------------------------------------------------------


def run_command(options):
    """Run the command, with its arguments.

    Returns
    -------
    status : int
        1 if an implementation differs by more than the tolerance or can't be run, else 0.
    """
    if options.json and not os.path.isdir(os.path.dirname(options.json) or "."):
        raise CommandError(f"There is no directory for --json {options.json}.")
    atol = options.atol
    runtimes = [r for r in RUNTIMES if options.runtime in (r, "all")]
    variant = options.variant
    if options.onnx:
        (task,) = resolve_networks(options.onnx)
        variant = TASKS[task]
    checkpoints = resolve_variants(options.model, variant)
    report = {"model": options.model, "atol": atol, "versions": _versions(), "variants": {}}
    failures = []
    for variant, checkpoint in checkpoints.items():
        with tempfile.TemporaryDirectory() as folder:
            files = [options.onnx] if options.onnx else _export_all(checkpoint, folder)
            reference, differences, problems = verify(checkpoint, files, runtimes, options.npm)
        report["variants"][variant] = {"reference": reference, "differences": differences}
        print(_table(options.model, variant, reference, differences))
        failures += [f"{variant}: {problem}" for problem in problems]
        failures += [
            f"{variant}: {name} differs by {result[0]:.1e} on {case!r}, more than {atol:.0e}"
            for case, results in differences.items()
            for name, result in results.items()
            if result is not None and not result[0] <= atol
        ]
    report["failures"] = failures
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    for failure in failures:
        print(failure, file=sys.stderr)
    print("FAILED" if failures else f"All agree within {atol:.0e}.")
    return 1 if failures else 0


def _export_all(checkpoint, folder):
    files = []
    for profile in PROFILES:
        print(f"exporting with profile {profile} ...", file=sys.stderr, flush=True)
        files.append(os.path.join(folder, f"{profile}.onnx"))
        export(checkpoint, files[-1], profile)
    return files


def _table(model, variant, reference, differences):
    names = list(next(iter(differences.values())))
    title = f"{model} {variant}: largest (and mean) difference to {reference}"
    if reference != "AutoGluon":
        title += ", since AutoGluon is not installed"
    lines = [title, "".join([f"{'case':20}", *(f"{name:>20}" for name in names)])]
    for case, results in differences.items():
        cells = ("-" if r is None else f"{r[0]:.1e} ({r[1]:.0e})" for r in results.values())
        lines.append("".join([f"{case:20}", *(f"{cell:>20}" for cell in cells)]))
    return "\n".join(lines) + "\n"


def _versions():
    versions = {}
    for name in ("autogluon.tabular", "torch", "onnxscript", "onnxruntime"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


if __name__ == "__main__":
    sys.exit(main(["verify", *sys.argv[1:]]))
