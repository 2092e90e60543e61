"""Models of the playground, compared with Python's, and its bundles as Python reads them."""

import io

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import wlearn
from javascript import REGRESSOR_AS_JAVASCRIPT, run_file, run_job, run_jobs
from playground import store_as_half
from tables import make_browser_table

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._cli.main import main
from sklearn_mitra._network.checkpoint import resolve_checkpoint

SCRIPT = "run_playground.mjs"
LABELS = {
    "strings": ["no", "perhaps", "ja, natürlich"],
    "integers": [5, -1, 2],
    "large integers": [2**40, 1, 2],
    "booleans": [False, True],
}


def predict(task, frame, y, query, tmp_path, onnx_file, max_support=512):
    """What a model of a table says of another; its bundle is in ``model.wlrn``."""
    checkpoint = resolve_checkpoint("mini", task)
    return run_job(
        SCRIPT,
        csv=frame.assign(y=y).to_csv(index=False),
        target="y",
        task=task,
        maxSupport=max_support,
        query=query.to_csv(index=False),
        onnx=onnx_file,
        checkpoint={"name": "mini", "sha256": checkpoint.sha256},
        save=tmp_path / "model.wlrn",
    )


def as_read(frame):
    """As pandas reads its CSV."""
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


@pytest.mark.parametrize("kind", LABELS)
def test_classifier(kind, classifier_file, tmp_path):
    frame, signal = make_browser_table(80)
    query, _ = make_browser_table(9, seed=1)
    labels = np.sort(np.array(LABELS[kind]))
    y = labels[np.digitize(signal, np.quantile(signal, np.arange(1, len(labels)) / len(labels)))]
    result = predict("classification", frame, y, query, tmp_path, classifier_file)
    assert result["used"] == ["level", "length", "flag", "seconds"]
    expected = MitraClassifier(n_estimators=1).fit(as_read(frame), y)
    loaded = sklearn_mitra.load(tmp_path / "model.wlrn")
    assert loaded.classes_.tolist() == labels.tolist()
    assert loaded.feature_names_in_.tolist() == result["used"]
    probabilities = [answer["probabilities"] for answer in result["answers"]]
    names = [str(label) for label in labels.tolist()]
    for estimator, columns in (loaded, result["used"]), (expected, frame.columns):
        rows = as_read(query)[columns]
        np.testing.assert_allclose(estimator.predict_proba(rows), probabilities, rtol=0, atol=1e-5)
        found = [names.index(answer["prediction"]) for answer in result["answers"]]
        assert estimator.predict(rows).tolist() == labels[found].tolist()
    assert np.ptp(probabilities, axis=0).max() > 0.3  # they tell rows apart


@pytest.mark.parametrize("max_support", [512, 64])
def test_regressor(max_support, regressor_file, tmp_path):
    frame, signal = make_browser_table(90)
    query, _ = make_browser_table(9, seed=1)
    y = np.float32(1000 + 70 * signal).astype(np.float64)
    result = predict("regression", frame, y, query, tmp_path, regressor_file, max_support)
    found = [answer["value"] for answer in result["answers"]]
    loaded = sklearn_mitra.load(tmp_path / "model.wlrn")
    assert len(loaded.y_support_) == min(90, max_support)
    tolerance = 1e-5 * np.ptp(y)
    predictions = loaded.predict(as_read(query)[result["used"]])
    np.testing.assert_allclose(predictions, found, rtol=0, atol=tolerance)
    params = {**REGRESSOR_AS_JAVASCRIPT, "max_support": max_support}
    expected = MitraRegressor(**params).fit(as_read(frame), y)
    np.testing.assert_array_equal(expected.y_support_, result["y"])
    np.testing.assert_allclose(expected.predict(as_read(query)), found, rtol=0, atol=tolerance)
    assert np.std(found) > 0.3 * np.std(y)


def test_rare_classes(classifier_file, tmp_path):
    """The support has as many rows of each class as there are; probabilities are corrected."""
    frame, signal = make_browser_table(200)
    query, _ = make_browser_table(9, seed=1)
    y = np.where(signal > np.quantile(signal, 0.93), "rare", "usual")
    result = predict("classification", frame, y, query, tmp_path, classifier_file, 128)
    expected = MitraClassifier(n_estimators=1, max_support=128).fit(as_read(frame), y)
    assert np.bincount(result["y"]).tolist() == [14, 114]
    assert result["y"] == expected.y_support_.tolist()
    loaded = sklearn_mitra.load(tmp_path / "model.wlrn")
    np.testing.assert_array_equal(loaded.class_prior_, expected.class_prior_)
    probabilities = [answer["probabilities"] for answer in result["answers"]]
    found = loaded.predict_proba(as_read(query)[result["used"]])
    np.testing.assert_allclose(found, probabilities, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        expected.predict_proba(as_read(query)), probabilities, rtol=0, atol=1e-5
    )
    loaded.prior_correction = False
    assert np.abs(loaded.predict_proba(as_read(query)[result["used"]]) - found).max() > 0.01


def test_dates_and_the_command_line(classifier_file, tmp_path):
    """The command reads codes as the page does, which pandas alone takes for numbers."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 60), unit="D")
    frame = pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "code": rng.choice(["007", "012"], 60)})
    y = np.where((days.month > 5) & (frame.code == "007"), "a", "b")
    query = frame.iloc[::6].assign(more=1)
    query.loc[query.index[0], "code"] = "999"
    result = predict("classification", frame, y, query, tmp_path, classifier_file)
    assert result["nUnseen"] == 1
    bundle, new, out = (str(tmp_path / name) for name in ("model.wlrn", "new.csv", "out.csv"))
    query.to_csv(new, index=False)
    assert main(["predict", bundle, new, "--out", out]) == 0
    found = pd.read_csv(out).iloc[:, 0].tolist()
    assert found == [answer["prediction"] for answer in result["answers"]]
    probabilities = sklearn_mitra.load(bundle).predict_proba(query[["day", "code"]])
    expected = [answer["probabilities"] for answer in result["answers"]]
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


def test_bundles_are_wlearns_and_stay_what_they_are(classifier_file, tmp_path):
    frame, signal = make_browser_table(40)
    predict("classification", frame, signal > 0, frame, tmp_path, classifier_file)
    bundle = (tmp_path / "model.wlrn").read_bytes()
    wlearn.validate_bundle(bundle)
    loaded = sklearn_mitra.load(bundle)
    assert loaded.checkpoint_ == {
        "name": "mini",
        "sha256": resolve_checkpoint("mini", "classification").sha256,
    }
    again = sklearn_mitra.load(loaded.save())
    rows = as_read(frame)[loaded.feature_names_in_]
    np.testing.assert_array_equal(again.predict_proba(rows), loaded.predict_proba(rows))
    # also for JavaScript, without what Python adds
    read = run_job(bundle=tmp_path / "model.wlrn")
    assert read["names"] == [0, 1]
    np.testing.assert_array_equal(np.float32(read["x"])[1::4], loaded.X_support_[:, 1])


def test_problems_that_are_refused():
    frame, signal = make_browser_table(12)
    text = frame.assign(y=signal > 0).to_csv(index=False)
    constant = pd.DataFrame({"a": [1, 1, 1, 1], "y": list("abab")}).to_csv(index=False)
    other = {"csv": text, "target": "y", "task": "classification"}
    results = run_jobs(
        {"csv": constant, "target": "y", "task": "classification"},
        {**other, "csv": text.replace("False\n", "True\n").replace("False\r\n", "True\r\n")},
        {**other, "query": "level,flag\nlow,True\n"},
        {**other, "query": "level,length,flag,seconds\nlow,long,True,5\n"},
        {**other, "query": "level,length,flag,seconds\nlow,1,yes,5\n"},
        script=SCRIPT,
    )
    assert [result.get("error") for result in results] == [
        "No column that is used has two different values.",
        "All training rows are of one class.",
        "The table lacks “length”, “seconds”.",
        "Column “length” needs a number such as 3.5. Got “long” in row 1.",
        "Column “flag” needs True or False. Got “yes” in row 1.",
    ]


# ---- the page's files ----------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_weights_in_float16_change_nothing(task, classifier_file, regressor_file, tmp_path):
    path = classifier_file if task == "classification" else regressor_file
    model = onnx.load(path)
    size = model.ByteSize()
    store_as_half(model)
    assert model.ByteSize() < 0.52 * size
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "half.onnx")
    rng = np.random.default_rng(0)
    x, query = rng.normal(size=(40, 5)), rng.normal(size=(9, 5))
    y = rng.integers(0, 3, 40) if task == "classification" else rng.normal(size=40)
    expected = run_file(path, x, y, query)
    np.testing.assert_array_equal(run_file(tmp_path / "half.onnx", x, y, query), expected)
    assert onnxruntime.InferenceSession(tmp_path / "half.onnx").get_modelmeta().custom_metadata_map
