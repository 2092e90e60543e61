"""MLflow stores estimators and bundles: the guide's page, and what is read in a new process.

MLflow sets variables of the environment and imports torch, so it runs in processes of its own.
"""

import json
import os
import re
import subprocess
import sys

from sklearn.datasets import load_wine
from snippets import ROOT

from sklearn_mitra import MitraClassifier

PAGE = ROOT / "docs" / "guide" / "mlflow.md"

# The page, and then a run, whose store is a directory.
STORE = """
import sys
from pathlib import Path
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from snippets import read_blocks, run_page
from sklearn_mitra import MitraClassifier

page = Path(sys.argv[1])
assert run_page(page) == 4
exec(read_blocks(page)[0].code)
X, y = load_wine(return_X_y=True, as_frame=True)
clf = MitraClassifier(max_support=60).fit(X, y)
mlflow.set_tracking_uri("store")
with mlflow.start_run():
    info = mlflow.sklearn.log_model(
        clf,
        name="wine",
        signature=infer_signature(X, clf.predict(X)),
        skops_trusted_types=TRUSTED,
        pip_requirements=["sklearn-mitra", "skops"],
    )
assert (mlflow.pyfunc.load_model(info.model_uri).predict(X) == clf.predict(X)).all()
assert (mlflow.sklearn.load_model(info.model_uri).predict_proba(X) == clf.predict_proba(X)).all()
"""

# What the stored models answer and refuse, as JSON.
PREDICT = """
import json
import mlflow
from sklearn.datasets import load_wine

X, _ = load_wine(return_X_y=True, as_frame=True)
estimator, bundle = map(mlflow.pyfunc.load_model, ["wine", "wine_bundle"])

def refusal(model, X, **params):
    try:
        model.predict(X, **params)
    except (ValueError, mlflow.exceptions.MlflowException) as error:
        return str(error)

wrong = X.rename(columns={"ash": "sand"})
print(json.dumps({
    "probabilities": estimator.predict(X).tolist(),
    "wrong columns": [refusal(estimator, wrong), refusal(bundle, wrong)],
    "bundle's labels": bundle.predict(X).tolist(),
    "bundle's probabilities": bundle.predict(X, params={"method": "predict_proba"}).tolist(),
    "wrong method": refusal(bundle, X, params={"method": "save"}),
}))
"""


def run(directory, code, *arguments):
    """What a program prints, in a new process that doesn't use the network."""
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=directory,
        env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_models_predict_the_same_in_a_new_process(tmp_path):
    (program,) = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "mitra_model.py").write_text(program)
    run(tmp_path, STORE, PAGE)
    assert not list(tmp_path.rglob("*.pkl"))
    answers = json.loads(run(tmp_path, PREDICT))
    X, y = load_wine(return_X_y=True, as_frame=True)
    classifier = MitraClassifier(max_support=60).fit(X, y)  # as the page does
    probabilities = classifier.predict_proba(X).tolist()
    assert answers["probabilities"] == answers["bundle's probabilities"] == probabilities
    assert answers["bundle's labels"] == classifier.predict(X).tolist()
    assert all("missing inputs ['ash']" in refusal for refusal in answers["wrong columns"])
    assert "must be predict or predict_proba. Got 'save'" in answers["wrong method"]
