"""The tables that tests fit: numbers, columns of several kinds, classes and targets.

Every maker draws from a generator of its own, so the same call gives the same table.
"""

import numpy as np
import pandas as pd

# ---- numbers -------------------------------------------------------------------------------------


def make_table(n_rows=80, n_features=4, seed=0):
    """A table, and y that both a classifier (0 or 1) and a regressor can take."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, (X[:, 0] + 0.5 * X[:, -1] > 0).astype(int)


def make_three_classes(n_rows=60, n_features=3, seed=0):
    """A table, and y that both a classifier (0, 1 or 2) and a regressor can take."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, np.digitize(X[:, 0], [-0.5, 0.5])


def make_separated_classes(n_classes, n_rows=6):
    """Points around the corners of a grid, one class at each, with so many rows of every class."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_classes), n_rows)
    X = np.column_stack([y % 5, y // 5]) + rng.normal(scale=0.05, size=(len(y), 2))
    return X, y


def make_weighted_classes(n_rows=40, n_features=3, weights=(1, 1, 1), seed=0):
    """Support rows in float32, class ids with these relative frequencies, and seven query rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows + 7, n_features)).astype(np.float32)
    shares = np.cumsum(weights) / np.sum(weights)
    ids = np.searchsorted(shares, (np.argsort(np.argsort(X[:n_rows, 0])) + 0.5) / n_rows)
    return X[:n_rows], ids, X[n_rows:]


def make_targets(n_rows=80, noise=0.1, seed=0):
    """A table, and targets that are linear in two of its three columns, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, X[:, 0] - 0.5 * X[:, 1] + noise * rng.normal(size=n_rows)


# ---- encoded rows, as ensemble members see them --------------------------------------------------


def make_rows(n_rows, n_columns, seed=0):
    """Numbers in float32."""
    return np.random.default_rng(seed).normal(size=(n_rows, n_columns)).astype(np.float32)


def make_repeated_rows(n_rows=50, n_distinct=12, n_columns=3, seed=0):
    """A few rows, over and over."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_distinct, n_columns)).astype(np.float32)
    return x[rng.integers(0, n_distinct, n_rows)]


def make_encoded_rows(n_rows=40, seed=0):
    """Two columns of numbers, and one of three categories."""
    rng = np.random.default_rng(seed)
    numbers, levels = rng.normal(size=(n_rows, 2)), rng.integers(0, 3, n_rows)
    return np.column_stack([numbers, levels]).astype(np.float32)


def make_encoded_table(n_rows=120):
    """Three columns of numbers, one of four categories, a constant one; and scaled targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 5)).astype(np.float32)
    x[:, 3] = rng.integers(0, 4, n_rows)
    x[:, 4] = 7  # constant
    return x, (x[:, 0] - x[:, 1] + (x[:, 3] == 2)).astype(np.float32)


# ---- DataFrames ----------------------------------------------------------------------------------


def make_frame(n_rows=60, n_numbers=3):
    """Numbers "a", "b" ... and the categories of "level", some missing; and make_table's y."""
    X, y = make_table(n_rows, n_numbers)
    frame = pd.DataFrame(X, columns=[*"abcd"[:n_numbers]])
    frame["level"] = np.where(X[:, 1] > 0, "up", "down")
    frame.loc[3::9, ["a", "level"]] = None
    return frame, y


def make_repeated_frame():
    """Fifty rows, of which twelve are distinct: two columns of numbers, one of categories."""
    x = make_repeated_rows()
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": np.where(x[:, 2] > 0, "up", "down")})


def make_frame_of_all_types():
    """A column of every type that a DataFrame has, with values missing where they can be."""
    X, _ = make_three_classes()
    words = np.array(["b", "ä", "", "a b"], dtype=object)[np.arange(60) * 7 % 4]
    frame = pd.DataFrame(
        {
            "number": X[:, 0],
            "category": pd.Categorical(words, ["ä", "b", "", "a b", "unused"]),
            "category of int": pd.Categorical(np.arange(60) % 3 * -5),
            "category of float": pd.Categorical(np.arange(60) % 3 / 4),
            "category of bool": pd.Categorical(np.arange(60) % 2 == 0),
            "string": pd.Series(words, dtype="string"),
            "object": words,
            "bool": X[:, 1] > 0,
            "boolean": pd.array(X[:, 2] > 0, dtype="boolean"),
            "Int64": pd.array(np.arange(60), dtype="Int64"),
            "Float64": pd.array(X[:, 1], dtype="Float64"),
            "nothing": np.full(60, np.nan),
            "no object": np.full(60, None, dtype=object),
            "date": pd.date_range("2019-11-29 21:00", periods=60, freq="31h"),
            "date of days": pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d"),
            "duration": pd.to_timedelta(X[:, 0], unit="h"),
            "digits": np.arange(60).astype(str),
            "constant": 1,
        }
    )
    for place, name in enumerate(frame.columns.drop(["bool", "constant"])):
        frame.loc[place::11, name] = None
    return frame


def make_sales(n_rows=96):
    """Columns of several kinds, most of them missing in the first rows; and make_table's y."""
    X, y = make_table(n_rows, 3)
    frame = pd.DataFrame(X, columns=["size", "height", "weight"])
    frame["count"] = np.arange(n_rows) % 7
    frame["is_new"] = X[:, 1] > 0
    frame["colour"] = pd.Categorical(np.array(["red", "green", "blue"])[np.arange(n_rows) % 3])
    frame["shop"] = np.array(["north", "south"])[(X[:, 2] > 0).astype(int)]
    frame["day"] = pd.Timestamp("2024-02-01") + pd.to_timedelta(np.arange(n_rows) % 50, "D")
    frame.loc[::5, ["weight", "shop"]] = None
    frame.loc[::6, ["colour", "day"]] = None
    frame.loc[:7, ["size", "colour", "shop", "day"]] = None
    frame.index = [f"row {i:03}" for i in range(n_rows)]
    return frame, y


# ---- DataFrames that are written to text: CSV, JSON ----------------------------------------------


def make_csv_table(n_rows=60):
    """Numbers, text that looks like numbers in some rows, gaps; and "colour" and "price"."""
    rng = np.random.default_rng(0)
    size, kind = rng.normal(size=n_rows).round(3), rng.choice(["7", "x", "y"], n_rows)
    table = pd.DataFrame({"id": np.arange(n_rows), "size": size, "kind": kind})
    table.loc[::9, "size"] = None
    table["wet"] = rng.random(n_rows) > 0.5
    table["colour"] = np.where((size > 0) ^ (kind == "x"), "red", "blue")
    table["price"] = 100 * size + 10 * (kind == "x") + rng.normal(size=n_rows).round(3)
    return table


def make_json_table(n_rows):
    """Numbers, categories and days, some missing."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=n_rows), "count": rng.integers(0, 9, n_rows)})
    frame["kind"] = rng.choice(["red", "blüe"], n_rows)
    frame["day"] = pd.date_range("2024-01-01", periods=n_rows).astype(str)
    frame.loc[::5, "size"] = np.nan
    frame.loc[::7, "kind"] = None
    return frame


def make_browser_table(n_rows, seed=0):
    """Numbers, categories, booleans, times in seconds and gaps; and the signal in them."""
    rng = np.random.default_rng(seed)
    level = rng.choice(["low", "mid", "high", "ünknown"], n_rows)
    length = rng.normal(size=n_rows)
    flag = rng.random(n_rows) < 0.4
    seconds = 1_700_000_000.25 + rng.integers(0, 100_000, n_rows)
    signal = length + 2 * (level == "high") - flag + (seconds - 1.7e9) / 1e5
    frame = pd.DataFrame({"level": level, "length": length.round(4), "flag": flag})
    frame["constant"] = 3
    frame["seconds"] = seconds
    frame.loc[rng.random(n_rows) < 0.1, "length"] = np.nan
    frame.loc[rng.random(n_rows) < 0.1, "level"] = np.nan
    return frame, signal
