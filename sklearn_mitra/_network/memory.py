"""How much memory there is."""

import os
from collections.abc import Iterator

_UNKNOWN = 8 * 2**30


def total_memory(root: str = "/") -> int:
    """Memory of the machine or container in bytes; 8 GiB where the system doesn't say.

    A container's limit is the smallest of its control group and of all groups around it, in
    version 1 or 2 of control groups.

    Parameters
    ----------
    root : str, default="/"
        Where ``proc`` and ``sys`` are.
    """
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN
    return min([total, *_read_limits(root)])


def _read_limits(root: str) -> Iterator[int]:
    """All limits of control groups that bind this process."""
    for path in _limit_files(root):
        try:
            with open(path, encoding="ascii") as file:
                yield int(file.read())
        except (OSError, ValueError):  # not there, as in containers, or "max"
            continue


def _limit_files(root: str) -> Iterator[str]:
    groups = os.path.join(root, "sys/fs/cgroup")
    try:
        with open(os.path.join(root, "proc/self/cgroup"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    for line in ["0::/", ":memory:/", *lines]:  # a container may see its own group as the root
        _, controllers, group = line.split(":", 2)
        if not controllers:
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = os.path.join(groups, "memory"), "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in group.split("/") if part]
        for depth in range(len(parts) + 1):
            yield os.path.join(top, *parts[:depth], name)
