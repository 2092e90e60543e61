"""What a run reported: its losses, step by step."""

import os

from sklearn_mitra._network.checkpoint import expand_user

from ..pretrain.log import Log

HISTORY = "history.jsonl"


def open_history(directory):
    """The log of a run, Log."""
    numbers = "step", "seconds", "validation_loss", "lr"
    return Log(os.path.join(directory, HISTORY), numbers)


def read_history(directory):
    """The reports of a run.

    Parameters
    ----------
    directory : str or PathLike
        That of :func:`finetune`.

    Returns
    -------
    history : list of dict
        Of each validation, the first before any step: ``step``, ``seconds`` since the run began,
        ``loss`` of the steps since the last one (None in the first), ``validation_loss`` and
        ``lr``, the learning rate.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If a line of it is damaged.
    """
    directory = expand_user(os.fsdecode(directory))
    lines = open_history(directory).read()
    if not lines:
        path = os.path.join(directory, HISTORY)
        raise FileNotFoundError(f"There is no history of fine-tuning at {path!r}.")
    return lines


def plot_history(directory, ax=None):
    """Draw the validation loss of a run over its steps.

    Parameters
    ----------
    directory : str or PathLike
        That of :func:`finetune`.
    ax : matplotlib.axes.Axes, default=None
        None is a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    FileNotFoundError
        If there is no history.
    ValueError
        If a line of it is damaged.
    """
    history = read_history(directory)
    steps = [line["step"] for line in history]
    losses = [line["validation_loss"] for line in history]
    best = min(range(len(losses)), key=losses.__getitem__)
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots()
    ax.plot(steps, losses, marker=".", label="validation")
    ax.axhline(losses[0], linestyle=":", color="gray", label="before tuning")
    ax.plot(steps[best], losses[best], "o", label=f"kept: step {steps[best]}")
    ax.set(xlabel="step", ylabel="validation loss")
    ax.legend()
    return ax
