"""Regression with target bins against AutoGluon's network, and its own prediction from the bins."""

import numpy as np
import pytest
import torch
from autogluon.tabular.models.mitra import sklearn_interface as autogluon
from autogluon.tabular.models.mitra._internal.config.enums import LossName
from autogluon.tabular.models.mitra._internal.models.tab2d import Tab2D
from tables import make_targets

from sklearn_mitra import MitraRegressor

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        ".*einx:DeprecationWarning",
        "In CPU autocast:UserWarning",
        "'pin_memory' argument:UserWarning",
    )
]
N_BINS = 100


class Binned(autogluon.MitraRegressor):
    """AutoGluon's estimator, which has no parameter for the loss that goes with bins."""

    def _create_config(self, *args, **kwargs):
        config, network = super()._create_config(*args, **kwargs)
        loss = {"dim_output": N_BINS, "regression_loss": LossName.CROSS_ENTROPY}
        config.hyperparams.update(loss)
        return config, network


def test_the_mode_of_one_member_is_autogluons_prediction(make_checkpoint):
    directory = make_checkpoint(32, N_BINS, 2, 4, "regression")
    X, y = make_targets(70)
    X = X.astype(np.float32)
    upstream = Binned(
        hf_model=str(directory),
        device="cpu",
        fine_tune=False,
        shuffle_features=False,
        random_mirror_regression=False,
        random_mirror_x=False,
        verbose=False,
    )
    upstream.fit(X[:40].copy(), y[:40].copy(), X[40:42].copy(), y[40:42].copy())
    for trainer in upstream.trainers:
        trainer.cfg.hyperparams["precision"] = "float32"
    expected = upstream.predict(X[40:].copy())
    reg = MitraRegressor(model=directory, n_estimators=1).fit(X[:40], y[:40])
    modes = reg.predict(X[40:], output="mode")
    assert len(np.unique(np.round(expected, 6))) > 1
    np.testing.assert_allclose(modes, expected, atol=1e-5 * np.ptp(y))


def test_the_distribution_of_one_member_is_that_of_autogluons_logits(make_checkpoint):
    directory = make_checkpoint(32, N_BINS, 2, 4, "regression")
    X, y = make_targets(70)
    X = X.astype(np.float32)
    low, high = y[:40].min(), y[:40].max()
    edges = torch.linspace(-0.5, 1.5, N_BINS + 1)
    scaled = torch.tensor((y[:40] - low) / (high - low), dtype=torch.float32)
    bins = torch.clamp(torch.bucketize(scaled, edges) - 1, 0, N_BINS - 1)
    network = Tab2D.from_pretrained(str(directory), device="cpu").eval()
    none = [torch.zeros(1, n, dtype=torch.bool) for n in (4, 40, 30)]
    with torch.no_grad():
        support, query = torch.tensor(X[None, :40]), torch.tensor(X[None, 40:])
        p = network(support, bins[None], query, *none)[0].double().softmax(dim=-1).numpy()
    reg = MitraRegressor(model=directory, n_estimators=1).fit(X[:40], y[:40])
    distribution = reg.predict_distribution(X[40:])
    targets = low + edges.double().numpy() * (high - low)
    centres, width = (targets[1:] + targets[:-1]) / 2, targets[1] - targets[0]
    for k in range(0, N_BINS, 7):
        np.testing.assert_allclose(distribution.cdf(targets[k]), p[:, :k].sum(axis=1), atol=2e-5)
    means = p @ centres
    np.testing.assert_allclose(distribution.mean(), means, atol=2e-5 * (high - low))
    variances = ((centres - means[:, None]) ** 2 * p).sum(axis=1) + width**2 / 12
    np.testing.assert_allclose(distribution.std(), np.sqrt(variances), rtol=1e-4)
    for level in (0.1, 0.5, 0.9):
        places = (p.cumsum(axis=1) < level).sum(axis=1)
        quantiles = distribution.quantile(level)
        assert (quantiles >= targets[places] - 1e-3 * width).all()
        assert (quantiles <= targets[places + 1] + 1e-3 * width).all()
