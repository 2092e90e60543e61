"""The JavaScript client in Node.js, and what it has to compute."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.special import softmax

# The parameters with which an estimator selects and predicts as JavaScript does.
AS_JAVASCRIPT = {"n_estimators": 1, "support_sampling": "equal", "prior_correction": False}
REGRESSOR_AS_JAVASCRIPT = {"n_estimators": 1, "target_transform": "none"}

HERE = Path(__file__).parent


def run_jobs(*jobs, script="run_client.mjs"):
    """Results of jobs, see the script. One that fails has only an error."""
    text = json.dumps(jobs, default=_as_json)
    environment = {"ORT_DISABLE_TELEMETRY": "1", **os.environ}
    command = ["node", HERE / script]
    process = subprocess.run(
        command, input=text, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(process.stdout)


def run_job(script="run_client.mjs", **job):
    (result,) = run_jobs(job, script=script)
    assert "error" not in result, result["error"]
    return result


def _as_json(value):
    return value.ravel().tolist() if isinstance(value, np.ndarray) else os.fspath(value)


def run_file(onnx, x, y, query):
    """Probabilities of the labels in y, or targets, straight from an .onnx file."""
    is_classifier = np.issubdtype(y.dtype, np.integer)
    table = {
        "x_support": x[None].astype(np.float32),
        "y_support": y[None].astype(np.int64 if is_classifier else np.float32),
        "x_query": query[None].astype(np.float32),
        "padding_obs_support": np.zeros((1, len(x)), bool),
    }
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    (output,) = session.run(["output"], table)[0].astype(np.float64)
    return softmax(output, axis=1) if is_classifier else output
