"""Tools for the whole package: checked fields, files, folds, means, missing values, warnings."""
