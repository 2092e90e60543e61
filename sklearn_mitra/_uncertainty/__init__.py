"""How sure predictions are: distributions, held-out predictions, temperature."""
