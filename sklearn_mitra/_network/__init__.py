"""The pretrained network: arrays in, outputs out. No estimator is known."""
