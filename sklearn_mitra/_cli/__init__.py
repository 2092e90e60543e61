"""The command line: ``sklearn-mitra``, or ``python -m sklearn_mitra``."""
