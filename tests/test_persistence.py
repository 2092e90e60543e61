"""What is kept of an estimator: files of bundles, frozen bundles, pickles."""

import json
import os
import pickle
import re
import resource
import signal
import stat
import warnings

import numpy as np
import pandas as pd
import pytest
from bundle_tools import FORMATS, changed, fitted, opened, saved
from estimators import both, outputs, same
from tables import make_three_classes as make_table

import sklearn_mitra
from sklearn_mitra import BundleError, MitraClassifier, MitraRegressor
from sklearn_mitra._bundles.estimators import FORMAT, FORMAT_OF_NETWORK
from sklearn_mitra._bundles.fields import pack

# ---- files ---------------------------------------------------------------------------------------


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@both
def test_a_new_file_is_its_owners_and_an_existing_one_keeps_its_mode(cls, tmp_path):
    path = tmp_path / "model.wlrn"
    estimator = fitted(cls)
    estimator.save(path)
    assert mode_of(path) == 0o600
    path.chmod(0o644)
    estimator.save(path)
    assert mode_of(path) == 0o644


@pytest.mark.parametrize("path", ["", ".", ".."])
def test_a_path_that_is_no_file_is_named(path):
    estimator = MitraClassifier(max_support=30).fit([[0.0], [1.0]] * 5, [0, 1] * 5)
    with pytest.raises(OSError, match=rf"Pass .*file.*: '{re.escape(path)}'$"):
        estimator.save(path)


def test_a_bundle_that_cannot_be_written_leaves_the_former_one(tmp_path):
    # a file system of its own would be needed to run out of space; a limit of the process will do
    path = tmp_path / "model.wlrn"
    estimator = fitted()
    bundle = estimator.save(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(bundle) // 2, limits[1]))
        with pytest.raises(OSError):
            estimator.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert path.read_bytes() == bundle
    assert os.listdir(tmp_path) == ["model.wlrn"]


def test_a_stream_is_written_to(tmp_path):
    path = tmp_path / "log"
    with open(path, "w+b") as file:
        file.write(b"former")
        file.flush()
        bundle = fitted().save(f"/dev/fd/{file.fileno()}")
    assert path.read_bytes() == b"former" + bundle


# ---- bundles -------------------------------------------------------------------------------------

FROZEN = {
    (version, kind): case
    for version in (FORMAT_OF_NETWORK, FORMAT)
    for kind, case in json.loads((FORMATS / f"format{version}.json").read_text()).items()
}


@pytest.mark.parametrize(("version", "kind"), FROZEN)
def test_frozen_bundles_predict_what_they_did(version, kind):
    loaded = sklearn_mitra.load(FORMATS / f"format{version}_{kind}.wlrn")
    case = FROZEN[version, kind]
    has_names = isinstance(case["rows"][0], dict)
    rows = pd.DataFrame(case["rows"]) if has_names else np.array(case["rows"])
    # written on other machines, whose matrix products round differently
    np.testing.assert_allclose(outputs(loaded, rows), case["expected"], atol=2e-5)
    manifest, parsed = opened(loaded.save())
    assert parsed["sklearn_mitra"]["format"] == version
    again = sklearn_mitra.load(loaded.save())
    same(outputs(again, rows), outputs(loaded, rows))
    if "quantiles" in case:
        quantiles = loaded.predict_quantiles(rows, [0.1, 0.9])
        np.testing.assert_allclose(quantiles, case["quantiles"], atol=2e-5)


@pytest.mark.parametrize("version", [3, 6])
def test_bundles_of_other_formats_are_refused(version):
    assert (FORMAT_OF_NETWORK, FORMAT) == (4, 5)
    bundle = changed(saved(), "sklearn_mitra", format=version)
    message = "'format' .* must be 4 or 5; later formats need a newer sklearn_mitra"
    with pytest.raises(BundleError, match=message):
        sklearn_mitra.load(bundle)


def test_the_format_tells_whether_members_have_weights():
    of_network, weighted = saved(), saved(members=("plain", "extra_trees"))
    formats = [opened(bundle)[1]["sklearn_mitra"]["format"] for bundle in (of_network, weighted)]
    assert formats == [4, 5]
    for bundle, version in ((of_network, 5), (weighted, 4)):
        with pytest.raises(
            BundleError, match="'format' .* must be 5 if there are 'models', else 4"
        ):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", format=version))


@both
def test_all_rows_as_support(cls):
    X, y = make_table()
    estimator = cls(max_support=None, n_estimators=1).fit(X, y)
    assert len(estimator.X_support_) == len(X)
    bundle = estimator.save()
    assert opened(bundle)[0]["params"]["maxSupport"] == len(X)
    loaded = sklearn_mitra.load(bundle)
    assert loaded.max_support is None
    same(outputs(loaded, X), outputs(estimator, X))


@both
def test_columns_far_from_zero(cls):
    X, y = make_table()
    seconds = 1.7e9 + 100 * X[:, 0]
    table, near = np.column_stack([seconds, X[:, 1]]), np.column_stack([100 * X[:, 0], X[:, 1]])
    estimator = cls(max_support=30, n_estimators=2).fit(table, y)
    expected = cls(max_support=30, n_estimators=2).fit(near, y)
    np.testing.assert_allclose(outputs(estimator, table), outputs(expected, near), atol=1e-5)
    bundle = estimator.save()
    loaded = sklearn_mitra.load(bundle)
    same(outputs(loaded, table), outputs(estimator, table))
    same(loaded.X_support_, estimator.X_support_)
    assert loaded.save() == bundle
    # for readers that know no offsets
    support = np.frombuffer(opened(bundle)[1]["support_x"], "<f4").reshape(30, 2)
    same(support, table[estimator.support_indices_].astype(np.float32))


FAR = {
    "without its support": ("nearSupport", None),
    "with half of its support": ("nearSupport", pack(np.zeros((15, 1), np.float32))),
    "support too large": ("nearSupport", pack(np.full((30, 1), 3e38, np.float32))),
}


@pytest.mark.parametrize(("field", "value"), FAR.values(), ids=FAR)
def test_damaged_columns_far_from_zero_are_named(field, value):
    X, y = make_table()
    table = np.column_stack([1.7e9 + 100 * X[:, 0], X[:, 1]])
    bundle = MitraClassifier(max_support=30, n_estimators=1).fit(table, y).save()
    with pytest.raises(BundleError, match="'nearSupport'.* in .*artifact 'sklearn_mitra'"):
        sklearn_mitra.load(changed(bundle, "sklearn_mitra", **{field: value}))


# ---- pickles -------------------------------------------------------------------------------------


@both
def test_a_pickle_of_another_version_warns(cls, monkeypatch):
    estimator = fitted(cls)
    monkeypatch.setattr("sklearn_mitra._base.__version__", "99.1")
    pickled = pickle.dumps(estimator)
    monkeypatch.undo()
    message = f"pickle of a {cls.__name__} was made by .* 99.1, but"
    with pytest.warns(UserWarning, match=message) as caught:
        again = pickle.loads(pickled)
    assert caught[0].filename == __file__
    same(outputs(again, make_table()[0]), outputs(estimator, make_table()[0]))


@both
def test_a_pickle_of_this_version_says_nothing(cls):
    for estimator in (fitted(cls), cls()):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = pickle.loads(pickle.dumps(estimator))
        assert set(vars(again)) == set(vars(estimator))


def test_estimators_load_bundles_of_their_own_kind_only():
    with pytest.raises(BundleError, match="Expected a bundle of type .*regressor@1. Got .*class"):
        MitraRegressor.load(saved(MitraClassifier))
