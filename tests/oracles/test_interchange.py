"""Interchange ``.onnx`` files as models of the estimators."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from bundle_tools import INTEROP, KINDS, changed, opened, packed_members
from estimators import ESTIMATORS, TASKS, both, outputs, same
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from tables import make_three_classes

import sklearn_mitra
from sklearn_mitra import (
    BundleError,
    CheckpointError,
    MitraClassifier,
    MitraRegressor,
    clear_sessions,
)
from sklearn_mitra._network import sessions
from sklearn_mitra._network.config import Config
from sklearn_mitra._network.interchange import InterchangeNetwork, resolve_interchange
from sklearn_mitra._network.runtime import Runtime

X, Y = make_three_classes(60)


@pytest.fixture
def make_file(make_checkpoint, export_once):
    """A function from a class and a profile to the file of a small network."""

    def make(cls, profile="upstream", n_outputs=None):
        n_outputs = n_outputs or (10 if cls is MitraClassifier else 1)
        directory = make_checkpoint(24, n_outputs, 1, 3, TASKS[cls])
        return export_once(directory, TASKS[cls], profile)

    return make


@pytest.fixture
def copy_file(make_file, tmp_path):
    """A function that writes a changed copy of such a file."""

    def copy(cls, change, name="changed.onnx"):
        model = onnx.load(make_file(cls))
        change(model)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return copy


def without_metadata(model):
    del model.metadata_props[:]


def set_metadata(**values):
    def change(model):
        for entry in model.metadata_props:
            entry.value = values.get(entry.key, entry.value)

    return change


def fitted(cls, file, **params):
    params = {"max_support": 30, "n_estimators": 2, **params}
    return cls(model=file, **params).fit(X, Y)


# ---- what is predicted ---------------------------------------------------------------------------


def test_a_file_has_as_many_members_as_it_recommends(copy_file, make_checkpoint):
    file = copy_file(MitraClassifier, set_metadata(n_estimators="3"))
    estimator = fitted(MitraClassifier, file, n_estimators=None)
    assert len(packed_members(estimator)) == 3
    assert estimator.checkpoint_["name"] == str(file)
    directory = make_checkpoint(24, 10, 1, 3, "classification")
    expected = outputs(fitted(MitraClassifier, directory, n_estimators=3), X)
    np.testing.assert_allclose(outputs(estimator, X), expected, rtol=0, atol=2e-5)


@both
@pytest.mark.parametrize("profile", ["upstream", "wlearn"])
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_both_profiles_predict_what_the_checkpoint_does(
    cls, profile, n_estimators, make_checkpoint, make_file
):
    # with all rows in the support, its targets have the range of all targets
    params = {"max_support": 60, "n_estimators": n_estimators}
    directory = make_checkpoint(24, 10 if cls is MitraClassifier else 1, 1, 3, TASKS[cls])
    expected = outputs(fitted(cls, directory, **params), X)
    estimator = fitted(cls, make_file(cls, profile), **params)
    np.testing.assert_allclose(outputs(estimator, X), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("profile", ["upstream", "wlearn"])
def test_regressors_with_bins(profile, make_checkpoint, make_file):
    directory = make_checkpoint(24, 25, 1, 3, "regression")
    expected = fitted(MitraRegressor, directory, max_support=60).predict(X)
    file = make_file(MitraRegressor, profile, n_outputs=25)
    predicted = fitted(MitraRegressor, file, max_support=60).predict(X)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("n_outputs", [1, 25])
def test_quantiles(n_outputs, make_checkpoint, make_file):
    """A file gives targets, not bins, so its quantiles are those of residuals."""
    levels = [0.1, 0.5, 0.9]
    reg = fitted(MitraRegressor, make_file(MitraRegressor, n_outputs=n_outputs))
    quantiles = reg.predict_quantiles(X, levels)
    assert "heldOut" in opened(reg.save())[1]["sklearn_mitra"]
    same(sklearn_mitra.load(reg.save(), trusted=True).predict_quantiles(X, levels), quantiles)
    assert np.mean((quantiles[:, 0] <= Y) & (quantiles[:, 2] >= Y)) > 0.5
    if n_outputs == 1:
        expected = fitted(MitraRegressor, make_checkpoint(24, 1, 1, 3, "regression"))
        np.testing.assert_allclose(quantiles, expected.predict_quantiles(X, levels), atol=1e-4)


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 2, 5], [-1, 0, 1], [10**9, -3, 0]], ids=str)
def test_raw_labels_in_a_wlearn_file_give_the_estimators_probabilities(
    labels, make_checkpoint, make_file
):
    y = np.sort(labels)[Y]
    directory = make_checkpoint(24, 10, 1, 3, "classification")
    estimator = MitraClassifier(model=directory, n_estimators=1, max_support=60).fit(X, y)
    table = {
        "x_support": X[None].astype(np.float32),
        "y_support": y[None],
        "x_query": X[None].astype(np.float32),
        "padding_obs_support": np.zeros((1, 60), bool),
    }
    session = onnxruntime.InferenceSession(make_file(MitraClassifier, "wlearn"))
    logits = session.run(["output"], table)[0][0]
    probabilities = softmax(logits, axis=1)
    np.testing.assert_allclose(probabilities, estimator.predict_proba(X), rtol=0, atol=2e-5)
    same(estimator.classes_[logits.argmax(axis=1)], estimator.predict(X))


@pytest.mark.parametrize("profile", ["upstream", "wlearn"])
@pytest.mark.parametrize(("label", "column"), [(-9, 0), (9, 3)])
def test_a_class_absent_from_the_support(label, column, profile, make_file):
    y = np.where(np.arange(60) == 7, label, Y)  # one row of the class, left out below
    estimator = MitraClassifier(
        model=make_file(MitraClassifier, profile),
        max_support=12,
        n_estimators=1,
        support_sampling="random",
    ).fit(X, y)
    assert 7 not in estimator.support_indices_
    probabilities = estimator.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, column] == 0).all() == (profile == "wlearn")


def outputs_of(file, y):
    network, runtime = InterchangeNetwork(resolve_interchange(file, "classification")), Runtime()
    x = X.astype(np.float32)
    support = network.remember(x, y, False, runtime)
    return network.outputs(network.open(False, runtime), support, x)


def test_columns_are_those_of_the_classes_in_the_support(make_file):
    present = np.array([1, 4, 8])
    expected = outputs_of(make_file(MitraClassifier, "upstream"), Y)[:, :3]
    outputs = outputs_of(make_file(MitraClassifier, "wlearn"), present[Y])
    assert outputs.shape == (60, 10)
    np.testing.assert_allclose(outputs[:, present], expected, rtol=0, atol=1e-6)
    assert np.isneginf(np.delete(outputs, present, axis=1)).all()


def test_a_wlearn_file_that_takes_class_ids(copy_file, make_file):
    """Older files don't rank labels: they have as many columns as the largest id + 1."""

    def cut(model):
        graph = model.graph
        (last,) = (node for node in graph.node if "output" in node.output)
        last.output[:] = ["logits"]
        constants = {"one": [1], "zero": [0], "axis": [2]}
        graph.initializer.extend(
            helper.make_tensor(name, TensorProto.INT64, [1], value)
            for name, value in constants.items()
        )
        graph.node.extend(
            [
                helper.make_node("ReduceMax", ["y_support"], ["largest"], keepdims=0),
                helper.make_node("Add", ["largest", "one"], ["n_classes"]),
                helper.make_node("Slice", ["logits", "zero", "n_classes", "axis"], ["output"]),
            ]
        )
        graph.output[0].type.tensor_type.shape.dim[2].dim_param = "n_classes"
        set_metadata(profile="wlearn")(model)

    file, y = copy_file(MitraClassifier, cut), 3 * Y
    outputs = outputs_of(file, y)
    same(outputs[:, :7], outputs_of(make_file(MitraClassifier), y)[:, :7])
    assert np.isneginf(outputs[:, 7:]).all()
    assert not resolve_interchange(file, "classification").ranks_labels


@both
def test_rows_alone_and_in_chunks_as_in_a_batch(cls, make_file, monkeypatch, capsys):
    estimator = fitted(cls, make_file(cls)).set_params(verbose=1)
    expected = outputs(estimator, X)
    alone = np.concatenate([outputs(estimator, row[None]) for row in X[:5]])
    np.testing.assert_allclose(alone, expected[:5], rtol=0, atol=1e-6)
    monkeypatch.setattr("sklearn_mitra._network.plan.total_memory", lambda: 400_000)
    outputs(estimator, X[:3])
    assert capsys.readouterr().err == ""  # a bar is for several chunks only
    np.testing.assert_allclose(outputs(estimator, X[:30]), expected[:30], rtol=0, atol=1e-6)
    assert "30/30" in capsys.readouterr().err
    np.testing.assert_allclose(outputs(estimator, X), expected, rtol=0, atol=1e-6)


@both
def test_a_file_without_metadata_counts_as_upstreams(cls, copy_file, make_file):
    """It has one member."""
    file = copy_file(cls, without_metadata)
    estimator = cls(model=file, max_support=30).fit(X, Y)
    same(outputs(estimator, X), outputs(fitted(cls, make_file(cls), n_estimators=1), X))
    assert resolve_interchange(file, TASKS[cls]).profile == "upstream"
    n_outputs = 10 if cls is MitraClassifier else 1
    config = Config(512, n_outputs, 12, 4, TASKS[cls])
    assert resolve_interchange(file, TASKS[cls]).config == config


def test_more_classes_than_a_file_has_outputs(make_checkpoint, make_file, copy_file):
    y = np.arange(60) % 12
    expected = MitraClassifier(model=make_checkpoint(24, 10, 1, 3, "classification")).fit(X, y)
    for name in (make_file(MitraClassifier), copy_file(MitraClassifier, without_metadata)):
        clf = MitraClassifier(model=name).fit(X, y)
        assert [member["node"]["nNodes"] for member in packed_members(clf)] == [3] * 3
        np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-5)


def test_a_regressors_file_has_no_labels_to_rank(copy_file, make_file):
    def rank(model):
        model.metadata_props.add(key="labels", value="ranked")

    predicted = fitted(MitraRegressor, copy_file(MitraRegressor, rank)).predict(X)
    same(predicted, fitted(MitraRegressor, make_file(MitraRegressor)).predict(X))


# ---- with the rest of scikit-learn ---------------------------------------------------------------


def test_clones_folds_and_members_share_one_session(make_file):
    clear_sessions()
    search = GridSearchCV(
        MitraClassifier(model=make_file(MitraClassifier), n_estimators=2),
        {"max_support": [10, 20]},
        cv=2,
    ).fit(X, Y)
    clone(search.best_estimator_).fit(X, Y).predict(X)
    assert [key[0] for key in sessions._sessions] == ["interchange"]


@both
def test_pickles(cls, make_file):
    estimator = fitted(cls, make_file(cls))
    again = pickle.loads(pickle.dumps(estimator))
    same(outputs(again, X), outputs(estimator, X))


@both
def test_a_model_may_be_a_path_of_any_kind(cls, make_file, tmp_path, monkeypatch):
    """The absolute path is kept."""
    shutil.copy(make_file(cls), tmp_path / "model.onnx")
    expected = outputs(fitted(cls, make_file(cls)), X)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("model.onnx", "./model.onnx", Path("model.onnx"), "~/model.onnx"):
        estimator = fitted(cls, name)
        assert estimator.checkpoint_["name"] == str(tmp_path / "model.onnx")
        same(outputs(estimator, X), expected)


@both
def test_a_file_has_a_precision_of_its_own(cls, make_file):
    with pytest.raises(ValueError, match="a precision of its own. Got precision='int8' with"):
        fitted(cls, make_file(cls), precision="int8")


@both
@pytest.mark.usefixtures("short_trial")
def test_a_file_passes_the_support_in_every_prediction(cls, make_file):
    cost = fitted(cls, make_file(cls)).estimate_cost(10)
    assert cost.context_nbytes == 0
    assert cost.first_seconds == cost.later_seconds > 0


# ---- bundles -------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("profile", ["upstream", "wlearn"])
def test_bundles_record_and_check_the_file(cls, profile, make_file, tmp_path):
    file = make_file(cls, profile)
    estimator = fitted(cls, file)
    bundle = estimator.save()
    sha256 = opened(bundle)[1]["meta"]["onnxSha256"]
    assert sha256 == estimator.checkpoint_["sha256"]
    assert sha256 == resolve_interchange(file, TASKS[cls]).sha256
    same(outputs(sklearn_mitra.load(bundle, trusted=True), X), outputs(estimator, X))
    moved = shutil.copy(file, tmp_path / "moved.onnx")
    same(outputs(sklearn_mitra.load(bundle, model=moved), X), outputs(estimator, X))
    for other in ("mini", make_file(cls, "wlearn" if profile == "upstream" else "upstream")):
        with pytest.raises(BundleError, match=f"of sha256 {sha256}.*is a different one"):
            sklearn_mitra.load(bundle, model=other)


@both
def test_bundles_from_javascript(cls, make_file, tmp_path):
    file = make_file(cls, "wlearn")
    sha256 = resolve_interchange(file, TASKS[cls]).sha256
    bundle = (INTEROP / f"{KINDS[cls]}_all_rows.wlrn").read_bytes()
    right, unknown, wrong = (
        changed(bundle, "meta", onnxSha256=value) for value in (sha256, None, 64 * "0")
    )
    expected = sklearn_mitra.load(right, model=file)
    table = np.zeros((3, expected.n_features_in_))
    same(outputs(sklearn_mitra.load(unknown, model=file), table), outputs(expected, table))
    with pytest.raises(BundleError, match=f"onnx file of sha256 {64 * '0'}.*sha256 {sha256}"):
        sklearn_mitra.load(wrong, model=file)
    sklearn_mitra.load(wrong)  # with mini there is no file to check
    with pytest.raises(BundleError, match="'onnxSha256'.* a string or null"):
        sklearn_mitra.load(changed(bundle, "meta", onnxSha256=7), model=file)


# ---- what is refused -----------------------------------------------------------------------------


@both
def test_a_file_of_the_other_task(cls, make_file):
    other = next(c for c in ESTIMATORS if c is not cls)
    with pytest.raises(CheckpointError, match=f"is for {TASKS[other]}, but was asked for"):
        fitted(cls, make_file(other))


@pytest.mark.parametrize("name", ["none.onnx", "/no/such.onnx", Path("none.onnx"), ".onnx"])
def test_a_missing_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no such file.*sklearn-mitra convert makes"):
        MitraClassifier(model=name).fit(X, Y)


def test_a_folder_with_the_name_of_a_file(tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(CheckpointError, match="no such file"):
        MitraClassifier(model=tmp_path / "folder.onnx").fit(X, Y)


def test_a_device_with_the_name_of_a_file(tmp_path):
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="zero.onnx' is not a regular file"):
        MitraClassifier(model=tmp_path / "zero.onnx").fit(X, Y)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", b"\xff" * 100])
def test_anything_but_an_onnx_file(content, tmp_path):
    (tmp_path / "no.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"no\.onnx'.*(read as an .onnx file|the inputs)"):
        MitraClassifier(model=tmp_path / "no.onnx").fit(X, Y)


def rename_an_input(model):
    model.graph.input[0].name = "x"


def ask_for_doubles(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def give_two_outputs(model):
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, None))


def give_three_axes(model):
    model.graph.output[0].type.tensor_type.shape.dim.add(dim_value=9)


def ask_for_an_unknown_type(model):
    model.graph.input[0].type.tensor_type.elem_type = 77


@both
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ask_for_an_unknown_type, "must have the inputs .* Got {'x_support': 77"),
        (rename_an_input, "must have the inputs x_support, .* Got {'x': 'float'"),
        (ask_for_doubles, "must have the inputs .* Got {'x_support': 'double'"),
        (give_two_outputs, "one output, output. Got .*'more'"),
        (give_three_axes, "an output of 3 axes with integer labels and of 2 axes .* Got .* 9"),
        (set_metadata(profile="next"), r"one of the profiles \['upstream', 'wlearn'\]. Got 'next'"),
        (set_metadata(config="{"), "must have metadata that fit its inputs"),
        (set_metadata(config="[]"), "must have metadata that fit its inputs"),
        (set_metadata(config="{}"), "must have metadata that fit its inputs"),
        (set_metadata(config='{"task": "RANKING"}'), "must have metadata that fit its inputs"),
        (set_metadata(n_estimators="many"), "must have metadata that fit its inputs"),
        (set_metadata(n_estimators="0"), "must have metadata that fit its inputs"),
        (set_metadata(n_estimators="1000000000"), "must have metadata that fit its inputs"),
    ],
)
def test_files_of_other_models(cls, change, message, copy_file):
    file = copy_file(cls, change)
    with pytest.raises(CheckpointError, match=message) as error:
        fitted(cls, file)
    assert str(file) in str(error.value)


def test_weights_in_a_file_beside_it(make_file, tmp_path):
    model, file = onnx.load(make_file(MitraClassifier)), tmp_path / "apart.onnx"
    onnx.save(model, file, save_as_external_data=True, location="weights", size_threshold=0)
    assert (tmp_path / "weights").exists()
    with pytest.raises(CheckpointError, match="must hold its weights. Got .* in a file beside it"):
        fitted(MitraClassifier, file)


def add_a_constant(nodes, tensor):
    nodes.add(op_type="Constant", output=["unused"]).attribute.append(
        helper.make_attribute("value", tensor)
    )


def in_a_node(model, tensor):
    add_a_constant(model.graph.node, tensor)


def in_a_list_of_tensors(model, tensor):
    model.graph.node[0].attribute.append(helper.make_attribute("more", [tensor]))


def in_a_subgraph(model, tensor):
    graph = helper.make_graph([], "inner", [], [])
    add_a_constant(graph.node, tensor)
    model.graph.node[0].attribute.append(helper.make_attribute("body", graph))


def in_an_initializer_of_a_subgraph(model, tensor):
    graph = helper.make_graph([], "inner", [], [], [tensor])
    model.graph.node[0].attribute.append(helper.make_attribute("branches", [graph]))


def in_a_sparse_initializer(model, tensor):
    model.graph.sparse_initializer.add().values.CopyFrom(tensor)


def in_a_function(model, tensor):
    add_a_constant(model.functions.add(name="f", domain="d").node, tensor)


@pytest.mark.parametrize(
    "place",
    [
        in_a_node,
        in_a_list_of_tensors,
        in_a_subgraph,
        in_an_initializer_of_a_subgraph,
        in_a_sparse_initializer,
        in_a_function,
    ],
)
def test_weights_beside_the_file_are_found_wherever_it_names_them(place, copy_file):
    """The sha256 of the file wouldn't cover them."""
    tensor = helper.make_tensor("weight", TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights")
    file = copy_file(MitraClassifier, lambda model: place(model, tensor))
    with pytest.raises(CheckpointError, match="must hold its weights. Got 'weight' in a file"):
        fitted(MitraClassifier, file)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dim_output", 2_000_000_000, "'dim_output' in .* must be at most 65536. Got 2000000000"),
        ("dim_output", 60_000, r"is too small for the \d+ weights of its Config\(.*60000"),
        ("n_layers", 1000, r"is too small for the \d+ weights of its Config\(.*1000"),
    ],
)
def test_metadata_that_ask_for_more_than_the_file_holds(key, value, message, copy_file):
    config = {"dim": 24, "dim_output": 10, "n_layers": 1, "n_heads": 3, "task": "CLASSIFICATION"}
    metadata = set_metadata(config=json.dumps({**config, key: value}))

    def change(model):
        metadata(model)
        model.graph.output[0].type.tensor_type.shape.dim[2].Clear()  # otherwise they don't fit it

    with pytest.raises(CheckpointError, match=message):
        fitted(MitraClassifier, copy_file(MitraClassifier, change))


def test_metadata_and_output_with_other_numbers_of_classes(copy_file):
    def change(model):
        model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 11

    with pytest.raises(CheckpointError, match="must have metadata that fit its inputs"):
        fitted(MitraClassifier, copy_file(MitraClassifier, change))


def test_a_wrong_config(copy_file):
    config = '{"dim": 0, "dim_output": 10, "n_layers": 2, "n_heads": 3, "task": "CLASSIFICATION"}'
    file = copy_file(MitraClassifier, set_metadata(config=config))
    with pytest.raises(CheckpointError, match="'dim' in .* must be a positive integer. Got 0"):
        fitted(MitraClassifier, file)


def test_a_graph_that_onnxruntime_cannot_run(copy_file):
    def use_an_unknown_operator(model):
        model.graph.node[-1].op_type = "NoSuchOperator"

    estimator = fitted(MitraClassifier, copy_file(MitraClassifier, use_an_unknown_operator))
    with pytest.raises(CheckpointError, match="onnxruntime can't run .*NoSuchOperator"):
        estimator.predict(X)


def put_before_the_output(op_type, *arguments, **attributes):
    """A change: the output goes through one more node, with further inputs."""

    def change(model):
        graph = model.graph
        output = graph.output[0]
        for node in graph.node:
            node.output[:] = ["before" if name == "output" else name for name in node.output]
            node.input[:] = ["before" if name == "output" else name for name in node.input]
        names = [f"argument_{i}" for i in range(len(arguments))]
        graph.initializer.extend(
            numpy_helper.from_array(np.array(a), n) for a, n in zip(arguments, names)
        )
        graph.node.append(helper.make_node(op_type, ["before", *names], ["output"], **attributes))
        for axis in output.type.tensor_type.shape.dim:
            axis.Clear()

    return change


def keep_one_row():
    return put_before_the_output("Slice", [0], [1], [1])  # starts, ends, axes


@both
def test_outputs_for_another_number_of_rows(cls, copy_file):
    """One row would be broadcast to all."""
    estimator = fitted(cls, copy_file(cls, keep_one_row()))
    message = r"must give float32 outputs of shape \(1, 60.* for 60 query rows. Got .* \(1, 1"
    with pytest.raises(CheckpointError, match=message):
        outputs(estimator, X)


@both
@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_outputs_that_are_not_numbers(cls, factor, copy_file):
    change = put_before_the_output("Mul", np.float32(factor))
    estimator = fitted(cls, copy_file(cls, change))
    with pytest.raises(CheckpointError, match="gives NaN or infinity for 60 of 60 rows"):
        outputs(estimator, X)


@both
def test_a_graph_that_fails_on_the_table(cls, copy_file):
    change = put_before_the_output(
        "Add", np.zeros((1, 7, 1)[: 3 if cls is MitraClassifier else 2], np.float32)
    )
    estimator = fitted(cls, copy_file(cls, change))
    with pytest.raises(CheckpointError, match="onnxruntime can't run .*changed.onnx.* 7"):
        outputs(estimator, X)


def test_a_file_replaced_since_the_fit(make_file, tmp_path):
    file = shutil.copy(make_file(MitraClassifier), tmp_path / "model.onnx")
    estimators = [fitted(MitraClassifier, file) for _ in range(2)]
    estimators[0].predict(X)
    shutil.copy(make_file(MitraClassifier, "wlearn"), file)
    os.utime(file, ns=(0, 0))
    for estimator in estimators:  # whether it has predicted before or not
        with pytest.raises(CheckpointError, match="have been replaced|are not those of the fit"):
            estimator.predict(X)
