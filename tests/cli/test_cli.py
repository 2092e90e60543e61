"""The command line: fits, predictions and scores are the estimators', mistakes are messages."""

import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from sklearn.metrics import accuracy_score, r2_score
from tables import make_csv_table

import sklearn_mitra
from sklearn_mitra import MitraClassifier, MitraRegressor
from sklearn_mitra._cli import tables as tables_module
from sklearn_mitra._cli.csv_files import CsvFormat
from sklearn_mitra._cli.main import _make_parser, main
from sklearn_mitra._network.checkpoint import CHECKPOINTS
from sklearn_mitra._network.config import TASKS
from sklearn_mitra._network.context import Member
from sklearn_mitra._network.interchange import PROFILES

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table as CSV and Parquet, and a classifier and a regressor of it."""
    folder = tmp_path_factory.mktemp("cli")
    table = make_csv_table()
    table.to_csv(folder / "table.csv", index=False)
    table.to_parquet(folder / "table.parquet", index=False)
    # 40 support rows would take trees for the quantiles
    common = ["--max-support", "39", "--n-estimators", "1"]
    for name, target, other in (("colour", "colour", "price"), ("price", "price", "colour")):
        arguments = ["--target", target, "--drop", "id", other, "--out", f"{folder}/{name}.wlrn"]
        assert main(["fit", f"{folder}/table.csv", *arguments, *common]) == 0
    return folder


def read_table(path):
    return tables_module.read_table(str(path), CsvFormat())


def read(folder):
    return read_table(folder / "table.csv")


def columns(table):
    return table[["size", "kind", "wet"]]


def fails(arguments, capsys, pattern):
    assert main([str(argument) for argument in arguments]) == 1
    captured = capsys.readouterr()
    message = captured.err.splitlines()[-1]
    assert captured.out == "" and message.startswith("sklearn-mitra: error: ")
    assert re.search(pattern, message, re.IGNORECASE), message
    assert "Traceback" not in captured.err


# ---- help, arguments, the machine ----------------------------------------------------------------


def test_help_prints_help_and_nothing_else(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "usage: sklearn-mitra" in out and "AUC" not in out
    commands = "demo info download fit predict score estimate inspect convert finetune verify"
    assert all(f"    {command} " in out for command in commands.split())


@pytest.mark.parametrize("command", ["fit", "predict", "score", "estimate", "inspect", "download"])
def test_every_command_has_an_example(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"  sklearn-mitra {command} " in capsys.readouterr().out.replace("example: ", "  ")


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sklearn-mitra {sklearn_mitra.__version__}\n"


_WRONG_FORMATS = (
    "--sep=",
    "--sep=ab",
    "--sep=§",
    "--decimal=;",
    "--encoding=none",
    "--encoding=rot13",
)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["--quick"], ["fly"], ["demo", "--fast"], ["fit", "a.csv"]),
        *(
            ["estimate", "m", "--rows=x"],
            ["estimate", "m", "--rows=0"],
            ["predict", "m", "a.csv", "--quantiles", ".1", "10"],
        ),
        ["predict", "m", "a.csv", "--quantiles", "low"],
        ["fit", "a.csv", "--target", "y", "--out", "m", "--max-support=0"],
        *(["score", "m", "a.csv", "--target", "y", option] for option in _WRONG_FORMATS),
        *(["convert", "--profile", "other"], ["verify", "--runtime", "r"], ["finetune", "a.csv"]),
    ],
    ids=str,
)
def test_wrong_arguments_are_errors(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and re.search("required|unrecognized|invalid|must be", captured.err)


def test_info_shows_versions_and_checkpoints(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^sklearn-mitra +{re.escape(sklearn_mitra.__version__)}$", out, re.M)
    assert re.search(r"^mini \(classification\) +embedded, 4\.\d MB$", out, re.M)
    assert re.search(r"^providers .*CPUExecutionProvider", out, re.M)
    assert re.search(r"^int8 weights +\d+ MB in ", out, re.M)


def test_a_checkpoint_that_is_there_needs_no_download(capsys):
    assert main(["download", "mini"]) == 0
    assert "classification" in (out := capsys.readouterr().out) and "regression" in out
    fails(["download", "no such thing"], capsys, "A checkpoint is one of")


# ---- fit, predict, score ------------------------------------------------------------------------


def test_a_classifier_is_the_same_as_in_python(folder, capsys, tmp_path):
    table = read(folder)
    clf = MitraClassifier(max_support=39, n_estimators=1).fit(columns(table), table["colour"])
    out = tmp_path / "out.csv"
    arguments = ["predict", f"{folder}/colour.wlrn", f"{folder}/table.csv", "--out", str(out)]
    assert main([*arguments, "--proba", "--keep", "id"]) == 0
    written = read_table(str(out))
    assert list(written) == ["id", "prediction", "blue", "red"]
    assert (written["id"] == table["id"]).all()
    assert (written["prediction"] == clf.predict(columns(table))).all()
    np.testing.assert_allclose(
        written[["blue", "red"]], clf.predict_proba(columns(table)), rtol=1e-12
    )
    assert main(["score", f"{folder}/colour.wlrn", f"{folder}/table.csv", "--target=colour"]) == 0
    accuracy = accuracy_score(table["colour"], clf.predict(columns(table)))
    out = capsys.readouterr().out
    assert f"accuracy   {accuracy:.6g}\n" in out and "AUC" in out


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_regressor_is_the_same_as_in_python(folder, capsys, suffix, tmp_path):
    table = read(folder)
    reg = MitraRegressor(max_support=39, n_estimators=1).fit(columns(table), table["price"])
    source, out = f"{folder}/table.{suffix}", tmp_path / f"out.{suffix}"
    assert main(["predict", f"{folder}/price.wlrn", source, "-o", str(out), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    written = read_table(str(out)) if suffix == "csv" else pd.read_parquet(out)
    assert list(written) == ["prediction"]
    expected = reg.predict(columns(table))
    np.testing.assert_array_equal(written["prediction"], expected)
    assert main(["score", f"{folder}/price.wlrn", source, "--target", "price"]) == 0
    assert f"R2         {r2_score(table['price'], expected):.6g}\n" in capsys.readouterr().out
    again = ["predict", f"{folder}/price.wlrn", source, "-o", str(out), "--quantiles", ".1", ".5"]
    assert main(again) == 0
    written = read_table(str(out)) if suffix == "csv" else pd.read_parquet(out)
    assert list(written) == ["prediction", "quantile 0.1", "quantile 0.5"]
    np.testing.assert_array_equal(written["prediction"], expected)
    quantiles = reg.predict_quantiles(columns(table), [0.1, 0.5])
    np.testing.assert_allclose(written.iloc[:, 1:], quantiles, rtol=1e-6)


def test_quantiles_take_no_second_run_of_the_network(folder, monkeypatch, tmp_path):
    reg = sklearn_mitra.load(folder / "price.wlrn")
    reg.predict_quantiles(columns(read(folder)), [0.5])  # the bundle then has the residuals
    reg.save(tmp_path / "price.wlrn")
    n_rows, outputs = [], Member.outputs

    def count(member, x):
        n_rows.append(len(x))
        return outputs(member, x)

    monkeypatch.setattr(Member, "outputs", count)
    arguments = [f"{tmp_path}/price.wlrn", f"{folder}/table.csv", "-o", str(tmp_path / "out.csv")]
    for more in ([], ["--quantiles", ".1", ".9"]):
        n_rows.clear()
        assert main(["predict", *arguments, *more]) == 0
        assert sum(n_rows) == len(columns(read(folder)).drop_duplicates())


def test_pieces_are_put_together(folder, monkeypatch, tmp_path):
    """Text that looks like numbers in a whole piece is still text."""
    table = read(folder).sort_values("kind")
    assert (table["kind"][:10] == "7").all()
    table.to_csv(tmp_path / "sorted.csv", index=False)
    outs = []
    for n_rows in (10_000, 7):
        monkeypatch.setattr("sklearn_mitra._cli.models._PIECE_ROWS", n_rows)
        outs.append(tmp_path / f"{n_rows}.csv")
        arguments = [f"{folder}/colour.wlrn", f"{tmp_path}/sorted.csv", "-o", str(outs[-1])]
        assert main(["predict", *arguments, "--proba"]) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert tables_module.count_rows(str(tmp_path / "sorted.csv")) == len(table)


def test_the_task_is_guessed_and_said(tmp_path, capsys):
    X = RNG.normal(size=(30, 2))
    for y, kind in [
        (X[:, 0] > 0, "classifier"),
        ((X[:, 0] > 0) * 5, "classifier"),
        (np.arange(30), "regressor"),
        (X[:, 0], "regressor"),
    ]:
        table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y})
        table.to_csv(tmp_path / "t.csv", index=False)
        arguments = [f"{tmp_path}/t.csv", "--target", "y", "--out", f"{tmp_path}/m.wlrn"]
        assert main(["fit", *arguments]) == 0
        task = "classification" if kind == "classifier" else "regression"
        guess = f", so this is a {task} task (override with --task).\n"
        assert guess in capsys.readouterr().err
        assert kind in type(sklearn_mitra.load(tmp_path / "m.wlrn")).__name__.lower()


@pytest.mark.usefixtures("short_trial")
def test_estimates(folder, capsys):
    assert main(["estimate", f"{folder}/price.wlrn", "--rows", "1000"]) == 0
    nbytes = sklearn_mitra.load(folder / "price.wlrn").estimate_cost(1000).context_nbytes
    assert f"cached context     {nbytes / 1e6:.0f} MB" in capsys.readouterr().out


def test_values_of_the_training_table_are_shown_only_if_asked_for(folder, capsys):
    assert main(["inspect", f"{folder}/colour.wlrn"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^training rows +39 ", out, re.M)
    assert re.search(r"^columns +size, kind, wet$", out, re.M)
    assert re.search(r"^checkpoint sha256 +[0-9a-f]{64}$", out, re.M)
    assert "red" not in out and "x, y" not in out
    assert main(["inspect", f"{folder}/colour.wlrn", "--values"]) == 0
    out = capsys.readouterr().out
    assert "blue, red" in out and "7, x, y" in out
    javascript = Path(__file__).parents[1] / "interop" / "regressor_all_rows.wlrn"
    assert main(["inspect", str(javascript), "--values"]) == 0
    assert "another package" in capsys.readouterr().out


@pytest.mark.parametrize("is_constant", [False, True])
def test_members_without_a_network_have_no_checkpoint(folder, is_constant, tmp_path, capsys):
    table, model = read(folder), f"{tmp_path}/m.wlrn"
    y = np.ones(len(table)) if is_constant else table["price"]
    MitraRegressor(members=["boosting"]).fit(columns(table), y).save(model)
    assert main(["inspect", model]) == 0
    out = capsys.readouterr().out
    assert re.search("^checkpoint +none: no member uses the network$", out, re.MULTILINE)
    assert re.search("^ensemble members +1$", out, re.MULTILINE)


def test_values_are_shown_beside_dates_which_are_several_encoded_columns(tmp_path, capsys):
    days = pd.date_range("2024-01-01", periods=30, freq="31h")
    X = pd.DataFrame({"day": days, "kind": list("xyz") * 10})
    MitraClassifier(n_estimators=1).fit(X, np.arange(30) % 2).save(tmp_path / "m.wlrn")
    assert main(["inspect", f"{tmp_path}/m.wlrn", "--values"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^columns +day, kind$", out, re.M)
    assert re.search(r"^column 'kind' +x, y, z$", out, re.M) and "column 'day'" not in out


# ---- mistakes ------------------------------------------------------------------------------------


def test_members_are_counted_not_their_trees(tmp_path, capsys):
    path = tmp_path / "many.csv"
    pd.DataFrame({"size": np.arange(24), "kind": list("abcdefghijkl") * 2}).to_csv(path)
    arguments = ["--target", "kind", "--n-estimators", "2", "--out", f"{tmp_path}/many.wlrn"]
    assert main(["fit", str(path), *arguments]) == 0
    assert "2 ensemble members" in capsys.readouterr().err
    assert main(["inspect", f"{tmp_path}/many.wlrn"]) == 0
    assert re.search("^ensemble members +2$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("weights", [[1, 0, 2, 3], [0, 0, 0, 1]], ids=str)
def test_members_with_weight_are_counted(folder, weights, tmp_path, capsys, short_trial):
    table, model = read(folder), f"{tmp_path}/m.wlrn"
    members = ["plain", "scores", "boosting", "extra_trees"]
    regressor = MitraRegressor(members=members, member_weights=weights, max_support=30)
    regressor.fit(columns(table), table["price"]).save(model)
    assert main(["inspect", model, "--values"]) == 0
    out = capsys.readouterr().out
    assert re.search(f"^ensemble members +{np.count_nonzero(weights)}$", out, re.MULTILINE)
    assert re.search("^format +5$", out, re.MULTILINE)
    assert main(["score", model, f"{folder}/table.csv", "--target", "price"]) == 0
    expected = r2_score(table["price"], regressor.predict(columns(table)))
    assert re.search(f"^R2 +{expected:.6g}$", capsys.readouterr().out, re.MULTILINE)
    arguments = [f"{folder}/table.csv", "--quantiles", ".1", ".9", "--out", f"{tmp_path}/p.csv"]
    assert main(["predict", model, *arguments]) == 0
    quantiles = pd.read_csv(tmp_path / "p.csv").iloc[:, -2:].to_numpy()
    expected = regressor.predict_quantiles(columns(table), [0.1, 0.9])
    np.testing.assert_allclose(quantiles, expected, rtol=1e-6)
    assert main(["estimate", model, "--rows", "100"]) == 0


@pytest.mark.slow
def test_fits_of_many_rows_have_trees(tmp_path, capsys):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(size=(1000, 3)), columns=[*"abc"])
    table["target"] = np.where((table["a"] > 0.6) ^ (table["b"] > 0.6), "yes", "no")
    table.to_csv(tmp_path / "many.csv", index=False)
    model = f"{tmp_path}/m.wlrn"
    assert main(["fit", f"{tmp_path}/many.csv", "--target", "target", "--out", model]) == 0
    n_members = np.count_nonzero(sklearn_mitra.load(model).member_weights_)
    assert f", {n_members} ensemble member" in capsys.readouterr().err


def _with_equal_names():
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table([[1, 2], [3, 4]], names=["y", "y"]), file)
    return file.getvalue()


def test_mistakes_are_messages(folder, tmp_path, capsys):
    table, model = f"{folder}/table.csv", f"{folder}/colour.wlrn"
    out = ["--out", tmp_path / "out"]
    fails(["fit", table, "--target=weight", *out], capsys, "no column 'weight'. It has: id,")
    fails(["fit", table, "--target", "size", *out], capsys, "missing in 7 of 60 rows")
    fails(["fit", table, "--target=colour", "--model=x/y/z", *out], capsys, "no such directory")
    fails(["fit", table, "--target=colour", "--drop=colour", *out], capsys, "must not name the ta")
    numbers = ["--task", "regression"]
    fails(["fit", table, "--target=colour", *numbers, *out], capsys, "needs a numeric target, but")
    (tmp_path / "one.csv").write_text("y\n1\n2\n")
    fails(["fit", tmp_path / "one.csv", "--target=y", *out], capsys, "has only the target 'y'")
    (tmp_path / "bare.csv").write_text("5.1,3.5\n4.9,3.0\n")
    message = "has no column 'y'. It has: 5.1, 3.5. The first line must hold column names."
    fails(["fit", tmp_path / "bare.csv", "--target=y", *out], capsys, message)
    (tmp_path / "inf.csv").write_text("a,y\n1,2\ninf,3\n")
    fails(
        ["fit", tmp_path / "inf.csv", "--target=y", *out], capsys, "inf.csv: .* contains infinity"
    )
    for nowhere in ("", tmp_path, tmp_path / "none" / "out"):
        fails(
            ["fit", table, "--target=colour", "--out", nowhere],
            capsys,
            "error: --out .*director|error: --out is empty",
        )
    fails(["fit", f"{folder}/nothing.csv", "--target", "y", *out], capsys, "No such file")
    fails(["predict", table, table], capsys, "table.csv: A .wlrn bundle starts with")
    fails(["inspect", table], capsys, "table.csv: A .wlrn bundle starts with")
    fails(["predict", f"{folder}/price.wlrn", table, "--proba"], capsys, "--proba needs a classif")
    fails(["predict", model, table, "--quantiles", ".5"], capsys, "--quantiles needs a regress")
    fails(["predict", model, table, "--keep", "x", *out], capsys, "no column 'x'")
    fails(
        ["score", model, table, "--target", "id"],
        capsys,
        "'id' has classes that the model wasn't trained on, such as 0, 1, 2, 3, 4",
    )
    (tmp_path / "less.csv").write_text("size,wet\n1,True\n")
    fails(["predict", model, tmp_path / "less.csv", *out], capsys, "lacks columns .*: kind. It has")
    (tmp_path / "bad.csv").write_text("size,wet,kind\nbig,True,x\n")
    fails(["predict", model, tmp_path / "bad.csv", *out], capsys, "bad.csv: .*'size'.*'big'")
    fails(["score", f"{folder}/price.wlrn", table, "--target=colour"], capsys, "not numeric, but t")
    (tmp_path / "twice.parquet").write_bytes(_with_equal_names())
    fails(
        ["fit", tmp_path / "twice.parquet", "--target=y", *out], capsys, "columns of .* called 'y'"
    )
    source = ["predict", model, folder / "table.parquet", "--sep=;"]
    fails([*source, *out], capsys, "are for CSV files. Got .*table.parquet")
    (tmp_path / "empty.csv").write_text("size,wet,kind\n")
    fails(
        ["predict", model, tmp_path / "empty.csv", *out],
        capsys,
        "empty.csv needs a line of column names, and rows below it",
    )
    (tmp_path / "odd.parquet").write_bytes(b"no parquet")
    fails(["predict", model, tmp_path / "odd.parquet", *out], capsys, "can't be read as a table")
    assert not (tmp_path / "out").exists()


def test_a_model_without_names_of_columns_takes_as_many(folder, tmp_path, capsys):
    X = np.arange(40.0).reshape(20, 2)
    clf = MitraClassifier(n_estimators=1).fit(X, X[:, 0] > 20)
    clf.save(tmp_path / "unnamed.wlrn")
    pd.DataFrame(X, columns=["a", "b"]).to_csv(tmp_path / "two.csv", index=False)
    arguments = ["--out", str(tmp_path / "out.csv"), "--quiet"]
    model = str(tmp_path / "unnamed.wlrn")
    assert main(["predict", model, str(tmp_path / "two.csv"), *arguments]) == 0
    written = read_table(str(tmp_path / "out.csv"))["prediction"]
    np.testing.assert_array_equal(written, clf.predict(X))
    message = "without column names and needs 2 columns. .*table.csv has 6"
    fails(["predict", model, f"{folder}/table.csv", *arguments], capsys, message)


def test_an_interruption_is_a_message_and_leaves_no_file(folder, tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(MitraRegressor, "predict", interrupt)
    arguments = ["predict", f"{folder}/price.wlrn", f"{folder}/table.csv"]
    assert main([*arguments, "--out", str(tmp_path / "out.csv"), "--quiet"]) == 130
    assert capsys.readouterr().err.endswith("sklearn-mitra: interrupted\n")
    assert not list(tmp_path.iterdir())


def test_without_pandas_or_pyarrow_what_to_install_is_said(folder, capsys, monkeypatch):
    arguments = ["predict", f"{folder}/price.wlrn", f"{folder}/table.parquet"]
    for package in ("pyarrow", "pandas"):  # with None in its place, Python finds no such module
        monkeypatch.setitem(sys.modules, package, None)
        fails(arguments, capsys, f"{package}, which is not installed: pip install {package}")


def test_columns_of_the_output_with_the_same_name_are_an_error(folder, tmp_path, capsys):
    table = read(folder).assign(prediction=0, red=1)
    table.to_csv(tmp_path / "t.csv", index=False)
    out = ["--out", tmp_path / "out.csv"]
    arguments = ["predict", f"{folder}/colour.wlrn", tmp_path / "t.csv", *out]
    message = "Two columns of the output would be called 'prediction'. Leave it out of --keep"
    fails([*arguments, "--keep", "id", "prediction"], capsys, message)
    fails([*arguments, "--proba", "--keep", "red"], capsys, "called 'red'. Leave it out of --keep")
    table["kind"] = np.where(table["kind"] == "x", "prediction", "other")
    MitraClassifier(n_estimators=1).fit(table[["size"]], table["kind"]).save(tmp_path / "m.wlrn")
    arguments = ["predict", tmp_path / "m.wlrn", tmp_path / "t.csv", *out]
    fails([*arguments, "--proba"], capsys, "called 'prediction'. Leave out --proba")
    assert not (tmp_path / "out.csv").exists()


def test_quantiles_that_are_close_have_columns_of_their_own(folder, tmp_path):
    out = str(tmp_path / "out.csv")
    arguments = ["predict", f"{folder}/price.wlrn", f"{folder}/table.csv", "--out", out]
    assert main([*arguments, "--quantiles", ".123456781", ".123456782", "1"]) == 0
    names = ["prediction", "quantile 0.123456781", "quantile 0.123456782", "quantile 1"]
    assert list(read_table(out)) == names


def test_what_is_read_is_not_replaced(folder, tmp_path, capsys):
    table, model = tmp_path / "table.csv", tmp_path / "model.csv"
    table.write_bytes((folder / "table.csv").read_bytes())
    model.write_bytes((folder / "colour.wlrn").read_bytes())
    (tmp_path / "link.csv").symlink_to(table)
    for out in (table, model, tmp_path / "link.csv"):
        fails(
            ["predict", model, table, "--out", out], capsys, "would replace .*, which is being read"
        )
    fails(["fit", table, "--target=colour", "--out", table], capsys, "which is being read")
    assert table.read_bytes() == (folder / "table.csv").read_bytes()
    assert model.read_bytes() == (folder / "colour.wlrn").read_bytes()


def test_the_suffix_says_what_is_written_and_read(folder, tmp_path, capsys):
    model, source = f"{folder}/price.wlrn", tmp_path / "A.PARQUET"
    source.write_bytes((folder / "table.parquet").read_bytes())
    for name in ("out", "out.csv", "out.csv.gz", "OUT.Parquet", "out.pq"):
        assert main(["predict", model, str(source), "--out", str(tmp_path / name)]) == 0
    expected = (tmp_path / "out.csv").read_bytes()
    assert (tmp_path / "out").read_bytes() == expected
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == expected
    for name in ("OUT.Parquet", "out.pq"):
        assert list(pd.read_parquet(tmp_path / name)) == ["prediction"]
    for name in ("out.xlsx", "out.csv.bz2", "out.gz"):
        arguments = ["predict", model, source, "--out", tmp_path / name]
        fails(
            arguments,
            capsys,
            f"{name} has an unknown suffix. Use one of .csv, .csv.gz, .parquet, .pq",
        )
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_kept_columns_of_a_csv_file_stay_as_they_were_written(
    folder, tmp_path, monkeypatch, suffix
):
    monkeypatch.setattr("sklearn_mitra._cli.models._PIECE_ROWS", 20)
    table = read(folder)
    ids = [f"{i:05}" for i in range(40)] + [""] * 10 + ["NA", "1.50", 'a "b", c'] * 3 + ["7"]
    sizes = ["" if np.isnan(size) else f"{size:.5f}" for size in table["size"]]
    written = table.assign(id=ids, size=sizes)
    written.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / f"out.{suffix}"
    arguments = ["predict", f"{folder}/price.wlrn", f"{tmp_path}/t.csv", "--out", str(out)]
    assert main([*arguments, "--keep", "id", "size", "kind"]) == 0
    if suffix == "csv":
        kept = pd.read_csv(out, dtype=str, keep_default_na=False)
    else:
        kept = pd.read_parquet(out)
    assert list(kept) == ["id", "size", "kind", "prediction"]
    for name in ("id", "size", "kind"):
        assert kept[name].tolist() == written[name].tolist()
    expected = sklearn_mitra.load(folder / "price.wlrn").predict(columns(table))
    np.testing.assert_array_equal(kept["prediction"].astype(float), expected)


def test_kept_columns_of_parquet_keep_their_types(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_mitra._cli.models._PIECE_ROWS", 20)
    table = read(folder)
    table["id"] = table["id"].astype("Int64").mask(table["id"] > 30)
    table["note"] = pd.Series(["a"] * 60).mask(table["id"].isna() | (table["id"] < 20))
    table["share"] = np.float32(0.1)
    table.to_parquet(tmp_path / "t.parquet")
    arguments = ["predict", f"{folder}/price.wlrn", f"{tmp_path}/t.parquet", "--keep"]
    arguments += ["id", "note", "share", "--out"]
    assert main([*arguments, f"{tmp_path}/out.parquet"]) == 0
    kept = pd.read_parquet(tmp_path / "out.parquet", dtype_backend="numpy_nullable")
    assert kept["id"].dtype == "Int64" and kept["id"].equals(table["id"])
    assert kept["note"].isna().equals(table["note"].isna())
    assert main([*arguments, f"{tmp_path}/out.csv"]) == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("0,,0.1,") and lines[31].startswith("30,a,0.1,")
    assert lines[32].startswith(",,0.1,")


def test_scores_of_classes_that_look_like_numbers(tmp_path, capsys):
    X = RNG.normal(size=(30, 1))
    table = pd.DataFrame({"a": X[:, 0], "y": np.where(X[:, 0] > 0, "01", "02")})
    clf = MitraClassifier(n_estimators=1).fit(table[["a"]], table["y"])
    clf.save(tmp_path / "m.wlrn")
    table.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["score", str(tmp_path / "m.wlrn"), str(tmp_path / "t.csv"), "--target", "y"]
    assert main(arguments) == 0
    accuracy = accuracy_score(table["y"], clf.predict(table[["a"]]))
    assert f"accuracy   {accuracy:.6g}\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["colour", "price"])
def test_targets_that_are_missing_are_counted(folder, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr("sklearn_mitra._cli.models._PIECE_ROWS", 20)
    table = read(folder)
    table.loc[[1, 30, 31, 59], name] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["score", f"{folder}/{name}.wlrn", tmp_path / "t.csv", "--target", name]
    fails(arguments, capsys, f"target '{name}' is missing in 4 of 60 rows of .*Remove these rows")


def test_a_long_column_is_of_one_type(tmp_path, capsys):
    """pandas reads long files in parts, and would make numbers of some and text of others."""
    n_rows = 600_000
    table = pd.DataFrame({"kind": np.arange(n_rows) % 7, "y": np.arange(n_rows) % 2})
    table["kind"] = table["kind"].astype(str)
    table.loc[n_rows - 1, "kind"] = "x"
    table.to_csv(tmp_path / "t.csv", index=False)
    arguments = [f"{tmp_path}/t.csv", "--target", "y", "--out", f"{tmp_path}/m.wlrn"]
    assert main(["fit", *arguments, "--max-support", "20", "--n-estimators", "1"]) == 0
    assert main(["inspect", f"{tmp_path}/m.wlrn", "--values"]) == 0
    assert re.search(r"^column 'kind' +0, 1, 2, 3, 4, 5, 6, x$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_that_is_not_there(folder, tmp_path, capsys, suffix):
    nothing = tmp_path / f"nothing.{suffix}"
    message = f"nothing.{suffix}: No such file or directory"
    fails(["fit", nothing, "--target", "y", "--out", tmp_path / "m.wlrn"], capsys, message)
    fails(["predict", f"{folder}/price.wlrn", nothing], capsys, message)


# ---- as a process --------------------------------------------------------------------------------


@pytest.mark.slow
def test_as_a_process(folder, tmp_path):
    command = [sys.executable, "-m", "sklearn_mitra"]
    text = (folder / "table.csv").read_text()
    result = subprocess.run(
        [*command, "predict", f"{folder}/price.wlrn", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = sklearn_mitra.load(folder / "price.wlrn")
    (tmp_path / "out.csv").write_text(result.stdout)
    written = read_table(str(tmp_path / "out.csv"))
    np.testing.assert_array_equal(written["prediction"], loaded.predict(columns(read(folder))))
    assert "rows/s" in result.stderr
    missing = subprocess.run([*command, "inspect", "nothing"], capture_output=True, text=True)
    assert missing.returncode == 1
    assert missing.stderr == "sklearn-mitra: error: nothing: No such file or directory\n"


@pytest.mark.slow
@pytest.mark.parametrize("out", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"])
def test_a_log_behind_stdout_is_continued(folder, tmp_path, out):
    log = tmp_path / "log.txt"
    log.write_text("former\n")
    command = [sys.executable, "-m", "sklearn_mitra", "predict", f"{folder}/price.wlrn"]
    with open(log, "a") as file:
        arguments = [f"{folder}/table.csv", "--quiet", "--out", out]
        subprocess.run([*command, *arguments], stdout=file, check=True)
    lines = log.read_text().splitlines()
    assert lines[:2] == ["former", "prediction"] and len(lines) == 62


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error(folder, tmp_path):
    pd.concat([read(folder)] * 700).to_csv(tmp_path / "long.csv", index=False)  # more than a pipe
    command = [sys.executable, "-m", "sklearn_mitra", "predict", f"{folder}/price.wlrn"]
    arguments = [f"{tmp_path}/long.csv", "--quiet", "--out", "/dev/stdout"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, *arguments], text=True, **pipes) as process:
        assert process.stdout.readline() == "prediction\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("name", ["colour", "price"])
def test_a_table_of_a_spreadsheet(folder, tmp_path, capsys, name):
    """Semicolons, decimal commas and an old encoding: the same model, predictions and scores."""
    table = read(folder).rename(columns={"size": "größe"})
    table.to_csv(tmp_path / "plain.csv", index=False)
    table.to_csv(tmp_path / "sheet.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    form = ["--decimal", ",", "--encoding", "cp1252"]
    printed = []
    for source, more in (("plain", []), ("sheet", form)):
        csv, model, out = (f"{tmp_path}/{source}{end}" for end in (".csv", ".wlrn", "_out.csv"))
        fit = ["fit", csv, "--target", name, "--out", model, "--n-estimators", "1", *more]
        assert main([*fit, "--max-support", "30"]) == 0
        assert main(["predict", model, csv, "--keep", "id", "--out", out, *more]) == 0
        assert main(["score", model, csv, "--target", name, *more]) == 0
        printed.append((capsys.readouterr().out, Path(model).read_bytes(), Path(out).read_bytes()))
    assert printed[0] == printed[1]
    sheet = ["score", f"{tmp_path}/plain.wlrn", f"{tmp_path}/sheet.csv", "--target", name]
    fails(sheet, capsys, "sheet.csv can't be read as UTF-8 text")
    fails([*sheet, "--encoding=cp1252"], capsys, "sheet.csv has numbers with a comma, such as")


def test_choices_are_those_of_the_package():
    options = {a.dest: a for a in _parsers()["convert"]._actions}
    assert options["profile"].choices == list(PROFILES)
    assert options["variant"].choices == [*TASKS.values(), "all"]
    assert all(name in options["model"].help for name in CHECKPOINTS)


def _parsers():
    (commands,) = (a for a in _make_parser()._actions if a.dest == "command")
    return commands.choices


_RUNS = """
import json, sys
from importlib.machinery import PathFinder
hidden, runs = json.loads(sys.argv[1])
class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
from sklearn_mitra._cli.main import main
for arguments in runs:
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    print("status", status, file=sys.stderr)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def run_in_process(runs, hidden=()):
    """What commands write to stderr in a process of their own, and which packages it imported."""
    command = [sys.executable, "-c", _RUNS, json.dumps([hidden, runs])]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stderr.splitlines(), set(result.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_help_and_wrong_arguments_import_nothing_that_takes_time():
    runs = [["--help"], ["--version"], ["fly"], ["fit", "a.csv"], ["predict", "m", "--rows", "1"]]
    runs += [[name, "--help"] for name in _parsers()]
    told, packages = run_in_process(runs)
    assert [line for line in told if line.startswith("status")] == [
        *["status 0"] * 2,
        *["status 2"] * 3,
        *["status 0"] * len(_parsers()),
    ]
    heavy = "sklearn onnxruntime numpy scipy pandas pyarrow onnx joblib huggingface_hub tqdm torch"
    assert "sklearn_mitra" in packages and not packages & {*heavy.split()}


@pytest.mark.slow
def test_packages_that_are_not_installed_are_named(folder):
    table = f"{folder}/table.csv"
    runs = [["convert"], ["verify"], ["finetune", table, "--target", "colour", "--out", "tuned"]]
    runs += [["predict", f"{folder}/colour.wlrn", table]]
    told, _ = run_in_process(runs, ["torch", "onnxscript", "onnx"])
    hint = 'In a clone of the repository, run: pip install ".[{}]"'
    needed = "sklearn_mitra.export needs packages that are not installed: torch, onnxscript. "
    for message in told[:-2:2]:
        assert message == f"sklearn-mitra: error: {needed}{hint.format('export')}"
    missing = f"sklearn-mitra: error: The package onnx is not installed. {hint.format('cli')}"
    assert told[-2] == missing
    assert told[1::2] == ["status 1"] * 4


@pytest.mark.slow
def test_ctrl_c_ends_a_command_without_a_traceback(folder, tmp_path):
    os.mkfifo(tmp_path / "table.csv")
    command = [sys.executable, "-m", "sklearn_mitra", "predict", f"{folder}/price.wlrn"]
    command += [f"{tmp_path}/table.csv", "--out", f"{tmp_path}/out.csv"]
    how = {"stderr": subprocess.PIPE, "text": True}
    # a test run in the background ignores the signal, and so would its child processes
    how["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, **how) as process:
        with open(tmp_path / "table.csv", "w"):  # once the command has opened it, too
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == "sklearn-mitra: interrupted\n"
    assert process.returncode in (130, -signal.SIGINT)
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.slow
def test_what_cannot_be_printed_is_no_traceback():
    command = [sys.executable, "-m", "sklearn_mitra", "--help"]
    how = {"stderr": subprocess.PIPE, "text": True, "env": {**os.environ, "PYTHONUNBUFFERED": ""}}
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, **how)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "sklearn-mitra: error: [Errno 28]" in result.stderr
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed:
        result = subprocess.run(command, stdout=closed, **how)
    assert (result.returncode, result.stderr) == (1, "")
