"""Downloading from the hub: the real client against a hub on the loopback interface.

Every scenario runs in a new process: see ``hub_client``.
"""

import hashlib
import json
import math
import os
import shutil
import socket

import hub_client
import numpy as np
import pytest
from bundle_tools import changed, fitted
from hub_server import HubServer
from safetensors.numpy import save_file

from sklearn_mitra._network.config import Config, expected_shapes

pytestmark = pytest.mark.slow

MINI_AND_DIRECTORY = "model='mini' works, and so does the path of a directory with config"
CLASSIFIER, REGRESSOR = ("mitra", "classification"), ("mitra", "regression")
TINY = ("some-org/tiny@v1", "classification")


def resolve(home, *models, empty_the_cache=False, **options):
    """Resolve (model, task) pairs in a new process; its results, one per pair."""
    return run(hub_client.resolve, home, models, empty_the_cache, **options)


def load(home, *pairs, **options):
    """Load (bundle, trusted) pairs in a new process: names of checkpoints, or errors."""
    return run(hub_client.load, home, pairs, **options)


def run(program, home, *arguments, endpoint="http://127.0.0.1:9", directory=None, **environment):
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING")) and "PROXY" not in name.upper()
    }
    environment = {**inherited, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, **environment}
    return hub_client.run(program, *arguments, environment=environment, directory=directory)


def write_checkpoint(directory, config, seed=0):
    """A checkpoint of random weights, all from one pool."""
    directory.mkdir(parents=True)
    shapes = expected_shapes(config)
    largest = max(map(math.prod, shapes.values()))
    pool = np.random.default_rng(seed).standard_normal(largest, np.float32)
    weights = {name: pool[: math.prod(shape)].reshape(shape) for name, shape in shapes.items()}
    save_file(weights, directory / "model.safetensors")
    values = {**vars(config), "task": config.task.upper()}
    (directory / "config.json").write_text(json.dumps(values))
    return directory


def sha256(directory):
    return hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def repositories(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    small = Config(8, 1, 2, 2, "regression")
    tiny = Config(8, 3, 1, 2, "classification")
    no_weights = write_checkpoint(root / "no-weights", tiny)
    (no_weights / "model.safetensors").unlink()
    return {
        "autogluon/mitra-regressor": {"main": write_checkpoint(root / "small", small)},
        "autogluon/mitra-regressor-2": {
            "main": write_checkpoint(root / "bins", Config(8, 1000, 3, 2, "regression"))
        },
        "some-org/tiny": {
            "main": write_checkpoint(root / "tiny", tiny),
            "v1": write_checkpoint(root / "tiny-v1", tiny, seed=1),
            "refs/pr/1": write_checkpoint(root / "tiny-pr", tiny, seed=2),
        },
        "some-org/no-weights": {"main": no_weights},
        "some-org/gated": {"main": root / "tiny"},
    }


@pytest.fixture
def hub(repositories):
    with HubServer(repositories, gated={"some-org/gated"}) as server:
        yield server


# ---- downloads -------------------------------------------------------------------------------


def test_download_and_cache(tmp_path):
    source = write_checkpoint(tmp_path / "source", Config(8, 10, 12, 2, "classification"))
    with HubServer({"autogluon/mitra-classifier": {"main": source}}) as hub:
        check_download_and_cache(hub, source, tmp_path / "home")


def check_download_and_cache(hub, source, tmp_path):
    (first,) = resolve(tmp_path, CLASSIFIER, endpoint=hub.url)
    assert first["sha256"] == sha256(source)
    assert (first["name"], first["n_layers"], first["n_estimators"]) == ("mitra", 12, 1)
    assert first["file"].startswith(str(tmp_path))
    gets = [request for request in hub.take_requests() if request.startswith("GET")]
    assert gets == [
        "GET autogluon/mitra-classifier main config.json",
        "GET autogluon/mitra-classifier main model.safetensors",
    ]

    # Another process, with the hub: it is asked for news, and nothing is downloaded.
    (again,) = resolve(tmp_path, CLASSIFIER, endpoint=hub.url)
    assert again["file"] == first["file"]
    assert hub.take_requests() == [
        "HEAD autogluon/mitra-classifier main config.json",
        "HEAD autogluon/mitra-classifier main model.safetensors",
    ]

    # Offline, and with no hub listening.
    (offline,) = resolve(tmp_path, CLASSIFIER, endpoint=hub.url, HF_HUB_OFFLINE="1")
    (unreachable,) = resolve(tmp_path, CLASSIFIER)
    assert hub.take_requests() == []
    assert offline["file"] == unreachable["file"] == first["file"]
    assert offline["sha256"] == unreachable["sha256"] == first["sha256"]


def test_repository_by_task_and_version(hub, repositories, tmp_path):
    models = [REGRESSOR, ("mitra-2", "regression")]
    results = resolve(tmp_path, *models, endpoint=hub.url)
    for result, repo_id in zip(results, ["mitra-regressor", "mitra-regressor-2"]):
        assert result["sha256"] == sha256(repositories[f"autogluon/{repo_id}"]["main"])
    assert [result["n_layers"] for result in results] == [2, 3]


def test_revisions(hub, repositories, tmp_path):
    revisions = ["main", "v1", "refs/pr/1"]
    models = [(f"some-org/tiny@{revision}", "classification") for revision in revisions]
    results = resolve(tmp_path, *models, ("some-org/tiny", "classification"), endpoint=hub.url)
    expected = [sha256(repositories["some-org/tiny"][revision]) for revision in revisions]
    assert len(set(expected)) == 3
    assert [result["sha256"] for result in results] == [*expected, expected[0]]
    assert [result["name"] for result in results] == [*(m for m, _ in models), "some-org/tiny"]
    for revision in revisions:
        assert f"GET some-org/tiny {revision} model.safetensors" in hub.requests


def test_the_hub_is_asked_once_per_process(hub, tmp_path):
    results = resolve(tmp_path, TINY, TINY, TINY, endpoint=hub.url)
    assert len({result["file"] for result in results}) == 1
    for filename in ["config.json", "model.safetensors"]:
        assert hub.requests.count(f"GET some-org/tiny v1 {filename}") == 1
        # Once by this package, once by the client before it downloads.
        assert hub.requests.count(f"HEAD some-org/tiny v1 {filename}") == 2


def test_the_cache_emptied_meanwhile(hub, repositories, tmp_path):
    results = resolve(tmp_path / "home", TINY, TINY, endpoint=hub.url, empty_the_cache=True)
    assert [r["sha256"] for r in results] == 2 * [sha256(repositories["some-org/tiny"]["v1"])]
    assert len([request for request in hub.requests if request.startswith("GET")]) == 4


def test_interrupted_download(repositories, tmp_path):
    """The client resumes it (huggingface_hub 2) or fails; half a file is never taken."""
    with HubServer(repositories, drop_first_download=True) as hub:
        *_, last = resolve(tmp_path, REGRESSOR, REGRESSOR, endpoint=hub.url)
    assert hub.requests.count("GET autogluon/mitra-regressor main config.json") == 2
    assert last["sha256"] == sha256(repositories["autogluon/mitra-regressor"]["main"])


def test_a_new_version_on_the_hub(repositories, tmp_path):
    revisions = {"main": repositories["some-org/tiny"]["main"]}
    for directory in (revisions["main"], repositories["some-org/tiny"]["v1"]):
        revisions["main"] = directory
        with HubServer({"some-org/tiny": revisions}) as hub:
            (result,) = resolve(tmp_path, ("some-org/tiny", "classification"), endpoint=hub.url)
        assert result["sha256"] == sha256(directory)


# ---- bundles that name a repository --------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(repositories, tmp_path_factory):
    """Of an estimator that was fitted with some-org/tiny@v1."""
    clf = fitted(model=repositories["some-org/tiny"]["v1"])
    path = tmp_path_factory.mktemp("bundle") / "model.wlrn"
    path.write_bytes(renamed(clf.save(), clf.checkpoint_["sha256"]))
    return path


def renamed(bundle, sha256):
    checkpoint = {"name": "some-org/tiny@v1", "sha256": sha256}
    return changed(bundle, "sklearn_mitra", checkpoint=checkpoint)


def test_a_bundle_fetches_nothing_unless_it_is_trusted(hub, repositories, bundle, tmp_path):
    home, folder = tmp_path / "home", tmp_path / "folder"
    shutil.copytree(repositories["some-org/tiny"]["v1"], folder / "some-org" / "tiny@v1")
    options = {"endpoint": hub.url, "directory": folder}  # which it may not look into either
    (refused,) = load(home, (bundle, False), **options)
    assert refused.startswith("CheckpointError: The bundle names the checkpoint 'some-org/tiny@v1'")
    assert hub.take_requests() == []
    loaded = load(home, (bundle, True), (bundle, False), endpoint=hub.url)
    assert loaded == 2 * ["some-org/tiny@v1"]
    gets = [request for request in hub.take_requests() if request.startswith("GET")]
    assert len(gets) == 2
    # what is in the cache is taken from there, and the hub isn't asked
    assert load(home, (bundle, False), endpoint=hub.url) == ["some-org/tiny@v1"]
    assert hub.take_requests() == []


def test_other_weights_than_the_bundles_are_not_downloaded(hub, repositories, bundle, tmp_path):
    other = tmp_path / "other.wlrn"
    other.write_bytes(renamed(bundle.read_bytes(), "0" * 64))
    (error,) = load(tmp_path / "home", (other, True), endpoint=hub.url)
    there = sha256(repositories["some-org/tiny"]["v1"])
    assert f"has the sha256 {there}, and {'0' * 64} is wanted. It is not downloaded" in error
    assert not any("GET" in r and "model.safetensors" in r for r in hub.requests)


@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
def test_files_larger_than_they_can_be_are_not_downloaded(filename, repositories, tmp_path):
    source = shutil.copytree(repositories["some-org/tiny"]["v1"], tmp_path / "source")
    with open(source / filename, "ab") as file:
        file.truncate(3 * 10**8)  # of no blocks on the disk
    with HubServer({"some-org/tiny": {"v1": source}}) as hub:
        (result,) = resolve(tmp_path / "home", TINY, endpoint=hub.url)
    assert (
        f"{filename} in the hub repository 'some-org/tiny' at revision 'v1' has 300000000"
        in (result["error"])
    )
    assert not any("GET" in r and filename in r for r in hub.requests)


# ---- failures --------------------------------------------------------------------------------


def test_what_the_hub_refuses(hub, tmp_path):
    causes = {
        "some-org/none": "RepositoryNotFoundError",
        "some-org/tiny@v9": "RevisionNotFoundError",
        "some-org/no-weights": "EntryNotFoundError",
        "some-org/gated": "GatedRepoError",
        "some--org/tiny": "HFValidationError",
    }
    results = resolve(tmp_path, *((name, "classification") for name in causes), endpoint=hub.url)
    for (name, cause), result in zip(causes.items(), results):
        repo_id, _, revision = name.partition("@")
        assert f"hub repository {repo_id!r}" in result["error"]
        assert f"at revision {revision!r}" in result["error"] or not revision
        assert MINI_AND_DIRECTORY in result["error"]
        assert cause in result["error"]
        assert cause in result["cause"]
    assert not any(request.startswith("GET some-org/none") for request in hub.requests)
    assert max(map(hub.requests.count, hub.requests)) <= 2  # and not again and again


def test_no_weights_are_downloaded_for_the_wrong_task(hub, tmp_path):
    (result,) = resolve(tmp_path, ("some-org/tiny", "regression"), endpoint=hub.url)
    assert "is for classification, but was asked for regression" in result["error"]
    assert not any("model.safetensors" in request for request in hub.requests)


def test_offline_with_an_empty_cache(hub, tmp_path):
    models = [CLASSIFIER, TINY, ("mini", "classification")]
    *failures, mini = resolve(tmp_path, *models, endpoint=hub.url, HF_HUB_OFFLINE="1")
    assert hub.requests == []
    for failure, repo_id in zip(failures, ["autogluon/mitra-classifier", "some-org/tiny"]):
        assert repr(repo_id) in failure["error"]
        assert "HF_HUB_OFFLINE" in failure["error"]
        assert MINI_AND_DIRECTORY in failure["error"]
    assert mini["n_estimators"] == 4


def test_no_server(tmp_path):
    """Fails at once, where the client alone would retry for 23 seconds."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    (result,) = resolve(tmp_path, CLASSIFIER, endpoint=endpoint)
    assert "config.json of the hub repository 'autogluon/mitra-classifier'" in result["error"]
    assert "Connection" in result["error"]
    assert MINI_AND_DIRECTORY in result["error"]
    assert result["connections"] <= 2


def test_a_server_that_does_not_answer(tmp_path):
    """Fails after one timeout, where the client alone would wait for more than six minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (result,) = resolve(tmp_path, REGRESSOR, endpoint=endpoint, HF_HUB_ETAG_TIMEOUT="1")
    assert "imeout" in result["cause"]
    assert MINI_AND_DIRECTORY in result["error"]
    assert result["connections"] <= 2


def test_a_server_that_is_not_a_hub(repositories, tmp_path):
    with HubServer({}) as hub:
        (result,) = resolve(tmp_path, REGRESSOR, endpoint=hub.url + "/prefix")
    assert "'autogluon/mitra-regressor'" in result["error"]
    assert MINI_AND_DIRECTORY in result["error"]
