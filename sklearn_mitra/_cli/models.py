"""Commands that use a model: predict, score, estimate."""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from .._common.progress import duration
from .._common.warnings import LongWaitWarning
from .arguments import add_command, add_table, csv_format, integer
from .csv_files import CsvFormat, check_decimals
from .errors import CommandError, named
from .output import check_out, writer
from .tables import (
    check_columns,
    check_target,
    choose_columns,
    count_rows,
    import_pandas,
    is_parquet,
    read_pieces,
)

# Number of rows to read, predict and write at a time.
_PIECE_ROWS = 10_000
# Predictions that take longer than this, in seconds, are announced.
_LONG = 60
# With more rows than this, the speed of the machine is measured first, which takes half a second.
_MANY_ROWS = 2000


def add_commands(commands: Any) -> None:
    """Add these commands to an argument parser."""
    predict = add_command(
        commands,
        "predict",
        run_predict,
        "predict the rows of a table",
        """
        sklearn-mitra predict churn.wlrn new.csv --out predictions.csv --proba --keep id
        cat new.csv | sklearn-mitra predict churn.wlrn - > predictions.csv
        sklearn-mitra predict houses.wlrn new.csv --quantiles .05 .95 --out predictions.csv
        """,
    )
    _add_model(predict)
    add_table(predict)
    _add_quiet(predict)
    predict.add_argument(
        "--out",
        "-o",
        default="-",
        metavar="FILE",
        help=".csv, .csv.gz or .parquet; default: CSV to stdout",
    )
    predict.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns of the table to write as well",
    )
    predict.add_argument(
        "--proba",
        action="store_true",
        help="also write a column with the probability of each class",
    )
    predict.add_argument(
        "--quantiles",
        nargs="+",
        type=_probability,
        metavar="Q",
        help="also write these quantiles of the target, such as .1 .5 .9",
    )

    score = add_command(
        commands,
        "score",
        run_score,
        "compare predictions with a table's target",
        "sklearn-mitra score churn.wlrn test.csv --target churned",
    )
    _add_model(score)
    add_table(score)
    _add_quiet(score)
    score.add_argument(
        "--target", required=True, metavar="COLUMN", help="column with the true values"
    )

    estimate = add_command(
        commands,
        "estimate",
        run_estimate,
        "estimate time and memory of a prediction on this machine",
        "sklearn-mitra estimate churn.wlrn --rows 1000000",
    )
    _add_model(estimate)
    estimate.add_argument(
        "--rows", type=integer(1), required=True, metavar="N", help="rows to predict"
    )


def _add_model(parser: Any) -> None:
    parser.add_argument("bundle", metavar="model", help="a .wlrn bundle")
    parser.add_argument("--model", help="checkpoint to use instead of the one named in the bundle")
    parser.add_argument(
        "--trusted",
        action="store_true",
        help="open or download the checkpoint named in the bundle, wherever it is",
    )


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1. Got {text!r}")
    return value


def _add_quiet(parser: Any) -> None:
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress on stderr")


def run_predict(options: argparse.Namespace) -> int:
    """Predict the rows of a table, piece by piece."""
    pandas = import_pandas()
    check_out(options.out, options.bundle, options.table)
    estimator = _load(options)
    if options.proba and not hasattr(estimator, "predict_proba"):
        raise CommandError("--proba needs a classifier, but this model is a regressor.")
    if options.quantiles and not hasattr(estimator, "predict_quantiles"):
        raise CommandError("--quantiles needs a regressor, but this model is a classifier.")
    keep = list(dict.fromkeys(options.keep))
    quantiles = list(dict.fromkeys(options.quantiles or ()))
    if options.proba:
        extra = list(map(str, estimator.classes_.tolist()))
    else:
        extra = [f"quantile {q!r}".removesuffix(".0") for q in quantiles]
    _check_names(keep, extra)
    with writer(options.out) as write:
        for _, kept, X in _read_rows(estimator, options, keep=keep):
            with named(options.table):
                predictions, values = _predict(estimator, X, options.proba, quantiles)
            columns = {name: kept[name] for name in keep}
            write(
                pandas.DataFrame(
                    {**columns, "prediction": predictions, **dict(zip(extra, values))},
                    index=kept.index,
                )
            )
    return 0


def _predict(estimator: Any, X: Any, proba: bool, quantiles: list[float]) -> tuple[Any, Any]:
    """Predictions, and the columns to write beside them: of each class, or each quantile."""
    if proba:
        probabilities = estimator.predict_proba(X)
        return estimator.classes_[probabilities.argmax(axis=1)], probabilities.T
    if quantiles:
        predictions, values = estimator._predict_with_quantiles(X, quantiles)
        return predictions, values.T
    return estimator.predict(X), ()


def _check_names(keep: list[str], extra: list[str]) -> None:
    """Raise a CommandError if two columns of the output would have the same name."""
    names = [*keep, "prediction", *extra]
    for name in names:
        if names.count(name) > 1:
            option = "it out of --keep" if name in keep else "out --proba"
            raise CommandError(
                f"Two columns of the output would be called {name!r}. Leave {option}."
            )


def run_score(options: argparse.Namespace) -> int:
    """Print scores of the predictions of a table."""
    import numpy as np

    estimator = _load(options)
    is_classifier = hasattr(estimator, "predict_proba")
    has_text = is_classifier and isinstance(estimator.classes_[0], str)
    targets, predictions, n_missing = [], [], 0
    form = csv_format(options)
    for table, _, X in _read_rows(estimator, options, text=[options.target] if has_text else []):
        check_columns(table, [options.target], options.table)
        if not is_classifier:
            _check_numbers(table[[options.target]], options.table, form)
        y = table[options.target]
        targets.append(y.to_numpy())
        n_missing += int(y.isna().sum())
        if not n_missing:
            with named(options.table):
                predictions.append(
                    estimator.predict_proba(X) if is_classifier else estimator.predict(X)
                )
    check_target(n_missing, sum(map(len, targets)), options.target, options.table)
    y, predicted = np.concatenate(targets), np.concatenate(predictions)
    if is_classifier:
        scores = _score_classes(options.target, estimator, y, predicted)
    else:
        scores = _score(y, predicted)
    print(f"{'rows':<10} {len(y)}")
    for name, value in scores.items():
        print(f"{name:<10} {value:.6g}")
    return 0


def run_estimate(options: argparse.Namespace) -> int:
    """Print the time and memory that a prediction would take."""
    cost = _load(options).estimate_cost(options.rows)
    print(f"first prediction   {duration(cost.first_seconds)}")
    print(f"later predictions  {duration(cost.later_seconds)}")
    if cost.interval_seconds:
        print(f"first quantiles    {duration(cost.interval_seconds)} more")
    print(f"cached context     {cost.context_nbytes / 1e6:.0f} MB")
    print(f"peak memory        {cost.peak_nbytes / 1e6:.0f} MB")
    print("Actual times may be half or twice as long.")
    return 0


def _load(options: argparse.Namespace) -> Any:
    from .. import load

    with named(options.bundle):
        return load(options.bundle, options.model, trusted=options.trusted)


def _read_rows(
    estimator: Any, options: argparse.Namespace, text: Sequence[str] = (), keep: Sequence[str] = ()
) -> Iterator[tuple[Any, Any, Any]]:
    """Read pieces of the table, each with its columns to keep and the columns of the model.

    See :func:`read_pieces`. Progress goes to stderr.
    """
    form = csv_format(options)
    names = getattr(estimator, "feature_names_in_", None)
    columns = estimator._model.encoder.columns
    if names is not None:
        text = [*text, *(name for name, c in zip(names, columns) if c.categories)]
    warnings.simplefilter("ignore", LongWaitWarning)  # this is about the whole table
    n_rows = count_rows(options.table)
    if n_rows is not None and n_rows > _MANY_ROWS:
        cost = estimator.estimate_cost(n_rows)
        if cost.first_seconds > _LONG:
            print(f"{n_rows} rows will take about {duration(cost.first_seconds)}.", file=sys.stderr)
    from tqdm import tqdm

    n_done, start = 0, time.perf_counter()
    with tqdm(total=n_rows, unit="row", disable=options.quiet or None, file=sys.stderr) as bar:
        for table, kept in read_pieces(options.table, form, _PIECE_ROWS, text, keep):
            X = choose_columns(table, names, estimator.n_features_in_, options.table)
            if not is_parquet(options.table):
                used = table.columns if names is None else names
                check_decimals(table[[n for n in used if n not in text]], options.table, form)
            yield table, kept, X
            n_done += len(table)
            bar.update(len(table))
    seconds = time.perf_counter() - start
    if not n_done:
        raise CommandError(f"{options.table} has no rows.")  # Parquet
    if not options.quiet:
        speed = f"{n_done} rows in {duration(seconds)}, {n_done / seconds:.0f} rows/s"
        print(speed, file=sys.stderr)


def _check_numbers(target: Any, path: str, form: CsvFormat) -> None:
    """Raise a CommandError unless a column is numeric."""
    if not is_parquet(path):
        check_decimals(target, path, form)
    (name,) = target.columns
    if target[name].dtype.kind not in "biuf":
        raise CommandError(f"{name!r} of {path} is not numeric, but this model is a regressor.")


def _score_classes(name: str, estimator: Any, y: Any, probabilities: Any) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    classes = estimator.classes_
    if isinstance(classes[0], str):  # the file may hold numbers where training had text
        y = np.array([str(label) for label in y], dtype=classes.dtype)
    known = set(classes.tolist())
    unknown = [str(label) for label in dict.fromkeys(y.tolist()) if label not in known]
    if unknown:
        raise CommandError(
            f"{name!r} has classes that the model wasn't trained on, such as "
            f"{', '.join(unknown[:5])}."
        )
    scores = {
        "accuracy": accuracy_score(y, classes[probabilities.argmax(axis=1)]),
        "log loss": log_loss(y, probabilities, labels=classes),
    }
    if len(classes) == 2 and len(np.unique(y)) == 2:
        scores["AUC"] = roc_auc_score(y == classes[1], probabilities[:, 1])
    return scores


def _score(y: Any, predicted: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    return {
        "R2": r2_score(y, predicted),
        "MAE": mean_absolute_error(y, predicted),
        "RMSE": mean_squared_error(y, predicted) ** 0.5,
    }
