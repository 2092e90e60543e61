"""Synthetic tables: they hold something to learn, and their labels are right."""

import random

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from sklearn_mitra._network.config import Config
from sklearn_mitra.export.pretrain.batches import (
    N_QUERY,
    SMALLEST_BUDGET,
    Shape,
    draw_batch,
    draw_shape,
)
from sklearn_mitra.export.pretrain.damage import damage, lose_cells, to_levels
from sklearn_mitra.export.pretrain.priors import FAMILIES, WEIGHTS, sample_tables
from sklearn_mitra.export.pretrain.targets import (
    IGNORED,
    class_labels,
    cut,
    largest,
    number_classes,
    regression_targets,
    scale,
)

CONFIGS = [
    Config(8, 10, 1, 1, "classification"),
    Config(8, 1, 1, 1, "regression"),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def forest_r2(x, y, n_train):
    """R2 of a small forest on the rows after the first ``n_train``."""
    forest = RandomForestRegressor(20, random_state=0).fit(x[:n_train], y[:n_train])
    return forest.score(x[n_train:], y[n_train:])


# ---- families ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_features", [1, 2, 64])
def test_values_are_finite_and_vary(family, n_features):
    x, y = sample_tables(9, 110, n_features, 10, seeded(), family)
    assert x.shape == (9, 110, n_features) and y.shape == (9, 110, 10)
    assert x.dtype == y.dtype == torch.float32
    assert x.isfinite().all() and y.isfinite().all()
    deviation = y.std(dim=1, correction=0)
    is_constant = deviation < 1e-3
    torch.testing.assert_close(deviation[~is_constant], torch.ones_like(deviation[~is_constant]))
    # A node behind a step may always be on; that must stay rare.
    assert is_constant.float().mean() < 0.1
    assert (x.std(dim=1) == 0).float().mean() < 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_forest_learns_most_tables(family):
    generator, scores = seeded(), []
    for _ in range(4):  # each with other sizes of the family
        x, y = (part.numpy() for part in sample_tables(3, 300, 5, 1, generator, family))
        scores += [forest_r2(x[i], y[i, :, 0], 200) for i in range(3)]
    assert sum(score > 0.1 for score in scores) >= 8, scores


@pytest.mark.parametrize("family", FAMILIES)
def test_no_table_is_the_same_as_another(family):
    x, y = sample_tables(6, 50, 4, 2, seeded(), family)
    assert len({table.numpy().tobytes() for table in x}) == 6
    assert len({table.numpy().tobytes() for table in y}) == 6


def test_trends_follow_one_column():
    x, y = (part.numpy() for part in sample_tables(12, 200, 6, 1, seeded(), "trends"))
    best = [max(abs(spearmanr(x[i, :, j], y[i, :, 0])[0]) for j in range(6)) for i in range(12)]
    assert np.median(best) > 0.9


def test_interactions_need_more_than_one_column():
    # With four features two or three interact, and a table of means by level has one column.
    x, y = sample_tables(12, 600, 4, 1, seeded(), "interactions")
    alone, together = [], []
    for table, target in zip(x.numpy(), y[:, :, 0].numpy()):
        one = [forest_r2(table[:, [j]], target, 400) for j in range(4)]
        alone.append(max(one))
        together.append(forest_r2(table, target, 400))
    assert np.mean(together) > np.mean(alone) + 0.25


def test_differences_show_in_no_single_column():
    x, y = (part.numpy() for part in sample_tables(20, 400, 2, 1, seeded(), "differences"))
    correlations = [np.corrcoef(table.T)[0, 1] for table in x]
    assert np.median(correlations) > 0.85
    gains = []
    for table, target in zip(x, y[:, :, 0]):
        alone = max(forest_r2(table[:, [j]], target, 300) for j in range(2))
        gap = forest_r2(table[:, [0]] - table[:, [1]], target, 300)
        gains.append(gap - alone)
    assert np.median(gains) > 0.3


def test_the_mixture_names_every_family():
    assert list(WEIGHTS) == list(FAMILIES)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert all(weight > 0 for weight in WEIGHTS.values())


def test_a_batch_of_no_family_mixes_several():
    # Tables of "interactions" have whole numbers in columns, those of "causal" have not.
    generator = seeded()
    tables = torch.cat([sample_tables(4, 20, 3, 1, generator)[0] for _ in range(100)])
    is_whole = (tables == tables.round()).all(dim=1).any(dim=1)
    assert 0.02 < is_whole.float().mean() < 0.3


# ---- randomness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.task)
@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_a_seed_gives_its_tables_and_no_others(config, family):
    shape = Shape(5, 20, 3)
    first, again, other = (draw_batch(config, shape, seeded(s), family) for s in (3, 3, 4))
    for name, a, b in zip(first._fields, first, again):
        assert (a is None and b is None) or torch.equal(a, b), name
    assert not torch.equal(first.x_support, other.x_support)
    assert not torch.equal(first.y_support, other.y_support)


def test_global_random_state_is_left_alone():
    def states():
        numpy_state = repr(np.random.get_state())  # noqa: NPY002
        return torch.get_rng_state().tolist(), numpy_state, random.getstate()

    before = states()
    for config in CONFIGS:
        for family in FAMILIES:
            draw_batch(config, Shape(4, 20, 5), seeded(), family)
    assert states() == before


# ---- damage --------------------------------------------------------------------------------------


def test_levels_depend_only_on_the_order_of_values():
    x = torch.randn(8, 60, 5, generator=seeded())
    levels = to_levels(x, seeded(1))
    assert torch.equal(levels, to_levels(x.exp(), seeded(1)))
    assert torch.equal(levels, levels.round()) and levels.min() >= 0
    for column in levels.transpose(1, 2).flatten(0, 1):
        assert len(column.unique()) <= 40
    assert min(len(column.unique()) for column in levels.transpose(1, 2).flatten(0, 1)) <= 3


def test_equal_values_get_one_level():
    x = torch.randint(0, 3, (8, 60, 5), generator=seeded()).float()
    levels = to_levels(x, seeded(1))
    for column, level in zip(x.transpose(1, 2).flatten(0, 1), levels.transpose(1, 2).flatten(0, 1)):
        assert all(len(level[column == value].unique()) == 1 for value in range(3))


def test_missing_cells_get_the_mean_of_the_rest_of_the_support():
    x = torch.tensor([[[1.0, 5.0], [2.0, 6.0], [6.0, 7.0], [9.0, 8.0]]])
    is_missing = torch.tensor([[[True, True], [False, True], [False, True], [True, False]]])
    expected = torch.tensor([[[4.0, 0.0], [2.0, 0.0], [6.0, 0.0], [4.0, 8.0]]])
    assert torch.equal(lose_cells(x, is_missing, n_support=3), expected)


def test_damage_leaves_many_tables_whole_and_changes_many():
    x = torch.randn(300, 40, 4, generator=seeded())
    is_whole = (damage(x, 30, seeded(1)) == x).flatten(1).all(dim=1)
    assert 0.15 < is_whole.float().mean() < 0.6


# ---- classes -------------------------------------------------------------------------------------


def test_ids_are_those_of_the_support():
    labels = torch.tensor([[7, 2, 7, 4, 2, 5, 4], [3, 3, 3, 3, 3, 3, 1], [1, 0, 0, 1, 1, 0, 9]])
    numbered, n_classes = number_classes(labels, n_support=4, most_classes=10)
    no = IGNORED
    expected = [[2, 0, 2, 1, 0, no, 1], [0, 0, 0, 0, no, no, no], [1, 0, 0, 1, 1, 0, no]]
    assert numbered.tolist() == expected
    assert n_classes.tolist() == [3, 1, 2]


@pytest.mark.parametrize("most_classes", [2, 10])
def test_labels_of_many_tables(most_classes):
    n_support = 30
    _, latents = sample_tables(400, 80, 3, most_classes, seeded())
    labels, n_classes = class_labels(latents, n_support, seeded(1))
    assert labels.dtype == torch.int64
    for table, k in zip(labels, n_classes):
        support, query = table[:n_support], table[n_support:]
        assert support.unique().tolist() == list(range(k))
        assert set(query.tolist()) <= {IGNORED, *range(k)}
        if k < 2:
            assert (query == IGNORED).all()
    assert n_classes.max() == most_classes
    assert (n_classes >= 2).float().mean() > 0.9
    if most_classes == 10:
        assert (n_classes > 5).float().mean() > 0.2
        assert (labels == IGNORED).any()


def test_support_and_query_rows_have_the_same_classes():
    # If the order of rows broke ties, discrete latents would reveal a row's position.
    _, latents = sample_tables(200, 200, 2, 10, seeded(), "interactions")
    labels, n_classes = class_labels(latents, 100, seeded(1))
    share = torch.stack([(labels[:, :100] == 0).float(), (labels[:, 100:] == 0).float()])
    share = share.mean(dim=2)[:, n_classes > 1]
    assert (share[0] - share[1]).abs().mean() < 0.07
    assert np.corrcoef(share)[0, 1] > 0.8


def test_cuts_depend_only_on_the_order_of_the_latent():
    latent = torch.randn(50, 40, generator=seeded())
    n_classes = torch.randint(2, 11, (50, 1), generator=seeded(1))
    labels = cut(latent, n_classes, seeded(2))
    assert torch.equal(labels, cut(latent.exp(), n_classes, seeded(2)))
    assert (labels >= 0).all() and (labels < n_classes).all()


def test_equal_latents_are_of_one_class():
    latent = torch.randint(0, 4, (50, 40), generator=seeded()).float()
    labels = cut(latent, torch.full((50, 1), 6), seeded(1))
    for row, label in zip(latent, labels):
        assert all(len(label[row == value].unique()) == 1 for value in range(4))
    assert (labels.amax(dim=1) > labels.amin(dim=1)).any()


def test_the_largest_of_the_used_latents_is_the_class():
    latents = torch.randn(200, 30, 10, generator=seeded())
    n_classes = torch.randint(2, 11, (200, 1), generator=seeded(1))
    labels = largest(latents, n_classes, seeded(2))
    assert (labels < n_classes).all()
    used = latents.masked_fill(torch.arange(10) >= n_classes.unsqueeze(2), -torch.inf)
    # Not always the largest, since some classes are favoured.
    assert 0.6 < (labels == used.argmax(dim=2)).float().mean() < 1


# ---- targets -------------------------------------------------------------------------------------


def test_targets_span_the_unit_interval_in_the_support():
    latent = torch.randn(300, 60, generator=seeded())
    y, weights = regression_targets(latent, 40, seeded(1))
    assert y.isfinite().all() and y.min() >= -0.5 and y.max() <= 1.5
    support = y[weights == 1, :40]
    assert (support.amin(dim=1) == 0).all() and (support.amax(dim=1) == 1).all()
    assert set(weights.tolist()) <= {0.0, 1.0} and weights.mean() > 0.95
    # Of a normal target about half lies in the middle third; of a heavy-tailed one, hardly any.
    middle = ((support > 1 / 3) & (support < 2 / 3)).float().mean(dim=1)
    assert (middle < 0.1).float().mean() > 0.1 and (middle > 0.4).float().mean() > 0.2


def test_scaled_targets_have_no_unit():
    y = torch.randn(20, 30, generator=seeded())
    scaled, _ = scale(y, 20)
    other, _ = scale(1000 * y - 5, 20)
    torch.testing.assert_close(scaled, other, rtol=0, atol=1e-4)


def test_a_constant_target_has_no_weight():
    y = torch.tensor([[2.0, 2.0, 2.0, 5.0], [1.0, 3.0, 2.0, 9.0]])
    scaled, weights = scale(y, 3)
    assert scaled.tolist() == [[0, 0, 0, 0], [0, 1, 0.5, 1.5]]
    assert weights.tolist() == [0, 1]


# ---- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [SMALLEST_BUDGET, 40_000, 262_144, 10**7])
def test_shapes_keep_the_budget(budget):
    generator = seeded()
    shapes = [draw_shape(budget, generator) for _ in range(1500)]
    b, s, f = np.array(shapes).T
    n = s + N_QUERY
    assert (b >= 1).all() and (b * n * (f + 1) <= budget).all()
    assert (b * n <= 65_535).all()  # the batches of the attention across features
    assert (b * (f + 1) <= 65_535).all()  # and across rows
    assert s.min() == 14 and s.max() <= 640 and (s < 100).mean() > 0.4
    assert f.min() == 1 and f.max() == 64
    if budget >= 262_144:
        assert s.max() > 600


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.task)
def test_a_batch_has_the_shape_asked_for(config):
    batch = draw_batch(config, Shape(6, 25, 4), seeded())
    assert batch.x_support.shape == (6, 25, 4) and batch.x_query.shape == (6, N_QUERY, 4)
    assert batch.y_support.shape == (6, 25) and batch.y_query.shape == (6, N_QUERY)
    is_classification = config.task == "classification"
    assert batch.y_support.dtype == (torch.int64 if is_classification else torch.float32)
    assert (batch.n_classes is None) != is_classification
    assert (batch.weights is None) == is_classification


def test_a_network_with_few_outputs_gets_few_classes():
    batch = draw_batch(Config(8, 3, 1, 1, "classification"), Shape(200, 60, 4), seeded())
    assert batch.n_classes.max() == 3 and batch.y_support.max() == 2
