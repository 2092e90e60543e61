"""The selection of support rows against the JavaScript package's bundles, wlearn's generator,
and a slow reference."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from wlearn.rng import make_lcg, shuffle

from sklearn_mitra._bundles.container import decode_bundle
from sklearn_mitra._preprocessing.support import Lcg, select_rows, select_rows_per_class

INTEROP = Path(__file__).parents[1] / "interop"
DATA = json.loads((INTEROP / "data.json").read_text())
DATA = {name: np.array(values) for name, values in DATA.items()}
SEEDS = [0, 1, 42, 2**31 - 1, 2**31, 2**31 + 42, 2**32 - 1, 2**40 + 7]

# The seed whose first draw is exactly 1: the state before 0x7fffffff.
DRAWS_ONE = (0x7FFFFFFF - 1013904223) * pow(1664525, -1, 2**31) % 2**31


# ---- a slow reference ----------------------------------------------------------------------------


def reference_shuffle(values, draw):
    values = list(values)
    for i in range(len(values) - 1, 0, -1):
        j = min(int(draw() * (i + 1)), i)
        values[i], values[j] = values[j], values[i]
    return values


def reference_selection(class_ids, quotas, max_support, seed):
    """JavaScript's selection for these quotas, and that with all places filled."""
    draw = make_lcg(seed)
    chosen = []
    for class_id, quota in enumerate(quotas):
        rows = [i for i in range(len(class_ids)) if class_ids[i] == class_id]
        chosen += reference_shuffle(rows, draw)[:quota]
    rest = [i for i in range(len(class_ids)) if i not in set(chosen)]
    missing = max_support - len(chosen)
    more = reference_shuffle(rest, draw)[:missing] if missing else []
    return sorted(chosen), sorted(chosen + more)


def equal_quotas(n_classes, places):
    return [places // n_classes + (k < places % n_classes) for k in range(n_classes)]


def draw_classes(counts, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


def count(class_ids, indices, n_classes):
    return np.bincount(class_ids[indices], minlength=n_classes).tolist()


# ---- the generator -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [*SEEDS, -1, DRAWS_ONE])
def test_draws_are_those_of_wlearn(seed):
    draw = make_lcg(seed)
    expected = [draw() for _ in range(2000)]
    generator = Lcg(seed)
    pieces = [generator.draw(n) for n in (0, 1, 2, 0, 997, 1000)]
    np.testing.assert_array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffles_are_those_of_wlearn(seed):
    draw, generator = make_lcg(seed), Lcg(seed)
    for n in (0, 1, 2, 3, 10, 1000):
        assert generator.shuffle(range(n)) == shuffle(list(range(n)), draw)


def test_a_draw_of_exactly_one():
    assert Lcg(DRAWS_ONE).draw(1).item() == 1
    shuffled = Lcg(DRAWS_ONE).shuffle(range(10))
    assert shuffled == reference_shuffle(range(10), make_lcg(DRAWS_ONE))
    assert shuffled[-1] == 9  # its partner is itself, not a place past the end
    indices = select_rows(10, 4, DRAWS_ONE)
    assert indices.tolist() == sorted(shuffled[:4])


def test_shuffle_leaves_its_argument_alone():
    values = [3, 1, 2]
    Lcg(0).shuffle(values)
    assert values == [3, 1, 2]


# ---- against bundles of the JavaScript package ---------------------------------------------------


def read_support(name):
    manifest, artifacts = decode_bundle(INTEROP / name)
    x = np.frombuffer(artifacts["support_x"], "<f4").reshape(-1, 5)
    y = np.frombuffer(artifacts["support_y"], "<i4" if "classifier" in name else "<f4")
    return manifest["params"], x, y


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("classifier_50_seed7.wlrn", "y_class"),
        ("classifier_labels125_40_seed3.wlrn", "y_class_125"),
        ("classifier_all_rows.wlrn", "y_class"),
    ],
)
def test_rows_of_a_javascript_classifier(name, labels):
    params, x, y = read_support(name)
    _, ids = np.unique(DATA[labels], return_inverse=True)
    indices = select_rows_per_class(ids, params["maxSupport"], params["seed"], "balanced")
    np.testing.assert_array_equal(x, DATA["X"][indices].astype(np.float32))
    np.testing.assert_array_equal(y, DATA[labels][indices])


@pytest.mark.parametrize("name", ["regressor_64_seed11.wlrn", "regressor_all_rows.wlrn"])
def test_rows_of_a_javascript_regressor(name):
    params, x, y = read_support(name)
    indices = select_rows(300, params["maxSupport"], params["seed"])
    np.testing.assert_array_equal(x, DATA["X"][indices].astype(np.float32))
    np.testing.assert_array_equal(y, DATA["y_reg"][indices].astype(np.float32))


# ---- all rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_support", [20, 21, 1000])
@pytest.mark.parametrize("sampling", ["balanced", "stratified"])
def test_all_rows_in_order_if_they_fit(max_support, sampling):
    ids = draw_classes([12, 8])
    np.testing.assert_array_equal(select_rows(20, max_support, 0), np.arange(20))
    indices = select_rows_per_class(ids, max_support, 0, sampling)
    np.testing.assert_array_equal(indices, np.arange(20))


# ---- regardless of classes -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_random_rows_are_the_first_of_a_shuffle(seed):
    for n_rows, max_support in ((2, 1), (100, 99), (300, 64), (1000, 1)):
        shuffled = reference_shuffle(range(n_rows), make_lcg(seed))
        indices = select_rows(n_rows, max_support, seed)
        assert indices.tolist() == sorted(shuffled[:max_support])
        assert indices.dtype == np.int64


# ---- balanced ------------------------------------------------------------------------------------

COUNTS = {
    "equal": ([40, 40, 40], 30),
    "two places left over": ([40, 40, 40], 32),
    "one place per class": ([40, 40, 40], 3),
    "short class": ([100, 3, 50], 60),
    "several short classes": ([1, 200, 2, 3, 90], 120),
    "all but one short": ([2, 2, 300, 2], 100),
    "ten classes": ([50, 9, 9, 30, 1, 1, 1, 20, 77, 5], 101),
    "one class": ([50], 20),
    "all rows but one": ([10, 1, 4], 14),
}


@pytest.mark.parametrize("seed", [0, 42, 2**31 + 5])
@pytest.mark.parametrize(("counts", "max_support"), COUNTS.values(), ids=COUNTS)
def test_balanced_selection(counts, max_support, seed):
    ids = draw_classes(counts)
    quotas = equal_quotas(len(counts), max_support)
    javascript, expected = reference_selection(ids, quotas, max_support, seed)
    indices = select_rows_per_class(ids, max_support, seed, "balanced")
    assert indices.dtype == np.int64
    assert indices.tolist() == expected
    # JavaScript's rows are among them, and places that it leaves empty are used.
    assert set(javascript) <= set(expected)
    assert len(set(expected)) == max_support
    taken = count(ids, indices, len(counts))
    assert all(t >= min(q, c) for t, q, c in zip(taken, quotas, counts))


def test_balanced_quotas_differ_by_one_and_the_first_classes_get_more():
    ids = draw_classes([40, 50, 60, 70])
    assert count(ids, select_rows_per_class(ids, 42, 0, "balanced"), 4) == [11, 11, 10, 10]


def test_short_classes_are_taken_whole():
    ids = draw_classes([100, 3, 50])
    taken = count(ids, select_rows_per_class(ids, 60, 0, "balanced"), 3)
    assert taken[1] == 3
    assert taken[0] >= 20 and taken[2] >= 20 and sum(taken) == 60


# ---- stratified ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize(("counts", "max_support"), COUNTS.values(), ids=COUNTS)
def test_stratified_selection(counts, max_support, seed):
    ids = draw_classes(counts)
    indices = select_rows_per_class(ids, max_support, seed, "stratified")
    quotas = reference_proportional_quotas(counts, max_support)
    assert indices.tolist() == reference_selection(ids, quotas, max_support, seed)[1]
    assert len(set(indices.tolist())) == max_support
    assert min(count(ids, indices, len(counts))) >= 1


def reference_proportional_quotas(counts, places):
    """One place each, the others by largest remainder, in exact arithmetic."""
    free = places - len(counts)
    shares = [Fraction(c * free, sum(counts)) for c in counts]
    quotas = [int(share) for share in shares]
    remainders = [share - quota for share, quota in zip(shares, quotas)]
    order = sorted(range(len(counts)), key=lambda k: -remainders[k])
    for k in order[: free - sum(quotas)]:
        quotas[k] += 1
    return [quota + 1 for quota in quotas]


@pytest.mark.parametrize("seed", range(20))
def test_stratified_quotas_are_proportional(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(30, 500, rng.integers(2, 11)).tolist()
    max_support = int(rng.integers(len(counts), 100))
    ids = draw_classes(counts, seed)
    taken = count(ids, select_rows_per_class(ids, max_support, seed, "stratified"), len(counts))
    assert sum(taken) == max_support
    free = max_support - len(counts)
    shares = [Fraction(c * free, sum(counts)) for c in counts]
    assert all(abs(t - 1 - share) < 1 for t, share in zip(taken, shares))
    # Nobody was rounded up before a class of a larger remainder.
    up = [share % 1 for t, share in zip(taken, shares) if t - 1 > share]
    down = [share % 1 for t, share in zip(taken, shares) if t - 1 < share]
    assert not up or not down or min(up) >= max(down)


# ---- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["balanced", "stratified"])
def test_every_class_has_a_row_if_there_are_places(sampling):
    ids = draw_classes([1, 1, 500, 1, 1])
    for max_support in (5, 6, 50):
        indices = select_rows_per_class(ids, max_support, 3, sampling)
        assert set(ids[indices]) == set(range(5))


@pytest.mark.parametrize("sampling", ["balanced", "stratified"])
def test_fewer_places_than_classes(sampling):
    ids = draw_classes([10, 10, 10])
    with pytest.raises(ValueError, match="max_support=2 leaves no place for some of the 3 classes"):
        select_rows_per_class(ids, 2, 0, sampling)


@pytest.mark.parametrize("sampling", ["balanced", "stratified"])
def test_the_same_seed_selects_the_same_rows(sampling):
    ids = draw_classes([60, 30, 10])
    first = select_rows_per_class(ids, 20, 5, sampling)
    np.testing.assert_array_equal(select_rows_per_class(ids, 20, 5, sampling), first)
    assert select_rows_per_class(ids, 20, 6, sampling).tolist() != first.tolist()
