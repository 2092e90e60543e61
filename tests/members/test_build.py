"""The members of an ensemble: which there are, what is drawn for each, and what they share."""

import numpy as np
import pytest

from sklearn_mitra._members.baseline import LinearModels
from sklearn_mitra._members.build import build_members, draw_members
from sklearn_mitra._members.class_tree import is_tree
from sklearn_mitra._members.functions import Rows
from sklearn_mitra._members.training_table import TrainingTable

N_SUPPORT, COLUMNS = 20, [0, 1, 3, 4, 5, 6, 8]


def draw_plain(n_members, n_classes, seed, columns=COLUMNS):
    return draw_members(["plain"] * n_members, None, np.array(columns), n_classes, seed)


def draw_table(seed=0):
    return np.random.default_rng(seed).normal(size=(N_SUPPORT, 9)).astype(np.float32)


def assert_same(members, others):
    assert len(members) == len(others)
    for member, other in zip(members, others):
        for name in ("columns", "signs"):
            np.testing.assert_array_equal(getattr(member, name), getattr(other, name), strict=True)
        assert type(member.target) is type(other.target)
        np.testing.assert_equal(vars(member.target), vars(other.target))


# ---- what is drawn -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [0, 1, 2, 10])
@pytest.mark.parametrize("n_members", [1, 4])
def test_the_first_member_shows_the_table_as_it_is(n_members, n_classes):
    member, x = draw_plain(n_members, n_classes, seed=3)[0], draw_table()
    y = np.arange(N_SUPPORT) % n_classes if n_classes else np.linspace(0, 1, N_SUPPORT)
    shown, target = member.support(x, y)
    np.testing.assert_array_equal(shown, x[:, COLUMNS])
    np.testing.assert_array_equal(member.query(Rows(x)), x[:, COLUMNS])
    np.testing.assert_array_equal(target, y)
    outputs = np.random.default_rng(1).normal(size=(5, 10 if n_classes else 1))
    expected = outputs[:, :n_classes] if n_classes else outputs[:, 0]
    found = member.target.inverse_transform(outputs, Rows(x[:5]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_classes", [0, 3])
def test_more_members_of_a_seed_begin_with_the_same(n_classes):
    members = draw_plain(16, n_classes, seed=42)
    for n_members in (1, 2, 3, 8):
        assert_same(draw_plain(n_members, n_classes, seed=42), members[:n_members])


def test_other_seeds_give_other_members():
    seeds = 0, 1, 2**31, 2**32 - 1
    signs = {draw_plain(2, 3, seed, range(20))[1].signs.tobytes() for seed in seeds}
    assert len(signs) == 4


def test_a_seed_means_the_same_members_in_every_version():
    member = draw_plain(3, 4, seed=7)[2]
    assert member.signs.tolist() == [-1, 1, -1, 1, -1, -1, -1]
    assert member.target.permutation.tolist() == [1, 3, 2, 0]


def test_classes_are_permuted():
    permutations = {tuple(member.target.permutation) for member in draw_plain(30, 3, seed=0)}
    assert len(permutations) == 6


def test_every_other_member_of_regression_is_mirrored():
    mirrors = [member.target.mirror for member in draw_plain(6, 0, seed=1)]
    assert mirrors == [False, True] * 3


def test_columns_are_turned_over():
    for member in draw_plain(6, 2, seed=0)[1:]:
        assert set(member.signs) == {-1, 1}  # with seven columns, not all alike for this seed
        assert member.columns.tolist() == COLUMNS


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    draw_plain(5, 3, seed=9)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0] and before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


# ---- what kinds of members have ------------------------------------------------------------------


def make_training(n_classes, n_rows=80, n_categories=(0, 0, 40)):
    """Two columns of numbers, and one of 40 levels; half of the rows are the support."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 3)).astype(np.float32)
    x[:, 2] = rng.integers(0, 40, n_rows)
    y = np.arange(n_rows) % n_classes if n_classes else rng.random(n_rows).astype(np.float32)
    return TrainingTable(x, y, np.arange(0, n_rows, 2), np.arange(3), n_categories, n_classes)


KINDS = ["plain", "target_encoding", "components", "scores", "compressed"]


@pytest.mark.parametrize("n_classes", [0, 2])
def test_kinds_are_made_of_the_models_they_name(n_classes):
    table = make_training(n_classes)
    models = LinearModels(table, 0)
    further = [] if n_classes else ["residual", "compressed+residual"]
    members = draw_members([*KINDS, *further], models, table.columns, n_classes, 0)
    components, scores = models.components, models.scores
    features = [(), (), (components,), (scores,), (components, scores)]
    features += [] if n_classes else [(), (components, scores)]
    for member, expected in zip(members, features, strict=True):
        assert [id(f) for f in member.features] == [id(f) for f in expected]
        n_columns = len(member.columns) + sum(f.n_columns for f in expected)
        assert len(member.signs) == n_columns
    replaced = [len(member.columns) == 0 for member in members]
    assert replaced == [False, False, False, False, True, *([] if n_classes else [False, True])]
    if n_classes:
        has_blend = [member.target.blend is models.blend for member in members]
        assert has_blend == [False, False, False, True, True]
    else:
        has_baseline = [member.target.baseline is models.baseline for member in members]
        assert has_baseline == [False] * 5 + [True] * 2


def test_only_plain_members_are_mirrored():
    table = make_training(0)
    kinds = [
        "plain",
        "plain",
        "scores",
        "scores",
        "target_encoding",
        "target_encoding",
        "plain",
        "plain",
    ]
    members = draw_members(kinds, LinearModels(table, 0), table.columns, 0, 0)
    assert [i for i, member in enumerate(members) if member.target.mirror] == [1, 7]


def test_without_models_all_members_are_plain():
    table = make_training(2, n_rows=6)
    models = LinearModels(table, 0)  # of so few rows that nothing is learned of them
    assert not models.are_possible
    members = draw_members(KINDS, models, table.columns, 2, 0)
    assert all(member.is_plain for member in members)
    assert_same(members, draw_members(["plain"] * 5, None, table.columns, 2, 0))


# ---- an ensemble ---------------------------------------------------------------------------------


def test_nothing_is_learned_of_a_table_for_plain_members(monkeypatch):
    def fail(*args):
        raise AssertionError

    monkeypatch.setattr("sklearn_mitra._members.build.LinearModels", fail)
    monkeypatch.setattr("sklearn_mitra._members.build.fit_target_encoding", fail)
    encoding, members, _ = build_members(["plain"] * 3, make_training(2), 10, 5)
    assert encoding is None
    assert_same(members, draw_plain(3, 2, 5, range(3)))


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_all_but_plain_members_see_the_target_encoding(n_classes):
    table = make_training(n_classes)
    encoding, members, _ = build_members(KINDS, table, 10, 0)
    assert encoding.sources.tolist() == [2]
    n_targets = max(1, n_classes) if n_classes != 2 else 1
    encoded = [0, 1, *range(3, 3 + n_targets)]
    columns = [member.columns.tolist() for member in members]
    assert columns == [[0, 1, 2], encoded, encoded, encoded, []]
    x = encoding.support(table.x[table.support])
    for member in members:
        shown, _ = member.support(x, table.y[table.support])
        assert shown.shape == (40, len(member.signs))
        assert member.query(Rows(encoding.query(table.x))).shape == (80, len(member.signs))


def test_without_columns_of_many_levels_there_is_no_target_encoding():
    encoding, members, _ = build_members(KINDS, make_training(2, n_categories=(0, 0, 0)), 10, 0)
    assert encoding is None
    assert [member.columns.tolist() for member in members] == [[0, 1, 2]] * 4 + [[]]


def test_members_share_their_models():
    _, members, _ = build_members(
        ["components", "scores", "components+scores"], make_training(2), 10, 0
    )
    (components,), (scores,), both = (member.features for member in members)
    assert both[0] is components and both[1] is scores
    assert members[1].target.blend is members[2].target.blend is not None


def test_of_more_classes_than_outputs_each_member_is_a_tree():
    table = make_training(7)
    y = table.y[table.support]
    _, members, _ = build_members(["plain", "scores"], table, 4, 0)
    n_nodes = members[0].target.n_nodes
    assert len(members) == 2 * n_nodes and n_nodes > 1
    for tree in (members[:n_nodes], members[n_nodes:]):
        assert is_tree([member.target.node for member in tree], y)
        for member in tree:
            groups = member.target.node.n_groups
            # each node is the first of its draws
            np.testing.assert_array_equal(member.target.permutation, np.arange(groups))
            assert (member.signs[: len(member.columns)] == 1).all()
    assert all(member.is_plain for member in members[:n_nodes])
    root = members[n_nodes]
    assert root.features[0].held_out.shape == (len(y), root.features[0].n_columns)
    for member in members[n_nodes + 1 :]:
        rows = member.target.node.find(y)
        assert all(len(f.held_out) == len(rows) < len(y) for f in member.features)


def test_what_is_passed_in_stays_as_it_is():
    table = make_training(3)
    before = table.x.copy(), table.y.copy()
    build_members(KINDS, table, 2, 0)
    np.testing.assert_array_equal(table.x, before[0])
    np.testing.assert_array_equal(table.y, before[1])
