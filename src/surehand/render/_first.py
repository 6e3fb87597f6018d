"""The first picture on a machine: numba compiles on one core, so a second process takes some of the kernels.

It leaves them in numba's cache, where this one finds them by the time that it needs them, or compiles them itself.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Thread

import numpy as np

from surehand.processors import cores

from ._background import PAINTERS, background
from ._factors import draw_factors
from ._hand_rows import COLUMNS, MET_COLUMNS, OCCLUSION, OFFSET, OWNER_COLUMNS
from ._handshapes import default_handshapes
from ._paint_kernels import edges, paint
from ._picture_kernels import cover_with
from ._skin import tone_albedo


@cache
def compile_beside() -> None:
    """Once a process: have another compile what follows the marching of rays, unless the cache has it."""
    folder = paint.stats.cache_path  # None without a place to write to
    known = not folder or any(Path(folder).glob("_paint_kernels.paint-*.nbi"))
    if known or cores() < 2 or not sys.executable or getattr(sys, "frozen", False):
        return
    command = [sys.executable, "-m", __name__]
    Thread(target=subprocess.run, args=(command,), kwargs={"stderr": subprocess.DEVNULL}, daemon=True).start()


def main() -> None:
    """Compile the kernels that paint hands, then those of backgrounds and of the camera."""
    from ._render import photograph  # not above: that module asks this one to compile

    size = 16
    colour, coverage = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    parts, depth = np.zeros((size, size), np.uint8), np.full((size, size), np.float32(np.inf))
    paint(
        *(np.zeros((1, COLUMNS), np.float32), 100.0, np.zeros(OCCLUSION + 1), np.zeros(OFFSET + 1), 4),
        *(np.empty((0, MET_COLUMNS), np.float32), np.empty((0, OWNER_COLUMNS), np.int32), 0),
        *(colour, coverage, parts, depth),
    )
    factors = draw_factors("A", default_handshapes(), seed=0, index=0, fixed={"motion_blur": 0.05})
    for kind in PAINTERS:
        light = background(kind, 0, 1.0, 0.01, tone_albedo(1.0), size)
        cover_with(light, colour, coverage, 1.0)
        photograph(light, factors)
    edges(parts, depth)


if __name__ == "__main__":
    main()
