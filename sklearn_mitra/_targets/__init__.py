"""Targets: class labels or numbers, transformed for the network and back."""
