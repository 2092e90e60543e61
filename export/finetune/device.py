"""What a device can do, and how large a step may be to fit its memory."""

import contextlib

import torch

from sklearn_mitra._network.memory import total_memory

# What a step keeps for the way back, per layer: of every token, in bytes for each number of its
# width, in float32 and in bfloat16; and with the latter, of every pair of tokens that attend to one
# another, in bytes. Measured with widths of 128 and 512: right within 15 %.
_KEPT_PER_TOKEN, _KEPT_PER_TOKEN_HALF, _KEPT_PER_PAIR = 36 * 4, 23 * 4, 4
_SHARE_OF_MEMORY = 0.6
_SMALLEST_SUPPORT = 16


def choose_device(name):
    """A torch.device by its name, "cpu", "cuda" or "auto"; a ValueError if it isn't there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and not torch.cuda.is_available():
        raise ValueError("There is no CUDA device. Pass device='cpu' or 'auto'.")
    return torch.device(name)


def precision(device):
    """A context in which products are of bfloat16, where that is faster."""
    if device.type == "cuda" or has_bfloat16():
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def has_bfloat16():
    """Whether this CPU multiplies matrices of bfloat16 faster than of float32."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def fit_memory(episodes, config, device):
    """Halve the rows of steps until one fits the memory of the machine.

    Parameters
    ----------
    episodes : Episodes
    config : sklearn_mitra._network.config.Config
    device : torch.device
        Of a CUDA device, what fits is found by trying.
    """
    if device.type != "cpu":
        return
    most = _SHARE_OF_MEMORY * total_memory() - 16 * config.n_parameters
    while step_nbytes(episodes, config) > most:
        halve(episodes)


def step_nbytes(episodes, config):
    """Memory that a step of the widest table takes, beside weights and optimizer, float."""
    s, n = episodes.n_support, episodes.n_support + episodes.n_query
    t = episodes.most_columns + 1
    if not has_bfloat16():
        return config.n_layers * _KEPT_PER_TOKEN * config.dim * n * t
    of_pairs = _KEPT_PER_PAIR * config.n_heads * (t * n * s + n * t * t)
    return config.n_layers * (_KEPT_PER_TOKEN_HALF * config.dim * n * t + of_pairs)


def halve(episodes):
    """Have the steps to come half as many rows."""
    if episodes.n_support <= _SMALLEST_SUPPORT:
        raise MemoryError(
            f"A step of {episodes.n_support} support rows doesn't fit the memory. Use a smaller "
            "checkpoint, or a table of fewer columns."
        )
    episodes.n_support //= 2
    episodes.n_query = max(1, episodes.n_query // 2)
