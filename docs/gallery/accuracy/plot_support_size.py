"""
7. How many support rows?
=========================

``max_support`` limits the training rows that the network reads. More rows are better for one plain
member, with less and less to gain, and they cost time. The default members hardly gain.
"""

from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split

from sklearn_mitra import MitraRegressor

X, y = make_friedman1(1200, n_features=6, noise=1, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=200, random_state=0
)
sizes = [16, 32, 64, 128, 256, 512]

# %%
# One plain member shows the network alone. The default members learn from all 1,000 rows, whatever
# ``max_support`` is: those of the network by a simple model, and boosting and extra trees directly.
# So they hardly gain from a larger support.

figure, (score_axis, time_axis) = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained"
)
for label, members in {
    "one plain member": ["plain"],
    "default members": "auto",
}.items():
    scores, first, second = [], [], []
    for size in sizes:
        reg = MitraRegressor(max_support=size, members=members).fit(
            X_train, y_train
        )
        for times in (first, second):
            start = perf_counter()
            reg.predict(X_test[:50])
            times.append(perf_counter() - start)
        scores.append(reg.score(X_test, y_test))
    score_axis.plot(sizes, scores, "o-", label=label)
    (line,) = time_axis.plot(
        sizes, first, "o-", label=f"{label}, first prediction"
    )
    time_axis.plot(
        sizes,
        second,
        "o:",
        color=line.get_color(),
        label="the same, second",
    )
    print(
        f"{label}: R² " + ", ".join(f"{score:.2f}" for score in scores)
    )
score_axis.set(xlabel="max_support", ylabel="R² of 200 other rows")
time_axis.set(
    xlabel="max_support", ylabel="seconds for 50 rows", yscale="log"
)
for ax in (score_axis, time_axis):
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
score_axis.legend()
time_axis.legend(fontsize=8)

# %%
# The first prediction passes the support set through the network, so its time grows with it. The
# second one reuses the cached context. Not drawn is the time of ``fit``, which lets the default
# members predict 500 held-out rows to choose their weights.
