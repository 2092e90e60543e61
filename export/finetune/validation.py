"""How well a network predicts rows that it doesn't learn from."""

import numpy as np
import torch
from scipy.special import log_softmax

from ..pretrain.losses import to_bins


class Validation:
    """Validation rows, and a fitted estimator whose predictions of them a network is to make.

    Parameters
    ----------
    served : MitraClassifier or MitraRegressor
        Fitted to the training rows.
    x : ndarray of shape (n_rows, n_encoded), float32
        The validation rows as its encoder has them.
    y : ndarray of shape (n_rows,)
        Their class ids, or targets.
    device : torch.device
    """

    def __init__(self, served, x, y, device):
        self._served, self._x, self._y, self._device = served, x, y, device
        self._model = served._model
        self._tables = self._model.tables()

    @property
    def n_tokens(self):
        """How many tokens a validation passes through the network, int."""
        n_rows = len(self._x)
        return sum((len(x) + n_rows) * (x.shape[1] + 1) for x, _ in self._tables)

    def loss(self, network):
        """The loss of the estimator's predictions with this network.

        Parameters
        ----------
        network : Tab2D

        Returns
        -------
        loss : float
            The log loss, or the mean squared error in units of the targets' variance: 1 - R2.
        """
        members = [_Member(network, *table, self._device) for table in self._tables]
        answers = self._served._predictions(*self._model.run(self._x, members))
        if self._model.target.n_classes:
            own = np.take_along_axis(log_softmax(answers, axis=1), self._y[:, None], axis=1)
            return float(-own.mean())
        variance = self._y.var()
        return float(((answers - self._y) ** 2).mean() / (variance if variance else 1.0))


class _Member:
    """An ensemble member that PyTorch runs."""

    def __init__(self, network, x_support, y_support, device):
        self._network, self._device = network, device
        self._x_support, self._y_support = self._tensor(x_support), self._tensor(y_support)
        config = network.config
        if config.task == "regression" and config.labels_are_classes:
            self._y_support = to_bins(self._y_support, config.dim_output)

    def outputs(self, x_query):
        """Outputs (n_rows, n_outputs), float32, for query rows (n_rows, n_columns)."""
        padding = torch.zeros(self._y_support.shape, dtype=torch.bool, device=self._device)
        with torch.no_grad():
            table = self._x_support, self._y_support, self._tensor(x_query), padding
            outputs = self._network(*table)[0]
        outputs = outputs if outputs.ndim == 2 else outputs.unsqueeze(1)
        return outputs.float().cpu().numpy()

    def _tensor(self, array):
        """As a batch of one table."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device).unsqueeze(0)
