"""
7. How many support rows?
=========================

``max_support`` limits the training rows that the network reads. One plain member gets better with
more rows, at a price. The default members hardly do, since their simple models have read all rows.
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
# One plain member is the network alone.

scores, first, second = [], [], []
for size in sizes:
    reg = MitraRegressor(max_support=size, n_estimators=1)
    reg.fit(X_train, y_train)
    for times in (first, second):
        start = perf_counter()
        reg.predict(X_test[:50])
        times.append(perf_counter() - start)
    scores.append(reg.score(X_test, y_test))
    print(f"{size:3} rows: R² {scores[-1]:.2f}")

# %%
# The default members learn from all 1,000 training rows, whatever ``max_support`` is: boosting and
# extra trees directly, those of the network by a simple model. So the smallest and the largest
# support are enough to see how little it matters.

ends = [sizes[0], sizes[-1]]
default = [
    MitraRegressor(max_support=size)
    .fit(X_train, y_train)
    .score(X_test, y_test)
    for size in ends
]
print("default members: R² {:.2f} and {:.2f}".format(*default))

figure, (score_axis, time_axis) = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained"
)
score_axis.plot(sizes, scores, "o-", label="one plain member")
score_axis.plot(ends, default, "s:", label="default members")
score_axis.set(xlabel="max_support", ylabel="R² of 200 other rows")
time_axis.plot(sizes, first, "o-", label="first prediction")
time_axis.plot(sizes, second, "o:", label="second prediction")
time_axis.set(
    xlabel="max_support",
    ylabel="seconds for 50 rows, one plain member",
    yscale="log",
)
for ax in (score_axis, time_axis):
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.legend()

# %%
# The first prediction passes the support set through the network, so its time grows with it. The
# second one reuses the cached context.
