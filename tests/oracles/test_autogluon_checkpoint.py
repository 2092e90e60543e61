"""Checkpoints as AutoGluon's Tab2D and PyTorch write them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from safetensors.torch import save_file

from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.config import Config, expected_shapes


def upstream(dim, dim_output, n_layers, n_heads, task):
    return Tab2D(dim, dim_output, n_layers, n_heads, task.upper(), False, "", "cpu")


@pytest.mark.parametrize(
    "config",
    [
        Config(16, 10, 1, 4, "classification"),
        Config(8, 1, 3, 2, "classification"),
        Config(16, 1, 2, 4, "regression"),
        Config(8, 1000, 2, 1, "regression"),  # target bins
    ],
    ids=str,
)
class TestUpstream:
    def test_names_shapes_and_order(self, config):
        model = upstream(
            config.dim, config.dim_output, config.n_layers, config.n_heads, config.task
        )
        state = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
        assert list(expected_shapes(config).items()) == list(state.items())
        embedding = model.y_embedding.y_embedding
        assert config.labels_are_classes == isinstance(embedding, torch.nn.Embedding)

    def test_what_save_pretrained_writes(self, config, tmp_path):
        model = upstream(
            config.dim, config.dim_output, config.n_layers, config.n_heads, config.task
        )
        model.save_pretrained(str(tmp_path))
        Tab2D.from_pretrained(str(tmp_path), device="cpu")  # upstream reads it back, too

        checkpoint = resolve_checkpoint(tmp_path, config.task)
        assert checkpoint.config == config
        assert checkpoint.n_estimators == 1
        weights = checkpoint.load_weights()
        assert weights.keys() == model.state_dict().keys()
        for name, weight in model.state_dict().items():
            np.testing.assert_array_equal(weights[name], weight.numpy())


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_autogluon_loads_the_embedded_checkpoints(task):
    checkpoint = resolve_checkpoint("mini", task)
    weights = checkpoint.load_weights()
    model = Tab2D.from_pretrained(str(Path(checkpoint.weights_file).parent), device="cpu")
    assert weights.keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        np.testing.assert_array_equal(weights[name], weight.numpy())


def test_bfloat16(tmp_path):
    config = Config(8, 3, 2, 2, "classification")
    generator = torch.Generator().manual_seed(0)
    stored = {
        name: torch.randn(shape, generator=generator).bfloat16()
        for name, shape in expected_shapes(config).items()
    }
    stored["final_layer.bias"] = torch.tensor([3e38, -0.0, 1e-40]).bfloat16()
    save_file(stored, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config.as_json()))
    weights = resolve_checkpoint(tmp_path, "classification").load_weights()
    for name, weight in weights.items():
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, stored[name].float().numpy())
