"""The part of ``benchmarks.latency`` with 75.7 million parameters: ``--full``.

AutoGluon's network is run as it runs it itself, without its preprocessing, which is what the
estimators' times include.
"""

import os
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sklearn_mitra import MitraClassifier, clear_sessions

from ._checkpoints import LARGE, TINY, write_checkpoint
from ._internals import encode, encode_flop, make_session, predict_nbytes, resolve_checkpoint
from ._tools import PRECISIONS, make_table, measure, print_ratios, print_table

try:
    import torch
    from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D

    from sklearn_mitra.export.convert import export
except ModuleNotFoundError as error:
    sys.exit(
        f"--full needs PyTorch and AutoGluon's network, and there is no {error.name!r}. Install:\n"
        "  pip install --editable '.[test]' -r tests/requirements-oracles.txt\n"
        "  pip install --no-deps -r tests/requirements-autogluon.txt"
    )

PEERS = ["AutoGluon bf16", "AutoGluon fp32", ".onnx file"]


def compare(options):
    """Measure and print all of it.

    Returns
    -------
    results : dict
        "seconds" and "ratios" as for mini, "differences" of probabilities to AutoGluon in
        float32, "floor" and "arithmetic".
    """
    config = TINY if options.quick else LARGE
    X, y, query = make_table(options.rows, 128, options.features, np.float32)
    torch.set_num_threads(joblib.cpu_count())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that AutoGluon uses
        write_checkpoint(folder, config)
        file = os.path.join(folder, "exported.onnx")
        export(resolve_checkpoint(folder, config.task), file)
        arguments = {"max_support": options.rows, "n_estimators": 1}
        estimators = {"mitra": MitraClassifier(model=folder, **arguments)}
        for precision in PRECISIONS:
            estimators[precision] = MitraClassifier(model=folder, precision=precision, **arguments)
        estimators[".onnx file"] = MitraClassifier(model=file, **arguments)
        network = Tab2D.from_pretrained(folder, "cpu").eval()
        networks = {
            "AutoGluon bf16": lambda rows: run_autogluon(network, X, y, rows, is_bf16=True),
            "AutoGluon fp32": lambda rows: run_autogluon(network, X, y, rows, is_bf16=False),
        }
        seconds = {}
        for step, rows, is_fit in [
            ("fit and 1 row", query[:1], True),
            ("1 row, again", query[:1], False),
            ("128 rows, again", query, False),
        ]:
            tasks = {}
            for name, model in estimators.items():
                tasks[name] = lambda m=model, r=rows, f=is_fit: (
                    m.fit(X, y) if f else m
                ).predict_proba(r)
            for name, run in networks.items():
                tasks[name] = lambda run=run, r=rows: run(r)
            seconds[step] = measure(tasks, options.full_repeats)
        mitra = estimators["mitra"]
        results = {
            "seconds": seconds,
            "ratios": print_ratios(_title(config, X), seconds, PEERS),
            "differences": differences(estimators, networks, query),
            "floor": floor(mitra, config, seconds["1 row, again"]["mitra"], options),
            "arithmetic": arithmetic(mitra, config, X, y, options),
        }
        clear_sessions()  # before the files of the weights are deleted
    return results


def _title(config, X):
    millions = config.n_parameters / 1e6
    rows, features = X.shape
    return (
        f"{millions:.1f} M parameters, 1 view, {rows} training rows x {features} features, seconds"
    )


def run_autogluon(network, X, y, rows, is_bf16):
    """Probabilities of both classes; bfloat16 under autocast is AutoGluon's default."""
    x_query = torch.tensor(rows)[None]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        logits = network(  # it writes into its arguments: copies
            torch.tensor(X)[None],
            torch.tensor(y)[None],
            x_query,
            torch.zeros((1, X.shape[1]), dtype=torch.bool),
            torch.zeros((1, len(X)), dtype=torch.bool),
            torch.zeros((1, len(rows)), dtype=torch.bool),
        )
    return logits[0, :, :2].double().softmax(dim=1).numpy()


def differences(estimators, networks, query):
    outputs = {name: run(query) for name, run in networks.items()}
    outputs |= {name: model.predict_proba(query) for name, model in estimators.items()}
    expected = outputs.pop("AutoGluon fp32")
    largest = {name: float(np.abs(output - expected).max()) for name, output in outputs.items()}
    title = "Largest difference of a probability to AutoGluon fp32, 128 rows"
    print_table(title, ["", "difference"], [[name, f"{d:.1e}"] for name, d in largest.items()])
    return largest


def floor(mitra, config, seconds, options):
    """One row against the time to read once what it needs: weights, and memory of the support."""
    nbytes = predict_nbytes(config) + mitra.context_nbytes_
    array = np.ones(2 ** (20 if options.quick else 28), np.float32)
    halves = np.array_split(array, 2)
    with ThreadPoolExecutor(2) as pool:
        read = measure({"read": lambda: list(pool.map(np.sum, halves))}, options.full_repeats)
    bandwidth = array.nbytes / read["read"]
    results = {
        "bytes": nbytes,
        "bandwidth": bandwidth,
        "floor_seconds": nbytes / bandwidth,
        "ratio": seconds / (nbytes / bandwidth),
    }
    row = ["1 row, again", nbytes / 1e6, bandwidth / 1e9, nbytes / bandwidth, results["ratio"]]
    header = ["", "MB to read", "GB/s, two threads", "floor, seconds", "ratio to floor"]
    print_table("Memory bandwidth as the floor", header, [row])
    return results


def arithmetic(mitra, config, X, y, options):
    """The rate of the encode step, beside that of onnxruntime's own matrix product."""
    m, k, n = (256, 64, 256) if options.quick else (10752, 512, 2048)
    flops = {"encode": encode_flop(config, *X.shape), "Gemm": 2 * m * k * n}
    gemm, a = make_gemm(k, n), np.random.default_rng(0).standard_normal((m, k), np.float32)
    tasks = {
        "encode": (lambda: mitra.fit(X, y), lambda: encode(mitra)),
        "Gemm": lambda: gemm.run(None, {"a": a}),
    }
    seconds = measure(tasks, options.full_repeats)
    rates = {name: flops[name] / seconds[name] for name in tasks}
    rows = [[name, flops[name] / 1e9, seconds[name], rates[name] / 1e9] for name in tasks]
    title = f"Arithmetic: encode at {rates['encode'] / rates['Gemm']:.0%} of Gemm's rate"
    print_table(title, ["", "GFLOP", "seconds", "GFLOP/s"], rows)
    return {"flop": flops, "seconds": seconds, "ratio": rates["encode"] / rates["Gemm"]}


def make_gemm(k, n):
    """A session of one Gemm, with its weight in the layout of the network's."""
    w = np.random.default_rng(1).standard_normal((n, k), np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["a", "w"], ["b"], transB=1)],
        "gemm",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["m", k])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, ["m", n])],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return make_session(model.SerializeToString())
