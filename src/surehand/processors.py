"""How many processors there are to work with, and how their threads wait."""

import os


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def let_threads_sleep() -> None:
    """Make torch's threads sleep while they wait for each other; to be called before torch is imported.

    Threads that spin make training up to five times slower when another program works on the same processor, and are in
    the way of the threads that make the next batch. OMP_WAIT_POLICY in the environment says otherwise.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
