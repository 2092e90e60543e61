"""Fine-tuning: a checkpoint goes on learning, from all rows of a table.

``python -m sklearn_mitra.export.finetune`` is the command. ``docs/finetuning.md`` tells when it
helps and when it hurts.
"""

from .history import plot_history, read_history
from .run import finetune

__all__ = ["finetune", "plot_history", "read_history"]
