"""The estimators among scikit-learn's tools, in other processes and in threads."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from inspect import signature

import joblib
import numpy as np
import pytest
from estimators import ESTIMATORS, both, same
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import make_frame, make_separated_classes, make_table

from sklearn_mitra import DisposedError, MitraClassifier, MitraRegressor, clear_sessions
from sklearn_mitra._network.runtime import Runtime

TIMEOUT = 120  # seconds until a process counts as hanging


def small(cls=MitraClassifier, **params):
    return cls(**{"max_support": 30, "n_estimators": 1, **params})


def outputs(estimator, X):
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    return estimator.predict(X)


# --------------------------------------------------------------------------------------------
# Pipelines and searches
# --------------------------------------------------------------------------------------------


@both
def test_pipeline_of_a_column_transformer_on_a_frame(cls):
    frame, y = make_frame()
    columns = ColumnTransformer(
        [("level", OneHotEncoder(sparse_output=False), ["level"])], remainder="passthrough"
    )
    pipeline = Pipeline([("columns", columns), ("mitra", small(cls))])
    pipeline.fit(frame, y)
    encoded = columns.fit_transform(frame)
    same(outputs(pipeline, frame), outputs(small(cls).fit(encoded, y), encoded))
    assert pipeline["mitra"].n_features_in_ == 3 + 3  # three numbers; up, down or missing
    as_frames = clone(pipeline).set_output(transform="pandas").fit(frame, y)
    assert "remainder__a" in as_frames["mitra"].feature_names_in_
    same(outputs(as_frames, frame), outputs(pipeline, frame))


@both
def test_scaling_first_changes_little(cls):
    X, y = make_table(60, 3)
    scaled = make_pipeline(StandardScaler(), small(cls)).fit(X, y)
    np.testing.assert_allclose(outputs(scaled, X), outputs(small(cls).fit(X, y), X), atol=0.05)


@both
def test_pipeline_with_categories_passed_through(cls):
    frame, y = make_frame()
    columns = make_column_transformer(
        (StandardScaler(), ["a"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    pipeline = make_pipeline(columns, small(cls)).fit(frame, y)
    assert pipeline.score(frame, y) > (0.8 if cls is MitraClassifier else 0.3)


@both
def test_cross_validation_is_fit_and_score_on_every_fold(cls):
    X, y = make_table(60, 3)
    folds = StratifiedKFold(3)
    scores = cross_val_score(small(cls), X, y, cv=folds, error_score="raise")
    by_hand = [
        small(cls).fit(X[train], y[train]).score(X[test], y[test])
        for train, test in folds.split(X, y)
    ]
    assert scores.tolist() == by_hand


def test_cross_val_predict_gives_probabilities_in_the_order_of_classes():
    X, y = make_table(60, 3)
    probabilities = cross_val_predict(small(), X, 5 - y, cv=3, method="predict_proba")
    assert np.mean((probabilities[:, 0] > 0.5) == (y == 1)) > 0.8  # 5 - 1 comes before 5 - 0


def search(estimator, name, n_jobs=None):
    X, y = make_table(60, 3)
    grid = {name: [5, 40]}
    return GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)


GRIDS = {
    "max_support": lambda cls: small(cls),
    "maxSupport": lambda cls: small(cls),
    "mitra{}__max_support": lambda cls: make_pipeline(StandardScaler(), small(cls)),
    "mitra{}__maxSupport": lambda cls: make_pipeline(StandardScaler(), small(cls)),
}


@both
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.slow
def test_grid_search_over_either_name_with_processes(cls, name):
    estimator = GRIDS[name](cls)
    name = name.format(cls.__name__[5:].lower())
    alone, together = search(estimator, name), search(estimator, name, n_jobs=2)
    for key in ("split0_test_score", "split1_test_score", "rank_test_score"):
        same(together.cv_results_[key], alone.cv_results_[key])
    assert alone.best_params_ == together.best_params_ == {name: 40}
    best = together.best_estimator_
    best = best[-1] if isinstance(best, Pipeline) else best
    assert best.max_support == 40 and len(best.X_support_) == 40
    X, _ = make_table(60, 3)
    same(outputs(together, X), outputs(alone, X))


@both
def test_wlearns_parameter_names_work(cls):
    estimator = cls().set_params(maxSupport=77, seed=5)
    assert (estimator.max_support, estimator.random_state) == (77, 5)
    assert estimator.get_params().keys() == cls().get_params().keys()
    pipeline = make_pipeline(StandardScaler(), cls()).set_params(
        **{f"{cls.__name__.lower()}__seed": 6}
    )
    assert pipeline[-1].random_state == 6
    params = {"seed": 8}
    estimator.set_params(**params)
    assert params == {"seed": 8}


@both
@pytest.mark.parametrize(
    ("alias", "name"), [("maxSupport", "max_support"), ("seed", "random_state")]
)
def test_both_names_of_a_parameter_at_once_are_refused(cls, alias, name):
    estimator = cls()
    with pytest.raises(ValueError, match=f"'{alias}' is another name of '{name}': pass only one"):
        estimator.set_params(n_estimators=9, **{alias: 1, name: 2})
    assert estimator.get_params() == cls().get_params()


@both
@pytest.mark.parametrize(
    ("alias", "name"), [("maxSupport", "max_support"), ("seed", "random_state")]
)
def test_the_constructor_names_the_parameter_that_has_another_name_in_wlearn(cls, alias, name):
    with pytest.raises(TypeError, match=rf"{cls.__name__}.__init__.*'{alias}'.* Pass '{name}'"):
        cls(**{alias: 9})
    assert {alias, name} & signature(cls).parameters.keys() == {name}


@both
def test_unknown_parameters_are_refused(cls):
    with pytest.raises(
        ValueError, match=f"Invalid parameter 'supportMax' for estimator {cls.__name__}"
    ):
        cls().set_params(supportMax=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'supportMax'$"):
        cls(supportMax=3)


# --------------------------------------------------------------------------------------------
# Estimators of estimators
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_classifier(method):
    X, y = make_table(60, 3)
    calibrated = CalibratedClassifierCV(small(), cv=2, method=method).fit(X, y)
    probabilities = calibrated.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.8


@both
def test_permutation_importance_finds_the_column_that_matters(cls):
    X, y = make_table(60, 3)
    estimator = small(cls).fit(X, y)
    importances = permutation_importance(estimator, X, y, n_repeats=2, random_state=0)
    assert importances.importances_mean.argmax() == 0
    assert importances.importances_mean[0] > 0.1


def test_voting_classifier_averages_probabilities():
    X, y = make_table(60, 3)
    members = [("mitra", small()), ("linear", LogisticRegression())]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    by_hand = np.mean([member.fit(X, y).predict_proba(X) for _, member in members], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), by_hand, rtol=1e-15)


def test_voting_regressor_averages_predictions():
    X, y = make_table(60, 3)
    members = [("mitra", small(MitraRegressor)), ("linear", LinearRegression())]
    voting = VotingRegressor(members).fit(X, y)
    by_hand = np.mean([member.fit(X, y).predict(X) for _, member in members], axis=0)
    np.testing.assert_allclose(voting.predict(X), by_hand, rtol=1e-15)


@pytest.mark.parametrize(
    "wrap",
    [OneVsRestClassifier, lambda clf: OutputCodeClassifier(clf, code_size=1, random_state=0)],
    ids=["one against the rest", "output codes"],
)
def test_more_than_ten_classes_by_wrapping(wrap):
    X, y = make_separated_classes(12, n_rows=5)
    wrapped = wrap(small(max_support=60)).fit(X, y)
    assert wrapped.classes_.tolist() == list(range(12))
    assert wrapped.score(X, y) > 0.9


def test_transformed_target():
    X, _ = make_table(60, 3)
    y = np.exp(3 * X[:, 0])
    transformed = TransformedTargetRegressor(
        small(MitraRegressor), func=np.log, inverse_func=np.exp
    )
    predictions = transformed.fit(X, y).predict(X)
    expected = np.exp(small(MitraRegressor).fit(X, np.log(y)).predict(X))
    np.testing.assert_allclose(predictions, expected, rtol=1e-12)


# --------------------------------------------------------------------------------------------
# Copies
# --------------------------------------------------------------------------------------------

COPIES = {
    **{
        f"pickle protocol {protocol}": lambda e, protocol=protocol: pickle.loads(
            pickle.dumps(e, protocol)
        )
        for protocol in (2, 5)
    },
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@both
@pytest.mark.parametrize("predicted", [False, True], ids=["fresh", "after a prediction"])
@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_copies_predict_the_same_bits(cls, make_copy, predicted):
    frame, y = make_frame()
    rows = frame[:20]
    original = small(cls).fit(frame, y)
    if predicted:
        outputs(original, rows)
    duplicate = make_copy(original)
    assert duplicate.get_params() == original.get_params()
    same(outputs(duplicate, rows), outputs(original, rows))
    assert duplicate.save() == original.save()
    duplicate.dispose()
    same(outputs(original, rows), outputs(small(cls).fit(frame, y), rows))


@both
def test_clones_refitted_predict_the_same_bits(cls):
    X, y = make_table(60, 3)
    original = cls(max_support=30).fit(X, y)
    duplicate = clone(original)
    assert not hasattr(duplicate, "X_support_")
    same(outputs(duplicate.fit(X, y), X), outputs(original, X))


@both
def test_unfitted_and_disposed_estimators_can_be_pickled(cls):
    X, y = make_table(60, 3)
    unfitted = pickle.loads(pickle.dumps(small(cls)))
    expected = outputs(unfitted.fit(X, y), X)
    unfitted.dispose()
    disposed = pickle.loads(pickle.dumps(unfitted))
    with pytest.raises(DisposedError):
        disposed.predict(X)
    same(outputs(disposed.fit(X, y), X), expected)


@both
def test_pickles_hold_the_support_but_neither_weights_nor_context(cls):
    X, y = make_table(200, 20)
    estimator = small(cls, max_support=200).fit(X, y)
    support = sum(
        array.nbytes
        for array in (estimator.X_support_, estimator.y_support_, estimator.support_indices_)
    )
    pickled = pickle.dumps(estimator)
    assert support < len(pickled) < support + 4352
    outputs(estimator, X[:5])
    assert estimator.context_nbytes_ > 2**20
    assert pickle.dumps(estimator) == pickled
    assert not hasattr(copy.deepcopy(estimator), "context_nbytes_")


@pytest.mark.slow
def test_dumps_and_bundles_predict_the_same_bits_in_a_fresh_process(tmp_path):
    frame, y = make_frame()
    frame.to_pickle(tmp_path / "frame.pickle")
    expected = {}
    for method, cls in (("predict_proba", MitraClassifier), ("predict", MitraRegressor)):
        estimator = small(cls).fit(frame, y)
        expected[method] = outputs(estimator, frame)
        joblib.dump(estimator, tmp_path / f"{method}.joblib")
        joblib.dump(make_pipeline("passthrough", estimator), tmp_path / f"{method}-pipeline.joblib")
        estimator.save(tmp_path / f"{method}.wlrn")
    script = """
import joblib, numpy, pandas, sklearn_mitra
frame = pandas.read_pickle("frame.pickle")
for method in ("predict_proba", "predict"):
    loaded = [joblib.load(f"{method}.joblib"), joblib.load(f"{method}-pipeline.joblib"),
              sklearn_mitra.load(f"{method}.wlrn")]
    numpy.save(method, [getattr(estimator, method)(frame) for estimator in loaded])
"""
    command = [sys.executable, "-c", script]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=TIMEOUT)
    for method, predictions in expected.items():
        for predicted in np.load(tmp_path / f"{method}.npy"):
            same(predicted, predictions)


# --------------------------------------------------------------------------------------------
# Threads and processes
# --------------------------------------------------------------------------------------------


@both
def test_eight_threads_predict_at_once_from_the_first_prediction_on(cls):
    X, y = make_table(60, 3)
    estimator = small(cls, n_jobs=2).fit(X, y)
    X = X[:20]
    expected = outputs(clone(estimator).fit(*make_table(60, 3)), X)
    clear_sessions()
    barrier = threading.Barrier(8, timeout=TIMEOUT)
    results = [None] * 8

    def predict(i):
        barrier.wait()
        results[i] = [outputs(estimator, X[i:]) for _ in range(3)]

    threads = [threading.Thread(target=predict, args=(i,), daemon=True) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    for i, predictions in enumerate(results):
        for prediction in predictions:
            same(prediction, expected[i:])


@pytest.mark.slow
def test_threads_may_fit_predict_save_and_clear_at_once():
    X, y = make_table(60, 3)
    expected = {cls: outputs(small(cls, n_jobs=2).fit(X, y), X) for cls in ESTIMATORS}
    barrier = threading.Barrier(4, timeout=TIMEOUT)
    failures = []

    def work(cls):
        try:
            barrier.wait()
            for _ in range(3):
                estimator = small(cls, n_jobs=2).fit(X, y)
                same(outputs(estimator, X), expected[cls])
                same(outputs(cls.load(estimator.save()), X), expected[cls])
                clear_sessions()
                same(outputs(pickle.loads(pickle.dumps(estimator)), X), expected[cls])
        except Exception as error:
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(ESTIMATORS[i % 2],), daemon=True) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not failures and not any(thread.is_alive() for thread in threads)


def predict_in_fork(connection, estimator, X):
    connection.send_bytes(outputs(estimator, X).tobytes())
    connection.close()


def forked(estimator, X):
    """What a forked process predicts, as bytes, after it has ended."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=predict_in_fork, args=(sender, estimator, X), daemon=True)
    process.start()
    sender.close()
    try:
        assert receiver.poll(TIMEOUT), "the forked process hangs"
        predicted = receiver.recv_bytes()
        process.join(TIMEOUT)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
    return predicted


needs_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@both
@needs_fork
@pytest.mark.parametrize("predicted", [False, True], ids=["fresh", "after a prediction"])
@pytest.mark.slow
def test_a_forked_process_predicts_the_same_bits_and_ends(cls, predicted):
    X, y = make_table(60, 3)
    expected = outputs(small(cls, n_jobs=2).fit(X, y), X)
    estimator = small(cls, n_jobs=2).fit(X, y)
    if predicted:
        outputs(estimator, X)
    assert forked(estimator, X) == expected.tobytes()
    same(outputs(estimator, X), expected)


@both
@needs_fork
@pytest.mark.slow
def test_processes_can_fork_while_other_threads_predict(cls):
    X, y = make_table(60, 3)
    estimator = small(cls, n_jobs=2).fit(X, y)
    expected = outputs(estimator, X)
    stop = threading.Event()

    def predict():
        while not stop.is_set():
            outputs(small(cls, n_jobs=2).fit(X, y), X)

    threads = [threading.Thread(target=predict, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            assert forked(estimator, X) == expected.tobytes()
    finally:
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT)


@both
@needs_fork
@pytest.mark.parametrize("backend", ["threading", "multiprocessing", "loky"])
@pytest.mark.slow
def test_joblibs_backends_predict_the_same_bits(cls, backend):
    X, y = make_table(60, 3)
    estimator = small(cls, n_jobs=2).fit(X, y)
    expected = outputs(estimator, X)
    method = estimator.predict_proba if cls is MitraClassifier else estimator.predict
    parallel = joblib.Parallel(n_jobs=2, backend=backend, timeout=TIMEOUT)
    parts = parallel(joblib.delayed(method)(X[i : i + 20]) for i in range(0, 60, 20))
    same(np.concatenate(parts), expected)


@pytest.mark.slow
def test_joblibs_workers_take_their_share_of_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # workers would inherit it
    cores = joblib.cpu_count()
    workers = max(2, cores)
    parallel = joblib.Parallel(n_jobs=workers, backend="loky", timeout=TIMEOUT)
    runtimes = parallel(joblib.delayed(Runtime.resolve)(n_jobs) for n_jobs in (None, 3))
    assert [runtime.n_threads for runtime in runtimes] == [max(1, cores // workers), min(3, cores)]


@both
@pytest.mark.parametrize("n_threads", ["1", "2", "many", ""], ids=repr)
def test_omp_num_threads_changes_no_bit(cls, n_threads, monkeypatch):
    X, y = make_table(60, 3)
    expected = outputs(small(cls, n_jobs=2).fit(X, y), X[:20])
    monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
    same(outputs(small(cls).fit(X, y), X[:20]), expected)
    if n_threads == "1":
        assert Runtime.resolve().n_threads == 1
    assert os.environ["OMP_NUM_THREADS"] == n_threads
