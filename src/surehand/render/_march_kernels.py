"""The compiled renderer: rays are marched through the distance field of blended capsules, and skin is shaded.

All coordinates are in the hand frame (palm widths); the camera's axes come as rows of `View.rotation`. No `fastmath`:
it would let the last bits depend on the compiler's mood.
"""

# Types are inferred by the compiler.
# mypy: disallow-untyped-defs=False

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from surehand.render._noise_kernels import noise

# What a capsule is to its neighbours (`Shape.roles`); capsules are sorted by role: palm, forearm, then digit by digit.
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


class Shape(NamedTuple):
    """The hand as n <= 32 tapered capsules."""

    start: np.ndarray  # (n, 3)
    axis: np.ndarray  # (n, 3): from start to end
    radius: np.ndarray  # (n, 2): at start and end
    blend: np.ndarray  # (n,): width of the smooth union with what the capsule grows from
    roles: np.ndarray  # int64 (n,)
    parts: np.ndarray  # int64 (n,)
    palmar: np.ndarray  # (n, 3): unit vector out of the palmar side
    across: np.ndarray  # (n, 3)
    bone: np.ndarray  # int64 (n,): 0 none, 1 first, 2 second, 3 last bone of a digit
    sleeve: float  # distance along the forearm at which the sleeve begins; large when there is none


class View(NamedTuple):
    """A pinhole camera that looks along its own -z."""

    rotation: np.ndarray  # (3, 3), hand to camera; improper for a left hand
    eye: np.ndarray  # (3,), in the hand frame
    focal: float  # in image widths
    size: int  # pixels


class Light(NamedTuple):
    """One key light, a sky and a ground, and a weak light at the camera; directions in the hand frame."""

    key: np.ndarray  # (3,) unit vector towards the light
    key_colour: np.ndarray  # (3,)
    sky_colour: np.ndarray  # (3,)
    ground_colour: np.ndarray  # (3,)
    up: np.ndarray  # (3,)
    fill: float
    sharpness: float  # of the shadow's edge
    occlusion: float


class Skin(NamedTuple):
    """Linear albedos and the strength of fine structure."""

    back: np.ndarray  # (3,)
    palm: np.ndarray  # (3,)
    nail: np.ndarray  # (3,)
    sleeve: np.ndarray  # (3,)
    stripe: np.ndarray  # (3,)
    stripe_frequency: float
    crease: float
    mottle: float
    offset: float  # where in the noise field this person's skin lies


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _capsule(shape, c, x, y, z):
    """Distance to capsule c, and the place along its axis, 0 to 1, of the nearest point."""
    px, py, pz = x - shape.start[c, 0], y - shape.start[c, 1], z - shape.start[c, 2]
    ax, ay, az = shape.axis[c, 0], shape.axis[c, 1], shape.axis[c, 2]
    along = (px * ax + py * ay + pz * az) / (ax * ax + ay * ay + az * az)
    along = min(max(along, 0.0), 1.0)
    dx, dy, dz = px - along * ax, py - along * ay, pz - along * az
    first = shape.radius[c, 0]
    return math.sqrt(dx * dx + dy * dy + dz * dz) - first - along * (shape.radius[c, 1] - first), along


@_compiled
def _smooth_min(a, b, k):
    """The polynomial smooth minimum (Quilez, 2013): differs from min(a, b) only where they are closer than k."""
    h = max(k - abs(a - b), 0.0)
    return min(a, b) - h * h / (4.0 * k)


@_compiled
def _distance(shape, active, count, x, y, z):
    """Distance to the surface made of the listed capsules (ascending), never much more than the true one."""
    palm = _FAR
    nearest = _FAR
    chain = _FAR
    sleeve = _FAR
    joined = False
    for i in range(count):
        c = active[i]
        role = shape.roles[c]
        d, _along = _capsule(shape, c, x, y, z)
        k = shape.blend[c]
        if role <= FOREARM:
            palm = _smooth_min(palm, d, k)
            if role == FOREARM and shape.sleeve < 50.0:
                ax, ay, az = shape.axis[c, 0], shape.axis[c, 1], shape.axis[c, 2]
                length = math.sqrt(ax * ax + ay * ay + az * az)
                reach = (x * ax + y * ay + z * az) / length
                sleeve = min(sleeve, max(d - _SLEEVE_THICKNESS, shape.sleeve - reach))
        else:
            if not joined:
                nearest = min(palm, sleeve)
                joined = True
            if role == ROOT:
                chain = d
                nearest = min(nearest, _smooth_min(palm, d, k))
            elif chain < _FAR and shape.parts[c] == shape.parts[active[i - 1]]:
                chain = _smooth_min(chain, d, k)
            else:
                chain = d
            nearest = min(nearest, chain)
    if not joined:
        nearest = min(palm, sleeve)
    return nearest


@_compiled
def _closest_capsule(shape, active, count, x, y, z):
    """The listed capsule nearest to a point, its distance, and the place along its axis."""
    best, best_distance, best_along = 0, _FAR, 0.0
    for i in range(count):
        d, along = _capsule(shape, active[i], x, y, z)
        if d < best_distance:
            best, best_distance, best_along = active[i], d, along
    return best, best_distance, best_along


@_compiled
def _normal(shape, active, count, x, y, z):
    """Gradient of the distance by four samples on a tetrahedron."""
    e = 0.004
    a = _distance(shape, active, count, x + e, y - e, z - e)
    b = _distance(shape, active, count, x - e, y - e, z + e)
    c = _distance(shape, active, count, x - e, y + e, z - e)
    d = _distance(shape, active, count, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    scale = 1.0 / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
    return nx * scale, ny * scale, nz * scale


@_compiled
def _ray_gap(shape, c, ox, oy, oz, dx, dy, dz):
    """Distance between a ray and capsule c (never much more than the true one), and their place on the ray."""
    wx, wy, wz = ox - shape.start[c, 0], oy - shape.start[c, 1], oz - shape.start[c, 2]
    ax, ay, az = shape.axis[c, 0], shape.axis[c, 1], shape.axis[c, 2]
    aa = ax * ax + ay * ay + az * az
    ad = ax * dx + ay * dy + az * dz
    aw = ax * wx + ay * wy + az * wz
    dw = dx * wx + dy * wy + dz * wz
    along = (aw - ad * dw) / max(aa - ad * ad, 1e-9)
    along = min(max(along, 0.0), 1.0)
    depth = max(along * ad - dw, 0.0)
    along = min(max((aw + depth * ad) / aa, 0.0), 1.0)
    gx, gy, gz = wx + depth * dx - along * ax, wy + depth * dy - along * ay, wz + depth * dz - along * az
    first = shape.radius[c, 0]
    return math.sqrt(gx * gx + gy * gy + gz * gz) - first - along * (shape.radius[c, 1] - first), depth


@_compiled
def _cover(shape, view):
    """For every pixel, which capsules its rays may touch, and between which depths.

    Returns:
        bits uint32 (size, size), near and far float64 (size, size).
    """
    size = view.size
    bits = np.zeros((size, size), np.uint32)
    near = np.full((size, size), _FAR)
    far = np.zeros((size, size))
    r = view.rotation
    for c in range(shape.roles.shape[0]):
        # The blend lifts the surface by at most a quarter of its width, and reaches 1.25 widths.
        margin = 1.25 * shape.blend[c] + 0.01
        if shape.roles[c] == FOREARM:
            margin += _SLEEVE_THICKNESS
        low_u, low_v, high_u, high_v = 1e9, 1e9, -1e9, -1e9
        everywhere = False
        for end in range(2):
            px = shape.start[c, 0] + end * shape.axis[c, 0] - view.eye[0]
            py = shape.start[c, 1] + end * shape.axis[c, 1] - view.eye[1]
            pz = shape.start[c, 2] + end * shape.axis[c, 2] - view.eye[2]
            x = r[0, 0] * px + r[0, 1] * py + r[0, 2] * pz
            y = -(r[1, 0] * px + r[1, 1] * py + r[1, 2] * pz)
            depth = -(r[2, 0] * px + r[2, 1] * py + r[2, 2] * pz)
            reach = shape.radius[c, end] + margin
            if depth - reach < 0.2:
                everywhere = True
                break
            close, away = depth - reach, depth + reach
            low_u = min(low_u, (x - reach) / (close if x < reach else away))
            high_u = max(high_u, (x + reach) / (close if x > -reach else away))
            low_v = min(low_v, (y - reach) / (close if y < reach else away))
            high_v = max(high_v, (y + reach) / (close if y > -reach else away))
        column0, column1, row0, row1 = 0, size, 0, size
        if not everywhere:
            column0 = max(0, math.floor((0.5 + view.focal * low_u) * size) - 1)
            column1 = min(size, math.ceil((0.5 + view.focal * high_u) * size) + 1)
            row0 = max(0, math.floor((0.5 + view.focal * low_v) * size) - 1)
            row1 = min(size, math.ceil((0.5 + view.focal * high_v) * size) + 1)
        for row in range(row0, row1):
            for column in range(column0, column1):
                dx, dy, dz = _direction(view, column + 0.5, row + 0.5)
                gap, depth = _ray_gap(shape, c, view.eye[0], view.eye[1], view.eye[2], dx, dy, dz)
                if gap - margin < 0.75 * depth / (view.focal * size):
                    bits[row, column] |= np.uint32(1) << np.uint32(c)
                    for end in range(2):
                        px = shape.start[c, 0] + end * shape.axis[c, 0] - view.eye[0]
                        py = shape.start[c, 1] + end * shape.axis[c, 1] - view.eye[1]
                        pz = shape.start[c, 2] + end * shape.axis[c, 2] - view.eye[2]
                        place = px * dx + py * dy + pz * dz
                        reach = shape.radius[c, end] + margin
                        near[row, column] = min(near[row, column], max(place - reach, 0.01))
                        far[row, column] = max(far[row, column], place + reach)
    return bits, near, far


@_compiled
def _direction(view, column, row):
    """The unit direction, in the hand frame, of the ray through a place in the image (pixels, from the upper left)."""
    u = (column / view.size - 0.5) / view.focal
    v = (0.5 - row / view.size) / view.focal
    scale = 1.0 / math.sqrt(u * u + v * v + 1.0)
    r = view.rotation
    return (
        (r[0, 0] * u + r[1, 0] * v - r[2, 0]) * scale,
        (r[0, 1] * u + r[1, 1] * v - r[2, 1]) * scale,
        (r[0, 2] * u + r[1, 2] * v - r[2, 2]) * scale,
    )


@_compiled
def _march(shape, active, count, view, dx, dy, dz, near, far):
    """Depth of the first surface on a ray from the eye, or -1."""
    ex, ey, ez = view.eye[0], view.eye[1], view.eye[2]
    t = near
    for _ in range(_MAX_STEPS):
        d = _distance(shape, active, count, ex + t * dx, ey + t * dy, ez + t * dz)
        if d < 0.0008 + 0.05 * t / (view.focal * view.size):
            return t
        t += 0.95 * d
        if t > far:
            return -1.0
    return -1.0


@_compiled
def _occlusion(shape, x, y, z, nx, ny, nz, strength):
    """How much of the sky a point sees, 0 to 1: distances along its normal fall short where something is near."""
    active = np.empty(32, np.int64)
    count = 0
    for c in range(shape.roles.shape[0]):
        d, _ = _capsule(shape, c, x, y, z)
        if d < 2.0 * _OCCLUSION_REACH:
            active[count] = c
            count += 1
    missing = 0.0
    weight = 0.8
    for step in (0.04, 0.11, 0.19, 0.29):
        d = _distance(shape, active, count, x + step * nx, y + step * ny, z + step * nz)
        missing += weight * max(step - d, 0.0) / step
        weight *= 0.62
    return max(0.0, 1.0 - 0.62 * strength * missing)


@_compiled
def _lit(shape, light, x, y, z, nx, ny, nz):
    """Share of the key light that reaches a point, 0 to 1, with a soft edge (Quilez, 2010)."""
    lx, ly, lz = light.key[0], light.key[1], light.key[2]
    if nx * lx + ny * ly + nz * lz < -0.3:
        return 0.0
    x, y, z = x + 0.02 * nx, y + 0.02 * ny, z + 0.02 * nz
    active = np.empty(32, np.int64)
    count = 0
    last = 0.0
    for c in range(shape.roles.shape[0]):
        gap, depth = _ray_gap(shape, c, x, y, z, lx, ly, lz)
        if gap < depth / light.sharpness + 0.02:
            active[count] = c
            count += 1
            last = max(last, depth + shape.radius[c, 0] + 0.1)
    if count == 0:
        return 1.0
    share = 1.0
    t = 0.03
    for _ in range(_SHADOW_STEPS):
        d = _distance(shape, active, count, x + t * lx, y + t * ly, z + t * lz)
        share = min(share, light.sharpness * d / t)
        if share < 0.02:
            return 0.0
        t += min(max(d, 0.035), 0.35)
        if t > last:
            break
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


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
def _paint(shape, skin, c, along, x, y, z, nx, ny, nz, out):
    """Albedo (3,) into `out`; returns how glossy the place is (1 = skin)."""
    if shape.parts[c] == FOREARM_PART:
        ax, ay, az = shape.axis[c, 0], shape.axis[c, 1], shape.axis[c, 2]
        length = math.sqrt(ax * ax + ay * ay + az * az)
        reach = (x * ax + y * ay + z * az) / length
        if reach > shape.sleeve - 0.004:
            mix = 0.0
            if skin.stripe_frequency > 0.0:
                mix = 0.5 + 0.5 * math.sin(skin.stripe_frequency * reach)
            weave = 0.85 + 0.3 * noise(14.0 * x + skin.offset, 14.0 * y, 14.0 * z)
            fold = 0.8 + 0.4 * noise(2.5 * x, 2.5 * y + skin.offset, 5.0 * z)
            for i in range(3):
                out[i] = (skin.sleeve[i] * (1.0 - mix) + skin.stripe[i] * mix) * weave * fold
            return 0.1

    facing = nx * shape.palmar[c, 0] + ny * shape.palmar[c, 1] + nz * shape.palmar[c, 2]
    palm = _ramp(-0.25, 0.55, facing)
    if shape.parts[c] == FOREARM_PART:
        palm *= 0.35
    broad = noise(5.0 * x + skin.offset, 5.0 * y, 5.0 * z) - 0.5
    fine = noise(17.0 * x, 17.0 * y + skin.offset, 17.0 * z) - 0.5
    shade = 1.0 + skin.mottle * (broad + 0.7 * fine)
    red = 0.6 * broad * skin.mottle / 0.14
    bone = shape.bone[c]
    groove = 0.0
    gloss = 1.0
    if bone > 0:
        ax, ay, az = shape.axis[c, 0], shape.axis[c, 1], shape.axis[c, 2]
        length = math.sqrt(ax * ax + ay * ay + az * az)
        # Signed distance along the bone, so that creases have the same width on every bone.
        place = ((x - shape.start[c, 0]) * ax + (y - shape.start[c, 1]) * ay + (z - shape.start[c, 2]) * az) / length
        inner, outer = _ramp(-0.1, 0.4, facing), _ramp(0.1, 0.6, -facing)
        if bone > 1:
            groove = max(groove, inner * max(_line(place, 0.016), 0.7 * _line(place + 0.035, 0.012)))
            wrinkles = max(_line(place, 0.012), max(_line(place - 0.035, 0.010), _line(place + 0.035, 0.010)))
            groove = max(groove, 0.5 * outer * wrinkles)
        if bone < 3:
            end = place - length
            groove = max(groove, inner * max(_line(end, 0.016), 0.7 * _line(end + 0.035, 0.012)))
            groove = max(groove, 0.5 * outer * max(_line(end, 0.012), _line(end + 0.035, 0.010)))
            red += 0.7 * outer * _line(end, 0.09)
        if bone == 1 and shape.parts[c] != THUMB:
            groove = max(groove, inner * _line(place - 0.48 * length, 0.016))
            red += 0.6 * outer * _line(place, 0.12)
        if bone == 3:
            red += 0.55 * _ramp(0.3, 1.0, place / length)
            width = 0.79 * shape.radius[c, 1]
            half = 1.02 * width if shape.parts[c] != THUMB else 1.12 * width
            centre = length + 0.20 * shape.radius[c, 1] - 0.15 * half
            v = (place - centre) / half
            u = (
                (x - shape.start[c, 0]) * shape.across[c, 0]
                + (y - shape.start[c, 1]) * shape.across[c, 1]
                + (z - shape.start[c, 2]) * shape.across[c, 2]
            ) / width
            rim = u * u * u * u + v * v * v * v
            if facing < -0.2 and rim < 1.45:
                if rim < 1.0:
                    tip = _ramp(0.72, 0.86, v)
                    for i in range(3):
                        out[i] = skin.nail[i] * (1.0 + 0.25 * tip)
                    return 4.0
                groove = max(groove, 0.55 * (1.45 - rim) / 0.45)
    elif shape.parts[c] == PALM_PART and nz > 0.1:
        groove = _palm_lines(x, y) * _ramp(0.2, 0.7, nz)
    elif shape.parts[c] == FOREARM_PART:
        # Two folds where the wrist bends.
        reach = math.sqrt(x * x + y * y)
        groove = 0.7 * _ramp(0.2, 0.7, nz) * max(_line(y + 0.02, 0.014), 0.7 * _line(y + 0.10, 0.012)) * (reach < 0.5)
    shade *= 1.0 - skin.crease * groove
    for i in range(3):
        tint = (0.10, -0.07, -0.06)[i] * (red + 0.8 * groove * skin.crease)
        out[i] = (skin.back[i] * (1.0 - palm) + skin.palm[i] * palm) * shade * (1.0 + tint)
    return gloss


@_compiled
def render_hand(shape, view, light, skin, samples):
    """March and shade one hand.

    Args:
        shape, view, light, skin: what is seen.
        samples: rays a pixel and side; 1 sends 2 x 2 rays only where the picture changes.

    Returns:
        colour: linear light times coverage (size, size, 3).
        coverage: (size, size), 0 to 1.
        parts: uint8 (size, size): 0 background, 1 thumb to 5 little finger, 6 palm, 7 forearm; the most frequent one.
        depth: (size, size) of the nearest sample; infinite on background.
    """
    size = view.size
    bits, near, far = _cover(shape, view)
    colour = np.zeros((size, size, 3))
    coverage = np.zeros((size, size))
    parts = np.zeros((size, size), np.uint8)
    depth = np.full((size, size), np.inf)
    active = np.empty(32, np.int64)
    scratch = np.empty(3)
    for row in range(size):
        for column in range(size):
            if bits[row, column] != 0:
                _pixel(
                    shape,
                    view,
                    light,
                    skin,
                    samples,
                    row,
                    column,
                    bits[row, column],
                    near[row, column],
                    far[row, column],
                    active,
                    scratch,
                    colour,
                    coverage,
                    parts,
                    depth,
                )
    if samples == 1:
        edges = _edges(parts, depth, bits)
        for row in range(size):
            for column in range(size):
                if edges[row, column]:
                    _pixel(
                        shape,
                        view,
                        light,
                        skin,
                        2,
                        row,
                        column,
                        bits[row, column],
                        near[row, column],
                        far[row, column],
                        active,
                        scratch,
                        colour,
                        coverage,
                        parts,
                        depth,
                    )
    return colour, coverage, parts, depth


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
def _pixel(
    shape, view, light, skin, samples, row, column, mask, near, far, active, scratch, colour, coverage, parts, depth
):
    """Send samples x samples rays through a pixel and write what they meet."""
    count = 0
    for c in range(shape.roles.shape[0]):
        if (mask >> np.uint32(c)) & np.uint32(1):
            active[count] = c
            count += 1
    ex, ey, ez = view.eye[0], view.eye[1], view.eye[2]
    red = green = blue = 0.0
    hits = 0
    nearest = np.inf
    # How many samples show each part, four bits a part: samples * samples <= 15 rays.
    tally = 0
    known_part, known_depth, occlusion, lit = -1, 0.0, 1.0, 1.0
    for s in range(samples * samples):
        dx, dy, dz = _direction(view, column + (s % samples + 0.5) / samples, row + (s // samples + 0.5) / samples)
        t = _march(shape, active, count, view, dx, dy, dz, near, far)
        if t < 0.0:
            continue
        hits += 1
        nearest = min(nearest, t)
        x, y, z = ex + t * dx, ey + t * dy, ez + t * dz
        c, _, along = _closest_capsule(shape, active, count, x, y, z)
        part = shape.parts[c]
        tally += 1 << (4 * part)
        nx, ny, nz = _normal(shape, active, count, x, y, z)
        if part != known_part or abs(t - known_depth) > _SHARED_DEPTH:
            known_part, known_depth = part, t
            occlusion = _occlusion(shape, x, y, z, nx, ny, nz, light.occlusion)
            lit = _lit(shape, light, x, y, z, nx, ny, nz)
        gloss = _paint(shape, skin, c, along, x, y, z, nx, ny, nz, scratch)

        facing_light = nx * light.key[0] + ny * light.key[1] + nz * light.key[2]
        facing_eye = max(-(nx * dx + ny * dy + nz * dz), 0.0)
        hx, hy, hz = light.key[0] - dx, light.key[1] - dy, light.key[2] - dz
        half = (nx * hx + ny * hy + nz * hz) / max(math.sqrt(hx * hx + hy * hy + hz * hz), 1e-9)
        shine = 0.0
        if half > 0.0 and facing_light > 0.0:
            shine = half**22
        shine *= 0.045 * gloss * lit
        sky = 0.5 + 0.5 * (nx * light.up[0] + ny * light.up[1] + nz * light.up[2])
        for i in range(3):
            albedo = min(max(scratch[i], 0.0), 0.95)
            # Light wraps further around skin in red than in blue: it scatters further before it leaves.
            wrap = (0.36, 0.22, 0.18)[i]
            diffuse = max((facing_light + wrap) / (1.0 + wrap), 0.0)
            # Light from neighbouring skin fills creases with skin colour (Jimenez et al., SIGGRAPH course, 2016).
            open_sky = occlusion / (1.0 - albedo * (1.0 - occlusion))
            ambient = (light.ground_colour[i] * (1.0 - sky) + light.sky_colour[i] * sky) * open_sky
            shadow = lit ** (0.75, 1.0, 1.1)[i]
            value = albedo * (light.key_colour[i] * diffuse * shadow + ambient + light.fill * facing_eye * open_sky)
            value += light.key_colour[i] * shine
            if i == 0:
                red += value
            elif i == 1:
                green += value
            else:
                blue += value
    rays = samples * samples
    colour[row, column, 0], colour[row, column, 1], colour[row, column, 2] = red / rays, green / rays, blue / rays
    coverage[row, column] = hits / rays
    depth[row, column] = nearest
    best, most = 0, 0
    if 2 * hits >= rays:
        for part in range(1, 8):
            frequency = (tally >> (4 * part)) & 15
            if frequency > most:
                best, most = part, frequency
    parts[row, column] = best
