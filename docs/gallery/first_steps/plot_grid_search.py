"""
3. A pipeline and a grid search
===============================

No preprocessing is needed, so a pipeline is for what is special about a table. Here are 40
columns, of which 8 matter: how many should be kept, and which members are best?
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from sklearn_mitra import MitraClassifier

X, y = make_classification(
    400,
    40,
    n_informative=6,
    n_redundant=2,
    flip_y=0.05,
    class_sep=0.9,
    random_state=0,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=200, random_state=0
)
pipeline = Pipeline(
    [
        ("select", SelectKBest()),
        ("mitra", MitraClassifier(max_support=100)),
    ]
)
search = GridSearchCV(
    pipeline,
    {
        "select__k": [5, 10, 40],
        "mitra__members": [["plain"], ["compressed"]],
    },
    scoring="neg_log_loss",
    cv=2,
).fit(X_train, y_train)
print(search.best_params_)
print(f"log loss of other rows {-search.score(X_test, y_test):.3f}")

# %%
# The whole grid:

results = pd.DataFrame(search.cv_results_)
results["members"] = results["param_mitra__members"].str[0]
losses = -results.pivot(
    index="members", columns="param_select__k", values="mean_test_score"
)
seconds = results.pivot(
    index="members", columns="param_select__k", values="mean_score_time"
)

figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained"
)
losses.T.plot(
    ax=axes[0], marker="o", xlabel="columns kept", ylabel="log loss"
)
seconds.T.plot(
    ax=axes[1],
    marker="o",
    xlabel="columns kept",
    ylabel="seconds for a fold",
    legend=False,
)

# %%
# Compressed members see at most 16 principal components and scores instead of the columns, so
# their time hardly grows.
