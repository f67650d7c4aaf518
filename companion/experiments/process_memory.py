"""What the operating system says about the memory of this process, for experiments and benchmarks (Linux)."""

from __future__ import annotations

import resource
from pathlib import Path


def resident() -> int:
    """The resident size of this process now, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def highest_resident() -> int:
    """The highest resident size that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
