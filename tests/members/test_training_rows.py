"""Training rows as query rows: what models say of them that haven't seen them."""

import numpy as np
import pytest

from sklearn_mitra._members import baseline
from sklearn_mitra._members.build import build_members
from sklearn_mitra._members.functions import Rows
from sklearn_mitra._members.kinds import recommend_temperature
from sklearn_mitra._members.training_rows import TrainingRows
from sklearn_mitra._members.training_table import TrainingTable


def make_table(n_classes=0, n_rows=120, n_levels=0, seed=0):
    """Three columns, the last perhaps of levels; half of the rows are the support."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 3)).astype(np.float32)
    if n_levels:
        x[:, 2] = rng.integers(0, n_levels, n_rows)
    y = rng.integers(0, n_classes, n_rows) if n_classes else rng.random(n_rows).astype(np.float32)
    return TrainingTable(x, y, np.arange(0, n_rows, 2), np.arange(3), (0, 0, n_levels), n_classes)


def functions_of(members):
    """The functions that members are made of, without those of no target."""
    found = {}
    for member in members:
        target = member.target
        for part in (*member.features, getattr(target, "blend", None)):
            found |= {} if part is None else {id(part.function): part.function}
        base = getattr(target, "baseline", None)
        found |= {} if base is None else {id(base.function): base.function}
    return list(found.values())


KINDS = {0: ["scores", "residual", "compressed+residual"], 2: ["scores", "compressed"]}


@pytest.mark.parametrize("n_classes", [0, 2, 3, 12])
def test_support_rows_have_the_out_of_fold_values_that_members_show(n_classes):
    table = make_table(n_classes)
    kinds = KINDS[min(n_classes, 2)]
    _, members, training = build_members(kinds, table, 20, 0)
    x, y = table.x[table.support], table.y[table.support]
    rows = training.take(table.support)
    np.testing.assert_array_equal(rows.x, x)
    for member in members:
        shown, target = member.support(x, y)
        again, target_again = member.training_support(rows, y)
        np.testing.assert_array_equal(again, shown, strict=True)
        np.testing.assert_allclose(target_again, target, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(member.query(rows), shown, strict=True)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_all_rows_have_out_of_fold_values(n_classes):
    table = make_table(n_classes)
    kinds = KINDS[min(n_classes, 2)]
    _, members, training = build_members(kinds, table, 20, 0)
    indices = np.arange(1, 120, 3)  # of the support and others
    rows, plain = training.take(indices), Rows(table.x[indices])
    differs = [(rows.apply(f) != plain.apply(f)).any(axis=1) for f in functions_of(members)]
    # principal components know no target; all else was learned of it
    assert sorted(map(np.mean, differs)) == [0, *[1] * (len(differs) - 1)]
    assert len(differs) > 1


def test_a_rows_own_target_has_no_part_in_its_values():
    table = make_table()
    row = table.y.argmax()  # it stays the largest, so folds stay the same
    higher = table.y.copy()
    higher[row] += 10
    changes = []
    for y in (table.y, higher):
        _, members, training = build_members(["scores"], table._replace(y=y), 20, 0)
        function = members[0].features[0].function
        rows = training.take(np.array([row])), Rows(table.x[[row]])
        changes.append([side.apply(function)[0, 0] for side in rows])
    own, seen = np.abs(np.subtract(*changes))
    # all targets choose the penalty, and how much of the trees there is
    assert seen > 0.1 and own < seen / 4


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [0, 2])
def test_values_of_noise_tell_nothing_of_the_target(n_classes):
    correlations = []
    for seed in range(8):
        table = make_table(n_classes, n_rows=200, seed=seed)
        _, members, training = build_members(["scores"], table, 20, 0)
        (function,) = (members[0].features[0].function,)
        everything = np.arange(200)
        sides = training.take(everything), Rows(table.x)
        correlations.append(
            [np.corrcoef(rows.apply(function)[:, 0], table.y)[0, 1] for rows in sides]
        )
    held_out, seen = np.mean(correlations, axis=0)
    assert seen > 0.15 and held_out < 0.05


def test_rows_that_models_have_not_seen_have_their_functions(monkeypatch):
    monkeypatch.setattr(baseline, "MOST_ROWS", 70)  # the support of 60, and ten others
    table = make_table()
    _, members, training = build_members(["scores"], table, 20, 0)
    function = members[0].features[0].function
    everything = np.arange(120)
    differs = training.take(everything).apply(function) != Rows(table.x).apply(function)
    assert differs[table.support].all()
    assert differs.sum() == 70


def test_values_of_a_blend_are_shifted_to_the_support():
    table = make_table(3)
    few = np.concatenate([np.flatnonzero(table.y == 0)[:30], np.flatnonzero(table.y > 0)[:20]])
    table = table._replace(support=np.sort(few))
    _, members, training = build_members(["scores"], table, 20, 0)
    blend, scores = members[0].target.blend, members[0].features[0]
    rows, plain = training.take(np.arange(120)), Rows(table.x)
    # logits of the same fits, but for a shift of each class and the temperature
    of_blend, of_scores = rows.apply(blend.function), rows.apply(scores.function)
    scale = np.ptp(of_blend, axis=0) / np.ptp(of_scores, axis=0)
    np.testing.assert_allclose(scale, recommend_temperature(3), rtol=1e-6)
    whole = plain.apply(blend.function) - scale * plain.apply(scores.function)
    assert np.ptp(whole[0]) > 0.5
    np.testing.assert_allclose(of_blend - scale * of_scores, whole, atol=1e-6)


def test_the_target_encoding_is_out_of_fold():
    table = make_table(2, n_levels=40)
    encoding, members, training = build_members(["target_encoding"], table, 20, 0)
    shown = training.take(np.arange(120)).x
    assert shown.shape == (120, 4)
    np.testing.assert_array_equal(shown[table.support], encoding.support(table.x[table.support]))
    assert (shown[:, 3] != encoding.query(table.x)[:, 3]).mean() > 0.9
    np.testing.assert_array_equal(training.table.columns, members[0].columns)


def test_values_of_a_class_tree_are_of_its_nodes():
    table = make_table(7, n_rows=280)
    _, members, training = build_members(["scores"], table, 3, 0)
    assert len(members) > 2
    rows, plain = training.take(np.arange(280)), Rows(table.x)
    for member in members:
        here = member.target.node.find(table.y)
        for function in functions_of([member]):
            differs = (rows.apply(function) != plain.apply(function)).any(axis=1)
            # of rows that a node hasn't seen, its functions are as for any
            np.testing.assert_array_equal(np.flatnonzero(differs), here)
    x, y = table.x[table.support], table.y[table.support]
    of_support = training.take(table.support)
    for member in members:
        shown, target = member.support(x, y)
        again, target_again = member.training_support(of_support, y)
        np.testing.assert_array_equal(again, shown, strict=True)
        np.testing.assert_array_equal(target_again, target, strict=True)


def test_plain_members_take_rows_as_they_are():
    table = make_table(2)
    _, (member,), training = build_members(["plain"], table, 20, 0)
    rows = training.take(np.array([3, 5, 118]))
    np.testing.assert_array_equal(rows.x, table.x[[3, 5, 118]])
    shown, target = member.training_support(rows, table.y[[3, 5, 118]])
    np.testing.assert_array_equal(shown, table.x[[3, 5, 118]])
    np.testing.assert_array_equal(target, table.y[[3, 5, 118]])
    assert isinstance(training, TrainingRows)
