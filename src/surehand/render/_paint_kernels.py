"""The compiled looks of a hand: skin with its creases and nails, cloth, and the light they send back.

Coordinates are in the hand frame (palm widths). No `fastmath`: it would let the last bits depend on the compiler's
mood. The disk cache of numba notices changes only of the file that a kernel stands in.
"""

# Types are inferred by the compiler, by rules that are not those of the checker.
# mypy: disallow-untyped-defs=False, disable-error-code="assignment,call-overload,operator"

import math

import numpy as np
from numba import njit

from surehand.kernels import kernel

from ._hand_rows import (
    ACROSS,
    AXIS,
    BACKGROUND,
    BONE,
    CREASE,
    DEPTH,
    DIRECTION,
    FILL,
    FOREARM_PART,
    GROUND_COLOUR,
    HAND_BACK,
    HAND_PALM,
    INVERSE,
    KEY,
    KEY_COLOUR,
    LIT,
    MOTTLE,
    NAIL,
    NEAREST,
    NORMAL,
    OFFSET,
    OPEN,
    PALM_PART,
    PALMAR,
    PART,
    PIXEL,
    POINT,
    RADIUS,
    SKY_COLOUR,
    SKYWARD,
    SLEEVE,
    START,
    STRIPE,
    STRIPE_FREQUENCY,
    TAPER,
    THUMB,
)

# Neighbours that show the same part belong to one surface when their depths differ by no more.
_SAME_SURFACE = 0.08
# Plain 0, 1 and 2 have types of their own: kernels that are called with them would be compiled for each.
_RED, _GREEN, _BLUE = np.int64(0), np.int64(1), np.int64(2)

_kernel = kernel(error_model="numpy")
# Only called by kernels: no wrapper for Python has to be compiled.
_inner = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_kernel
def paint(rows, sleeve_at, light, skin, rays, met, owners, count, colour, coverage, parts, depth):
    """Paint the pixels in which rays met the surface.

    Args:
        rows, sleeve_at, light, skin: as `render_hand` takes them.
        rays: how many were sent through a pixel.
        met, owners: what `march`, `find_normals`, `see_sky` and `see_lamp` wrote of `count` rays.
        colour, coverage, parts, depth: the arrays of `Hand`, written to.
    """
    size = coverage.shape[0]
    h = 0
    while h < count:
        pixel = owners[h, PIXEL]
        red, green, blue, hits, nearest = 0.0, 0.0, 0.0, 0, np.float32(np.inf)
        # How many samples show each part, four bits a part.
        tally = 0
        while h < count and owners[h, PIXEL] == pixel:
            x, y, z = met[h, POINT], met[h, POINT + 1], met[h, POINT + 2]
            nx, ny, nz = met[h, NORMAL], met[h, NORMAL + 1], met[h, NORMAL + 2]
            c = owners[h, NEAREST]
            albedo = _albedo(rows, c, sleeve_at, skin, x, y, z, nx, ny, nz)
            dx, dy, dz = met[h, DIRECTION], met[h, DIRECTION + 1], met[h, DIRECTION + 2]
            r, g, b = _shade(light, albedo, met[h, OPEN], met[h, LIT], nx, ny, nz, dx, dy, dz)
            red, green, blue = red + r, green + g, blue + b
            nearest = min(nearest, met[h, DEPTH])
            tally += 1 << (4 * int(rows[c, PART]))
            hits += 1
            h += 1
        best, most = BACKGROUND, 0
        if 2 * hits >= rays:
            for part in range(1, FOREARM_PART + 1):
                frequency = (tally >> (4 * part)) & 15
                if frequency > most:
                    best, most = part, frequency
        row, column = pixel // size, pixel % size
        colour[row, column, 0], colour[row, column, 1], colour[row, column, 2] = red / rays, green / rays, blue / rays
        coverage[row, column], parts[row, column], depth[row, column] = hits / rays, best, nearest


@_kernel
def edges(parts, depth):
    """Where a neighbour shows another part, or the same part at another depth; bool (size, size)."""
    size = parts.shape[0]
    found = np.zeros((size, size), np.bool_)
    for row in range(size):
        for column in range(size):
            for step in range(2):
                r, c = row + step, column + 1 - step
                if r < size and c < size:
                    differ = parts[row, column] != parts[r, c]
                    if not differ and parts[row, column] != BACKGROUND:
                        differ = abs(depth[row, column] - depth[r, c]) > _SAME_SURFACE
                    if differ:
                        found[row, column] = found[r, c] = True
    return found


@_inner
def _hash(i, j, k):
    """A number in [0, 1) for a lattice point."""
    h = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    h = ((h ^ (h >> 15)) * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 374761393) & 0xFFFFFFFF
    return (h ^ (h >> 16)) * 2.3283064365386963e-10


@_inner
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


@_inner
def _ramp(low, high, x):
    """Smooth step from 0 at low to 1 at high."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@_inner
def _line(distance, width):
    """A groove's profile: 1 in its middle, 0 away from it."""
    t = distance / width
    return math.exp(-t * t) if t * t < 8.0 else 0.0


@_inner
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


@_inner
def _albedo(rows, c, sleeve_at, skin, x, y, z, nx, ny, nz):
    """Albedo (three numbers) of a point on capsule c, and how glossy it is (1 = skin)."""
    part = rows[c, PART]
    bone = rows[c, BONE]
    length = 1.0 / rows[c, INVERSE]
    reach = 0.0
    if part == FOREARM_PART:
        reach = (x * rows[c, AXIS] + y * rows[c, AXIS + 1] + z * rows[c, AXIS + 2]) / length
        if reach > sleeve_at - 0.004:
            return _sleeve_albedo(skin, reach, x, y, z)

    facing = nx * rows[c, PALMAR] + ny * rows[c, PALMAR + 1] + nz * rows[c, PALMAR + 2]
    broad = _noise(5.0 * x + skin[OFFSET], 5.0 * y, 5.0 * z) - 0.5
    fine = _noise(17.0 * x, 17.0 * y + skin[OFFSET], 17.0 * z) - 0.5
    red = 4.0 * skin[MOTTLE] * broad
    groove = 0.0
    palm = _ramp(-0.25, 0.55, facing)
    if bone > 0:
        px, py, pz = x - rows[c, START], y - rows[c, START + 1], z - rows[c, START + 2]
        place = (px * rows[c, AXIS] + py * rows[c, AXIS + 1] + pz * rows[c, AXIS + 2]) / length
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


@_inner
def _sleeve_albedo(skin, reach, x, y, z):
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


@_inner
def _nail(tip_radius, is_thumb, beyond, across):
    """How far out of the nail's middle a place lies (1 = its rim, a superellipse), and how near to its free edge.

    `beyond` and `across` are measured from the end of the last bone's axis.
    """
    half_width = 0.79 * tip_radius
    half_length = half_width * (1.12 if is_thumb else 1.02)
    u = across / half_width
    v = (beyond - 0.20 * tip_radius + 0.15 * half_length) / half_length
    return u**4 + v**4, _ramp(0.72, 0.86, v)


@_inner
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


@_inner
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
        _reflect(light, albedo[0], _RED, facing_light, 0.36, red_lit, sky, facing_eye, occlusion, shine),
        _reflect(light, albedo[1], _GREEN, facing_light, 0.22, lit, sky, facing_eye, occlusion, shine),
        _reflect(light, albedo[2], _BLUE, facing_light, 0.18, lit, sky, facing_eye, occlusion, shine),
    )


@_inner
def _reflect(light, albedo, i, facing_light, wrap, lit, sky, facing_eye, occlusion, shine):
    """Light of one colour channel: wrapped Lambert, sky and ground, a light at the camera, and gloss."""
    albedo = min(max(albedo, 0.0), 0.95)
    diffuse = max((facing_light + wrap) / (1.0 + wrap), 0.0) * lit
    # Light from neighbouring skin fills creases with skin colour (Jimenez et al., SIGGRAPH course, 2016).
    open_sky = occlusion / (1.0 - albedo * (1.0 - occlusion))
    ambient = light[GROUND_COLOUR + i] * (1.0 - sky) + light[SKY_COLOUR + i] * sky + light[FILL] * facing_eye
    return albedo * (light[KEY_COLOUR + i] * diffuse + ambient * open_sky) + light[KEY_COLOUR + i] * shine
