"""The memory of the machine or container, as control groups limit it."""

import os

import pytest

from sklearn_mitra._network.memory import total_memory

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
GIB = 2**30


@pytest.fixture
def write(tmp_path):
    """A function that writes files of a system, by their paths, and returns its root."""

    def write(files):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        return str(tmp_path)

    return write


SYSTEMS = {
    "no control groups": ({}, None),
    "version 2, no limit": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"},
        None,
    ),
    "version 2, a container's root": ({"sys/fs/cgroup/memory.max": f"{GIB}\n"}, GIB),
    "version 2, the group itself": (
        {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": f"{GIB}\n"},
        GIB,
    ),
    "version 2, a group around it": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/a/memory.max": f"{GIB}\n",
        },
        GIB,
    ),
    "version 1, a container's root": (
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
        },
        GIB,
    ),
    "version 1, nested": (
        {
            "proc/self/cgroup": "5:cpu,memory:/a/b\n0::/a/b\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
        },
        GIB,
    ),
    "a limit beyond the machine": ({"sys/fs/cgroup/memory.max": f"{2**60}\n"}, None),
    "no number": ({"sys/fs/cgroup/memory.max": "much\n"}, None),
}


@pytest.mark.parametrize(("files", "expected"), SYSTEMS.values(), ids=SYSTEMS)
def test_the_smallest_limit_counts(files, expected, write):
    assert total_memory(write(files)) == (expected or MACHINE)


def test_the_memory_of_this_machine():
    assert 0 < total_memory() <= MACHINE
