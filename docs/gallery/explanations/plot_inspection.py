"""
10. Permutation importance and partial dependence
=================================================

scikit-learn's tools work on any estimator. All they need is many predictions, and a cached context
makes these cheap: the support set passes the network once.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.inspection import (
    PartialDependenceDisplay,
    permutation_importance,
)
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, random_state=0
)
reg = MitraRegressor(members=["residual", "compressed+residual"]).fit(
    X_train, y_train
)
print(f"R² {reg.score(X_test, y_test):.2f}")

# %%
# Importance
# ----------
# How much worse is the score if a column is shuffled?

found = permutation_importance(
    reg, X_test, y_test, n_repeats=3, random_state=0
)
order = np.argsort(found.importances_mean)
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.barh(
    X.columns[order],
    found.importances_mean[order],
    xerr=found.importances_std[order],
    color="C0",
)
ax.set(
    xlabel="loss of R² when shuffled", title="Permutation importance"
)

# %%
# Partial dependence
# ------------------
# What is predicted, on average and for single patients, if one column is set to each of some
# values?

figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
PartialDependenceDisplay.from_estimator(
    reg,
    X_test.iloc[:30],
    ["bmi", "s5", "bp"],
    kind="both",
    grid_resolution=12,
    ax=ax,
    ice_lines_kw={"color": "C0", "alpha": 0.2},
    pd_line_kw={"color": "C1", "linewidth": 2},
)

# %%
# Both describe the model, not the world. Columns that are correlated, such as ``s1`` and ``s2``,
# share their importance.
