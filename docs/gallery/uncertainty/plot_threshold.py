"""
5. Tuning a threshold for rare classes
======================================

``predict`` takes the more probable class. If one in ten rows is positive, that misses many of
them. ``TunedThresholdClassifierCV`` finds the threshold that is best for the score you care about.
Probabilities stay as they are.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import (
    PrecisionRecallDisplay,
    f1_score,
    precision_score,
    recall_score,
)
from sklearn.model_selection import (
    TunedThresholdClassifierCV,
    train_test_split,
)

from sklearn_mitra import MitraClassifier

X, y = make_classification(
    1600,
    8,
    n_informative=5,
    weights=[0.9],
    flip_y=0.03,
    class_sep=0.7,
    random_state=3,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=800, random_state=0, stratify=y
)
clf = MitraClassifier(max_support=128, n_estimators=1).fit(
    X_train, y_train
)
tuned = TunedThresholdClassifierCV(clf, scoring="f1", cv=3).fit(
    X_train, y_train
)
weighted = MitraClassifier(
    max_support=128, n_estimators=1, class_weight="balanced"
)
weighted.fit(X_train, y_train)

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
PrecisionRecallDisplay.from_estimator(
    clf, X_test, y_test, ax=ax, name="Mitra"
)
labels = {
    "threshold .5": clf,
    f"tuned threshold {tuned.best_threshold_:.2f}": tuned,
    'class_weight="balanced"': weighted,
}
for colour, (label, model) in zip(("C1", "C2", "C3"), labels.items()):
    predicted = model.predict(X_test)
    recall, precision = (
        recall_score(y_test, predicted),
        precision_score(y_test, predicted),
    )
    ax.plot(
        recall, precision, "o", color=colour, markersize=9, label=label
    )
    f1 = f1_score(y_test, predicted)
    print(
        f"{label:<24} recall {recall:.2f}, "
        f"precision {precision:.2f}, F1 {f1:.2f}"
    )
ax.set(xlabel="recall", ylabel="precision")
ax.legend(loc="lower left")

# %%
# All three are points of one curve: the model is the same, only the line between the classes
# moves. ``class_weight="balanced"`` is not tuned. It is right if an error on each class as a whole
# costs the same.
