"""Linear models of a training table, for the features and targets of ensemble members.

Models of the target are piecewise linear: they may bend at the quartiles of a column of numbers.
In regression, boosted trees are mixed in, with the share that is best out of fold.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.folds import stratified_folds
from .boosted_trees import fit_trees
from .features import Features
from .functions import Linear
from .kinds import recommend_temperature
from .standardised import StandardisedTerms, frequent_codes
from .target_views import Baseline, LogitBlend
from .training_table import TrainingTable

# Largest number of principal components. Tables with few rows or columns have fewer.
_MOST_COMPONENTS = 16
# Quantiles at which a piecewise linear function of a column may bend.
_KNOTS = (0.25, 0.5, 0.75)
# With more terms than this, functions don't bend.
_MOST_TERMS = 500
# Limits on the rows to fit to, and on rows times terms. The support rows are always included.
MOST_ROWS, _MOST_CELLS = 10_000, 4_000_000
# With fewer rows, models are of no use. Trees need more.
_FEWEST_ROWS, _FEWEST_ROWS_OF_TREES = 10, 40

_N_FOLDS = 5
_PENALTIES = np.logspace(-1, 4, 11)  # of ridge regression, chosen by generalised cross-validation
_INVERSE_PENALTY = 0.3  # of logistic regression
# Share of a residual member's answer that is added to the baseline. On the tables of
# benchmarks/accuracy.py, mean R2 was .618 with 1, .630 with 0.5 and .631 with less.
_SHARE = 0.2
# Weight of the logistic regression in the logits of members that are shown its logits.
_BLEND = 0.3
# With more classes than this, principal components of the logits are shown in their place.
_MOST_SHOWN = 10


class LinearModels:
    """Linear models of a training table, each fitted when it is first needed.

    Parameters
    ----------
    table : TrainingTable
    seed : int
    """

    def __init__(self, table: TrainingTable, seed: int) -> None:
        x, y, support, columns, n_categories, n_classes = table
        self._generator = np.random.RandomState(seed)
        self._columns = columns
        self._n_classes = n_classes
        self._seed = seed
        codes = {int(j): frequent_codes(x[:, j], n_categories[j]) for j in columns}
        n_numbers = sum(n_categories[j] == 0 for j in codes)
        n_terms = sum(map(len, codes.values())) + len(_KNOTS) * n_numbers
        rows = self._choose_rows(len(x), support, n_terms)
        self.rows = rows
        self._support = np.searchsorted(rows, support)
        self._x, self._y = x[rows], y[rows]
        self._bent = self._straight = StandardisedTerms.fit(self._x, codes)
        if n_terms <= _MOST_TERMS:
            self._bent = StandardisedTerms.fit(self._x, codes, _KNOTS)

    @property
    def are_possible(self) -> bool:
        """Whether there are enough rows, columns that vary, and not just one class."""
        return (
            len(self._x) >= _FEWEST_ROWS and self._straight.z.shape[1] > 0 and self._n_classes != 1
        )

    @cached_property
    def components(self) -> Features:
        """The first principal components of the table."""
        from sklearn.decomposition import PCA  # here, to keep the import of the package fast

        table = self._straight
        n_rows, n_terms = table.z.shape
        half = max(2, len(self._columns) // 2)
        n_components = max(1, min(_MOST_COMPONENTS, n_rows // 10, n_terms // 2, half))
        pca = PCA(n_components, random_state=self._seed).fit(table.z)
        matters = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
        weights = pca.components_[matters].T
        return Features(table.function(weights, np.zeros(weights.shape[1])))

    @cached_property
    def scores(self) -> Features:
        """Predictions of a simple model, out of fold for support rows.

        In classification, these are the logits of a logistic regression, or their difference for
        two classes. In regression, they are the predictions of the :attr:`baseline`.
        """
        if not self._n_classes:
            function, held_out_numbers = self._prediction
            return Features(function, held_out_numbers[self._support, None])
        function, held_out = self._class_scores
        return Features(function, held_out[self._support].astype(np.float32))

    @cached_property
    def _class_scores(self) -> tuple[Linear, NDArray[np.float64]]:
        """The logits that are shown, or their components, and their out-of-fold values."""
        weights, intercepts = self._fit_scores(np.arange(len(self._y)))
        held_out = self._held_out_logits
        if self._n_classes > _MOST_SHOWN:
            from sklearn.decomposition import PCA

            n_columns = min(_MOST_COMPONENTS, *held_out.shape)
            axes = PCA(n_columns, random_state=self._seed).fit(held_out).components_.T
            weights, intercepts, held_out = weights @ axes, intercepts @ axes, held_out @ axes
        return self._bent.function(weights, intercepts), held_out

    @cached_property
    def _held_out_logits(self) -> NDArray[np.float64]:
        """Out-of-fold logits of all rows, or their differences (n_rows, 1) for two classes."""
        return self._held_out(self._fit_scores)

    @cached_property
    def baseline(self) -> Baseline:
        """The prediction of ridge regression and trees, out of fold for support rows."""
        function, held_out = self._prediction
        predictions = held_out[self._support]
        residuals = self._y[self._support] - predictions
        low, high = float(residuals.min()), float(residuals.max())
        return Baseline(function, low, high, _SHARE, predictions)

    @cached_property
    def _prediction(self) -> tuple[Linear, NDArray[np.float32]]:
        """Ridge regression mixed with trees, and the out-of-fold prediction of each row.

        The share of the trees, from 0 to 1, is the one that is best out of fold.
        """
        weights, intercepts = self._fit_ridge(np.arange(len(self._y)))
        held_out = self._held_out(self._fit_ridge)[:, 0]
        trees = None
        if len(self._y) >= _FEWEST_ROWS_OF_TREES:
            y = self._y.astype(np.float64)
            trees, by_trees = fit_trees(self._x, y, self._columns, self._folds, self._seed)
            difference = by_trees - held_out
            norm = float(difference @ difference)
            share = min(max(0.0, float(difference @ (y - held_out)) / norm), 1.0) if norm else 0.0
            held_out += share * difference
            weights, intercepts = (1 - share) * weights, (1 - share) * intercepts
            trees = trees * share if share else None
        function = replace(self._bent.function(weights, intercepts), trees=trees)
        return function, held_out.astype(np.float32)

    @cached_property
    def blend(self) -> LogitBlend:
        """The logits of the logistic regression, made comparable with those of the network.

        They are shifted to the class frequencies of the support set and multiplied by the
        temperature.
        """
        weights, intercepts = self._logits
        intercepts = intercepts + self._shift
        temperature = recommend_temperature(self._n_classes)
        return LogitBlend(
            self._bent.function(temperature * weights, temperature * intercepts), _BLEND
        )

    @property
    def _shift(self) -> NDArray[np.float64]:
        """The shift of logits from the class frequencies in training to those of the support."""
        support, everything = (
            np.maximum(np.bincount(y, minlength=self._n_classes), 0.5) / len(y)
            for y in (self._y[self._support], self._y)
        )
        return np.log(support / everything)

    def out_of_fold(self) -> list[tuple[Linear, NDArray[np.float64]]]:
        """The functions fitted to the target so far, with their out-of-fold values for ``rows``."""
        made = vars(self)
        found: list[tuple[Linear, NDArray[np.float64]]] = []
        if "_prediction" in made:
            function, predictions = self._prediction
            found.append((function, predictions[:, None].astype(np.float64)))
        if "_class_scores" in made:
            found.append(self._class_scores)
        if "blend" in made:
            logits = self._held_out_logits
            if self._n_classes == 2:
                logits = logits * [-0.5, 0.5]
            values = recommend_temperature(self._n_classes) * (logits + self._shift)
            found.append((self.blend.function, values))
        return found

    # ------------------------------------------------------------ rows and folds

    def _choose_rows(
        self, n_rows: int, support: NDArray[np.int64], n_terms: int
    ) -> NDArray[np.int64]:
        """The support rows and as many others as the limits allow, ascending."""
        most = min(MOST_ROWS, _MOST_CELLS // max(1, n_terms))
        others = np.setdiff1d(np.arange(n_rows), support)
        n_others = min(len(others), max(0, most - len(support)))
        chosen = self._generator.permutation(others)[:n_others]
        return np.sort(np.concatenate([support, chosen]))

    @cached_property
    def _folds(self) -> list[NDArray[np.int64]]:
        """Stratified folds of the rows."""
        shuffled = self._generator.permutation(len(self._y))
        return stratified_folds(shuffled, self._y, _N_FOLDS)

    def _held_out(self, fit: Callable[[NDArray[np.int64]], Any]) -> NDArray[np.float64]:
        """Out-of-fold predictions of all rows: each fold by a model fitted to the others."""
        everything = np.arange(len(self._y))
        by_fold = [(fold, *fit(np.setdiff1d(everything, fold))) for fold in self._folds]
        held_out = np.empty((len(self._y), len(by_fold[0][2])))
        for fold, weights, intercepts in by_fold:
            held_out[fold] = self._bent.z[fold] @ weights + intercepts
        return held_out

    # ------------------------------------------------------------ fits

    @cached_property
    def _penalty(self) -> float:
        from sklearn.linear_model import RidgeCV

        return float(RidgeCV(_PENALTIES).fit(self._bent.z, self._y).alpha_)

    def _fit_ridge(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from sklearn.linear_model import Ridge

        y = self._y[rows].astype(np.float64)
        ridge = Ridge(self._penalty).fit(self._bent.z[rows], y)
        return ridge.coef_[:, None], np.array([ridge.intercept_])

    def _fit_scores(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        weights, intercepts = self._logits if len(rows) == len(self._y) else self._fit_logits(rows)
        if self._n_classes == 2:
            return weights[:, 1:] - weights[:, :1], intercepts[1:] - intercepts[:1]
        return weights, intercepts

    @cached_property
    def _logits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._fit_logits(np.arange(len(self._y)))

    def _fit_logits(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fit a logistic regression. A class without rows gets the logit of half a row."""
        from sklearn.linear_model import LogisticRegression

        y = self._y[rows]
        counts = np.bincount(y, minlength=self._n_classes)
        present = np.flatnonzero(counts)
        weights = np.zeros((self._bent.z.shape[1], self._n_classes))
        intercepts = np.log(np.maximum(counts, 0.5) / len(y))
        if len(present) > 1:
            model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000).fit(self._bent.z[rows], y)
            if len(present) == 2:
                weights[:, present] = model.coef_.T * [-0.5, 0.5]
                intercepts[present] = model.intercept_ * [-0.5, 0.5]
            else:
                weights[:, present], intercepts[present] = model.coef_.T, model.intercept_
        return weights, intercepts
