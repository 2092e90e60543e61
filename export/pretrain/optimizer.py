"""AdamW with clipped gradients, which passes over steps that are not finite."""

import torch
from torch import nn

_LARGEST_NORM = 1.0  # of a gradient
_MOST_SKIPPED = 20  # steps in a row


class Optimizer:
    """AdamW of a network's weights.

    Parameters
    ----------
    network : Tab2D
    betas : tuple of float
    weight_decay : float
        Of matrices, not of biases and norms.
    """

    def __init__(self, network, betas, weight_decay):
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        is_cuda = next(network.parameters()).is_cuda
        self._adam = torch.optim.AdamW(groups, betas=betas, fused=is_cuda)
        self._parameters = [*matrices, *others]
        self.n_skipped = 0
        self._skipped_in_a_row = 0

    def step(self, loss, lr):
        """Learn from a loss.

        Parameters
        ----------
        loss : Tensor of shape (), float32
        lr : float

        Returns
        -------
        is_taken : bool
            False if the gradient is not finite; the weights stay as they are then.

        Raises
        ------
        FloatingPointError
            If that happens too often in a row.
        """
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, _LARGEST_NORM)
        if not norm.isfinite():
            self._skip(lr)
            return False
        self._skipped_in_a_row = 0
        for group in self._adam.param_groups:
            group["lr"] = lr
        self._adam.step()
        return True

    def state_dict(self):
        """What :meth:`load_state_dict` takes, to go on with."""
        return {"adam": self._adam.state_dict(), "n_skipped": self.n_skipped}

    def load_state_dict(self, state):
        self._adam.load_state_dict(state["adam"])
        self.n_skipped = state["n_skipped"]

    def _skip(self, lr):
        self.n_skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row == _MOST_SKIPPED:
            raise FloatingPointError(
                f"The gradients of {_MOST_SKIPPED} steps in a row were not finite. Start again "
                f"with a smaller learning rate than {lr:.2g}, the last one."
            )
