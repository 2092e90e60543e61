"""How long the command line takes to answer, beside Python itself.

    python -m benchmarks.startup [--quick]

Every command runs in a process of its own, and they take turns. Processor time hardly depends on
what else the machine does, unlike the time that passes. A ratio is a command's time divided by that
of ``python -c pass``.
"""

import os
import statistics
import subprocess
import sys
import time

from ._tools import make_axes, make_parser, parse, plot_steps, print_table, write

_PROGRAM = ["-m", "sklearn_mitra"]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "--help": [*_PROGRAM, "--help"],
    "--version": [*_PROGRAM, "--version"],
    "predict --help": [*_PROGRAM, "predict", "--help"],
    "a wrong argument": [*_PROGRAM, "predict", "--rows"],
    "import of the estimators": ["-c", "from sklearn_mitra import MitraClassifier"],
}


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="processes of each command")
    options = parse(parser)
    if options.quick:
        options.repeats = 1
    runs = {name: [] for name in COMMANDS}
    for _ in range(options.repeats + 1):  # the first round reads files from the disk
        for name, arguments in COMMANDS.items():
            runs[name].append(_time(arguments))
    seconds = {
        kind: {name: statistics.median(run[i] for run in runs[name][1:]) for name in COMMANDS}
        for i, kind in enumerate(("elapsed", "processor"))
    }
    plain = {kind: times["python -c pass"] for kind, times in seconds.items()}
    ratios = {
        name: {kind: seconds[kind][name] / plain[kind] for kind in seconds} for name in COMMANDS
    }
    header = ["", *(f"{kind}, s" for kind in seconds), *(f"{kind}, ratio" for kind in seconds)]
    rows = [
        [name, *(times[name] for times in seconds.values()), *ratios[name].values()]
        for name in COMMANDS
    ]
    print_table("Time of a command", header, rows)
    figure, (panel,) = make_axes(1)
    plot_steps(panel, "The command line", seconds)
    write(options, "startup", {"seconds": seconds, "ratios": ratios}, figure)


def _time(arguments):
    """Seconds that pass, and of the processor, for a process of Python."""
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, *arguments], **quiet) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
