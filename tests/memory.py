"""The memory that Python and NumPy allocate."""

import contextlib
import tracemalloc


@contextlib.contextmanager
def traced_memory(most):
    """Assert that no more bytes are allocated at a time meanwhile."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
