"""Predictive uncertainty: distributions, held-out predictions, temperature, member weights."""
