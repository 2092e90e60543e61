"""How well a network predicts rows that it doesn't learn from."""

import numpy as np
import torch
from scipy.special import log_softmax

from sklearn_mitra._functions import Rows

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
        self._served, self._y, self._device = served, y, device
        if served._level_means is not None:
            x = served._level_means.query(x)
        self._rows = Rows(x)
        support = served._shown_support(), served._network_target(served.y_support_)
        self._tables = [(*view.support(*support), view.query(self._rows)) for view in served._views]

    @property
    def n_tokens(self):
        """How many tokens a validation passes through the network, int."""
        return sum((len(s) + len(q)) * (q.shape[1] + 1) for s, _, q in self._tables)

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
        with torch.no_grad():
            outputs = [self._run(network, *table) for table in self._tables]
        answers = self._served._combine(self._served._restore(self._rows, outputs))
        if self._served._task == "classification":
            own = np.take_along_axis(log_softmax(answers, axis=1), self._y[:, None], axis=1)
            return float(-own.mean())
        variance = self._y.var()
        return float(((answers - self._y) ** 2).mean() / (variance if variance else 1.0))

    def _run(self, network, x_support, y_support, x_query):
        """The network's outputs (n_rows, n_outputs), in float32."""
        arrays = x_support, y_support, x_query
        x_support, y_support, x_query = (
            torch.from_numpy(np.ascontiguousarray(a)).to(self._device).unsqueeze(0) for a in arrays
        )
        config = network.config
        if config.task == "regression" and config.labels_are_classes:
            y_support = to_bins(y_support, config.dim_output)
        padding = torch.zeros(y_support.shape, dtype=torch.bool, device=self._device)
        outputs = network(x_support, y_support, x_query, padding)[0]
        outputs = outputs if outputs.ndim == 2 else outputs.unsqueeze(1)
        return outputs.float().cpu().numpy()
