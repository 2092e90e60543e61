"""``.wlrn`` bundles: bytes to what an estimator has learned, and back. No estimator is known."""
