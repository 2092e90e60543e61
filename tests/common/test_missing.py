"""What counts as missing."""

import numpy as np
import pandas as pd
import pytest

from sklearn_mitra._common.missing import is_missing

MISSING = [None, float("nan"), np.nan, np.float32("nan"), np.float16("nan"), pd.NA, pd.NaT]
MISSING += [np.datetime64("NaT"), np.timedelta64("NaT")]
PRESENT = [0, 0.0, np.inf, np.float64(1), False, "", "nan", "None", (), pd.Timestamp(0)]
PRESENT += [np.datetime64(0, "s"), np.timedelta64(0, "s"), np.int64(3)]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_missing_values(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", PRESENT, ids=repr)
def test_other_values(value):
    assert not is_missing(value)
