"""Bundles and .onnx files in JavaScript, compared with Python."""

import os

import numpy as np
import pandas as pd
import pytest
import wlearn
from bundle_tools import DATA, INTEROP, JAVASCRIPT, opened
from javascript import AS_JAVASCRIPT, REGRESSOR_AS_JAVASCRIPT, run_file, run_job, run_jobs
from tables import make_weighted_classes

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._bundles.estimators import CLASSIFIER, REGRESSOR
from sklearn_mitra._cli.main import main
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra.export import finetune
from sklearn_mitra.export.convert import export

TOLERANCE = 1e-5
LABELS = [[0, 1, 2], [1, 2, 5], [-1, 1], [2**31 - 1, -(2**31)], ["no", "perhaps", "ja, natürlich"]]


def close(found, expected, tolerance=TOLERANCE):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_files_of_the_embedded_checkpoints_are_small(classifier_file, regressor_file):
    assert os.path.getsize(classifier_file) < 10e6 and os.path.getsize(regressor_file) < 10e6


# ---- bundles of Python ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [MitraClassifier, MitraRegressor])
def test_artifacts_are_aligned(cls, tmp_path):
    """Whatever the sizes of the JSON before them."""
    estimators, jobs = [], []
    for n_features in range(1, 9):
        for n_rows, prefix in (5, "f"), (6, "fe"), (11, "füüü"):
            X, ids, _ = make_weighted_classes(n_rows, n_features)
            X = pd.DataFrame(X, columns=[f"{prefix}{i}" for i in range(n_features)])
            estimators.append(cls(n_estimators=1, max_support=10 * n_rows).fit(X, ids))
            jobs.append({"bundle": tmp_path / f"{len(jobs)}.wlrn"})
            estimators[-1].save(jobs[-1]["bundle"])
    for estimator, result in zip(estimators, run_jobs(*jobs)):
        assert "error" not in result, result["error"]
        np.testing.assert_array_equal(result["x"], estimator.X_support_.ravel())
        np.testing.assert_array_equal(result["y"], estimator.y_support_)


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_labels(labels, classifier_file, tmp_path):
    X, ids, query = make_weighted_classes(weights=np.ones(len(labels)))
    classifier = MitraClassifier(n_estimators=1).fit(X, np.sort(labels)[ids])
    classifier.save(tmp_path / "bundle.wlrn")
    result = run_job(bundle=tmp_path / "bundle.wlrn", onnx=classifier_file, query=query)
    assert result["names"] == classifier.classes_.tolist()
    assert result["labels"] == classifier.predict(query).tolist()
    close(result["probabilities"], classifier.predict_proba(query))


@pytest.mark.parametrize("weights", [(70, 30), (95, 5)])
def test_imbalanced_classes(weights, classifier_file, tmp_path):
    """JavaScript doesn't correct for the support's frequencies."""
    X, ids, query = make_weighted_classes(200, weights=weights)
    classifier = MitraClassifier(n_estimators=1, max_support=60).fit(X, ids)
    classifier.save(tmp_path / "bundle.wlrn")
    result = run_job(bundle=tmp_path / "bundle.wlrn", onnx=classifier_file, query=query)
    support = classifier.X_support_, classifier.y_support_
    close(result["probabilities"], run_file(classifier_file, *support, query))
    frequencies = np.bincount(classifier.y_support_) / 60
    corrected = result["probabilities"] * classifier.class_prior_ / frequencies
    expected = classifier.predict_proba(query)
    close(corrected / corrected.sum(axis=1, keepdims=True), expected)
    assert np.abs(result["probabilities"] - expected).max() > 0.01


def test_a_class_that_the_support_lacks(classifier_file, tmp_path):
    """JavaScript doesn't know of it; in Python it has what the network gives it."""
    X, ids, query = make_weighted_classes(60)
    y = np.array([1, 3, 5])[ids]
    y[7] = 4
    classifier = MitraClassifier(
        n_estimators=1, max_support=12, support_sampling="random", prior_correction=False
    ).fit(X, y)
    assert 7 not in classifier.support_indices_
    classifier.save(tmp_path / "bundle.wlrn")
    result = run_job(bundle=tmp_path / "bundle.wlrn", onnx=classifier_file, query=query)
    assert result["names"] == [1, 3, 5]
    probabilities = classifier.predict_proba(query)
    assert (probabilities[:, 2] > 0).all()
    support = classifier.X_support_, classifier.y_support_
    close(result["probabilities"], run_file(classifier_file, *support, query))
    # as Python does with this file, where the network sees the same class ids
    classifier.set_params(model=classifier_file).fit(X, y)
    probabilities = classifier.predict_proba(query)
    assert (probabilities[:, 2] == 0).all()
    close(np.delete(probabilities, 2, axis=1), result["probabilities"])


def test_targets(regressor_file, tmp_path):
    X, _, query = make_weighted_classes()
    regressor = MitraRegressor(n_estimators=1).fit(X, 1000 + 50 * X[:, 0])
    regressor.save(tmp_path / "bundle.wlrn")
    result = run_job(bundle=tmp_path / "bundle.wlrn", onnx=regressor_file, query=query)
    np.testing.assert_allclose(result["targets"], regressor.predict(query), rtol=1e-6)


# ---- fitted in both, with a support that is a sample ---------------------------------------------


@pytest.mark.parametrize("max_support", [12, 40])
@pytest.mark.parametrize("seed", range(3))
def test_sampled_classes(max_support, seed, classifier_file, tmp_path):
    X, ids, query = make_weighted_classes(100, weights=(60, 30, 10), seed=seed)
    data = {"typeId": CLASSIFIER, "x": X, "y": ids, "maxSupport": max_support, "seed": seed}
    params = {**AS_JAVASCRIPT, "max_support": max_support, "random_state": seed}
    classifier = MitraClassifier(**params).fit(X, ids)
    for result, loaded in both_ways(classifier, data, classifier_file, query, tmp_path):
        close(result["probabilities"], classifier.predict_proba(query))
        close(loaded.predict_proba(query), classifier.predict_proba(query))
        assert result["labels"] == classifier.predict(query).tolist()


@pytest.mark.parametrize("max_support", [12, 40])
@pytest.mark.parametrize("seed", range(3))
def test_sampled_targets(max_support, seed, regressor_file, tmp_path):
    """The ends of their range are not in the support."""
    X, _, query = make_weighted_classes(100, seed=seed)
    y = np.float32(1000) + np.float32(50) * X[:, 0]
    data = {"typeId": REGRESSOR, "x": X, "maxSupport": max_support, "seed": seed}
    params = {**REGRESSOR_AS_JAVASCRIPT, "max_support": max_support, "random_state": seed}
    rows = MitraRegressor(**params).fit(X, y).support_indices_
    y[np.setdiff1d(np.arange(100), rows)[:2]] = 0, 3000
    regressor = MitraRegressor(**params).fit(X, y)
    tolerance = TOLERANCE * np.ptp(y[rows])
    ways = both_ways(regressor, {**data, "y": y}, regressor_file, query, tmp_path)
    for result, loaded in ways:
        close(result["targets"], regressor.predict(query), tolerance)
        close(loaded.predict(query), regressor.predict(query), tolerance)


def both_ways(estimator, data, onnx, query, folder):
    """What JavaScript predicts, and what Python loads, of bundles that either made of the same."""
    ours, theirs = folder / "python.wlrn", folder / "javascript.wlrn"
    estimator.save(ours)
    fitted = {"fit": data, "onnx": onnx, "query": query, "save": theirs}
    results = run_jobs({"bundle": ours, "onnx": onnx, "query": query}, fitted)
    for result, path in zip(results, (ours, theirs)):
        assert "error" not in result, result["error"]
        yield result, sklearn_mitra.load(path)


# ---- fitted in JavaScript ------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The bundle was made with an .onnx file:UserWarning")
@pytest.mark.parametrize("name", JAVASCRIPT)
def test_the_client_writes_what_the_package_wrote(name, tmp_path):
    y_name, max_support, seed = JAVASCRIPT[name]
    manifest, artifacts = opened((INTEROP / f"{name}.wlrn").read_bytes())
    data = {"typeId": manifest["typeId"], "x": DATA["X"], "y": DATA[y_name], **manifest["params"]}
    data["onnxSha256"] = artifacts["meta"]["onnxSha256"]
    run_job(fit=data, save=tmp_path / "bundle.wlrn")
    bundle = (tmp_path / "bundle.wlrn").read_bytes()
    assert opened(bundle) == (manifest, artifacts)
    wlearn.validate_bundle(bundle)
    result = run_job(bundle=tmp_path / "bundle.wlrn")
    loaded = sklearn_mitra.load(bundle)
    np.testing.assert_array_equal(np.float32(result["x"]), loaded.X_support_.ravel())


@pytest.mark.parametrize("labels", [[1, 2, 5], [-1, 1]], ids=str)
@pytest.mark.parametrize("is_imbalanced", [False, True])
def test_fit_of_a_classifier(labels, is_imbalanced, classifier_file, tmp_path):
    weights = np.where(np.arange(len(labels)) == 0, 19 if is_imbalanced else 1, 1)
    X, ids, query = make_weighted_classes(100, weights=weights)
    y = np.array(labels)[ids]
    data = {"typeId": CLASSIFIER, "x": X, "y": y, "maxSupport": 40, "seed": 3}
    result = run_job(fit=data, onnx=classifier_file, query=query, save=tmp_path / "bundle.wlrn")
    classifier = MitraClassifier(**AS_JAVASCRIPT, max_support=40, random_state=3).fit(X, y)
    rows = classifier.support_indices_
    assert (len(rows) < 40) == is_imbalanced
    assert result["y"] == y[rows].tolist()
    close(result["probabilities"], classifier.predict_proba(query))
    assert result["labels"] == classifier.predict(query).tolist()
    again = run_job(bundle=tmp_path / "bundle.wlrn", onnx=classifier_file, query=query)
    assert again == result
    loaded = sklearn_mitra.load(tmp_path / "bundle.wlrn")
    close(loaded.predict_proba(query), result["probabilities"])


def test_fit_of_a_regressor(regressor_file, tmp_path):
    X, _, query = make_weighted_classes(100)
    y = X[:, 0] * np.float32(250) + np.float32(1e4)
    data = {"typeId": REGRESSOR, "x": X, "y": y, "maxSupport": 40, "seed": 3}
    result = run_job(fit=data, onnx=regressor_file, query=query)
    params = {**REGRESSOR_AS_JAVASCRIPT, "max_support": 40, "random_state": 3}
    regressor = MitraRegressor(**params).fit(X, y)
    rows = regressor.support_indices_
    np.testing.assert_array_equal(np.float32(result["y"]), y[rows])
    expected = run_file(regressor_file, X[rows], y[rows], query)
    np.testing.assert_allclose(result["targets"], expected, rtol=1e-6)
    np.testing.assert_allclose(result["targets"], regressor.predict(query), rtol=1e-6)


def test_constant_columns(classifier_file, tmp_path):
    """JavaScript keeps them, Python leaves them out: the network sees the difference."""
    X, ids, query = make_weighted_classes(n_features=5)
    X[:, 1] = query[:, 1] = 7
    query[:3, 1] = 8
    data = {"typeId": CLASSIFIER, "x": X, "y": ids}
    path = tmp_path / "bundle.wlrn"
    result = run_job(fit=data, onnx=classifier_file, query=query, save=path)
    close(result["probabilities"], run_file(classifier_file, X, ids, query))
    without = np.delete(X, 1, axis=1), ids, np.delete(query, 1, axis=1)
    expected = run_file(classifier_file, *without)
    classifier = MitraClassifier(n_estimators=1).fit(X, ids)
    close(classifier.predict_proba(query), expected)
    assert np.abs(result["probabilities"] - expected).max() > 1e-3
    # a bundle of Python's holds the column, so that JavaScript takes it as its own
    classifier.save(path)
    assert run_job(bundle=path, onnx=classifier_file, query=query) == result


# ---- what can't be read --------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path):
    X, ids, _ = make_weighted_classes()
    path = tmp_path / "bundle.wlrn"
    run_job(fit={"typeId": CLASSIFIER, "x": X, "y": ids}, save=path)
    return path


def test_a_bundle_within_a_larger_buffer(bundle):
    at_start, moved, odd = run_jobs(*({"bundle": bundle, "offset": i} for i in (0, 4, 5)))
    assert moved == at_start
    assert "Float32Array should be a multiple of 4" in odd["error"]


def test_a_damaged_bundle(bundle, tmp_path):
    content = bundle.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    for i, damaged in enumerate([b"", b"W" + content, flipped, content[:-4], content + b"0"]):
        (tmp_path / f"{i}.wlrn").write_bytes(damaged)
    errors = [r["error"] for r in run_jobs(*({"bundle": tmp_path / f"{i}.wlrn"} for i in range(5)))]
    assert errors == [
        "Error: Got no bundle.",
        "Error: Got no bundle.",
        "Error: Got a damaged artifact support_y.",
        "Error: Got a truncated artifact support_y.",
        "Error: Got trailing bytes.",
    ]


def test_a_file_without_a_column_for_each_class(bundle, classifier_file, tmp_path):
    """As those of upstream's profile, and of the wlearn profile before labels were ranked."""
    export(resolve_checkpoint("mini", "classification"), tmp_path / "upstream.onnx")
    _, _, query = make_weighted_classes()
    (result,) = run_jobs({"bundle": bundle, "onnx": tmp_path / "upstream.onnx", "query": query})
    assert "Got 10 columns for 3 classes: export the .onnx file anew" in result["error"]


# ---- tuned checkpoints ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*einx:DeprecationWarning")
def test_a_tuned_checkpoint(tmp_path):
    X, ids, query = make_weighted_classes(60)
    directory, file = tmp_path / "tuned", tmp_path / "tuned.onnx"
    sizes = {"support_size": 30, "query_size": 20}
    tuned = finetune(
        MitraClassifier(n_estimators=1),
        X,
        ids,
        directory=directory,
        n_steps=5,
        learning_rate=1e-3,
        **sizes,
    )
    assert tuned.checkpoint_ != MitraClassifier().fit(X, ids).checkpoint_
    export(resolve_checkpoint(directory, "classification"), str(file), "wlearn")
    assert main(["verify", "--model", str(directory), "--onnx", str(file)]) == 0
    tuned.save(tmp_path / "bundle.wlrn")
    result = run_job(bundle=tmp_path / "bundle.wlrn", onnx=file, query=query)
    close(result["probabilities"], tuned.predict_proba(query))
