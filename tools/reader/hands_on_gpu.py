"""The hands of `surehand.render`, on an accelerator: one ray a thread, by sources that numba compiles for CUDA.

Skin and cloth are the package's own source, rays those of `ray_kernels`. Differences from the hands that the processor
renders: 2 x 2 rays through every pixel, and no samples but those of a pixel share their light.
"""

import ast
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
from numba import cuda

import surehand.render
from surehand.render._hand_rows import BLEND, COLUMNS, EYE, FOCAL, FOREARM, RADIUS, ROLE, SIZE, TAPER
from surehand.render._march_kernels import _SLEEVE_THICKNESS

TILE = 8
_MOST_CAPSULES = 32


class _SinglePrecision(ast.NodeTransformer):
    """Every float of a source as `np.float32`: one literal of double precision makes doubles of all it meets."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """The constant, wrapped if it is a float."""
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), "float32", ast.Load()), [node], [])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        """The import, but for that of functions which are compiled here."""
        return None if node.module == "surehand.render._paint_kernels" else node


def _compiled_for_cuda() -> ModuleType:
    """`surehand.render._paint_kernels` and `ray_kernels` in one module, as device functions of single precision."""
    module = ModuleType("kernels_for_cuda")
    module.__package__ = "surehand.render"  # what the first of them imports relatively
    paths = Path(surehand.render.__file__).with_name("_paint_kernels.py"), Path(__file__).with_name("ray_kernels.py")
    with patch.object(numba, "njit", lambda **_: cuda.jit(device=True, fastmath=True)):
        for path in paths:
            source = ast.fix_missing_locations(_SinglePrecision().visit(ast.parse(path.read_text(encoding="utf-8"))))
            exec(compile(source, str(path), "exec"), module.__dict__)
    direction = module._direction

    @cuda.jit(device=True, fastmath=True)
    def single_direction(view, column, row):
        # Sums of places and shares of pixels are of double precision.
        return direction(view, np.float32(column), np.float32(row))

    module._direction = single_direction
    return module


kernels: Any = _compiled_for_cuda()
_choose, _direction, _pixel, _ray_gap = kernels._choose, kernels._direction, kernels._pixel, kernels._ray_gap


@cuda.jit(fastmath=True)
def render_hands(rows, sleeves, views, lights, skins, colour, coverage):
    """March and shade a hand in each image; a block of threads is a tile, its third coordinate the image.

    Args:
        rows: capsules float32 (n, 29, COLUMNS).
        sleeves: float32 (n,).
        views, lights, skins: float32 (n, _), vectors as `render_hand` takes them.
        colour: float32 (n, size, size, 3), zeros; linear light times coverage is written to it.
        coverage: float32 (n, size, size), zeros; written to.
    """
    image = cuda.blockIdx.z
    row, column = cuda.blockIdx.y * TILE + cuda.threadIdx.y, cuda.blockIdx.x * TILE + cuda.threadIdx.x
    thread = cuda.threadIdx.y * TILE + cuda.threadIdx.x
    own, view, sleeve = rows[image], views[image], sleeves[image]
    touched = cuda.shared.array(_MOST_CAPSULES, numba.int32)
    depths = cuda.shared.array((_MOST_CAPSULES, 2), numba.float32)
    chosen = cuda.shared.array((_MOST_CAPSULES, COLUMNS), numba.float32)
    capsules = own.shape[0]
    if thread < capsules:
        touched[thread] = _tile_meets(own, thread, sleeve, view, depths)
    cuda.syncthreads()
    count, near, far = 0, np.float32(1e9), np.float32(0.0)
    for c in range(capsules):
        if touched[c]:
            if c == thread:
                _choose(own, c, chosen, count)
            near, far = min(near, depths[c, 0]), max(far, depths[c, 1])
            count += 1
    cuda.syncthreads()
    if count == 0 or row >= colour.shape[1] or column >= colour.shape[2]:
        return
    nearby = cuda.local.array((_MOST_CAPSULES, COLUMNS), numba.float32)
    shared = cuda.local.array(4, numba.float32)
    shared[0] = -1.0
    red, green, blue, covered, _, _ = _pixel(
        own, sleeve, view, lights[image], skins[image], 2, row, column, near, far, chosen, count, nearby, shared
    )
    colour[image, row, column, 0] = red
    colour[image, row, column, 1] = green
    colour[image, row, column, 2] = blue
    coverage[image, row, column] = covered


@cuda.jit(device=True, fastmath=True)
def _tile_meets(rows, c, sleeve, view, depths):
    """Whether rays of this block's tile may meet capsule c, and between which depths."""
    dx, dy, dz = _direction(view, (cuda.blockIdx.x + 0.5) * TILE, (cuda.blockIdx.y + 0.5) * TILE)
    ex, ey, ez = view[EYE], view[EYE + 1], view[EYE + 2]
    margin = np.float32(0.8) * rows[c, BLEND] + np.float32(0.01)
    if rows[c, ROLE] == FOREARM and sleeve < 50.0:
        margin += _SLEEVE_THICKNESS
    gap, depth = _ray_gap(rows, c, ex, ey, ez, dx, dy, dz)
    # Half a tile's diagonal, and a little for rays that do not meet it at right angles.
    spread = 0.8 * TILE / (view[FOCAL] * view[SIZE])
    ax, ay, az = rows[c, 0] - ex, rows[c, 1] - ey, rows[c, 2] - ez
    start = ax * dx + ay * dy + az * dz
    end = start + rows[c, 3] * dx + rows[c, 4] * dy + rows[c, 5] * dz
    first = rows[c, RADIUS] + margin
    last = first + rows[c, TAPER]
    slack = spread * max(start, end)
    depths[c, 0] = max(min(start - first, end - last) - slack, 0.01)
    depths[c, 1] = max(start + first, end + last) + slack
    return gap - margin < spread * max(depth, max(start, end))
