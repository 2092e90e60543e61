"""Targets: class labels or numbers, what the network is shown of them, and the way back."""
