"""
12. Latency before and after the context is cached
==================================================

The first prediction passes the support set through the network. Every later one only passes its
own rows. How much time is that, beside a random forest?
"""

from statistics import median
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from sklearn_mitra import MitraClassifier

X, y = make_classification(356, 10, n_informative=5, random_state=0)
X_train, y_train, X_new = X[:256], y[:256], X[256:]
sizes = [1, 10, 100]


def measure(make_model, repeats):
    """Seconds of the fit with one row, and of later predictions."""
    start = perf_counter()
    model = make_model().fit(X_train, y_train)
    model.predict(X_new[:1])
    first, later = perf_counter() - start, []
    for size in sizes:
        times = []
        for _ in range(repeats):
            start = perf_counter()
            model.predict(X_new[:size])
            times.append(perf_counter() - start)
        later.append(median(times))
    return first, later


models = {
    "Mitra, default members": MitraClassifier,
    "Mitra, 1 member": lambda: MitraClassifier(n_estimators=1),
    "random forest, 300 trees": lambda: RandomForestClassifier(
        300, n_jobs=-1
    ),
}
# sessions of the network are made here, and shared
measure(models["Mitra, 1 member"], 1)

figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=[1, 1.4], layout="constrained"
)
for n, (name, make_model) in enumerate(models.items()):
    first, later = measure(make_model, 3)
    print(
        f"{name:<26} fit and 1 row {first:.2f} s, "
        f"1 row later {1000 * later[0]:.0f} ms"
    )
    axes[0].barh(n, first, color=f"C{n}")
    axes[1].plot(sizes, later, "o-", label=name)
axes[0].set(
    yticks=range(3),
    yticklabels=models,
    xlabel="seconds, fit and first row",
)
axes[0].invert_yaxis()
axes[1].set(
    xscale="log",
    yscale="log",
    xlabel="rows in a call",
    ylabel="seconds, later",
)
axes[1].legend()

# %%
# One row after the first is a matter of milliseconds. Many rows are not: a forest needs hardly
# more for a thousand rows than for one, Mitra's time grows in proportion. To score millions of
# rows, see :ref:`sphx_glr_auto_gallery_accuracy_plot_distillation.py`.
