"""The encoding of numbers against AutoGluon's preprocessor."""

import numpy as np
import pandas as pd
import pytest
from autogluon.tabular.models.mitra._internal.config.enums import Task
from autogluon.tabular.models.mitra._internal.data.preprocessor import Preprocessor
from columns import with_missing

from sklearn_mitra._preprocessing.encoder import TableEncoder

NAN = np.nan


def numeric_tables():
    rng = np.random.default_rng(0)
    gaussian = rng.normal(size=(60, 6))
    missing = with_missing(gaussian, 0.2, rng)
    constant = missing.copy()
    constant[:, 1], constant[:, 4] = 3, 0
    all_missing = missing.copy()
    all_missing[:, 2] = NAN
    constant_with_missing = missing.copy()
    constant_with_missing[:, 0] = np.where(rng.random(60) < 0.5, 2.0, NAN)
    # The mean of three times 0.1 is not 0.1, so the column varies, if only in float64.
    almost_constant = missing.copy()
    almost_constant[:, 3] = [0.1, 0.1, 0.1] + [NAN] * 57
    return {
        "gaussian": gaussian,
        "missing cells": missing,
        "constant columns": constant,
        "all-missing column": all_missing,
        "constant column with missing cells": constant_with_missing,
        "almost constant column": almost_constant,
        "varying in float64 alone": 1 + 1e-12 * missing,
        "tied integers": with_missing(rng.integers(0, 4, (60, 6)), 0.1, rng),
        "large and small": with_missing(gaussian * 10.0 ** rng.integers(-30, 30, 6), 0.1, rng),
        "float32": missing.astype(np.float32),
        "int64": rng.integers(-100, 100, (60, 6)),
        "bool": rng.random((60, 6)) < 0.5,
    }


TABLES = numeric_tables()


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", ["array", "frame"])
def test_numbers_are_encoded_as_autogluon_does(name, form):
    train, query = TABLES[name][:40], TABLES[name][40:]
    upstream = Preprocessor(
        dim_embedding=None,
        n_classes=2,
        dim_output=10,
        use_quantile_transformer=False,
        use_feature_count_scaling=False,
        use_random_transforms=False,
        shuffle_classes=False,
        shuffle_features=False,
        random_mirror_regression=False,
        random_mirror_x=False,
        task=Task.CLASSIFICATION,
    )
    upstream.fit(train.astype(np.float64), np.arange(40) % 2)
    make = pd.DataFrame if form == "frame" else np.asarray
    encoder, x = TableEncoder.fit(make(train))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(encoder.varying, ~upstream.singular_features)
    varying = encoder.varying
    # AutoGluon writes into its argument; astype copies.
    expected = upstream.transform_X(train.astype(np.float64))
    np.testing.assert_array_equal(x[:, varying], expected)
    transformed = encoder.transform(make(query))
    assert transformed.dtype == np.float32
    expected = upstream.transform_X(query.astype(np.float64))
    np.testing.assert_array_equal(transformed[:, varying], expected)
