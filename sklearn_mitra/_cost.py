"""What predictions will take, before they are made."""

import time

import numpy as np

# Size of the trials that tell the machine's speed: a tenth of a second or so.
_TRIAL_FLOP = 10**10
_TRIAL_NBYTES = 2**26


def estimate_cost(context, n_rows, n_threads, providers):
    """Estimate bytes and seconds by formulas, and a short trial of this machine's speed.

    Parameters
    ----------
    context : Context
        Perhaps not prepared yet. It isn't by this.
    n_rows : int
        Rows to predict.
    n_threads : int
    providers : tuple of str

    Returns
    -------
    cost : dict
        As :meth:`sklearn_mitra.MitraClassifier.estimate_cost` describes it.
    """
    context.find()
    workload = context.workload
    run, flop, byte = _measure_speed(context, n_threads, providers)
    n_chunks = -(-n_rows // context.chunk_rows)
    encode = run + flop * _weigh(workload.encode_flop())
    later = n_chunks * run + flop * _weigh(workload.predict_flop(n_rows))
    if context.is_kept:
        later += n_chunks * byte * workload.context_nbytes
        first = encode + later
    else:
        first = later = later + n_chunks * encode
    return {
        "context_nbytes": context.nbytes,
        "peak_nbytes": _peak_nbytes(context, n_rows),
        "first_seconds": context.n_views * first,
        "later_seconds": context.n_views * later,
    }


def _peak_nbytes(context, n_rows):
    """Memory that predictions add to that of the process, at most about."""
    workload = context.workload
    query = min(n_rows, context.chunk_rows) * workload.query_row_nbytes
    # the weights as they are, and once or twice in the layout of the kernels
    weights = workload.config.n_parameters * (1 if workload.precision == "int8" else 4)
    if context.is_kept:  # onnxruntime's pool of memory grows by doubling
        return 2 * weights + context.nbytes + max(workload.encode_nbytes, 2 * query)
    return 3 * weights + workload.encode_nbytes + query


def _measure_speed(context, n_threads, providers):
    """Seconds of a run as such, of a weighted operation, and of reading a byte from memory."""
    trial = context.with_one_row()
    trial.prepare(n_threads, providers)
    row_flop = _weigh(trial.workload.predict_flop(1))
    n_rows = int(np.clip(_TRIAL_FLOP // row_flop, 2, trial.chunk_rows))
    rows = np.zeros((n_rows, trial.workload.n_features), np.float32)
    one, many = (
        _time(lambda x=x: trial.outputs(x, n_threads, providers)) for x in (rows[:1], rows)
    )
    flop = max(many - one, many / 2) / ((n_rows - 1) * row_flop)  # the half, if they are odd
    memory = np.ones(_TRIAL_NBYTES // 4, np.float32)
    return max(0, one - flop * row_flop), flop, _time(memory.sum) / memory.nbytes


def _weigh(flop):
    """Those of attentions count twice: they take about twice the time."""
    dense, attention = flop
    return dense + 2 * attention


def _time(function):
    """Seconds of a call, the shortest of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
