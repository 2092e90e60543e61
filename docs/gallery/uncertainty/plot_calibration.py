"""
4. Calibration curves
=====================

A probability is calibrated if it comes true that often: of the rows that get .8, 80 % should be
positive. Here are Mitra, a random forest and logistic regression on the same table, all with their
defaults.
"""

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraClassifier

X, y = make_classification(
    1600,
    8,
    n_informative=5,
    n_redundant=2,
    flip_y=0.1,
    class_sep=0.7,
    random_state=0,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=400, random_state=0
)
models = {
    "Mitra": MitraClassifier(),
    "random forest": RandomForestClassifier(random_state=0),
    "logistic regression": LogisticRegression(),
}

figure, (curves, counts) = plt.subplots(
    2,
    1,
    figsize=(6, 6.5),
    height_ratios=[3, 1],
    sharex=True,
    layout="constrained",
)
for name, model in models.items():
    probabilities = model.fit(X_train, y_train).predict_proba(X_test)[
        :, 1
    ]
    CalibrationDisplay.from_predictions(
        y_test,
        probabilities,
        n_bins=8,
        strategy="quantile",
        name=name,
        ax=curves,
    )
    counts.hist(
        probabilities,
        bins=25,
        range=(0, 1),
        histtype="step",
        linewidth=1.5,
    )
    print(
        f"{name:<20} "
        f"Brier score {brier_score_loss(y_test, probabilities):.3f}, "
        f"log loss {log_loss(y_test, probabilities):.3f}"
    )
curves.set(xlabel="", ylabel="share of positives")
counts.set(xlabel="predicted probability", ylabel="rows")

# %%
# Each point is 150 rows, so it has a standard error of up to .04. The lower plot shows how often
# each model commits itself. A model that says .5 to everybody is calibrated, too, and useless.
