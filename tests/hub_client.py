"""What programs do that download from the hub, each in a process of its own.

``huggingface_hub`` reads its environment when it is imported, so every program needs a new one. A
server that has imported all the rest is forked for it, which takes a third of the time.
"""

import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor

from sklearn.datasets import load_iris

import sklearn_mitra
from sklearn_mitra import MitraClassifier
from sklearn_mitra._errors import CheckpointError
from sklearn_mitra._network.checkpoint import resolve_checkpoint

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["sklearn_mitra._load", "httpx", "requests"])


def run(program, *arguments, environment, directory=None):
    """Call a function of this file in a new process; it returns what the function does.

    Parameters
    ----------
    program : callable
    *arguments : values
    environment : dict of str to str
        Of the process, which inherits nothing.
    directory : str or Path, default=None
        Where the process is.
    """
    with ProcessPoolExecutor(1, mp_context=_CONTEXT) as pool:
        return pool.submit(_run, program, arguments, environment, directory).result()


def _run(program, arguments, environment, directory):
    assert "huggingface_hub" not in sys.modules
    os.environ.clear()
    os.environ.update(environment)
    if directory:
        os.chdir(directory)
    result = program(*arguments)
    assert dict(os.environ) == environment
    return result


def resolve(models, empty_the_cache=False):
    """The results for (model, task) pairs: facts about checkpoints, or errors."""
    results, connections = [], []
    sys.addaudithook(lambda event, args: event == "socket.connect" and connections.append(args[1]))
    for model, task in models:
        connections.clear()
        try:
            checkpoint = resolve_checkpoint(model, task)
        except CheckpointError as error:
            result = {"error": str(error), "cause": type(error.__cause__).__name__}
        else:
            result = {
                "name": checkpoint.name,
                "file": checkpoint.weights_file,
                "n_layers": checkpoint.config.n_layers,
                "n_estimators": checkpoint.n_estimators,
                "sha256": checkpoint.sha256,
            }
        results.append({**result, "connections": len(connections)})
        if empty_the_cache:
            shutil.rmtree(os.environ["HF_HOME"])
    return results


def load(pairs):
    """The results for (bundle, trusted) pairs: names of checkpoints, or errors."""
    results = []
    for bundle, trusted in pairs:
        try:
            loaded = sklearn_mitra.load(bundle, trusted=trusted)
        except ValueError as error:
            results.append(f"{type(error).__name__}: {error}")
        else:
            loaded.predict([[0, 0, 0]])
            results.append(loaded.checkpoint_["name"])
    return results


def score_in_int8():
    """The accuracy on iris of a classifier whose weights are kept in the hub's folder."""
    X, y = load_iris(return_X_y=True)
    return MitraClassifier(precision="int8", max_support=30).fit(X, y).score(X, y)
