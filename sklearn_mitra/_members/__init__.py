"""Ensemble members: their kinds, how they are built, and how they present tables."""
