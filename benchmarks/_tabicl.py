"""The part of ``benchmarks.latency`` beside TabICL: ``--tabicl``.

TabICL's own classifier runs its network with random weights in the architecture of its second
version, the constructor's defaults but for the order of rotated dimensions.
"""

import os
import sys
import tempfile

import joblib
from sklearn.base import clone

from sklearn_mitra import MitraClassifier, clear_sessions

from ._checkpoints import LARGE, TINY, write_checkpoint
from ._tools import make_table, measure_steps, print_table

try:
    import torch
    from tabicl import TabICLClassifier
    from tabicl._model.tabicl import TabICL
except ModuleNotFoundError as error:
    sys.exit(
        f"--tabicl needs PyTorch and TabICL, and there is no {error.name!r}. Install:\n"
        "  pip install --editable '.[test]' -r tests/requirements-oracles.txt\n"
        "  pip install --no-deps tabicl==2.2.0"
    )

# Of tabicl-classifier-v2-20260212.ckpt, as TabICL's repository documents its training.
ARCHITECTURE = {"max_classes": 10, "row_rope_interleaved": False}
QUICK = {"embed_dim": 32, "col_num_blocks": 1, "row_num_blocks": 1, "icl_num_blocks": 1}


def compare(options):
    """Measure and print all of it.

    Returns
    -------
    results : dict
        "seconds" by step, then by model; "ratios" of Mitra's to TabICL's; "parameters" by model.
    """
    config = TINY if options.quick else LARGE
    architecture = {**ARCHITECTURE, **(QUICK if options.quick else {})}
    X, y, query = make_table(options.rows, 1000, options.features)
    torch.set_num_threads(joblib.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(folder, config)
        file = os.path.join(folder, "tabicl.ckpt")
        n_parameters = write_tabicl(file, architecture)
        ours = {
            "mini, 4 views": MitraClassifier(max_support=options.rows),
            f"{config.n_parameters / 1e6:.1f} M, 1 view": MitraClassifier(
                model=folder, max_support=options.rows, n_estimators=1
            ),
        }
        tabicl = TabICLClassifier(model_path=file, allow_auto_download=False, device="cpu")
        peers = {}
        for n_members in (tabicl.n_estimators, 1):
            for kv_cache in (False, True):
                name = f"TabICL x {n_members}" + (", cache" if kv_cache else "")
                peers[name] = clone(tabicl).set_params(n_estimators=n_members, kv_cache=kv_cache)
        seconds = measure_steps({**ours, **peers}, X, y, query, options.tabicl_repeats)
        clear_sessions()  # before the files of the weights are deleted
    title = (
        f"TabICL, {n_parameters / 1e6:.1f} M parameters, x ensemble members, "
        f"{options.rows} training rows x {options.features} features, seconds"
    )
    rows = [[name, *(times[name] for times in seconds.values())] for name in {**ours, **peers}]
    print_table(title, ["", *seconds], rows)
    ratios = {
        f"{name}: {step}": {peer: times[name] / times[peer] for peer in peers}
        for name in ours
        for step, times in seconds.items()
    }
    rows = [[name, *by_peer.values()] for name, by_peer in ratios.items()]
    print_table("Ratio of Mitra's time to TabICL's", ["", *peers], rows)
    return {"seconds": seconds, "ratios": ratios, "parameters": n_parameters}


def write_tabicl(file, architecture):
    """Write random weights in the form of TabICL's checkpoints, and return their number."""
    torch.manual_seed(0)
    # With zeros, as the constructor would have them, every block would be an identity.
    network = TabICL(**architecture, zero_init=False)
    torch.save({"config": architecture, "state_dict": network.state_dict()}, file)
    return sum(weight.numel() for weight in network.parameters())
