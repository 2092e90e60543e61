"""The ``.wlrn`` format: fitted state to bytes, and back. Independent of the estimators."""
