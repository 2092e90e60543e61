"""int8: the weights, their cache, and what it changes in predictions."""

import os
import pickle
import shutil
import stat

import hub_client
import numpy as np
import pytest
from estimators import both, outputs, same, small
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from tables import make_table

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor, clear_sessions
from sklearn_mitra._network import int8, sessions
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.int8 import quantized_weights

X, Y = make_table(80)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    directory = tmp_path / "cache"
    directory.mkdir()
    monkeypatch.setattr(int8, "_cache_file", lambda sha256: directory / f"{sha256}.bin")
    clear_sessions()
    yield directory
    clear_sessions()


@pytest.fixture
def checkpoint():
    return resolve_checkpoint("mini", "classification")


def same_weights(found, expected):
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        same(np.asarray(found[name]), np.asarray(weight))


# ---- the weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_weights_times_scales_are_the_weights(task):
    checkpoint = resolve_checkpoint("mini", task)
    weights, quantized = checkpoint.load_weights(), quantized_weights(checkpoint)
    matrices = {name for name in weights if f"{name}.int8" in quantized}
    assert len(matrices) == 6 * 12  # q, k, v, o twice and four of the MLPs, in six layers
    assert quantized.keys() == (weights.keys() - matrices) | {
        f"{name}.{part}" for name in matrices for part in ("int8", "scale")
    }
    for name in weights.keys() - matrices:
        same(quantized[name], weights[name])
    for name in matrices:
        integers, scale = quantized[f"{name}.int8"], quantized[f"{name}.scale"]
        assert integers.dtype == np.int8
        assert integers.flags.c_contiguous
        assert (np.abs(integers).max(axis=0) == 63).all()  # seven bits, all of them used
        error = np.abs(integers.T * scale[:, None] - weights[name])
        assert (error <= 0.501 * scale[:, None]).all()


def test_a_channel_of_zeros_stays_zero():
    quantized = int8._quantize({"layers.0.linear1.weight": np.zeros((4, 3), np.float32)})
    assert not quantized["layers.0.linear1.weight.int8"].any()
    assert np.isfinite(quantized["layers.0.linear1.weight.scale"]).all()


# ---- the cache -----------------------------------------------------------------------------------


def test_weights_are_made_once(checkpoint, cache, monkeypatch):
    first = quantized_weights(checkpoint)
    (file,) = cache.iterdir()
    assert file.name == f"{checkpoint.sha256}.bin"
    assert file.stat().st_size < 2.6e6  # a byte for each of 2.4 million
    monkeypatch.setattr(int8, "_quantize", None)
    same_weights(quantized_weights(checkpoint), first)
    assert list(cache.iterdir()) == [file]


def cut_off(file):
    file.write_bytes(file.read_bytes()[:-1000])


def change_a_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def empty(file):
    file.write_bytes(b"")


def write_text(file):
    file.write_text("not an archive")


def add_a_byte(file):
    file.write_bytes(file.read_bytes() + b"\0")


def make_all_weights_zero(file):
    content = file.read_bytes()
    file.write_bytes(content[:32] + bytes(len(content) - 32))


def change_the_digest(file):
    content = file.read_bytes()
    file.write_bytes(bytes(32) + content[32:])


def put_weights_of_another_checkpoint(file):
    digest = int8._digest("00" * 32, np.frombuffer(file.read_bytes()[32:], np.uint8))
    file.write_bytes(digest + file.read_bytes()[32:])


def put_a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def put_a_link(file):
    file.unlink()
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        change_a_byte,
        empty,
        write_text,
        add_a_byte,
        make_all_weights_zero,
        change_the_digest,
        put_weights_of_another_checkpoint,
        put_a_pipe,
        put_a_link,
    ],
)
def test_a_damaged_or_foreign_file_is_replaced(checkpoint, cache, damage):
    expected = quantized_weights(checkpoint)
    (file,) = cache.iterdir()
    damage(file)
    same_weights(quantized_weights(checkpoint), expected)
    assert list(cache.iterdir()) == [file]
    same_weights(int8._read(file, checkpoint.sha256, checkpoint.config), expected)


@pytest.mark.filterwarnings("error")
def test_any_bit_may_flip(make_checkpoint, cache):
    checkpoint = resolve_checkpoint(make_checkpoint(8, 3, 1, 2, "classification"), "classification")
    expected = quantized_weights(checkpoint)
    (file,) = cache.iterdir()
    content = file.read_bytes()
    for position in range(0, 8 * len(content), 101):
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        file.write_bytes(damaged)
        assert int8._read(file, checkpoint.sha256, checkpoint.config) is None
    same_weights(quantized_weights(checkpoint), expected)
    assert file.read_bytes() == content


def test_a_file_that_is_too_long_is_not_read(checkpoint, cache):
    """It takes no memory either."""
    quantized_weights(checkpoint)
    (file,) = cache.iterdir()
    os.truncate(file, 2**40)  # takes no space on disk
    assert int8._read(file, checkpoint.sha256, checkpoint.config) is None


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o444])
def test_who_may_read_the_checkpoint_may_read_its_weights(mode, make_checkpoint, cache, tmp_path):
    directory = shutil.copytree(make_checkpoint(8, 3, 1, 2, "classification"), tmp_path / "copy")
    (directory / "model.safetensors").chmod(mode)
    checkpoint = resolve_checkpoint(directory, "classification")
    for former in (None, 0o666):
        quantized_weights(checkpoint)
        (file,) = cache.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == mode | 0o600
        if former:
            file.write_bytes(b"damaged")
            file.chmod(former)


def test_weights_that_change_while_they_are_read_are_not_kept(
    make_checkpoint, cache, tmp_path, monkeypatch
):
    """They would be cached under the sha256 of the previous ones."""
    directory = shutil.copytree(make_checkpoint(8, 3, 1, 2, "classification"), tmp_path / "copy")
    checkpoint = resolve_checkpoint(directory, "classification")
    assert checkpoint.sha256
    quantize = int8._quantize

    def replace_and_quantize(weights):
        (directory / "model.safetensors").touch()
        return quantize(weights)

    monkeypatch.setattr(int8, "_quantize", replace_and_quantize)
    quantized_weights(checkpoint)
    assert not list(cache.iterdir())


@pytest.mark.parametrize("place", ["assets", "assets/sklearn_mitra", "assets/sklearn_mitra/int8"])
def test_a_file_in_the_place_of_a_folder(place, tmp_path, monkeypatch, checkpoint):
    monkeypatch.undo()  # the real place
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", tmp_path / "assets")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("a file")
    assert quantized_weights(checkpoint).keys() == int8._layout(checkpoint.config).keys()
    assert (tmp_path / place).read_text() == "a file"


def test_without_a_place_to_write_to_nothing_is_kept(checkpoint, cache, monkeypatch):
    expected = quantized_weights(checkpoint)
    nowhere = cache / "none" / "file.bin"
    monkeypatch.setattr(int8, "_cache_file", lambda sha256: nowhere)
    same_weights(quantized_weights(checkpoint), expected)

    def no_cache(sha256):
        raise PermissionError("read-only")

    monkeypatch.setattr(int8, "_cache_file", no_cache)
    same_weights(quantized_weights(checkpoint), expected)


def test_a_full_disk_leaves_no_part_of_a_file(checkpoint, cache, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(int8, "_digest", fail)  # the first thing that is written
    assert quantized_weights(checkpoint)
    assert not list(cache.iterdir())


@pytest.mark.slow
def test_the_cache_is_in_the_folder_of_the_hub(tmp_path, checkpoint):
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hub")}
    for _ in range(2):
        assert hub_client.run(hub_client.score_in_int8, environment=environment) > 0.9
    (file,) = (path for path in (tmp_path / "hub").rglob("*") if path.is_file())
    assert file.parent.name == checkpoint.sha256


# ---- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loader",
    [
        load_wine,
        pytest.param(load_breast_cancer, marks=pytest.mark.slow),
        pytest.param(load_digits, marks=pytest.mark.slow),
    ],
)
def test_probabilities_are_nearly_those_of_float32(loader):
    X, y = loader(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 6, random_state=0)
    X_test, y_test = X_test[:150], y_test[:150]
    scores = []
    for precision in ("float32", "int8"):
        classifier = MitraClassifier(precision=precision, n_estimators=1, max_support=256)
        probabilities = classifier.fit(X_train, y_train).predict_proba(X_test)
        p = probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
        auc = roc_auc_score(y_test, p, multi_class="ovr")
        scores.append((probabilities, auc, log_loss(y_test, probabilities)))
    (p, auc, loss), (p_int8, auc_int8, loss_int8) = scores
    assert 0 < np.abs(p_int8 - p).max() < 0.06
    assert np.abs(p_int8 - p).mean() < 0.004
    assert auc_int8 == pytest.approx(auc, abs=3e-3)
    assert loss_int8 == pytest.approx(loss, abs=2e-2)


@pytest.mark.slow
def test_targets_are_nearly_those_of_float32():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    regressors = [
        MitraRegressor(precision=precision, n_estimators=1).fit(X_train, y_train)
        for precision in ("float32", "int8")
    ]
    exact, int8 = (regressor.predict(X_test) for regressor in regressors)
    assert 0 < np.abs(int8 - exact).max() < 0.05 * np.ptp(y)
    r2, r2_int8 = (regressor.score(X_test, y_test) for regressor in regressors)
    assert r2_int8 == pytest.approx(r2, abs=5e-3)


@pytest.mark.slow
@both
@pytest.mark.parametrize("cache_context", [True, False])
def test_the_same_row_has_the_same_prediction(cls, cache_context):
    estimator = cls(precision="int8", max_support=40, cache_context=cache_context).fit(X, Y)
    expected = outputs(estimator, X)
    same(outputs(estimator, X), expected)
    same(outputs(clone(estimator).fit(X, Y), X), expected)
    same(outputs(pickle.loads(pickle.dumps(estimator)), X), expected)
    clear_sessions()
    same(outputs(estimator, X), expected)


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_the_context_of_wide_heads_is_in_float16(n_heads, make_checkpoint, monkeypatch):
    """Of 64 or more; it differs from float32 by no more than the integers make it differ."""
    model = make_checkpoint(128, 10, 3, n_heads, "classification")
    estimators = {
        precision: small(model=model, precision=precision).fit(X, Y)
        for precision in ("float32", "int8")
    }
    exact, nearly = (estimator.predict_proba(X) for estimator in estimators.values())
    sizes = [estimator.context_nbytes_ for estimator in estimators.values()]
    assert sizes[0] == 2 * 4 * 3 * 40 * 5 * 128
    assert sizes[1] == (sizes[0] // 2 if n_heads <= 2 else sizes[0])
    largest = np.abs(nearly - exact).max()
    assert 0 < largest < 0.1
    clear_sessions()
    monkeypatch.setattr(int8, "_HALF_HEAD_DIM", 1000)  # all in float32
    in_float32 = small(model=model, precision="int8").fit(X, Y).predict_proba(X)
    assert np.abs(nearly - in_float32).max() < largest


@both
def test_bundles_keep_the_precision(cls):
    estimator = cls(precision="int8", max_support=40).fit(X, Y)
    again = sklearn_mitra.load(estimator.save())
    assert again.precision == "int8"
    same(outputs(again, X), outputs(estimator, X))


def test_each_precision_has_sessions_of_its_own():
    for precision in ("float32", "int8"):
        MitraClassifier(precision=precision, max_support=30).fit(X, Y).predict(X)
    keys = sorted((key[0], key[-1].precision) for key in sessions._sessions)
    assert keys == [(k, p) for k in ("encode", "predict") for p in ("float32", "int8")]


@pytest.mark.slow
@both
def test_int8_takes_effect_in_the_next_prediction(cls):
    estimator = cls(max_support=40).fit(X, Y)
    exact = outputs(estimator, X)
    rounded = outputs(cls(max_support=40, precision="int8").fit(X, Y), X)
    assert (rounded != exact).any()
    same(outputs(estimator.set_params(precision="int8"), X), rounded)
    same(outputs(estimator.set_params(precision="float32"), X), exact)


@both
def test_precision_must_be_one_of_two(cls):
    with pytest.raises(ValueError, match="'precision' parameter of Mitra.* must be a str among"):
        cls(precision="float16").fit(X, Y)
