"""
13. A bundle and back
=====================

A fitted estimator becomes one ``.wlrn`` file: support rows, columns, labels, the trees of its
members, and the sha256 of its checkpoint, but not the network's weights. What is in it, how large
is it, and does it predict the same?
"""

import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

import sklearn_mitra
from sklearn_mitra import MitraClassifier

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, random_state=0, stratify=y
)
clf = MitraClassifier(max_support=100).fit(X_train, y_train)

with TemporaryDirectory() as folder:
    path = Path(folder) / "wine.wlrn"
    data = clf.save(path)  # writes the file, and returns its bytes
    again = sklearn_mitra.load(path)
# to the bit
assert np.array_equal(
    again.predict_proba(X_test), clf.predict_proba(X_test)
)
print(again)

# %%
# What is inside
# --------------
# Two JSON texts say what is where. Anybody can read them; ``load`` checks every byte before it
# uses any.

_, version, manifest_size, toc_size = struct.unpack_from("<4sIII", data)
manifest = json.loads(data[16 : 16 + manifest_size])
toc = json.loads(
    data[16 + manifest_size : 16 + manifest_size + toc_size]
)
print(manifest["typeId"], manifest["params"])
sizes = {artifact["id"]: artifact["length"] for artifact in toc}

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh([*sizes], [size / 1000 for size in sizes.values()])
ax.bar_label(bars, fmt="%.1f kB", padding=3)
n_rows = len(clf.X_support_)
title = f"{len(data) / 1000:.1f} kB for {n_rows} support rows"
ax.set(xlabel="kB", title=title)
ax.margins(x=0.15)

# %%
# Training rows are inside
# ------------------------
# ``support_x`` is a matrix of float32, in the clear. Treat a bundle like the table that it was
# made of.

place = {artifact["id"]: artifact["offset"] for artifact in toc}
start = 16 + manifest_size + toc_size + place["support_x"]
support = np.frombuffer(
    data, "<f4", clf.X_support_.size, start
).reshape(clf.X_support_.shape)
assert np.array_equal(support, clf.X_support_)
print(X_train[clf.support_indices_[0]].round(2))
print(support[0].round(2))
