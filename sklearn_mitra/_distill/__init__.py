"""Distillation: a fast student learns a teacher's predictions."""
