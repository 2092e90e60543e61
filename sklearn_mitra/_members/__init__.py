"""Ensemble members: their kinds, what each is made of, and how it shows a table to the network."""
