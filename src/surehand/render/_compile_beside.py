"""The first picture on a machine: numba compiles on one core, so a second process takes some of the kernels.

It leaves them in numba's cache, where this one finds them by the time that it needs them, or compiles them itself.
"""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from threading import Lock, Thread

import numpy as np

from surehand.processors import cores

from ._background import PAINTERS, background
from ._factors import draw_factors
from ._hand_rows import COLUMNS, MET_COLUMNS, OCCLUSION, OFFSET, OWNER_COLUMNS
from ._handshapes import default_handshapes
from ._march_kernels import smallest
from ._paint_kernels import edges, paint
from ._picture_kernels import cover_with
from ._skin import tone_albedo

_asked = Lock()


def compile_beside() -> None:
    """Once a process, before the first hand: if `smallest` was not on disk, have another process compile some kernels.

    Where a first picture was broken off after that, one process compiles what is left.
    """
    if not _asked.acquire(blocking=False):
        return
    smallest()
    compiled = sum(smallest.stats.cache_misses.values()) if hasattr(smallest, "stats") else 0
    if compiled and cores() > 1 and sys.executable and not getattr(sys, "frozen", False):
        with suppress(RuntimeError):  # no more threads: this process compiles everything
            Thread(target=_run, args=([sys.executable, "-P", "-c", _COMMAND],), daemon=True).start()


_COMMAND = f"from {__name__} import compile_kernels; compile_kernels()"


def _run(command: list[str]) -> None:
    nothing = subprocess.DEVNULL  # a reader of this process's output must not wait for the other
    with suppress(OSError):
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, check=False)


def compile_kernels() -> None:
    """Compile the kernels that paint hands, of backgrounds and of the camera; last those that few pictures use."""
    from ._render import photograph  # not above: that module is built upon this one

    size = 16
    colour, coverage = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    parts, depth = np.zeros((size, size), np.uint8), np.full((size, size), np.float32(np.inf))
    paint(
        *(np.zeros((1, COLUMNS), np.float32), 100.0, np.zeros(OCCLUSION + 1), np.zeros(OFFSET + 1), 4),
        *(np.empty((0, MET_COLUMNS), np.float32), np.empty((0, OWNER_COLUMNS), np.int32), 0),
        *(colour, coverage, parts, depth),
    )
    factors = draw_factors("A", default_handshapes(), seed=0, index=0, fixed={"motion_blur": 0.0})
    light = background("room", 0, 1.0, 0.01, tone_albedo(1.0), size)
    cover_with(light, colour, coverage, 1.0)
    photograph(light, factors)
    photograph(light, replace(factors, motion_blur=0.05))
    for kind in PAINTERS:
        background(kind, 0, 1.0, 0.01, tone_albedo(1.0), size)
    edges(parts, depth)
