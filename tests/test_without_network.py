"""Members that need no network, alone: no checkpoint is looked up, and no session is made."""

import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from bundle_tools import assert_same, assert_survives, changed, opened
from estimators import TASKS, both, outputs, same
from sklearn.base import clone
from tables import make_table

import sklearn_mitra
from sklearn_mitra import BundleError, CheckpointError, MitraClassifier, MitraRegressor
from sklearn_mitra._network.checkpoint import resolve_checkpoint
from sklearn_mitra._network.sessions import _sessions

TREES = ["boosting", "extra_trees"]
NOWHERE = "/no/such/directory"
X, CLASSES = make_table(60)
NEW = make_table(9, seed=1)[0]


def target(cls):
    return CLASSES if cls is MitraClassifier else X[:, 0] * X[:, 1]


def fit(cls, y=None, **params):
    params = {"members": TREES, "max_support": 30, "model": NOWHERE, **params}
    return cls(**params).fit(X, target(cls) if y is None else y)


def copy_of_mini(cls, directory):
    embedded = Path(resolve_checkpoint("mini", TASKS[cls]).weights_file).parent
    return str(shutil.copytree(embedded, directory))


@both
@pytest.mark.parametrize("members", [["boosting"], TREES], ids=str)
def test_the_checkpoint_need_not_exist(cls, members):
    with pytest.raises(CheckpointError, match="There is no such directory"):
        fit(cls, members=["plain", *members])
    sklearn_mitra.clear_sessions()
    estimator = fit(cls, members=members)
    predictions = outputs(estimator, NEW)
    same(predictions, outputs(fit(cls, members=members, model="mini"), NEW))
    assert estimator.estimate_cost(1000).context_nbytes == 0
    assert estimator.context_nbytes_ == 0
    for other in (pickle.loads(pickle.dumps(estimator)), clone(estimator).fit(X, target(cls))):
        same(outputs(other, NEW), predictions)
        assert other.model == NOWHERE
    assert_survives(estimator, NEW, trusted=True)
    if cls is MitraRegressor:
        loaded = sklearn_mitra.load(estimator.save())
        same(loaded.predict_interval(NEW), estimator.predict_interval(NEW))
    assert not _sessions


@both
def test_there_is_no_checkpoint(cls):
    fitted = fit(cls, members=["boosting"])
    for estimator in (fitted, sklearn_mitra.load(fitted.save())):
        assert not hasattr(estimator, "checkpoint_")
        with pytest.raises(AttributeError, match="no ensemble member needs the network"):
            estimator.checkpoint_  # noqa: B018
    kept = opened(estimator.save())[1]
    assert kept["sklearn_mitra"]["checkpoint"] is None and kept["sklearn_mitra"]["views"] == []
    assert kept["meta"]["onnxSha256"] is None


@both
def test_a_wrong_model_is_refused_nevertheless(cls):
    with pytest.raises(ValueError, match="The 'model' parameter of"):
        fit(cls, model=3)
    bundle = fit(cls, members=["boosting"]).save()
    with pytest.raises(ValueError, match="The 'model' parameter of"):
        sklearn_mitra.load(bundle, model=3)


@both
@pytest.mark.parametrize("weights", ["equal", [1, 3]], ids=str)
def test_weights_may_be_given(cls, weights):
    estimator = fit(cls, member_weights=weights)
    assert_survives(estimator, NEW, trusted=True)


@both
def test_constant_targets(cls):
    sklearn_mitra.clear_sessions()
    estimator = fit(cls, np.ones(60), member_weights=[1, 2])
    assert (estimator.predict(NEW) == 1).all()
    same(estimator.member_weights_, np.ones(1))
    assert estimator.context_nbytes_ == 0
    assert_survives(estimator, NEW, trusted=True)
    same(pickle.loads(pickle.dumps(estimator)).predict(NEW), estimator.predict(NEW))
    assert not _sessions
    with pytest.raises(ValueError, match="no ensemble members that use the network"):
        sklearn_mitra.load(estimator.save(), n_estimators=1)


def test_more_classes_than_outputs():
    y = np.arange(60) % 14
    clf = fit(MitraClassifier, y, members=["extra_trees"], softmax_temperature="auto")
    np.testing.assert_allclose(clf.predict_proba(NEW).sum(axis=1), 1, rtol=1e-12)
    assert clf.softmax_temperature_ == 1
    loaded = sklearn_mitra.load(clf.save())
    same(loaded.predict_proba(NEW), clf.predict_proba(NEW))


# ---- loading -------------------------------------------------------------------------------------


@both
def test_the_parameter_model_is_for_the_next_fit(cls):
    estimator = fit(cls, members=["boosting"])
    bundle = estimator.save()
    for model in ("/another/place", Path("/another/place"), "org/name"):
        loaded = sklearn_mitra.load(bundle, model=model)
        assert loaded.model == model
        assert_same(loaded, estimator, NEW, {"model": model})
    assert sklearn_mitra.load(bundle, trusted=True).model == NOWHERE
    estimator.set_params(model=Path(NOWHERE))
    assert estimator.save() == bundle
    assert sklearn_mitra.load(estimator.set_params(model="mitra").save()).model == "mitra"
    # an untrusted bundle may name anything, which the next fit might open or download
    loaded = sklearn_mitra.load(bundle)
    assert loaded.model == "mini"
    loaded.set_params(members="plain", n_estimators=1).fit(X, target(cls))


@both
def test_no_number_of_members_can_be_chosen(cls):
    message = r"no ensemble members that use the network. Got n_estimators=2. Leave it out"
    with pytest.raises(ValueError, match=re.escape(message)):
        sklearn_mitra.load(fit(cls, members=["boosting"]).save(), n_estimators=2)


@both
def test_bundles_of_members_without_a_checkpoint_are_refused(cls):
    message = "'checkpoint' .* must be an object, since members use the network. Got None"
    for params in ({"members": "plain"}, {"members": ["plain", "boosting"]}):
        bundle = fit(cls, model="mini", member_weights="equal", **params).save()
        with pytest.raises(BundleError, match=message):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", checkpoint=None))
        with pytest.raises(BundleError, match=message):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", checkpoint=None, views=[]))
    bundle = fit(cls, members=["boosting"]).save()
    for checkpoint in (3, {}, {"name": "mini"}, {"name": "mini", "sha256": "0"}):
        with pytest.raises(BundleError, match=r"'checkpoint'|'name'|'sha256'"):
            sklearn_mitra.load(changed(bundle, "sklearn_mitra", checkpoint=checkpoint))


@both
def test_a_network_without_weight_is_not_looked_up_again(cls, tmp_path):
    directory = copy_of_mini(cls, tmp_path / "mini")
    estimator = fit(cls, model=directory, members=["plain", "boosting"], member_weights=[0, 1])
    bundle, predictions = estimator.save(), outputs(estimator, NEW)
    shutil.rmtree(directory)
    for options in ({}, {"trusted": True}, {"model": NOWHERE}):
        loaded = sklearn_mitra.load(bundle, **options)
        assert loaded.checkpoint_ == estimator.checkpoint_  # what the fit looked up
        same(outputs(loaded, NEW), predictions)
        assert loaded.save() == bundle
    assert [sklearn_mitra.load(bundle, trusted=trusted).model for trusted in (False, True)] == [
        "mini",
        directory,
    ]
    same(outputs(pickle.loads(pickle.dumps(estimator)), NEW), predictions)
