"""Locks that a process may be forked under."""

import os
import threading


def make_lock() -> threading.Lock:
    """A lock that is free in the child of a fork, and whose owner a fork waits for."""
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
