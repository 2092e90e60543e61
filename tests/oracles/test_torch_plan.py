"""What predictions will cost, against the operations that PyTorch counts."""

from pathlib import Path

import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from torch.utils.flop_counter import FlopCounterMode

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.plan import Workload


def count_flop(network, n_support, n_query, n_features):
    """Operations of all products with weights; the counter doesn't know attention on CPUs."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(
            torch.ones(1, n_support, n_features),
            torch.zeros((1, n_support), dtype=torch.int64),
            torch.ones(1, n_query, n_features),
            torch.zeros((1, n_features), dtype=torch.bool),
            torch.zeros((1, n_support), dtype=torch.bool),
            torch.zeros((1, n_query), dtype=torch.bool),
        )
    return counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
@pytest.mark.parametrize(("n_support", "n_features"), [(40, 5), (100, 20)])
def test_operations_are_those_that_pytorch_counts(n_support, n_features):
    checkpoint = resolve_checkpoint("mini", "classification")
    network = Tab2D.from_pretrained(str(Path(checkpoint.weights_file).parent), device="cpu").eval()
    workload = Workload(checkpoint.config, n_support, n_features)
    two, three = (count_flop(network, n_support, n, n_features) for n in (2, 3))
    # there also the embedding and the head, a thousandth
    assert workload.predict_flop(1)[0] == pytest.approx(three - two, rel=2e-3)
    # AutoGluon's code makes the support's keys and values twice, 4 dim^2 in each of six layers,
    # and passes the support through the rest of the last layer as well, 44 dim^2
    left_out = n_support * (n_features + 1) * (6 * 4 + 44) * checkpoint.config.dim**2
    support = two - 2 * (three - two)
    assert workload.encode_flop()[0] == pytest.approx(support - left_out, rel=2e-3)
