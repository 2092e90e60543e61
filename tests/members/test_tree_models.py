"""Members that need no network: what they are fitted to, what they answer, how large they get."""

import json

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from sklearn_mitra import BundleError
from sklearn_mitra._bundles.fields import BundleFields, pack
from sklearn_mitra._members import tree_models
from sklearn_mitra._members.training_table import TrainingTable
from sklearn_mitra._members.tree_models import LEAST, TreeModel, count_outputs, fit_tree_model

KINDS = ["boosting", "extra_trees"]
both_kinds = pytest.mark.parametrize("kind", KINDS)


def draw_columns(n_rows=200, n_columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns)).astype(np.float32)


def fit(kind, x, y, n_classes=0, rows=None, columns=None, seed=0, n_threads=1):
    everything = np.arange(len(x))
    columns = np.arange(x.shape[1]) if columns is None else np.array(columns)
    table = TrainingTable(x, y, everything, columns, [0] * x.shape[1], n_classes)
    rows = everything if rows is None else rows
    return fit_tree_model(kind, table, y, rows, seed=seed, n_threads=n_threads)


def assert_same(model, other):
    for name, values in vars(model.forest).items():
        np.testing.assert_array_equal(getattr(other.forest, name), values, strict=True)
    np.testing.assert_array_equal(other.start, model.start, strict=True)
    assert (other.kind, other.n_classes) == (model.kind, model.n_classes)


# ---- what they answer ----------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_answers_are_log_probabilities_that_tell_classes_apart(kind, n_classes):
    x = draw_columns()
    y = np.digitize(x[:, 1], np.linspace(-0.7, 0.7, n_classes + 1)[1:-1])
    answers = fit(kind, x, y, n_classes).answers(x)
    assert answers.shape == (200, n_classes) and answers.dtype == np.float64
    assert (answers >= LEAST).all()
    sums = np.exp(answers).sum(axis=1)  # those below the least are raised to it
    assert (sums > 1 - 1e-6).all() and (sums < 1 + n_classes * np.exp(LEAST)).all()
    assert (answers.argmax(axis=1) == y).mean() > 0.8


@both_kinds
def test_answers_are_targets(kind):
    x = draw_columns()
    y = (1 / (1 + np.exp(-x[:, 1]))).astype(np.float32)
    answers = fit(kind, x, y).answers(x)
    assert answers.shape == (200,) and answers.dtype == np.float64
    assert np.corrcoef(answers, y)[0, 1] > 0.98


@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_only_the_given_rows_and_columns_count(kind, n_classes):
    x = draw_columns(n_columns=5)
    y = np.digitize(x[:, 3], [0, 1][: n_classes - 1]) if n_classes else x[:, 3]
    rows = np.flatnonzero(np.arange(200) % 3)
    model = fit(kind, x, y, n_classes, rows=rows, columns=[1, 3])
    alone = fit(kind, x[np.ix_(rows, [1, 3])], y[rows], n_classes)
    sources = model.forest.sources
    assert {-1, 3} <= {*sources.tolist()} <= {-1, 1, 3}
    np.testing.assert_array_equal(model.answers(x), alone.answers(x[:, [1, 3]]))
    np.testing.assert_array_equal(np.where(sources > 0, sources // 2, -1), alone.forest.sources)


@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_a_row_has_the_same_bits_alone_and_in_batches(kind, n_classes):
    x = draw_columns(60)
    y = np.arange(60) % n_classes if n_classes else x[:, 0]
    model = fit(kind, x, y, n_classes)
    whole = model.answers(x)
    for size in (1, 2, 7):
        parts = [model.answers(x[i : i + size]) for i in range(0, 60, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(model.answers(np.asfortranarray(x)), whole)


# ---- fits of few rows ----------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("n_classes", [3, 4, 6])
def test_a_class_without_rows_is_improbable(kind, n_classes):
    x = draw_columns()
    y = np.where(x[:, 0] > 0, 2, 1)
    if n_classes > 4:  # more than two classes are there
        y[x[:, 1] > 0.5] = 4
    present = np.unique(y)
    answers = fit(kind, x, y, n_classes).answers(x)
    absent = np.setdiff1d(np.arange(n_classes), present)
    np.testing.assert_allclose(answers[:, absent], LEAST)
    expected = fit(kind, x, np.searchsorted(present, y), len(present)).answers(x)
    np.testing.assert_allclose(answers[:, present], expected, rtol=0, atol=1e-4)


@both_kinds
@pytest.mark.parametrize(("class_id", "n_classes"), [(0, 2), (1, 2), (0, 3), (2, 3)])
def test_one_class_is_all_that_a_member_says_that_has_seen_no_other(kind, class_id, n_classes):
    x = draw_columns(30)
    model = fit(kind, x, np.full(30, class_id), n_classes)
    answers = model.answers(x)
    others = np.delete(answers, class_id, axis=1)
    np.testing.assert_allclose(others, LEAST, atol=1e-3)
    np.testing.assert_allclose(answers[:, class_id], 0, atol=n_classes * np.exp(LEAST))
    assert_same(unpack(model), model)


@pytest.mark.filterwarnings("error")
@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 5])
def test_tiny_tables(kind, n_classes, n_rows):
    x = draw_columns(n_rows)
    y = np.arange(n_rows) % n_classes if n_classes else x[:, 0]
    assert np.isfinite(fit(kind, x, y, n_classes).answers(draw_columns(9))).all()


@pytest.mark.filterwarnings("error")
@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_constant_columns_tell_nothing(kind, n_classes):
    y = np.arange(60) % n_classes if n_classes else np.linspace(0, 1, 60).astype(np.float32)
    answers = fit(kind, np.ones((60, 2), np.float32), y, n_classes).answers(draw_columns(5, 2))
    expected = np.full((5, n_classes), -np.log(n_classes)) if n_classes else np.full(5, 0.5)
    np.testing.assert_allclose(answers, expected, rtol=1e-5)


@both_kinds
def test_a_constant_target_is_what_is_answered(kind):
    answers = fit(kind, draw_columns(), np.full(200, 0.25, np.float32)).answers(draw_columns(5))
    np.testing.assert_allclose(answers, 0.25, rtol=1e-6)


@pytest.mark.filterwarnings("error")
@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2])
def test_huge_values_are_divided_as_others(kind, n_classes):
    x = draw_columns()
    y = (x[:, 0] > 0).astype(np.int64) if n_classes else (x[:, 0] > 0).astype(np.float32)
    x[:, 0] *= 1e37
    answers = fit(kind, x, y, n_classes).answers(x)
    predicted = answers.argmax(axis=1) if n_classes else answers > 0.5
    assert (predicted == (y > 0)).mean() > 0.99


# of more than 10,000 rows, scikit-learn holds out some to stop early
@pytest.mark.parametrize("n_rows", [3000, 10_500])
def test_classes_of_one_row_leave_boosting_of_the_others_as_it_is(n_rows):
    x = draw_columns(n_rows, 2)
    y = (x[:, 0] > 0).astype(np.int64)
    y[7], y[8] = 2, 4
    answers = fit("boosting", x, y, 5).answers(x)
    others = np.delete(np.arange(n_rows), [7, 8])
    np.testing.assert_allclose(answers[:, 2:], LEAST)
    expected = fit("boosting", x[others], y[others], 2).answers(x)
    np.testing.assert_allclose(answers[:, :2], expected, rtol=0, atol=1e-5)
    assert (answers[others].argmax(axis=1) == y[others]).mean() > 0.99


@pytest.mark.parametrize("n_rows", [2, 60, 10_500])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_boosting_of_one_class_of_several_rows_answers_with_frequencies(n_rows, n_classes):
    y = np.zeros(n_rows, np.int64)
    y[1] = 1
    model = fit("boosting", draw_columns(n_rows, 2), y, n_classes)
    shares = np.maximum(np.bincount(y, minlength=n_classes) / n_rows, np.exp(LEAST))
    expected = np.tile(shares / shares.sum(), (50, 1))
    answers = model.answers(draw_columns(50, 2, seed=1))
    np.testing.assert_allclose(np.exp(answers), expected, rtol=2e-3)


# ---- seeds and threads ---------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_seed_fits_the_same_bits_with_any_number_of_threads(kind, n_classes, monkeypatch):
    monkeypatch.setattr(tree_models, "_MANY_CELLS", 0)
    x = draw_columns(400)
    y = np.digitize(x[:, 0] * x[:, 1], [-0.5, 0.5]) if n_classes else x[:, 0] * x[:, 1]
    model = fit(kind, x, y, n_classes)
    for n_threads in (1, 2):
        assert_same(fit(kind, x, y, n_classes, n_threads=n_threads), model)
    last = [fit(kind, x, y, n_classes, seed=2**32 - 1) for _ in range(2)]
    assert_same(*last)


def test_other_seeds_fit_other_trees():
    x = draw_columns()
    models = [fit("extra_trees", x, x[:, 0], seed=seed) for seed in (0, 1)]
    assert (models[0].answers(x) != models[1].answers(x)).any()


@both_kinds
def test_threads_and_the_global_generator_are_left_alone(kind):
    threads = {info["filepath"]: info["num_threads"] for info in threadpool_info()}
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    x = draw_columns()
    fit(kind, x, x[:, 0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    after = {info["filepath"]: info["num_threads"] for info in threadpool_info()}
    assert {path: after[path] for path in threads} == threads


@both_kinds
def test_what_is_passed_in_stays_as_it_is(kind):
    x = draw_columns()
    y = x[:, 0].copy()
    before = x.copy(), y.copy()
    fit(kind, x, y)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


# ---- in bundles ----------------------------------------------------------------------------------


def unpack(model, n_columns=3, **changes):
    packed = json.loads(json.dumps({**model.pack(), **changes}))
    return TreeModel.unpack(BundleFields(packed, "a model"), n_columns, model.n_classes)


@both_kinds
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_models_come_back_from_json(kind, n_classes):
    x = draw_columns()
    y = np.digitize(x[:, 0], [0, 1][: n_classes - 1]) if n_classes else x[:, 0]
    model = fit(kind, x, y, n_classes)
    again = unpack(model)
    assert_same(again, model)
    np.testing.assert_array_equal(again.answers(x), model.answers(x))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "plain"}, "'kind' in a model must be one of"),
        ({"kind": 3}, "'kind' in a model must be one of"),
        ({"start": pack(np.zeros(2))}, "'shape' in 'start'"),
        ({"start": pack(np.array([np.inf]))}, "'data' in 'start'"),
    ],
)
def test_damaged_models_are_named(changes, message):
    x = draw_columns()
    with pytest.raises(BundleError, match=message):
        unpack(fit("boosting", x, x[:, 0]), **changes)


def test_trees_may_read_only_columns_that_are_there():
    x = draw_columns()
    with pytest.raises(BundleError, match="'sources' in a model must be columns, 0 to 1, or -1"):
        unpack(fit("boosting", x, x[:, 2]), n_columns=2)


@pytest.mark.parametrize(
    ("kind", "n_classes", "n_outputs"),
    [("boosting", 0, 1), ("boosting", 2, 1), ("boosting", 3, 3), ("extra_trees", 0, 1)]
    + [("extra_trees", 2, 2), ("extra_trees", 3, 3)],
)
def test_two_classes_of_boosting_have_one_score(kind, n_classes, n_outputs):
    assert count_outputs(kind, n_classes) == n_outputs


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "n_classes"), [(15_000, 10), (15_000, 2), (30_000, 0)])
def test_models_of_many_rows_are_not_too_large(n_rows, n_classes):
    x = draw_columns(n_rows, 8)
    rng = np.random.default_rng(1)  # noise makes the largest trees
    y = rng.integers(0, n_classes, n_rows) if n_classes else rng.random(n_rows).astype(np.float32)
    models = [fit(kind, x, y, n_classes) for kind in KINDS]
    sizes = [len(json.dumps(model.pack())) for model in models]
    assert sum(sizes) < 20e6
    # what is left out of many rows is noise, too
    leaves = len(models[1].forest.values)
    assert leaves * max(1, n_classes) <= tree_models._MOST_VALUES
    assert leaves > 0.1 * tree_models._MOST_VALUES / max(1, n_classes)
