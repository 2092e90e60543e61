"""Messages of the package in words of the command line: options, not Python's arguments."""

import re
from collections.abc import Callable

_OPTIONS = {
    "max_support": "--max-support",
    "n_estimators": "--n-estimators",
    "random_state": "--seed",
    "model": "--model",
    "seconds": "--seconds",
    "n_steps": "--steps",
    "learning_rate": "--lr",
    "validation_fraction": "--validation-fraction",
    "patience": "--patience",
    "directory": "--out",
}
_TASKS = {"Classifier": "classification", "Regressor": "regression"}


def _option(match: re.Match[str]) -> str:
    """The option of the parameter that a pattern's first group names."""
    return _OPTIONS[match[1]]


def _names(*names: str) -> str:
    return f"({'|'.join(names or _OPTIONS)})"


# A value of a table may look like the name of a parameter, so each pattern has the words around it.
_PATTERNS: dict[str, str | Callable[[re.Match[str]], str]] = {
    # parameters that are wrong
    rf"The '{_names()}' parameter of Mitra\w+(?= must)": _option,
    rf"'{_names()}'(?= must )": _option,
    # loading
    r"\b([Pp]ass .*)\bas model\b": r"\1with --model",
    r"\bpass trusted=True\b": "pass --trusted",
    r"\bmodel='mini' works\b": "--model mini works",
    r"Use it with Mitra(\w+), or pass": lambda match: f"Use --task {_TASKS[match[1]]}, or pass",
    # fitting
    r"For classes, use MitraClassifier\.": "For classes, use --task classification.",
    r"\bmax_support=(?=\d+ leaves no place)": "--max-support ",
    r"\b(Raise|a larger) max_support\b": r"\1 --max-support",
    r"Convert (the column|them),? with \.astype\(\w+\)": r"Convert \1 to text",
    r", for example with \.[a-z].*\)(?=\.$)": "",
    r"( before fitting)?, or pickle the estimator instead(?=\.)": "",
    r"\bLeave the column out\b": "Leave it out with --drop",
    r" Use target_transform='none' .* for another transform\.": "",
    # predicting
    r", and verbose=1 shows progress\. To silence this warning, .*LongWaitWarning\.": ".",
    r"(Tune the threshold .* or pass|Pass) class_weight\.": "To choose a threshold, use --proba.",
    # fine-tuning
    r"\bdevice='cpu' or 'auto'": "--device cpu or auto",
    r"\bPass resume=True\b": "Pass --resume",
    r"\bLeave out resume\.": "Leave out --resume.",
    r"\bseconds=(?=\d)": "--seconds ",
    r"\bdirectory='([^']*)'": r"--out \1",
    rf"\b(?:estimator\.)?{_names()}(?= was .* and is )": _option,
    r"\bX was (?=\()": "the table without its target was ",
    r"\by was (?=\()": "the target was ",
}


def reword(message: str) -> str:
    """The message with options of commands instead of arguments of functions."""
    for pattern, words in _PATTERNS.items():
        message = re.sub(pattern, words, message)
    return message
