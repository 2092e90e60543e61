"""The package from outside: its surface, its imports, its wheel."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sklearn_mitra

ROOT = Path(__file__).parents[1]


def _run(*command, **kwargs):
    result = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_public_surface():
    assert sklearn_mitra.__all__ == [
        "BundleError",
        "CheckpointError",
        "DisposedError",
        "DistilledClassifier",
        "DistilledRegressor",
        "LongWaitWarning",
        "MitraClassifier",
        "MitraRegressor",
        "PredictiveDistribution",
        "__version__",
        "clear_sessions",
        "load",
        "register_loaders",
        "set_context_budget",
    ]
    public = {name for name in dir(sklearn_mitra) if not name.startswith("_")}
    public -= {"export"}  # a subpackage, which is there once something has imported it
    assert public == set(sklearn_mitra.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="module 'sklearn_mitra' has no attribute 'MitraFor"):
        sklearn_mitra.MitraForest  # noqa: B018


def test_public_objects_are_documented():
    for name in set(sklearn_mitra.__all__) - {"__version__"}:
        public = getattr(sklearn_mitra, name)
        assert public.__doc__
        if name.startswith(("Mitra", "Distilled")):
            methods = [m for m in vars(public) if not m.startswith("_")]
            assert all(getattr(public, m).__doc__ for m in methods)


@pytest.mark.slow
def test_importing_loads_only_what_scikit_learn_and_onnxruntime_load():
    # Import time in modules rather than seconds: what is imported beyond the estimators' own
    # dependencies, which a user of scikit-learn and onnxruntime has loaded anyway.
    parts = "sklearn.base, sklearn.multiclass, sklearn.utils.validation, onnxruntime, joblib"
    code = "import sys, {}; print(*sys.modules, sep='\\n')"
    estimators = "sklearn_mitra; sklearn_mitra.MitraClassifier, sklearn_mitra.MitraRegressor"
    with_ours = set(_run(sys.executable, "-c", code.format(estimators)).split())
    packages = {name.split(".")[0] for name in with_ours}
    assert packages >= {"onnxruntime", "sklearn"}
    assert not packages & {"torch", "onnx", "huggingface_hub", "tqdm"}
    without = set(_run(sys.executable, "-c", code.format(parts)).split())
    added = {name for name in with_ours - without if not name.startswith("sklearn_mitra")}
    assert {name.split(".")[0] for name in added} <= set(sys.stdlib_module_names) | {"scipy"}


@pytest.mark.slow
@pytest.mark.parametrize("setting", [None, "0"], ids=["unset", "set by the user"])
def test_fit_and_predict_change_nothing_in_the_process_and_report_nothing(setting, tmp_path):
    # Where onnxruntime reports, it first leaves an identifier in the user's cache. Whoever has set
    # this variable has decided.
    code = """
import os, random, threading
environment = dict(os.environ)
import numpy as np
from threadpoolctl import threadpool_info
from sklearn.datasets import load_iris
from sklearn_mitra import MitraClassifier
X, y = load_iris(return_X_y=True)
def state():
    pools = [(p["filepath"], p["num_threads"]) for p in threadpool_info()]
    return dict(os.environ), random.getstate(), repr(np.random.get_state()), sorted(pools)
before = state()
MitraClassifier(max_support=30, random_state=None).fit(X, y).predict(X)
assert state() == before
assert os.environ == environment  # as it was before anything was imported
assert threading.active_count() == 1
"""
    hidden = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["HOME"] = str(tmp_path)
    if setting is None:
        _run(sys.executable, "-c", code, env=environment)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    else:
        _run(sys.executable, "-c", code, env={**environment, "ORT_DISABLE_TELEMETRY": setting})


def test_the_oldest_versions_are_the_lower_bounds():
    bounds = dict(
        re.findall(r'^    "([\w-]+)>=([\d.]+)",$', _section("dependencies"), re.MULTILINE)
    )
    pinned = (ROOT / "tests" / "requirements-min.txt").read_text()
    assert len(bounds) == len(_section("dependencies").strip().splitlines())
    for name, bound in bounds.items():
        (version,) = re.findall(rf"^{name}==([\d.]+)$", pinned, re.MULTILINE)
        assert version.removesuffix(".0") == bound.removesuffix(".0"), name


def _section(name):
    text = (ROOT / "pyproject.toml").read_text()
    return re.search(rf"^{name} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)[1]


# What uses the network raises, whatever the reason; hooks can't be taken away again.
_OFFLINE = """
import sys
def no_network(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise RuntimeError(f"network: {event} {args}")
sys.addaudithook(no_network)
import numpy as np
from sklearn.datasets import load_diabetes, load_iris
import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
X, y = load_iris(return_X_y=True)
classifier = MitraClassifier(max_support=60).fit(X, y)
assert classifier.score(X, y) > 0.9
again = sklearn_mitra.load(classifier.save())
assert (again.predict_proba(X) == classifier.predict_proba(X)).all()
X, y = load_diabetes(return_X_y=True)
assert MitraRegressor(max_support=60).fit(X, y).score(X, y) > 0.2
print(sklearn_mitra.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", directory, ROOT)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.mark.slow
def test_wheel_holds_the_checkpoints_and_the_licence_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for task in ("classifier", "regressor"):
        for file in ("config.json", "model.safetensors"):
            assert f"sklearn_mitra/checkpoints/mini-{task}/{file}" in names
    assert "sklearn_mitra/py.typed" in names and "sklearn_mitra/_sklearn.pyi" in names
    for file in ("tab2d.py", "convert.py", "verify.py", "cases.py", "run_cases.mjs"):
        assert f"sklearn_mitra/export/{file}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sklearn_mitra"}
    assert wheel.stat().st_size < 12e6


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    """The Python of an environment that has the wheel and what it depends on, no more."""
    directory = tmp_path_factory.mktemp("clean")
    _run(sys.executable, "-m", "venv", "--without-pip", directory / "venv")
    python = directory / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    _run(*pip, "install", "--quiet", "--no-compile", wheel, cwd=directory, env=_CLEAN)
    return python


_CLEAN = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.mark.slow
def test_wheel_works_in_a_clean_environment_without_network(clean_python, tmp_path):
    location = _run(clean_python, "-c", _OFFLINE, cwd=tmp_path, env=_CLEAN).strip()
    assert Path(location).is_relative_to(clean_python.parents[1])


@pytest.mark.slow
def test_the_export_names_the_dependencies_it_lacks(clean_python, tmp_path):
    command = [clean_python, "-m", "sklearn_mitra.export.convert"]
    result = subprocess.run(command, cwd=tmp_path, env=_CLEAN, capture_output=True, text=True)
    assert result.returncode == 1
    assert "packages that are not installed: torch, onnxscript, safetensors." in result.stderr
    assert 'In a clone of the repository, run: pip install ".[export]"' in result.stderr
