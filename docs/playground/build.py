"""Put the playground together: a folder of static files, for any web server.

``make playground`` and ``make docs`` run this. The page's own files are beside this one; the rest
is made of the embedded checkpoints, of scikit-learn's iris table, and of onnxruntime-web from npm.
"""

import argparse
import gzip
import http.server
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris

from sklearn_mitra import __version__
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import TASKS
from sklearn_mitra.export.convert import export

HERE = Path(__file__).resolve().parent
RUNTIME = "ort.wasm.bundle.min.mjs"
WASM = "ort-wasm-simd-threaded.wasm"


def build(folder, npm, exported=None):
    """Write all files of the playground.

    Parameters
    ----------
    folder : Path
        Made if it isn't there. Files of the same names are replaced.
    npm : Path
        Folder with the ``node_modules`` that hold onnxruntime-web.
    exported : dict of str to str, default=None
        By task, ``mini`` as an interchange file of the profile wlearn. Exported if None, which
        takes a minute and needs PyTorch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in (HERE / "index.html", HERE / "style.css", *HERE.glob("*.mjs")):
        shutil.copy(path, folder)
    package = npm / "node_modules" / "onnxruntime-web"
    shutil.copy(package / "dist" / RUNTIME, folder)
    licence = Path(onnxruntime.__file__).parent / "LICENSE"  # npm's package lacks it
    shutil.copy(licence, folder / "onnxruntime-LICENSE.txt")
    wasm = (package / "dist" / WASM).read_bytes()
    (folder / f"{WASM}.gz").write_bytes(gzip.compress(wasm, mtime=0))
    checkpoints = {task: resolve_checkpoint("mini", task) for task in TASKS}
    with tempfile.TemporaryDirectory() as scratch:
        for task, checkpoint in checkpoints.items():
            path = (exported or {}).get(task)
            if path is None:
                path = f"{scratch}/{task}.onnx"
                export(checkpoint, path, "wlearn")
            model = onnx.load(path)
            store_as_half(model)
            (folder / f"mini-{TASKS[task]}.onnx").write_bytes(model.SerializeToString())
    load_iris(as_frame=True).frame.pipe(_name_species).to_csv(folder / "iris.csv", index=False)
    versions = {
        "sklearn-mitra": __version__,
        "onnxruntime-web": json.loads((package / "package.json").read_text())["version"],
    }
    about = {
        "versions": versions,
        "checkpoints": {t: {"name": c.name, "sha256": c.sha256} for t, c in checkpoints.items()},
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def store_as_half(model):
    """Store weights that float16 holds exactly as float16, and cast them back in the graph.

    The weights of ``mini`` are float16, so this halves its file and changes no prediction. Runtimes
    cast once, when they load the file.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size > 1 and (half.astype(np.float32) == values).all():
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _name_species(frame):
    species = load_iris().target_names[frame.pop("target")]
    return frame.rename(columns=lambda name: name.removesuffix(" (cm)")).assign(species=species)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the folder; older systems don't know the type of modules."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
    }


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description="Build the playground, or serve it.")
    parser.add_argument("folder", type=Path)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--npm", type=Path, help="build; this folder has node_modules")
    action.add_argument("--port", type=int, help="serve the folder on localhost")
    args = parser.parse_args()
    if args.npm is not None:
        build(args.folder, args.npm)
        size = sum(path.stat().st_size for path in args.folder.iterdir()) / 1e6
        print(f"{args.folder}: {size:.1f} MB")
        return
    handler = partial(Handler, directory=args.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", args.port), handler) as server:
        print(f"http://localhost:{server.server_port}/ (stop with Ctrl+C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
