"""The hand one ray at a time, in scalar code: for the accelerator, where a ray is a thread, and for tests.

Tests compare the packets of `surehand.render._march_kernels` against this slow rewrite. Skin, cloth and the light that
they send back are those of `surehand.render._paint_kernels`.
"""

import math

import numpy as np
from numba import njit

from surehand.render._hand_rows import (
    BACK,
    BACKGROUND,
    BLEND,
    CENTRE,
    COLUMNS,
    EYE,
    FOCAL,
    FOREARM,
    FOREARM_PART,
    INVERSE,
    KEY,
    OCCLUSION,
    PART,
    RADIUS,
    REACH,
    RIGHT,
    ROLE,
    ROOT,
    SHARPNESS,
    SIZE,
    TAPER,
    UP,
)
from surehand.render._march_kernels import (
    _MAX_STEPS,
    _MOST,
    _NEAR,
    _OCCLUSION_REACH,
    _OFF_THE_SURFACE,
    _SHADOW_STEPS,
    _SHARED_DEPTH,
    _SLEEVE_THICKNESS,
    _STEEP,
    _SURE,
)
from surehand.render._paint_kernels import _albedo, _shade

_FAR = 1e9

# Without a cache on the disk: it would not notice changes of what is imported.
_compiled = njit(nogil=True, error_model="numpy")


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
    before, moved = 1e9, 0.0
    for _ in range(_MAX_STEPS):
        d = _distance(rows, count, sleeve_at, ex + t * dx, ey + t * dy, ez + t * dz)
        slant = max(moved / max(before - d, 1e-9), 1.0)
        leap = d * min(slant, _MOST) if d < _NEAR else d
        close = 0.0008 + tolerance * t
        t += leap
        if abs(d) < (_SURE * close if slant < _STEEP else close):
            return t
        if t > far:
            return -1.0
        before, moved = d, leap
    return -1.0


@_compiled
def _occlusion(rows, sleeve_at, chosen, x, y, z, nx, ny, nz, strength):
    """How much of the sky a point sees, 0 to 1: distances along its normal fall short where something is near."""
    count = 0
    for c in range(rows.shape[0]):
        px, py, pz = x - rows[c, CENTRE], y - rows[c, CENTRE + 1], z - rows[c, CENTRE + 2]
        limit = rows[c, REACH] + _OCCLUSION_REACH
        if px * px + py * py + pz * pz < limit * limit and _capsule(rows, c, x, y, z) < _OCCLUSION_REACH:
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
    x, y, z = x + _OFF_THE_SURFACE * nx, y + _OFF_THE_SURFACE * ny, z + _OFF_THE_SURFACE * nz
    count = 0
    last = 0.0
    for c in range(rows.shape[0]):
        # Blending lifts the surface out of capsules: a place on it may lie outside all that it belongs to.
        margin = _OFF_THE_SURFACE + 1.5 * rows[c, BLEND]
        px, py, pz = rows[c, CENTRE] - x, rows[c, CENTRE + 1] - y, rows[c, CENTRE + 2] - z
        along = max(px * lx + py * ly + pz * lz, 0.0)
        limit = rows[c, REACH] + margin + (along + rows[c, REACH]) / light[SHARPNESS]
        if px * px + py * py + pz * pz - along * along > limit * limit:
            continue
        gap, depth = _ray_gap(rows, c, x, y, z, lx, ly, lz)
        if gap < depth / light[SHARPNESS] + margin:
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
            albedo = _albedo(chosen, c, sleeve_at, skin, x, y, z, nx, ny, nz)
            r, g, b = _shade(light, albedo, shared[2], shared[3], nx, ny, nz, dx, dy, dz)
            red, green, blue = red + r, green + g, blue + b
            hits += 1
            nearest = min(nearest, t)
            tally += 1 << (4 * part)
    rays = samples * samples
    best, most = BACKGROUND, 0
    if 2 * hits >= rays:
        for part in range(1, FOREARM_PART + 1):
            frequency = (tally >> (4 * part)) & 15
            if frequency > most:
                best, most = part, frequency
    return red / rays, green / rays, blue / rays, hits / rays, nearest, best
