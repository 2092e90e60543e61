"""Functions in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path


def in_child(script, function, *arguments, python=sys.executable):
    """Call a function of a script in a new process.

    Parameters
    ----------
    script, function : str
        Such as "memory" and "predict_rows".
    *arguments : values that JSON has
    python : str
        The interpreter, whose environment may differ from this one.

    Returns
    -------
    result : a value that JSON has
    """
    program = (
        f"import json, sys; from benchmarks import {script}; "
        f"print(json.dumps({script}.{function}(*json.loads(sys.argv[1]))))"
    )
    command = [python, "-c", program, json.dumps(arguments)]
    root = Path(__file__).parents[1]
    result = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)
