"""The models of scikit-learn that the benchmarks compare with, on a DataFrame as it is."""

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def encoded(model, impute=True):
    """Levels as integers, and the mean of a column for missing numbers."""
    levels = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    return _after_columns(levels, SimpleImputer() if impute else "passthrough", model)


def one_hot(model):
    """Levels as columns of their own, and numbers standardised."""
    levels = OneHotEncoder(handle_unknown="ignore", min_frequency=2)
    return _after_columns(levels, make_pipeline(SimpleImputer(), StandardScaler()), model)


def _after_columns(levels, numbers, model):
    """A model of a DataFrame whose columns of levels and of numbers are transformed before."""
    is_number = make_column_selector(dtype_include=["number", "bool"])
    is_level = make_column_selector(dtype_exclude=["number", "bool"])
    columns = make_column_transformer((levels, is_level), (numbers, is_number), sparse_threshold=0)
    return make_pipeline(columns, model)
