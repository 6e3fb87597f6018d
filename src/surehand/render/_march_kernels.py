"""The compiled geometry of a hand: where rays meet its surface, and what light reaches those places.

The surface is the zero set of a distance field, that of blended capsules. Rays go through it in packets, and every loop
over a packet is one that the compiler turns into vector instructions: single precision, no branches, and one scratch
array whose slots lie at fixed places, so that it can tell them apart. No `fastmath`: it would let the last bits depend
on the compiler's mood.

All coordinates are in the hand frame (palm widths); rows are those of `_hand_rows`, float32. The disk cache of numba
notices changes only of the file that a kernel stands in.
"""

# Types are inferred by the compiler, by rules that are not those of the checker.
# mypy: disallow-untyped-defs=False, disable-error-code="assignment,call-overload,operator"

import math

import numpy as np
from numba import njit

from surehand.kernels import kernel

from ._hand_rows import (
    AXIS,
    BACK,
    BLEND,
    CENTRE,
    COLUMNS,
    DEPTH,
    DIRECTION,
    EYE,
    FOCAL,
    FOREARM,
    INVERSE,
    KEY,
    LINK,
    LIT,
    NEAREST,
    NORMAL,
    OPEN,
    PART,
    PIXEL,
    PLACE,
    POINT,
    RADIUS,
    REACH,
    RIGHT,
    ROLE,
    ROOT,
    SHARPNESS,
    SIZE,
    SQUARE,
    START,
    TAPER,
    UP,
)

# Pixels a side of a square whose rays, up to 2 x 2 a pixel, go together.
TILE = 8
_PACKET = 4 * TILE * TILE
_CAPSULES = 32
# Loops of the field run to a multiple of this: whole vectors are faster than a rest of single numbers.
_VECTOR = 8

# Rays set out in cones, squares of so many pixels a side, and so many of these along a tile's.
_CONE = 2
_CONES = TILE // _CONE
_CONE_STEPS = 24
_MAX_STEPS = 48
_SHADOW_STEPS = 12
_PROBES = 4
# Two samples of a pixel share shadow and occlusion when they see the same part at about the same depth.
_SHARED_DEPTH = 0.08

# One number of double precision would make doubles of all that it meets.
_0, _1 = np.float32(0.0), np.float32(1.0)
# A plain 0 has a type of its own: kernels that are called with it would be compiled once more for it.
_ZERO = np.int64(0)
_HALF, _QUARTER, _TINY, _FAR = np.float32(0.5), np.float32(0.25), np.float32(1e-9), np.float32(1e9)
# So near the surface rays leap, by at most so many times their distance.
_NEAR, _MOST = np.float32(0.05), np.float32(3.0)
# A leap of less than so many times the distance ends on the surface, if that is not so many tolerances away. So it is
# with the first sample of a ray, of whose slant nothing is known yet.
_STEEP, _SURE = np.float32(1.5), np.float32(4.0)
_SLEEVE_THICKNESS = np.float32(0.055)
_OCCLUSION_REACH = np.float32(0.6)
_OFF_THE_SURFACE = np.float32(0.02)

# Slots of the scratch array, each of `_PACKET` numbers. First those of the field:
_X, _Y, _Z, _DISTANCE = (i * _PACKET for i in range(4))
_PALM, _CHAIN, _NEAREST = (i * _PACKET for i in range(4, 7))
# and of its gradient, and the nearest capsule;
_PALM_X, _PALM_Y, _PALM_Z, _CHAIN_X, _CHAIN_Y, _CHAIN_Z = (i * _PACKET for i in range(7, 13))
_NORMAL_X, _NORMAL_Y, _NORMAL_Z, _CAPSULE, _LEAST = (i * _PACKET for i in range(13, 18))
# of marching rays: their origins, directions, depths, and what each of them is known by;
_FROM_X, _FROM_Y, _FROM_Z, _ALONG_X, _ALONG_Y, _ALONG_Z, _DEPTH, _NUMBER = (i * _PACKET for i in range(18, 26))
# of what is known of all rays, or all lit places, of the packet.
_RAY_X, _RAY_Y, _RAY_Z, _MET = (i * _PACKET for i in range(26, 30))
_AT_X, _AT_Y, _AT_Z, _OUT_X, _OUT_Y, _OUT_Z, _SKY, _SHARE = (i * _PACKET for i in range(30, 38))
# Of marching rays, too: the distance before, and the step since.
_BEFORE, _STEP = (i * _PACKET for i in range(38, 40))
_SCRATCH = 40 * _PACKET

_kernel = kernel(error_model="numpy")
# Only called by kernels: no wrapper for Python has to be compiled.
_inner = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_kernel
def smallest():
    """Compiled in a moment, and kept beside the other kernels: tells whether those of this file are on disk."""


@_inner
def _choose(rows, c, chosen, count):
    """Append row c to the chosen ones."""
    for i in range(COLUMNS):
        chosen[count, i] = rows[c, i]


@_inner
def _choose_all(rows, bits, chosen, which):
    """Choose the rows whose bits are set, and write down their numbers; how many they are."""
    count = _ZERO
    for c in range(rows.shape[0]):
        if (bits >> np.uint32(c)) & np.uint32(1):
            _choose(rows, c, chosen, count)
            which[count] = c
            count += 1
    return count


@_inner
def _axis(rows, c):
    """Start and axis of a capsule, 1 / its squared length, the radius at the start, and what the end's adds to it."""
    inverse = rows[c, INVERSE]
    return (
        *(rows[c, START], rows[c, START + 1], rows[c, START + 2]),
        *(rows[c, AXIS], rows[c, AXIS + 1], rows[c, AXIS + 2]),
        *(inverse * inverse, rows[c, RADIUS], rows[c, TAPER]),
    )


@_inner
def _capsule(axis, x, y, z):
    """Distance to a capsule: to its axis, less the radius there, which changes linearly along the axis."""
    sx, sy, sz, ax, ay, az, inverse, radius, taper = axis
    px, py, pz = x - sx, y - sy, z - sz
    along = min(max((px * ax + py * ay + pz * az) * inverse, _0), _1)
    dx, dy, dz = px - along * ax, py - along * ay, pz - along * az
    return math.sqrt(dx * dx + dy * dy + dz * dz) - radius - along * taper


@_inner
def _capsule_gradient(axis, x, y, z):
    """Distance to a capsule and its gradient."""
    sx, sy, sz, ax, ay, az, inverse, radius, taper = axis
    px, py, pz = x - sx, y - sy, z - sz
    free = (px * ax + py * ay + pz * az) * inverse
    along = min(max(free, _0), _1)
    dx, dy, dz = px - along * ax, py - along * ay, pz - along * az
    length = max(math.sqrt(dx * dx + dy * dy + dz * dz), _TINY)
    # Between its ends a tapered capsule's surface leans along the axis.
    lean = taper * inverse if free == along else _0
    scale = _1 / length
    return length - radius - along * taper, dx * scale - lean * ax, dy * scale - lean * ay, dz * scale - lean * az


@_inner
def _smooth_min(a, b, k):
    """The polynomial smooth minimum (Quilez, 2013): differs from min(a, b) only where they are closer than k."""
    h = max(k - abs(a - b), _0)
    return min(a, b) - h * h * (_QUARTER / k)


@_inner
def _share(a, b, k):
    """The share of b's gradient in that of the smooth minimum of a and b."""
    share = _HALF * max(k - abs(a - b), _0) / k
    return share if a < b else _1 - share


@_inner
def _joins(rows, c):
    """What capsule c grows from and what it becomes part of, as numbers to add to a distance: 0, or far for "not that".

    A capsule of palm or forearm grows from the palm and becomes part of it. The root of a digit grows from the palm and
    begins a chain; a link grows from the chain, if the capsule before it is of the same digit.

    Returns:
        not_from_palm, not_from_chain, not_to_palm, not_to_chain: float32; where a capsule is not to join the chain, it
        begins a new one.
    """
    role = rows[c, ROLE]
    grown = role == LINK and c > 0 and rows[c - 1, PART] == rows[c, PART]
    return (
        _FAR if role == LINK else _0,
        _0 if grown else _FAR,
        _0 if role <= FOREARM else _FAR,
        _FAR if role == ROOT else _0,
    )


@_inner
def _whole(n):
    """A number of rays, rounded up to whole vectors; what the slots hold beyond n is computed with, and not used."""
    return (n + _VECTOR - 1) // _VECTOR * _VECTOR


@_inner
def _distances(rows, count, sleeve_at, s, n):
    """Distances of n points to the surface made of the first `count` rows, never much more than the true ones."""
    n = _whole(n)
    # The compiler does not know that this is zero. It would leave out stores that change nothing, number by number, and
    # the next capsule would have to wait for those.
    nothing = _0 * np.float32(sleeve_at)
    for i in range(n):
        s[_PALM + i] = s[_CHAIN + i] = s[_NEAREST + i] = _FAR
    for c in range(count):
        axis = _axis(rows, c)
        k = rows[c, BLEND]
        not_from_palm, not_from_chain, not_to_palm, not_to_chain = _joins(rows, c)
        not_a_digit = _FAR - not_to_palm
        for i in range(n):
            d = _capsule(axis, s[_X + i], s[_Y + i], s[_Z + i])
            joined = _smooth_min(min(s[_PALM + i] + not_from_palm, s[_CHAIN + i] + not_from_chain), d, k)
            s[_PALM + i] = min(s[_PALM + i] + nothing, joined + not_to_palm)
            s[_CHAIN + i] = min(joined + not_to_chain, d)
            s[_NEAREST + i] = min(s[_NEAREST + i] + nothing, joined + not_a_digit)
    for i in range(n):
        s[_DISTANCE + i] = min(s[_NEAREST + i], s[_PALM + i])
    if sleeve_at < 50.0:
        begin = np.float32(sleeve_at)
        for c in range(count):
            if rows[c, ROLE] == FOREARM:
                axis, inverse = _axis(rows, c), rows[c, INVERSE]
                for i in range(n):
                    x, y, z = s[_X + i], s[_Y + i], s[_Z + i]
                    cut = begin - (x * axis[3] + y * axis[4] + z * axis[5]) * inverse
                    cloth = _capsule(axis, x, y, z) - _SLEEVE_THICKNESS
                    s[_DISTANCE + i] = min(s[_DISTANCE + i], max(cloth, cut))


@_inner
def _sleeve_normals(rows, count, sleeve_at, s, n):
    """The gradients where the sleeve is nearest."""
    begin = np.float32(sleeve_at)
    for c in range(count):
        if rows[c, ROLE] == FOREARM:
            axis, inverse = _axis(rows, c), rows[c, INVERSE]
            for i in range(n):
                x, y, z = s[_X + i], s[_Y + i], s[_Z + i]
                d, gx, gy, gz = _capsule_gradient(axis, x, y, z)
                cloth, cut = d - _SLEEVE_THICKNESS, begin - (x * axis[3] + y * axis[4] + z * axis[5]) * inverse
                if max(cloth, cut) < s[_NEAREST + i]:
                    s[_NEAREST + i] = max(cloth, cut)
                    s[_NORMAL_X + i] = gx if cloth > cut else -axis[3] * inverse
                    s[_NORMAL_Y + i] = gy if cloth > cut else -axis[4] * inverse
                    s[_NORMAL_Z + i] = gz if cloth > cut else -axis[5] * inverse


@_inner
def _ray_gap(axis, ox, oy, oz, dx, dy, dz):
    """Distance between a ray and a capsule (never much more than the true one), and their place on the ray."""
    sx, sy, sz, ax, ay, az, inverse, radius, taper = axis
    wx, wy, wz = ox - sx, oy - sy, oz - sz
    ad = ax * dx + ay * dy + az * dz
    aw = ax * wx + ay * wy + az * wz
    dw = dx * wx + dy * wy + dz * wz
    along = (aw - ad * dw) / max(_1 / inverse - ad * ad, _TINY)
    along = min(max(along, _0), _1)
    depth = max(along * ad - dw, _0)
    along = min(max((aw + depth * ad) * inverse, _0), _1)
    gx, gy, gz = wx + depth * dx - along * ax, wy + depth * dy - along * ay, wz + depth * dz - along * az
    return math.sqrt(gx * gx + gy * gy + gz * gz) - radius - along * taper, depth


@_kernel
def cover(rows, sleeve_at, view, bits, near, far):
    """Find for every tile which capsules its rays may touch, and between which depths.

    Args:
        rows, sleeve_at, view: as `render_hand` takes them.
        bits, near, far: uint32 and float32 (tiles a side, tiles a side): none, infinite and 0; written to.
    """
    size = int(view[SIZE])
    ex, ey, ez = np.float32(view[EYE]), np.float32(view[EYE + 1]), np.float32(view[EYE + 2])
    # How far a tile's corner lies from its middle, at depth 1, and a little for rays that meet it at an angle.
    spread = np.float32(0.8 * TILE / (view[FOCAL] * size))
    for c in range(rows.shape[0]):
        # Where a blend reaches farther than this it lifts the surface by less than 0.003.
        margin = np.float32(0.8) * rows[c, BLEND] + np.float32(0.01)
        if rows[c, ROLE] == FOREARM and sleeve_at < 50.0:
            margin += _SLEEVE_THICKNESS
        first = rows[c, RADIUS] + margin
        last = first + rows[c, TAPER]
        # The capsule's ends as seen from the eye, in the hand frame.
        ax, ay, az = rows[c, START] - ex, rows[c, START + 1] - ey, rows[c, START + 2] - ez
        bx, by, bz = ax + rows[c, AXIS], ay + rows[c, AXIS + 1], az + rows[c, AXIS + 2]
        column0, column1, row0, row1 = _frame(view, ax, ay, az, first, bx, by, bz, last)
        for row in range(row0 // TILE, (row1 + TILE - 1) // TILE):
            for column in range(column0 // TILE, (column1 + TILE - 1) // TILE):
                dx, dy, dz = _direction(view, (column + 0.5) * TILE, (row + 0.5) * TILE)
                gap, depth = _ray_gap(_axis(rows, c), ex, ey, ez, dx, dy, dz)
                start, end = ax * dx + ay * dy + az * dz, bx * dx + by * dy + bz * dz
                # A tile is widest where it is farthest away, be that not the place nearest to its middle ray.
                slack = spread * max(start, end)
                if gap - margin < max(spread * depth, slack):
                    bits[row, column] |= np.uint32(1) << np.uint32(c)
                    entry = min(start - first, end - last) - slack
                    near[row, column] = min(near[row, column], max(entry, np.float32(0.01)))
                    far[row, column] = max(far[row, column], max(start + first, end + last) + slack)


@_inner
def _frame(view, ax, ay, az, first, bx, by, bz, last):
    """The pixels (columns, rows, from and to) that two balls and the hull around them can fall on."""
    size = int(view[SIZE])
    low_u, low_v, high_u, high_v = 1e9, 1e9, -1e9, -1e9
    for end in range(2):
        px, py, pz, reach = (ax, ay, az, first) if end == 0 else (bx, by, bz, last)
        x = px * view[RIGHT] + py * view[RIGHT + 1] + pz * view[RIGHT + 2]
        y = -(px * view[UP] + py * view[UP + 1] + pz * view[UP + 2])
        depth = -(px * view[BACK] + py * view[BACK + 1] + pz * view[BACK + 2])
        close, away = depth - reach, depth + reach
        if close < 0.2:
            return 0, size, 0, size
        low_u = min(low_u, (x - reach) / (close if x < reach else away))
        high_u = max(high_u, (x + reach) / (close if x > -reach else away))
        low_v = min(low_v, (y - reach) / (close if y < reach else away))
        high_v = max(high_v, (y + reach) / (close if y > -reach else away))
    return (
        max(0, math.floor((0.5 + view[FOCAL] * low_u) * size) - 1),
        min(size, math.ceil((0.5 + view[FOCAL] * high_u) * size) + 1),
        max(0, math.floor((0.5 + view[FOCAL] * low_v) * size) - 1),
        min(size, math.ceil((0.5 + view[FOCAL] * high_v) * size) + 1),
    )


@_inner
def _direction(view, column, row):
    """The unit direction, in the hand frame, of the ray through a place in the image (pixels, from the upper left)."""
    u = (column / view[SIZE] - 0.5) / view[FOCAL]
    v = (0.5 - row / view[SIZE]) / view[FOCAL]
    scale = 1.0 / math.sqrt(u * u + v * v + 1.0)
    return (
        np.float32((view[RIGHT] * u + view[UP] * v - view[BACK]) * scale),
        np.float32((view[RIGHT + 1] * u + view[UP + 1] * v - view[BACK + 1]) * scale),
        np.float32((view[RIGHT + 2] * u + view[UP + 2] * v - view[BACK + 2]) * scale),
    )


@_kernel
def march(rows, sleeve_at, view, covered, wanted, samples, block, first, last, met, owners, ends):
    """Send samples x samples rays through each wanted pixel of the tiles from `first` to before `last`.

    Args:
        rows, sleeve_at, view: as `render_hand` takes them.
        covered: what `cover` wrote.
        wanted: bool (size, size).
        samples: 1 or 2.
        block: pixels a side of the squares that may share their light.
        first, last: numbers of tiles, row by row.
        met: float32 (most rays, MET_COLUMNS), written to; in the order of tiles, squares and pixels.
        owners: int32 (most rays, OWNER_COLUMNS), written to.
        ends: int64 (last - first,), written to: how many rays have met the surface up to the end of each tile.
    """
    bits, near, far = covered
    side, size = bits.shape[0], int(view[SIZE])
    chosen, which = np.empty((_CAPSULES, COLUMNS), np.float32), np.empty(_CAPSULES, np.int32)
    pixels, squares = np.empty(_PACKET, np.int32), np.empty(_PACKET, np.int32)
    free = np.empty(_CONES * _CONES, np.float32)
    s = np.zeros(_SCRATCH, np.float32)
    ex, ey, ez = np.float32(view[EYE]), np.float32(view[EYE + 1]), np.float32(view[EYE + 2])
    tolerance, least = np.float32(0.04 / (view[FOCAL] * view[SIZE])), np.float32(0.0008)
    # How far a ray is from the middle one of its cone at depth 1, at most.
    width = np.float32(0.5 * math.sqrt(2.0) * _CONE / (view[FOCAL] * view[SIZE]))
    total = 0
    for tile in range(first, last):
        row, column = tile // side, tile % side
        rays, count = 0, _ZERO
        if bits[row, column] != 0:
            rays = _rays(view, wanted, samples, block, row * TILE, column * TILE, pixels, squares, s)
        if rays > 0:
            count = _choose_all(rows, bits[row, column], chosen, which)
        for single in range(2 if rays > 0 else 0):
            # First the cones go, then the single rays, from where their cones ended.
            if single:
                n = _set_off(size, pixels, free, s, rays)
            else:
                n = _set_off_cones(view, row * TILE, column * TILE, near[row, column], free, s)
            for _ in range(_MAX_STEPS if single else _CONE_STEPS):
                if n == 0:
                    break
                for i in range(n):
                    t = s[_DEPTH + i]
                    s[_X + i] = ex + t * s[_ALONG_X + i]
                    s[_Y + i] = ey + t * s[_ALONG_Y + i]
                    s[_Z + i] = ez + t * s[_ALONG_Z + i]
                _distances(chosen, count, sleeve_at, s, n)
                if single:
                    n = _step(least, tolerance, far[row, column], s, n)
                else:
                    n = _step_cones(width, far[row, column], free, s, n)
        for i in range(rays):
            t = s[_MET + i]
            if t >= _0:
                met[total, DEPTH] = t
                dx, dy, dz = s[_RAY_X + i], s[_RAY_Y + i], s[_RAY_Z + i]
                met[total, DIRECTION], met[total, DIRECTION + 1], met[total, DIRECTION + 2] = dx, dy, dz
                met[total, POINT], met[total, POINT + 1], met[total, POINT + 2] = ex + t * dx, ey + t * dy, ez + t * dz
                owners[total, PIXEL], owners[total, SQUARE] = pixels[i], squares[i]
                total += 1
        ends[tile - first] = total


@_inner
def _set_off_cones(view, top, left, near, free, s):
    """Place a tile's cones at a depth, by their middle rays; how many they are."""
    n = _ZERO
    for i in range(_CONES):
        for j in range(_CONES):
            x, y = left + (j + 0.5) * _CONE, top + (i + 0.5) * _CONE
            s[_ALONG_X + n], s[_ALONG_Y + n], s[_ALONG_Z + n] = _direction(view, x, y)
            s[_DEPTH + n], s[_NUMBER + n], free[n] = near, n, near
            n += 1
    return n


@_inner
def _step_cones(width, far, free, s, n):
    """Move n cones on as far as none of their rays can meet anything, and write that depth to `free`; -1 beyond all.

    Those still on their way, whose number this returns, stand together then. A surface that is farther from the middle
    ray than the others are is met by none (cone marching, as demo scenes know it).
    """
    left = _ZERO
    for i in range(n):
        t, number = s[_DEPTH + i], int(s[_NUMBER + i])
        clear = s[_DISTANCE + i] - width * t
        t += max(clear, _0) / (_1 + width)
        free[number] = t if t <= far else -_1
        if t <= far and clear > width * t:
            s[_DEPTH + left], s[_NUMBER + left] = t, s[_NUMBER + i]
            _move_up(s, left, i)
            left += 1
    return left


@_inner
def _move_up(s, to, place):
    """Give a ray's direction another slot."""
    for axis in (_ALONG_X, _ALONG_Y, _ALONG_Z):
        s[axis + to] = s[axis + place]


@_inner
def _set_off(size, pixels, free, s, rays):
    """Place rays where their cones end, those that may meet anything side by side; how many that are."""
    n = _ZERO
    for i in range(rays):
        s[_MET + i] = -_1
        row, column = pixels[i] // size % TILE, pixels[i] % size % TILE
        t = free[row // _CONE * _CONES + column // _CONE]
        if t >= _0:
            s[_ALONG_X + n], s[_ALONG_Y + n], s[_ALONG_Z + n] = s[_RAY_X + i], s[_RAY_Y + i], s[_RAY_Z + i]
            s[_DEPTH + n], s[_NUMBER + n] = t, i
            s[_BEFORE + n], s[_STEP + n] = _FAR, _0
            n += 1
    return n


@_inner
def _step(least, tolerance, far, s, n):
    """Move n rays on by their distances; those still on their way, whose number this returns, stand together then.

    Near the surface the field is about linear along a ray, so rays leap to where it would be zero (the secant method),
    which is farther for rays that meet the surface at a slant, and backwards for those that went too far. Those that
    recede go as far as they may: what they step over is thin.
    """
    left = _ZERO
    for i in range(n):
        t, d = s[_DEPTH + i], s[_DISTANCE + i]
        slant = max(s[_STEP + i] / max(s[_BEFORE + i] - d, _TINY), _1)
        leap = d * min(slant, _MOST) if d < _NEAR else d
        close = least + tolerance * t
        if abs(d) < (_SURE * close if slant < _STEEP else close):
            s[_MET + int(s[_NUMBER + i])] = t + leap
        elif t + leap <= far:
            s[_DEPTH + left], s[_NUMBER + left] = t + leap, s[_NUMBER + i]
            s[_BEFORE + left], s[_STEP + left] = d, leap
            _move_up(s, left, i)
            left += 1
    return left


@_inner
def _rays(view, wanted, samples, block, top, left, pixels, squares, s):
    """The directions of a tile's rays, and the pixel and square of each; how many there are."""
    size = int(view[SIZE])
    bottom, right = min(top + TILE, size), min(left + TILE, size)
    n = _ZERO
    for square_row in range(top, bottom, block):
        for square_column in range(left, right, block):
            for row in range(square_row, min(square_row + block, bottom)):
                for column in range(square_column, min(square_column + block, right)):
                    if wanted[row, column]:
                        for sample in range(samples * samples):
                            s[_RAY_X + n] = column + (sample % samples + 0.5) / samples
                            s[_RAY_Y + n] = row + (sample // samples + 0.5) / samples
                            pixels[n], squares[n] = row * size + column, square_row * size + square_column
                            n += 1
    _look_through(view, s, n)
    return n


@_inner
def _look_through(view, s, n):
    """The unit directions, in the hand frame, of n rays through places in the image, which stand in their stead."""
    rx, ry, rz = np.float32(view[RIGHT]), np.float32(view[RIGHT + 1]), np.float32(view[RIGHT + 2])
    ux, uy, uz = np.float32(view[UP]), np.float32(view[UP + 1]), np.float32(view[UP + 2])
    bx, by, bz = np.float32(view[BACK]), np.float32(view[BACK + 1]), np.float32(view[BACK + 2])
    middle, pixel = np.float32(0.5 * view[SIZE]), np.float32(1.0 / (view[FOCAL] * view[SIZE]))
    for i in range(_whole(n)):
        u, v = (s[_RAY_X + i] - middle) * pixel, (middle - s[_RAY_Y + i]) * pixel
        scale = _1 / math.sqrt(u * u + v * v + _1)
        s[_RAY_X + i] = (rx * u + ux * v - bx) * scale
        s[_RAY_Y + i] = (ry * u + uy * v - by) * scale
        s[_RAY_Z + i] = (rz * u + uz * v - bz) * scale


@_kernel
def find_normals(rows, sleeve_at, bits, first, met, owners, ends):
    """Write to `met` and `owners` the normals where rays met the surface, the nearest capsules, and who shares light.

    The normals are the unit gradients of `_distances`, whose steps this follows. Samples of one square share their
    light where they see the same part at about the same depth.

    Args:
        rows, sleeve_at: as `render_hand` takes them.
        bits: of `cover`.
        first: number of the first tile.
        met, owners, ends: what `march` wrote of the tiles.
    """
    side = bits.shape[0]
    chosen, which = np.empty((_CAPSULES, COLUMNS), np.float32), np.empty(_CAPSULES, np.int32)
    s = np.zeros(_SCRATCH, np.float32)
    start = _ZERO
    for tile in range(first, first + ends.shape[0]):
        end = ends[tile - first]
        if start == end:
            continue
        count = _choose_all(rows, bits[tile // side, tile % side], chosen, which)
        for h in range(start, end):
            for j in range(3):
                s[_X + j * _PACKET + h - start] = met[h, POINT + j]
        n = _whole(end - start)
        for i in range(n):
            s[_PALM + i] = s[_CHAIN + i] = s[_NEAREST + i] = s[_LEAST + i] = _FAR
            s[_PALM_X + i] = s[_PALM_Y + i] = s[_PALM_Z + i] = s[_CHAIN_X + i] = s[_CHAIN_Y + i] = s[_CHAIN_Z + i] = _0
            s[_NORMAL_X + i] = s[_NORMAL_Y + i] = s[_NORMAL_Z + i] = s[_CAPSULE + i] = _0
        for c in range(count):
            axis, number = _axis(chosen, c), np.float32(c)
            k = chosen[c, BLEND]
            not_from_palm, not_from_chain, not_to_palm, not_to_chain = _joins(chosen, c)
            not_a_digit = _FAR - not_to_palm
            for i in range(n):
                d, gx, gy, gz = _capsule_gradient(axis, s[_X + i], s[_Y + i], s[_Z + i])
                least, capsule = s[_LEAST + i], s[_CAPSULE + i]
                palm, palm_x, palm_y, palm_z = s[_PALM + i], s[_PALM_X + i], s[_PALM_Y + i], s[_PALM_Z + i]
                chain, chain_x, chain_y, chain_z = s[_CHAIN + i], s[_CHAIN_X + i], s[_CHAIN_Y + i], s[_CHAIN_Z + i]
                near, near_x, near_y, near_z = s[_NEAREST + i], s[_NORMAL_X + i], s[_NORMAL_Y + i], s[_NORMAL_Z + i]
                s[_CAPSULE + i] = number if d < least else capsule
                s[_LEAST + i] = min(d, least)

                from_palm = palm + not_from_palm < chain + not_from_chain
                base = min(palm + not_from_palm, chain + not_from_chain)
                jx, jy, jz = (
                    palm_x if from_palm else chain_x,
                    palm_y if from_palm else chain_y,
                    palm_z if from_palm else chain_z,
                )
                joined, share = _smooth_min(base, d, k), _share(base, d, k)
                jx, jy, jz = jx + share * (gx - jx), jy + share * (gy - jy), jz + share * (gz - jz)

                to_palm = joined + not_to_palm < palm
                s[_PALM + i] = joined if to_palm else palm
                s[_PALM_X + i] = jx if to_palm else palm_x
                s[_PALM_Y + i] = jy if to_palm else palm_y
                s[_PALM_Z + i] = jz if to_palm else palm_z
                to_chain = joined + not_to_chain <= d
                s[_CHAIN + i] = joined if to_chain else d
                s[_CHAIN_X + i] = jx if to_chain else gx
                s[_CHAIN_Y + i] = jy if to_chain else gy
                s[_CHAIN_Z + i] = jz if to_chain else gz
                nearer = joined + not_a_digit < near
                s[_NEAREST + i] = joined if nearer else near
                s[_NORMAL_X + i] = jx if nearer else near_x
                s[_NORMAL_Y + i] = jy if nearer else near_y
                s[_NORMAL_Z + i] = jz if nearer else near_z
        for i in range(n):
            palm, palm_x, palm_y, palm_z = s[_PALM + i], s[_PALM_X + i], s[_PALM_Y + i], s[_PALM_Z + i]
            near, near_x, near_y, near_z = s[_NEAREST + i], s[_NORMAL_X + i], s[_NORMAL_Y + i], s[_NORMAL_Z + i]
            s[_NEAREST + i] = min(palm, near)
            s[_NORMAL_X + i] = palm_x if palm < near else near_x
            s[_NORMAL_Y + i] = palm_y if palm < near else near_y
            s[_NORMAL_Z + i] = palm_z if palm < near else near_z
        if sleeve_at < 50.0:
            _sleeve_normals(chosen, count, sleeve_at, s, n)
        for i in range(n):
            x, y, z = s[_NORMAL_X + i], s[_NORMAL_Y + i], s[_NORMAL_Z + i]
            scale = _1 / max(math.sqrt(x * x + y * y + z * z), _TINY)
            s[_NORMAL_X + i], s[_NORMAL_Y + i], s[_NORMAL_Z + i] = x * scale, y * scale, z * scale
        _store_and_share(rows, which, start, end, met, owners, s)
        start = end


@_inner
def _store_and_share(rows, which, start, end, met, owners, s):
    """Write a tile's normals and nearest capsules, and which of its places have whose light."""
    place, square, part, depth = -1, -1, _0, _0
    for h in range(start, end):
        nearest = which[int(s[_CAPSULE + h - start])]
        for j in range(3):
            met[h, NORMAL + j] = s[_NORMAL_X + j * _PACKET + h - start]
        own, t = rows[nearest, PART], met[h, DEPTH]
        if owners[h, SQUARE] != square or own != part or abs(t - depth) > _SHARED_DEPTH:
            square, part, depth = owners[h, SQUARE], own, t
            place += 1
        owners[h, NEAREST], owners[h, PLACE] = nearest, place


@_kernel
def see_sky(rows, sleeve_at, strength, met, owners, ends):
    """Write to `met` how much of the sky each place sees, 0 to 1, once for the samples that share it.

    Distances along the normal fall short where something is near.
    """
    nearby, s = np.empty((_CAPSULES, COLUMNS), np.float32), np.zeros(_SCRATCH, np.float32)
    start = _ZERO
    for tile in range(ends.shape[0]):
        end = ends[tile]
        if start == end:
            continue
        n = _places(start, end, met, owners, s)
        x, y, z, reach = _ball(s, n)
        count = _ZERO
        for c in range(rows.shape[0]):
            if _capsule(_axis(rows, c), x, y, z) < _OCCLUSION_REACH + reach:
                _choose(rows, c, nearby, count)
                count += 1
        weight = np.float32(0.62 * 0.8 * strength)
        for i in range(n):
            s[_SKY + i] = _0
        for probe in range(_PROBES):
            step = np.float32((0.04, 0.11, 0.19, 0.29)[probe])
            for i in range(n):
                s[_X + i] = s[_AT_X + i] + step * s[_OUT_X + i]
                s[_Y + i] = s[_AT_Y + i] + step * s[_OUT_Y + i]
                s[_Z + i] = s[_AT_Z + i] + step * s[_OUT_Z + i]
            _distances(nearby, count, sleeve_at, s, n)
            for i in range(n):
                s[_SKY + i] += weight * max(step - s[_DISTANCE + i], _0) / step
            weight *= np.float32(0.62)
        for h in range(start, end):
            # Flesh closes what the capsules leave open, and some light comes through it.
            met[h, OPEN] = max(np.float32(0.16), _1 - s[_SKY + owners[h, PLACE]])
        start = end


@_kernel
def see_lamp(rows, sleeve_at, light, met, owners, ends):
    """Write to `met` the share of the key light that reaches each place, 0 to 1, with a soft edge (Quilez, 2010)."""
    nearby, s = np.empty((_CAPSULES, COLUMNS), np.float32), np.zeros(_SCRATCH, np.float32)
    lx, ly, lz = np.float32(light[KEY]), np.float32(light[KEY + 1]), np.float32(light[KEY + 2])
    sharpness = np.float32(light[SHARPNESS])
    start = _ZERO
    for tile in range(ends.shape[0]):
        end = ends[tile]
        if start == end:
            continue
        places = _places(start, end, met, owners, s)
        n = _towards_the_lamp(lx, ly, lz, s, places)
        count, last = _between(rows, nearby, _ball(s, places), lx, ly, lz, sharpness)
        for _ in range(_SHADOW_STEPS):
            if n == 0:
                break
            for i in range(n):
                t = s[_DEPTH + i]
                s[_X + i], s[_Y + i], s[_Z + i] = (
                    s[_FROM_X + i] + t * lx,
                    s[_FROM_Y + i] + t * ly,
                    s[_FROM_Z + i] + t * lz,
                )
            _distances(nearby, count, sleeve_at, s, n)
            n = _dim(sharpness, last, s, n)
        for h in range(start, end):
            share = s[_SHARE + owners[h, PLACE]]
            met[h, LIT] = share * share * (np.float32(3.0) - np.float32(2.0) * share)
        start = end


@_kernel
def soften(rows, size, block, met, owners, count):
    """Even out the light in `met`, along rows and then along columns, over about as many pixels as share it.

    What is constant within squares becomes nearly linear between them; else the edges of shadows would be stairs.

    Args:
        rows: as `render_hand` takes them.
        size: of the picture.
        block: as `march` takes it.
        met, owners: what the kernels above wrote of `count` rays.
    """
    top, bottom = size, 0
    for h in range(count):
        row = owners[h, PIXEL] // size
        top, bottom = min(top, row), max(bottom, row + 1)
    # The first ray of every pixel.
    rays = np.full((max(bottom - top, 0), size), -1, np.int32)
    for h in range(count - 1, -1, -1):
        rays[owners[h, PIXEL] // size - top, owners[h, PIXEL] % size] = h
    before = np.empty((count, 2), np.float32)
    for down, right in ((0, 1), (1, 0)):
        for h in range(count):
            before[h, 0], before[h, 1] = met[h, OPEN], met[h, LIT]
        for h in range(count):
            row, column = owners[h, PIXEL] // size - top, owners[h, PIXEL] % size
            sky, lamp, number = before[h, 0], before[h, 1], _1
            for step in range(-(block // 2), block // 2 + 1):
                r, c = row + step * down, column + step * right
                if step == 0 or r < 0 or r >= bottom - top or c < 0 or c >= size or rays[r, c] < 0:
                    continue
                other = rays[r, c]
                alike = rows[owners[other, NEAREST], PART] == rows[owners[h, NEAREST], PART]
                if alike and abs(met[other, DEPTH] - met[h, DEPTH]) <= _SHARED_DEPTH:
                    sky, lamp, number = sky + before[other, 0], lamp + before[other, 1], number + _1
            met[h, OPEN], met[h, LIT] = sky / number, lamp / number


@_inner
def _places(start, end, met, owners, s):
    """Points and normals of the places of a tile whose light is looked for; how many there are."""
    n = 0
    for h in range(start, end):
        if owners[h, PLACE] == n:
            for j in range(3):
                s[_AT_X + j * _PACKET + n] = met[h, POINT + j]
                s[_OUT_X + j * _PACKET + n] = met[h, NORMAL + j]
            n += 1
    return n


@_inner
def _ball(s, n):
    """Middle and radius of a ball around n lit places."""
    low_x, low_y, low_z, high_x, high_y, high_z = _FAR, _FAR, _FAR, -_FAR, -_FAR, -_FAR
    for i in range(n):
        low_x, high_x = min(low_x, s[_AT_X + i]), max(high_x, s[_AT_X + i])
        low_y, high_y = min(low_y, s[_AT_Y + i]), max(high_y, s[_AT_Y + i])
        low_z, high_z = min(low_z, s[_AT_Z + i]), max(high_z, s[_AT_Z + i])
    x, y, z = _HALF * (high_x - low_x), _HALF * (high_y - low_y), _HALF * (high_z - low_z)
    return low_x + x, low_y + y, low_z + z, math.sqrt(x * x + y * y + z * z)


@_inner
def _towards_the_lamp(lx, ly, lz, s, n):
    """Send a ray to the lamp from each of n places that do not look away from it; how many that are."""
    deep, sent = np.float32(-0.3), 0
    for i in range(n):
        nx, ny, nz = s[_OUT_X + i], s[_OUT_Y + i], s[_OUT_Z + i]
        s[_SHARE + i] = _0
        if nx * lx + ny * ly + nz * lz >= deep:
            s[_FROM_X + sent] = s[_AT_X + i] + _OFF_THE_SURFACE * nx
            s[_FROM_Y + sent] = s[_AT_Y + i] + _OFF_THE_SURFACE * ny
            s[_FROM_Z + sent] = s[_AT_Z + i] + _OFF_THE_SURFACE * nz
            s[_NUMBER + sent], s[_DEPTH + sent], s[_MET + sent] = i, np.float32(0.03), _1
            sent += 1
    return sent


@_inner
def _dim(sharpness, last, s, n):
    """Dim n rays by what they pass, and move them on; those still on their way stand together then."""
    dark, least, most = np.float32(0.02), np.float32(0.035), np.float32(0.35)
    left = 0
    for i in range(n):
        t, d, number = s[_DEPTH + i], s[_DISTANCE + i], s[_NUMBER + i]
        share = min(s[_MET + i], sharpness * d / t)
        t += min(max(d, least), most)
        s[_SHARE + int(number)] = share if share >= dark else _0
        if share >= dark and t <= last:
            s[_DEPTH + left], s[_MET + left], s[_NUMBER + left] = t, share, number
            s[_FROM_X + left], s[_FROM_Y + left], s[_FROM_Z + left] = s[_FROM_X + i], s[_FROM_Y + i], s[_FROM_Z + i]
            left += 1
    return left


@_inner
def _between(rows, nearby, ball, lx, ly, lz, sharpness):
    """Choose what may shade the places in a ball; how many capsules that is, and how far away their last one ends.

    A blend lifts the surface above its capsules: with less margin, places would not meet the surface that they lie on.
    """
    x, y, z, reach = ball
    reach += _OFF_THE_SURFACE
    count, last = _ZERO, _0
    for c in range(rows.shape[0]):
        px, py, pz = rows[c, CENTRE] - x, rows[c, CENTRE + 1] - y, rows[c, CENTRE + 2] - z
        along = max(px * lx + py * ly + pz * lz, _0)
        margin = reach + _OFF_THE_SURFACE + np.float32(1.5) * rows[c, BLEND]
        limit = rows[c, REACH] + margin + (along + rows[c, REACH] + reach) / sharpness
        if px * px + py * py + pz * pz - along * along > limit * limit:
            continue
        gap, depth = _ray_gap(_axis(rows, c), x, y, z, lx, ly, lz)
        if gap < (depth + reach) / sharpness + margin:
            _choose(rows, c, nearby, count)
            count += 1
            last = max(last, depth + rows[c, RADIUS] + np.float32(0.1) + reach)
    return count, last
