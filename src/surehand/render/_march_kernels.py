"""The compiled renderer: rays are marched through the distance field of blended capsules, and skin is shaded.

This file is complete in itself: the disk cache of numba notices changes only of the file that a function stands in.
All coordinates are in the hand frame (palm widths); the camera's axes come as rows of `View.rotation`. No `fastmath`:
it would let the last bits depend on the compiler's mood.
"""

# Types are inferred by the compiler.
# mypy: disallow-untyped-defs=False

import math
from typing import NamedTuple

import numpy as np
from numba import njit

# What a capsule is to its neighbours.
PALM, FOREARM, ROOT, LINK = 0, 1, 2, 3
# What a pixel shows.
BACKGROUND, THUMB, LITTLE, PALM_PART, FOREARM_PART = 0, 1, 5, 6, 7

_MAX_STEPS = 48
_FAR = 1e9
_SHADOW_STEPS = 12
_OCCLUSION_REACH = 0.30
# Two samples of a pixel share shadow and occlusion when they see the same part at about the same depth.
_SHARED_DEPTH = 0.08
_SLEEVE_THICKNESS = 0.055


# Columns of a capsule's row; vectors take three. Rows are sorted by role: palm, forearm, then digit by digit.
START = 0  # of the axis
AXIS = 3  # from start to end
INVERSE = 6  # 1 / length of the axis
RADIUS = 7  # at the start
TAPER = 8  # radius at the end less radius at the start
BLEND = 9  # width of the smooth union with what the capsule grows from
ROLE = 10
PART = 11
BONE = 12  # 0 none, 1 first, 2 second, 3 last bone of a digit
CENTRE = 13  # of a ball around the capsule
REACH = 16  # its radius
PALMAR = 17  # unit vector out of the palmar side
ACROSS = 20  # unit vector
COLUMNS = 23

Triple = tuple[float, float, float]


# These are handed to the kernels as vectors: numba's disk cache cannot be read once a class that it names is gone, and
# references to every array of a tuple are counted at every call.
class View(NamedTuple):
    """A pinhole camera that looks along its own -z."""

    right: Triple  # the camera's axes in the hand frame; left-handed for a left hand
    up: Triple
    back: Triple
    eye: Triple  # in the hand frame
    focal: float  # in image widths
    size: int  # pixels


RIGHT, UP, BACK, EYE, FOCAL, SIZE = 0, 3, 6, 9, 12, 13


class Light(NamedTuple):
    """One key light, a sky and a ground, and a weak light at the camera; directions in the hand frame."""

    key: Triple  # unit vector towards the light
    key_colour: Triple
    sky_colour: Triple
    ground_colour: Triple
    up: Triple
    fill: float
    sharpness: float  # of the shadow's edge
    occlusion: float


KEY, KEY_COLOUR, SKY_COLOUR, GROUND_COLOUR, SKYWARD, FILL, SHARPNESS, OCCLUSION = 0, 3, 6, 9, 12, 15, 16, 17


class Skin(NamedTuple):
    """Linear albedos and the strength of fine structure."""

    back: Triple
    palm: Triple
    nail: Triple
    sleeve: Triple
    stripe: Triple
    stripe_frequency: float
    crease: float
    mottle: float
    offset: float  # where in the noise field this person's skin lies


HAND_BACK, HAND_PALM, NAIL, SLEEVE, STRIPE, STRIPE_FREQUENCY, CREASE, MOTTLE, OFFSET = 0, 3, 6, 9, 12, 15, 16, 17, 18


def vector(values: View | Light | Skin) -> np.ndarray:
    """The numbers of a view, a light or a skin side by side, at the places named above."""
    return np.hstack(values).astype(np.float64)


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _choose(rows, c, chosen, count):
    """Append row c to the chosen ones."""
    for i in range(COLUMNS):
        chosen[count, i] = rows[c, i]


@_compiled
def _capsule(rows, c, x, y, z):
    """Distance to capsule c: to its axis, less the radius there, which changes linearly along the axis."""
    px, py, pz = x - rows[c, 0], y - rows[c, 1], z - rows[c, 2]
    ax, ay, az = rows[c, 3], rows[c, 4], rows[c, 5]
    inverse = rows[c, INVERSE]
    along = min(max((px * ax + py * ay + pz * az) * (inverse * inverse), 0.0), 1.0)
    dx, dy, dz = px - along * ax, py - along * ay, pz - along * az
    return math.sqrt(dx * dx + dy * dy + dz * dz) - rows[c, RADIUS] - along * rows[c, TAPER]


@_compiled
def _smooth_min(a, b, k):
    """The polynomial smooth minimum (Quilez, 2013): differs from min(a, b) only where they are closer than k."""
    h = max(k - abs(a - b), 0.0)
    return min(a, b) - h * h / (4.0 * k)


@_compiled
def _distance(rows, count, sleeve_at, x, y, z):
    """Distance to the surface made of the first `count` rows, never much more than the true one."""
    palm = _FAR
    nearest = _FAR
    chain = _FAR
    sleeve = _FAR
    part = -1.0
    for c in range(count):
        d = _capsule(rows, c, x, y, z)
        k = rows[c, BLEND]
        role = rows[c, ROLE]
        if role <= FOREARM:
            palm = _smooth_min(palm, d, k)
            if role == FOREARM and sleeve_at < 50.0:
                reach = (x * rows[c, 3] + y * rows[c, 4] + z * rows[c, 5]) * rows[c, INVERSE]
                sleeve = min(sleeve, max(d - _SLEEVE_THICKNESS, sleeve_at - reach))
        elif role == ROOT:
            chain = d
            nearest = min(nearest, _smooth_min(palm, d, k))
        else:
            chain = _smooth_min(chain, d, k) if rows[c, PART] == part else d
            nearest = min(nearest, chain)
        part = rows[c, PART]
    return min(min(nearest, palm), sleeve)


@_compiled
def _closest_capsule(rows, count, x, y, z):
    """Which of the first rows is nearest to a point."""
    best, best_distance = 0, _FAR
    for c in range(count):
        d = _capsule(rows, c, x, y, z)
        if d < best_distance:
            best, best_distance = c, d
    return best


@_compiled
def _capsule_gradient(rows, c, x, y, z):
    """Distance to capsule c and its gradient."""
    px, py, pz = x - rows[c, 0], y - rows[c, 1], z - rows[c, 2]
    ax, ay, az = rows[c, 3], rows[c, 4], rows[c, 5]
    inverse = rows[c, INVERSE] * rows[c, INVERSE]
    free = (px * ax + py * ay + pz * az) * inverse
    along = min(max(free, 0.0), 1.0)
    dx, dy, dz = px - along * ax, py - along * ay, pz - along * az
    length = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-9)
    # Between its ends a tapered capsule's surface leans along the axis.
    lean = rows[c, TAPER] * inverse if free == along else 0.0
    scale = 1.0 / length
    distance = length - rows[c, RADIUS] - along * rows[c, TAPER]
    return distance, dx * scale - lean * ax, dy * scale - lean * ay, dz * scale - lean * az


@_compiled
def _share(a, b, k):
    """The share of b's gradient in that of the smooth minimum of a and b."""
    share = 0.5 * max(k - abs(a - b), 0.0) / k
    return share if a < b else 1.0 - share


@_compiled
def _normal(rows, count, sleeve_at, x, y, z):
    """The unit gradient of `_distance`, following its steps."""
    palm, palm_x, palm_y, palm_z = _FAR, 0.0, 0.0, 0.0
    near, near_x, near_y, near_z = _FAR, 0.0, 0.0, 1.0
    chain, chain_x, chain_y, chain_z = _FAR, 0.0, 0.0, 0.0
    part = -1.0
    for c in range(count):
        d, gx, gy, gz = _capsule_gradient(rows, c, x, y, z)
        k = rows[c, BLEND]
        role = rows[c, ROLE]
        if role <= FOREARM:
            s = _share(palm, d, k)
            palm = _smooth_min(palm, d, k)
            palm_x, palm_y, palm_z = palm_x + s * (gx - palm_x), palm_y + s * (gy - palm_y), palm_z + s * (gz - palm_z)
            if role == FOREARM and sleeve_at < 50.0:
                inverse = rows[c, INVERSE]
                cut = sleeve_at - (x * rows[c, 3] + y * rows[c, 4] + z * rows[c, 5]) * inverse
                cloth = d - _SLEEVE_THICKNESS
                if max(cloth, cut) < near:
                    near = max(cloth, cut)
                    near_x, near_y, near_z = gx, gy, gz
                    if cut > cloth:
                        near_x, near_y, near_z = -rows[c, 3] * inverse, -rows[c, 4] * inverse, -rows[c, 5] * inverse
        else:
            if role == ROOT:
                chain, chain_x, chain_y, chain_z = d, gx, gy, gz
                joined = _smooth_min(palm, d, k)
                if joined < near:
                    s = _share(palm, d, k)
                    near = joined
                    near_x, near_y, near_z = (
                        palm_x + s * (gx - palm_x),
                        palm_y + s * (gy - palm_y),
                        palm_z + s * (gz - palm_z),
                    )
            else:
                s = _share(chain, d, k) if rows[c, PART] == part else 1.0
                chain = _smooth_min(chain, d, k) if rows[c, PART] == part else d
                chain_x, chain_y, chain_z = (
                    chain_x + s * (gx - chain_x),
                    chain_y + s * (gy - chain_y),
                    chain_z + s * (gz - chain_z),
                )
                if chain < near:
                    near, near_x, near_y, near_z = chain, chain_x, chain_y, chain_z
        part = rows[c, PART]
    if palm < near:
        near_x, near_y, near_z = palm_x, palm_y, palm_z
    scale = 1.0 / max(math.sqrt(near_x * near_x + near_y * near_y + near_z * near_z), 1e-12)
    return near_x * scale, near_y * scale, near_z * scale


@_compiled
def _ray_gap(rows, c, ox, oy, oz, dx, dy, dz):
    """Distance between a ray and capsule c (never much more than the true one), and their place on the ray."""
    wx, wy, wz = ox - rows[c, 0], oy - rows[c, 1], oz - rows[c, 2]
    ax, ay, az = rows[c, 3], rows[c, 4], rows[c, 5]
    inverse = rows[c, INVERSE] * rows[c, INVERSE]
    ad = ax * dx + ay * dy + az * dz
    aw = ax * wx + ay * wy + az * wz
    dw = dx * wx + dy * wy + dz * wz
    along = (aw - ad * dw) / max(1.0 / inverse - ad * ad, 1e-9)
    along = min(max(along, 0.0), 1.0)
    depth = max(along * ad - dw, 0.0)
    along = min(max((aw + depth * ad) * inverse, 0.0), 1.0)
    gx, gy, gz = wx + depth * dx - along * ax, wy + depth * dy - along * ay, wz + depth * dz - along * az
    return math.sqrt(gx * gx + gy * gy + gz * gz) - rows[c, RADIUS] - along * rows[c, TAPER], depth


@_compiled
def _cover(rows, sleeve_at, view):
    """For every pixel, which capsules its rays may touch, and between which depths.

    Returns:
        bits uint32 (size, size), near and far float64 (size, size).
    """
    size = int(view[SIZE])
    bits = np.zeros((size, size), np.uint32)
    near = np.full((size, size), _FAR)
    far = np.zeros((size, size))
    ex, ey, ez = view[EYE], view[EYE + 1], view[EYE + 2]
    for c in range(rows.shape[0]):
        # Where a blend reaches farther than this it lifts the surface by less than 0.003.
        margin = 0.8 * rows[c, BLEND] + 0.01
        if rows[c, ROLE] == FOREARM and sleeve_at < 50.0:
            margin += _SLEEVE_THICKNESS
        first = rows[c, RADIUS] + margin
        last = first + rows[c, TAPER]
        # The capsule's ends as seen from the eye, in the hand frame.
        ax, ay, az = rows[c, 0] - ex, rows[c, 1] - ey, rows[c, 2] - ez
        bx, by, bz = ax + rows[c, 3], ay + rows[c, 4], az + rows[c, 5]
        column0, column1, row0, row1 = _frame(view, ax, ay, az, first, bx, by, bz, last)
        for row in range(row0, row1):
            for column in range(column0, column1):
                dx, dy, dz = _direction(view, column + 0.5, row + 0.5)
                gap, depth = _ray_gap(rows, c, ex, ey, ez, dx, dy, dz)
                if gap - margin < 0.75 * depth / (view[FOCAL] * size):
                    bits[row, column] |= np.uint32(1) << np.uint32(c)
                    start, end = ax * dx + ay * dy + az * dz, bx * dx + by * dy + bz * dz
                    entry = max(
                        min(start - first, end - last), _enter(rows, c, max(first, last), dx, dy, dz, ax, ay, az)
                    )
                    near[row, column] = min(near[row, column], max(entry, 0.01))
                    far[row, column] = max(far[row, column], start + first, end + last)
    return bits, near, far


@_compiled
def _enter(rows, c, radius, dx, dy, dz, ax, ay, az):
    """Where a ray from the eye enters the endless cylinder around capsule c, whose start lies at a from the eye."""
    inverse = rows[c, INVERSE]
    ux, uy, uz = rows[c, 3] * inverse, rows[c, 4] * inverse, rows[c, 5] * inverse
    du = dx * ux + dy * uy + dz * uz
    au = ax * ux + ay * uy + az * uz
    slant = 1.0 - du * du
    if slant < 0.01:
        return 0.0
    middle = (ax * dx + ay * dy + az * dz - au * du) / slant
    gx, gy, gz = ax - au * ux, ay - au * uy, az - au * uz
    gap = gx * gx + gy * gy + gz * gz - middle * middle * slant
    return middle - math.sqrt(max(radius * radius - gap, 0.0) / slant) - 0.01 * radius


@_compiled
def _frame(view, ax, ay, az, first, bx, by, bz, last):
    """The pixels (columns, rows, from and to) that two balls and the hull around them can fall on."""
    size = int(view[SIZE])
    low_u, low_v, high_u, high_v = _FAR, _FAR, -_FAR, -_FAR
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


@_compiled
def _direction(view, column, row):
    """The unit direction, in the hand frame, of the ray through a place in the image (pixels, from the upper left)."""
    u = (column / view[SIZE] - 0.5) / view[FOCAL]
    v = (0.5 - row / view[SIZE]) / view[FOCAL]
    scale = 1.0 / math.sqrt(u * u + v * v + 1.0)
    return (
        (view[RIGHT] * u + view[UP] * v - view[BACK]) * scale,
        (view[RIGHT + 1] * u + view[UP + 1] * v - view[BACK + 1]) * scale,
        (view[RIGHT + 2] * u + view[UP + 2] * v - view[BACK + 2]) * scale,
    )


@_compiled
def _march(rows, count, sleeve_at, view, dx, dy, dz, near, far):
    """Depth of the first surface on a ray from the eye, or -1."""
    ex, ey, ez = view[EYE], view[EYE + 1], view[EYE + 2]
    tolerance = 0.04 / (view[FOCAL] * view[SIZE])
    t = near
    for _ in range(_MAX_STEPS):
        d = _distance(rows, count, sleeve_at, ex + t * dx, ey + t * dy, ez + t * dz)
        if d < 0.0008 + tolerance * t:
            return t
        t += d
        if t > far:
            return -1.0
    return -1.0


@_compiled
def _occlusion(rows, sleeve_at, chosen, x, y, z, nx, ny, nz, strength):
    """How much of the sky a point sees, 0 to 1: distances along its normal fall short where something is near."""
    count = 0
    for c in range(rows.shape[0]):
        px, py, pz = x - rows[c, CENTRE], y - rows[c, CENTRE + 1], z - rows[c, CENTRE + 2]
        limit = rows[c, REACH] + 2.0 * _OCCLUSION_REACH
        if px * px + py * py + pz * pz < limit * limit and _capsule(rows, c, x, y, z) < 2.0 * _OCCLUSION_REACH:
            _choose(rows, c, chosen, count)
            count += 1
    missing = 0.0
    weight = 0.8
    for step in (0.04, 0.11, 0.19, 0.29):
        d = _distance(chosen, count, sleeve_at, x + step * nx, y + step * ny, z + step * nz)
        missing += weight * max(step - d, 0.0) / step
        weight *= 0.62
    # Flesh closes what the capsules leave open, and some light comes through it.
    return max(0.16, 1.0 - 0.62 * strength * missing)


@_compiled
def _lit(rows, sleeve_at, chosen, light, x, y, z, nx, ny, nz):
    """Share of the key light that reaches a point, 0 to 1, with a soft edge (Quilez, 2010)."""
    lx, ly, lz = light[KEY], light[KEY + 1], light[KEY + 2]
    if nx * lx + ny * ly + nz * lz < -0.3:
        return 0.0
    x, y, z = x + 0.02 * nx, y + 0.02 * ny, z + 0.02 * nz
    count = 0
    last = 0.0
    for c in range(rows.shape[0]):
        px, py, pz = rows[c, CENTRE] - x, rows[c, CENTRE + 1] - y, rows[c, CENTRE + 2] - z
        along = max(px * lx + py * ly + pz * lz, 0.0)
        limit = rows[c, REACH] + 0.02 + (along + rows[c, REACH]) / light[SHARPNESS]
        if px * px + py * py + pz * pz - along * along > limit * limit:
            continue
        gap, depth = _ray_gap(rows, c, x, y, z, lx, ly, lz)
        if gap < depth / light[SHARPNESS] + 0.02:
            _choose(rows, c, chosen, count)
            count += 1
            last = max(last, depth + rows[c, RADIUS] + 0.1)
    share = 1.0
    t = 0.03
    for _ in range(_SHADOW_STEPS):
        if t > last:
            break
        d = _distance(chosen, count, sleeve_at, x + t * lx, y + t * ly, z + t * lz)
        share = min(share, light[SHARPNESS] * d / t)
        if share < 0.02:
            return 0.0
        t += min(max(d, 0.035), 0.35)
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


@_compiled
def _hash(i, j, k):
    """A number in [0, 1) for a lattice point."""
    h = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    h = ((h ^ (h >> 15)) * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 374761393) & 0xFFFFFFFF
    return (h ^ (h >> 16)) * 2.3283064365386963e-10


@_compiled
def _noise(x, y, z):
    """Value noise in [0, 1]: smooth interpolation between lattice points."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3.0 - 2.0 * x), y * y * (3.0 - 2.0 * y), z * z * (3.0 - 2.0 * z)
    a = _hash(i, j, k) * (1 - x) + _hash(i + 1, j, k) * x
    b = _hash(i, j + 1, k) * (1 - x) + _hash(i + 1, j + 1, k) * x
    c = _hash(i, j, k + 1) * (1 - x) + _hash(i + 1, j, k + 1) * x
    d = _hash(i, j + 1, k + 1) * (1 - x) + _hash(i + 1, j + 1, k + 1) * x
    return (a * (1 - y) + b * y) * (1 - z) + (c * (1 - y) + d * y) * z


@_compiled
def _ramp(low, high, x):
    """Smooth step from 0 at low to 1 at high."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@_compiled
def _line(distance, width):
    """A groove's profile: 1 in its middle, 0 away from it."""
    t = distance / width
    return math.exp(-t * t) if t * t < 8.0 else 0.0


@_compiled
def _palm_lines(x, y):
    """The three great creases of the palm, and the finger creases at its edge, as depth 0 to 1."""
    depth = 0.0
    if x < 0.30:  # heart line, from the little finger's side up towards the index finger
        depth = max(depth, _line(y - (0.62 + 0.42 * (x + 0.42) ** 2), 0.022))
    if x > -0.32:  # head line
        depth = max(depth, 0.8 * _line(y - (0.60 + 0.05 * x - 0.42 * (x - 0.40) ** 2), 0.020))
    if 0.02 < y < 0.60:  # life line, around the ball of the thumb
        depth = max(depth, _line(x - (0.40 - 1.15 * (0.62 - y) ** 2 - 0.25 * (0.62 - y)), 0.024))
    return depth


@_compiled
def _paint(rows, c, sleeve_at, skin, x, y, z, nx, ny, nz):
    """Albedo (three numbers) of a point on capsule c, and how glossy it is (1 = skin)."""
    part = rows[c, PART]
    bone = rows[c, BONE]
    length = 1.0 / rows[c, INVERSE]
    reach = 0.0
    if part == FOREARM_PART:
        reach = (x * rows[c, 3] + y * rows[c, 4] + z * rows[c, 5]) / length
        if reach > sleeve_at - 0.004:
            return _paint_sleeve(skin, reach, x, y, z)

    facing = nx * rows[c, PALMAR] + ny * rows[c, PALMAR + 1] + nz * rows[c, PALMAR + 2]
    broad = _noise(5.0 * x + skin[OFFSET], 5.0 * y, 5.0 * z) - 0.5
    fine = _noise(17.0 * x, 17.0 * y + skin[OFFSET], 17.0 * z) - 0.5
    red = 4.0 * skin[MOTTLE] * broad
    groove = 0.0
    palm = _ramp(-0.25, 0.55, facing)
    if bone > 0:
        px, py, pz = x - rows[c, 0], y - rows[c, 1], z - rows[c, 2]
        place = (px * rows[c, 3] + py * rows[c, 4] + pz * rows[c, 5]) / length
        if bone == 3:
            red += 0.55 * _ramp(0.3, 1.0, place / length)
            if facing < -0.2:
                across = px * rows[c, ACROSS] + py * rows[c, ACROSS + 1] + pz * rows[c, ACROSS + 2]
                rim, free = _nail(rows[c, RADIUS] + rows[c, TAPER], part == THUMB, place - length, across)
                if rim < 1.0:
                    white = 1.0 + 0.2 * free
                    return skin[NAIL] * white, skin[NAIL + 1] * white, skin[NAIL + 2] * white, 3.5
                groove = 0.5 * max(1.45 - rim, 0.0) / 0.45
        groove = max(groove, _digit_creases(part, bone, place, length, facing))
        red += 0.6 * _ramp(0.1, 0.6, -facing) * _line(place if bone == 1 else place - length, 0.10) * (bone < 3)
    elif part == PALM_PART and nz > 0.1:
        groove = _palm_lines(x, y) * _ramp(0.2, 0.7, nz)
    elif part == FOREARM_PART:
        palm *= 1.0 - 0.65 * _ramp(-0.1, 0.7, reach)
        groove = 0.35 * _ramp(0.2, 0.7, nz) * max(_line(y + 0.02, 0.014), 0.7 * _line(y + 0.10, 0.012))
    shade = (1.0 + skin[MOTTLE] * (broad + 0.7 * fine)) * (1.0 - skin[CREASE] * groove)
    red += 0.8 * groove * skin[CREASE]
    return (
        (skin[HAND_BACK] + palm * (skin[HAND_PALM] - skin[HAND_BACK])) * shade * (1.0 + 0.10 * red),
        (skin[HAND_BACK + 1] + palm * (skin[HAND_PALM + 1] - skin[HAND_BACK + 1])) * shade * (1.0 - 0.07 * red),
        (skin[HAND_BACK + 2] + palm * (skin[HAND_PALM + 2] - skin[HAND_BACK + 2])) * shade * (1.0 - 0.06 * red),
        1.0,
    )


@_compiled
def _paint_sleeve(skin, reach, x, y, z):
    """Cloth with stripes around the arm, a weave and folds."""
    mix = 0.5 + 0.5 * math.sin(skin[STRIPE_FREQUENCY] * reach) if skin[STRIPE_FREQUENCY] > 0.0 else 0.0
    weave = 0.85 + 0.3 * _noise(14.0 * x + skin[OFFSET], 14.0 * y, 14.0 * z)
    fold = weave * (0.75 + 0.5 * _noise(2.5 * x, 2.5 * y + skin[OFFSET], 5.0 * z))
    return (
        (skin[SLEEVE] + mix * (skin[STRIPE] - skin[SLEEVE])) * fold,
        (skin[SLEEVE + 1] + mix * (skin[STRIPE + 1] - skin[SLEEVE + 1])) * fold,
        (skin[SLEEVE + 2] + mix * (skin[STRIPE + 2] - skin[SLEEVE + 2])) * fold,
        0.1,
    )


@_compiled
def _nail(tip_radius, is_thumb, beyond, across):
    """How far out of the nail's middle a place lies (1 = its rim, a superellipse), and how near to its free edge.

    `beyond` and `across` are measured from the end of the last bone's axis.
    """
    half_width = 0.79 * tip_radius
    half_length = half_width * (1.12 if is_thumb else 1.02)
    u = across / half_width
    v = (beyond - 0.20 * tip_radius + 0.15 * half_length) / half_length
    return u**4 + v**4, _ramp(0.72, 0.86, v)


@_compiled
def _digit_creases(part, bone, place, length, facing):
    """Depth of the folds at a digit's joints, 0 to 1: deep on the palmar side, faint wrinkles on the back."""
    inner, outer = _ramp(-0.1, 0.4, facing), 0.35 * _ramp(0.1, 0.6, -facing)
    depth = 0.0
    # From the next joint, towards the base and towards the tip.
    before, after = place, place - length
    if bone > 1:
        depth = max(inner * max(_line(before, 0.014), 0.6 * _line(before - 0.03, 0.010)), outer * _line(before, 0.03))
    if bone < 3:
        fold = max(inner * max(_line(after, 0.014), 0.6 * _line(after + 0.03, 0.010)), outer * _line(after, 0.03))
        depth = max(depth, fold)
    if bone == 1 and part != THUMB:
        depth = max(depth, inner * _line(place - 0.46 * length, 0.014))
    return depth


@_compiled
def render_hand(rows, sleeve_at, view, light, skin, samples, block):
    """March and shade one hand.

    Args:
        rows: its n <= 32 capsules (n, COLUMNS).
        sleeve_at: distance along the forearm at which a sleeve begins; 100 when there is none.
        view, light, skin: vectors of `View`, `Light` and `Skin`.
        samples: rays a pixel and side; 1 sends 2 x 2 rays only where the picture changes.
        block: pixels a side of the squares within which equal parts share their shadow and occlusion.

    Returns:
        colour: float32, linear light times coverage (size, size, 3).
        coverage: float32 (size, size), 0 to 1.
        parts: uint8 (size, size): 0 background, 1 thumb to 5 little finger, 6 palm, 7 forearm; the most frequent one.
        depth: float32 (size, size) of the nearest sample; infinite on background.
    """
    size = int(view[SIZE])
    bits, near, far = _cover(rows, sleeve_at, view)
    colour = np.zeros((size, size, 3), np.float32)
    coverage = np.zeros((size, size), np.float32)
    parts = np.zeros((size, size), np.uint8)
    depth = np.full((size, size), np.float32(np.inf))
    seen = colour, coverage, parts, depth
    touched = bits, near, far
    _render_where(bits != 0, rows, sleeve_at, view, light, skin, samples, block, touched, seen)
    if samples == 1:
        edges = _edges(parts, depth, bits)
        _render_where(edges, rows, sleeve_at, view, light, skin, 2, block, touched, seen)
    return seen


@_compiled
def _render_where(wanted, rows, sleeve_at, view, light, skin, samples, block, touched, seen):
    """Render the wanted pixels, square by square."""
    size = int(view[SIZE])
    colour, coverage, parts, depth = seen
    bits, near, far = touched
    # Capsules that a pixel's rays may touch; capsules that matter to a point's light; light that samples share.
    chosen, nearby, shared = np.empty((32, COLUMNS)), np.empty((32, COLUMNS)), np.empty(4)
    blocks = -(-size // block)
    for number in range(blocks * blocks):
        top, left = number // blocks * block, number % blocks * block
        shared[0] = -1.0
        for row in range(top, min(top + block, size)):
            for column in range(left, min(left + block, size)):
                if wanted[row, column]:
                    count = 0
                    for c in range(rows.shape[0]):
                        if (bits[row, column] >> np.uint32(c)) & np.uint32(1):
                            _choose(rows, c, chosen, count)
                            count += 1
                    red, green, blue, covered, nearest, part = _pixel(
                        *(rows, sleeve_at, view, light, skin, samples, row, column),
                        *(near[row, column], far[row, column], chosen, count, nearby, shared),
                    )
                    colour[row, column, 0], colour[row, column, 1], colour[row, column, 2] = red, green, blue
                    coverage[row, column], depth[row, column], parts[row, column] = covered, nearest, part


@_compiled
def _edges(parts, depth, bits):
    """Where a neighbour shows another part, or the same part at another depth."""
    size = parts.shape[0]
    edges = np.zeros((size, size), np.bool_)
    for row in range(size):
        for column in range(size):
            for step in range(2):
                r, c = row + step, column + 1 - step
                if r < size and c < size and (bits[row, column] | bits[r, c]) != 0:
                    differ = parts[row, column] != parts[r, c]
                    if not differ and parts[row, column] != BACKGROUND:
                        differ = abs(depth[row, column] - depth[r, c]) > _SHARED_DEPTH
                    if differ:
                        edges[row, column] = bits[row, column] != 0
                        edges[r, c] = bits[r, c] != 0
    return edges


@_compiled
def _pixel(rows, sleeve_at, view, light, skin, samples, row, column, near, far, chosen, count, nearby, shared):
    """What samples x samples rays through a pixel meet: red, green, blue, coverage, least depth, most frequent part."""
    red, green, blue = 0.0, 0.0, 0.0
    hits = 0
    nearest = np.inf
    # How many samples show each part, four bits a part.
    tally = 0
    for s in range(samples * samples):
        dx, dy, dz = _direction(view, column + (s % samples + 0.5) / samples, row + (s // samples + 0.5) / samples)
        t = _march(chosen, count, sleeve_at, view, dx, dy, dz, near, far)
        if t >= 0.0:
            x, y, z = view[EYE] + t * dx, view[EYE + 1] + t * dy, view[EYE + 2] + t * dz
            c = _closest_capsule(chosen, count, x, y, z)
            part = int(chosen[c, PART])
            nx, ny, nz = _normal(chosen, count, sleeve_at, x, y, z)
            if part != shared[0] or abs(t - shared[1]) > _SHARED_DEPTH:
                shared[0], shared[1] = part, t
                shared[2] = _occlusion(rows, sleeve_at, nearby, x, y, z, nx, ny, nz, light[OCCLUSION])
                shared[3] = _lit(rows, sleeve_at, nearby, light, x, y, z, nx, ny, nz)
            albedo = _paint(chosen, c, sleeve_at, skin, x, y, z, nx, ny, nz)
            r, g, b = _shade(light, albedo, shared[2], shared[3], nx, ny, nz, dx, dy, dz)
            red, green, blue = red + r, green + g, blue + b
            hits += 1
            nearest = min(nearest, t)
            tally += 1 << (4 * part)
    rays = samples * samples
    best, most = 0, 0
    if 2 * hits >= rays:
        for part in range(1, 8):
            frequency = (tally >> (4 * part)) & 15
            if frequency > most:
                best, most = part, frequency
    return red / rays, green / rays, blue / rays, hits / rays, nearest, best


@_compiled
def _shade(light, albedo, occlusion, lit, nx, ny, nz, dx, dy, dz):
    """Light (red, green, blue) that a surface sends back along a ray."""
    facing_light = nx * light[KEY] + ny * light[KEY + 1] + nz * light[KEY + 2]
    facing_eye = max(-(nx * dx + ny * dy + nz * dz), 0.0)
    hx, hy, hz = light[KEY] - dx, light[KEY + 1] - dy, light[KEY + 2] - dz
    half = (nx * hx + ny * hy + nz * hz) / max(math.sqrt(hx * hx + hy * hy + hz * hz), 1e-9)
    gloss = albedo[3]
    shine = 0.045 * gloss * lit * half**22 if half > 0.0 and facing_light > 0.0 else 0.0
    sky = 0.5 + 0.5 * (nx * light[SKYWARD] + ny * light[SKYWARD + 1] + nz * light[SKYWARD + 2])
    # Light goes farther through skin in red than in blue: it wraps further around, and its shadows begin softer.
    red_lit = math.sqrt(lit) * math.sqrt(math.sqrt(lit))
    return (
        _reflect(light, albedo[0], 0, facing_light, 0.36, red_lit, sky, facing_eye, occlusion, shine),
        _reflect(light, albedo[1], 1, facing_light, 0.22, lit, sky, facing_eye, occlusion, shine),
        _reflect(light, albedo[2], 2, facing_light, 0.18, lit, sky, facing_eye, occlusion, shine),
    )


@_compiled
def _reflect(light, albedo, i, facing_light, wrap, lit, sky, facing_eye, occlusion, shine):
    """Light of one colour channel: wrapped Lambert, sky and ground, a light at the camera, and gloss."""
    albedo = min(max(albedo, 0.0), 0.95)
    diffuse = max((facing_light + wrap) / (1.0 + wrap), 0.0) * lit
    # Light from neighbouring skin fills creases with skin colour (Jimenez et al., SIGGRAPH course, 2016).
    open_sky = occlusion / (1.0 - albedo * (1.0 - occlusion))
    ambient = light[GROUND_COLOUR + i] * (1.0 - sky) + light[SKY_COLOUR + i] * sky + light[FILL] * facing_eye
    return albedo * (light[KEY_COLOUR + i] * diffuse + ambient * open_sky) + light[KEY_COLOUR + i] * shine
