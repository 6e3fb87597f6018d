"""How many processors there are to work with, and how their threads wait."""

import os


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shorten_spinning() -> None:
    """Make torch's threads soon sleep when they wait for each other; to be called before torch is imported.

    Between the parts of a step they wait some microseconds, for which spinning is best: threads that sleep at once make
    a step of a small network a third slower. Spinning on after the step is in the way of whoever works then: the
    threads that make the next batch, or another program. OMP_WAIT_POLICY or GOMP_SPINCOUNT in the environment win.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
