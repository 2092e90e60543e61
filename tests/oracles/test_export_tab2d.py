"""The network in plain PyTorch against AutoGluon's, piece by piece."""

from pathlib import Path

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.embedding import Tab2DQuantileEmbeddingX
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D as Upstream
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config
from sklearn_mitra.export.cases import make_cases
from sklearn_mitra.export.tab2d import Tab2D, column_quantiles, count_below, embed_quantiles

pytestmark = pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")

TOLERANCE = 2e-5
CONFIGS = {
    "classifier": Config(16, 10, 2, 4, "classification"),
    "regressor": Config(16, 1, 2, 2, "regression"),
    "regressor with bins": Config(16, 30, 2, 4, "regression"),
}


def upstream(config):
    c = config
    return Upstream(c.dim, c.dim_output, c.n_layers, c.n_heads, c.task.upper(), False, "", "cpu")


def run_upstream(network, x_support, y_support, x_query, padding):
    """It writes into its arguments, which are copies."""
    (n_tables, n_query), n_features = x_query.shape[:2], x_query.shape[2]
    no_features = torch.zeros((n_tables, n_features), dtype=torch.bool)
    no_query = torch.zeros((n_tables, n_query), dtype=torch.bool)
    tensors = (x_support, y_support, x_query, no_features, padding, no_query)
    with torch.no_grad():
        return network(*(tensor.clone() for tensor in tensors))


def tensors_of(case, config):
    arrays = (case.x_support, case.y_support, case.x_query, case.padding_obs_support)
    x_support, y_support, x_query, padding = map(torch.tensor, arrays)
    if config.task == "regression" and config.dim_output > 1:
        y_support = (y_support * (config.dim_output - 1)).long()
    return x_support, y_support, x_query, padding


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_state_dict_is_that_of_autogluon(config):
    ours, theirs = Tab2D(config).state_dict(), upstream(config).state_dict()
    assert list(ours) == list(theirs)
    assert all(ours[name].shape == theirs[name].shape for name in ours)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_weights_start_as_those_of_autogluon(config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours, theirs = Tab2D(config).state_dict(), upstream(config).state_dict()
    for name, weight in theirs.items():
        if weight.numel() > 9 and weight.std() > 0:
            assert 0.4 < ours[name].std() / weight.std() < 2.5, name


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_outputs_are_those_of_autogluon(config):
    theirs, ours = upstream(config).eval(), Tab2D(config).eval()
    ours.load_state_dict(theirs.state_dict())
    for case in make_cases(config):
        tensors = tensors_of(case, config)
        expected = run_upstream(theirs, *tensors)
        with torch.no_grad():
            outputs = ours(*tensors)
        assert outputs.shape == expected.shape
        torch.testing.assert_close(outputs, expected, rtol=0, atol=TOLERANCE, msg=case.name)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_checkpoint_gives_the_outputs_of_autogluon(task):
    checkpoint = resolve_checkpoint("mini", task)
    theirs = Upstream.from_pretrained(str(Path(checkpoint.weights_file).parent), "cpu").eval()
    ours = Tab2D.from_checkpoint(checkpoint)
    for case in make_cases(checkpoint.config):
        tensors = tensors_of(case, checkpoint.config)
        with torch.no_grad():
            outputs = ours(*tensors)
        expected = run_upstream(theirs, *tensors)
        torch.testing.assert_close(outputs, expected, rtol=0, atol=TOLERANCE, msg=case.name)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_inputs_are_left_alone(config):
    network = Tab2D(config).eval()
    case = next(case for case in make_cases(config) if case.padding_obs_support.any())
    tensors = tensors_of(case, config)
    before = [tensor.clone() for tensor in tensors]
    network(*tensors)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, before))


def test_labels_of_padded_rows_may_be_anything():
    """Upstream's own batches have -100 there."""
    config = CONFIGS["classifier"]
    network = Tab2D(config).eval()
    case = next(case for case in make_cases(config) if case.padding_obs_support.any())
    x_support, y_support, x_query, padding = tensors_of(case, config)
    expected = network(x_support, y_support, x_query, padding)
    padded = torch.where(padding, -100, y_support)
    torch.testing.assert_close(network(x_support, padded, x_query, padding), expected)


# ---- the embedding -------------------------------------------------------------------------------

DRAW = {
    "gaussian": lambda n, rng: rng.normal(size=(2, n, 3)),
    "tied": lambda n, rng: rng.integers(0, 3, (2, n, 3)),
    "tied fractions": lambda n, rng: rng.integers(-5, 5, (2, n, 3)) / 7,
    "constant": lambda n, rng: np.full((2, n, 3), 0.1),
    "large": lambda n, rng: rng.normal(size=(2, n, 3)) * 1e37,
    "around the padding": lambda n, rng: rng.normal(size=(2, n, 3)) * 9999,
}


def draw(kind, n_rows, seed=0):
    return torch.tensor(DRAW[kind](n_rows, np.random.default_rng(seed)), dtype=torch.float32)


@pytest.mark.parametrize("kind", DRAW)
def test_quantiles_are_those_of_torch_to_the_bit(kind):
    levels = torch.arange(1, 1000, dtype=torch.float32) / 1000
    for n_rows in [*range(1, 41), 100, 511, 512, 513, 999, 1000, 1001, 2001]:
        x = draw(kind, n_rows, seed=n_rows)
        expected = torch.quantile(x, levels, dim=1).permute(1, 2, 0)
        assert torch.equal(column_quantiles(x), expected), n_rows


@pytest.mark.parametrize("n_boundaries", [1, 2, 3, 4, 7, 8, 51, 999, 1001, 1023, 1024])
def test_counts_are_those_of_searchsorted(n_boundaries):
    generator = torch.Generator().manual_seed(n_boundaries)
    boundaries = torch.randn(2, 3, n_boundaries, generator=generator).mul(50).round().sort().values
    x = torch.randn(2, 3, 500, generator=generator).mul(60).round()  # many ties
    assert torch.equal(count_below(boundaries, x), torch.searchsorted(boundaries, x))


@pytest.mark.parametrize("kind", DRAW)
@pytest.mark.parametrize("n_rows", [2, 3, 17, 300])
@pytest.mark.parametrize("is_padded", [False, True])
def test_embedding_is_that_of_autogluon(kind, n_rows, is_padded):
    x_support, x_query = draw(kind, n_rows), draw(kind, 40, seed=1)
    x_query[:, :2] = x_support[:, :2]  # on a tie with the support
    padding = torch.zeros((2, n_rows), dtype=torch.bool)
    if is_padded:
        padding[0, -1] = padding[1, : n_rows // 2] = True
    expected = Tab2DQuantileEmbeddingX(dim=1)(
        x_support.clone(), x_query.clone(), padding, torch.zeros((2, 3), dtype=torch.bool)
    )
    embedded = embed_quantiles(x_support, x_query, padding)
    torch.testing.assert_close(embedded, torch.cat(expected, dim=1), rtol=1e-5, atol=1e-5)


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that is made."""

    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.numel = max(self.numel, result.numel())
        return result


def test_the_embedding_makes_no_tensor_of_rows_by_features_by_quantiles():
    x_support, x_query = torch.randn(1, 500, 10), torch.randn(1, 1500, 10)
    with LargestTensor() as largest:
        embed_quantiles(x_support, x_query, torch.zeros((1, 500), dtype=torch.bool))
    assert largest.numel == 2000 * 10
