"""What every benchmark says of where it ran, and how it sums up its runs."""

import platform
import statistics
import subprocess
from importlib.metadata import version
from pathlib import Path

from surehand.processors import cores


def conditions(*packages: str) -> str:
    """Commit, machine, versions and threads, in one line."""
    import torch

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", *packages))
    return (
        f"commit {commit.stdout.strip() or '?'}; {_processor()}, {cores()} cores, "
        f"{torch.get_num_threads()} threads; python {platform.python_version()}, {versions}"
    )


def spread(values: list[float], digits: int = 1) -> str:
    """Median [lowest highest]."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} [{low:,.{digits}f} {high:,.{digits}f}]"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
