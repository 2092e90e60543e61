"""Pretraining of Tab2D on synthetic tables: ``python -m sklearn_mitra.export.pretrain``.

``docs/pretraining.md`` tells what the tables are, and how the embedded checkpoints were made.
"""
