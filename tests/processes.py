"""Programs in processes of their own, and the memory that these take."""

import subprocess
import sys

# What a first prediction adds to the memory of a process that isn't in files.
_ADDED = """
import sys
import numpy as np
from sklearn_mitra import MitraClassifier
def read():
    return int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0])
n_rows, n_features = map(int, sys.argv[2:])
X = np.random.default_rng(0).normal(size=(n_rows, n_features))
classifier = MitraClassifier(model=sys.argv[1], n_estimators=1, n_jobs=1).fit(X, X[:, 0] > 0)
before = read()
classifier.predict(X[:2])
print(read() - before - classifier.context_nbytes_ // 1024)
"""


def added_memory(*arguments):
    command = [sys.executable, "-c", _ADDED, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout) * 1024
