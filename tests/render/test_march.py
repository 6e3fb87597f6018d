"""The distance field and the rays against slow rewrites."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

from surehand.render import _hand
from surehand.render import _hand_rows as columns
from surehand.render import _march_kernels as kernels
from surehand.render._factors import draw_factors
from surehand.render._hand import render_hand
from surehand.render._hand_rows import FOREARM, LINK, PALM, ROOT, Light, Skin, View, vector
from surehand.render._handshapes import default_handshapes
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of

SHAPES = default_handshapes()
PLACE = st.floats(-1.0, 1.0)
POINT = st.tuples(PLACE, PLACE, PLACE)
# Far along z, in a white room.
LAMP = vector(Light((0, 0, 1), *[(1, 1, 1)] * 3, (0, 1, 0), 0.0, 8.0, 1.0))
# A number of points that fills no whole vectors.
POINTS = 203


def row(start, end, first, last, role=PALM, blend=1e-6, part=6):
    start, end = np.array(start, float), np.array(end, float)
    length = np.linalg.norm(end - start)
    values = np.zeros(columns.COLUMNS)
    values[columns.START : columns.START + 3] = start
    values[columns.AXIS : columns.AXIS + 3] = end - start
    values[columns.INVERSE], values[columns.RADIUS], values[columns.TAPER] = 1 / length, first, last - first
    values[columns.BLEND], values[columns.ROLE], values[columns.PART] = blend, role, part
    values[columns.CENTRE : columns.CENTRE + 3] = (start + end) / 2
    values[columns.REACH] = length / 2 + max(first, last)
    values[columns.PALMAR : columns.PALMAR + 3], values[columns.ACROSS : columns.ACROSS + 3] = (0, 0, 1), (1, 0, 0)
    return values


def scene(name="K", index=1, size=48, **fixed):
    factors = draw_factors(name, SHAPES, seed=3, index=index, fixed=fixed)
    return scene_of(name, factors, SHAPES, size), factors


def points_around(seed):
    return np.random.default_rng(seed).uniform((-0.8, -1.5, -0.6), (0.8, 1.8, 0.8), (POINTS, 3)).astype(np.float32)


def points_between(rows, count, seed):
    """Points half-way between two capsules, where they blend if any do."""
    random = np.random.default_rng(seed)
    pair = rows[random.integers(0, len(rows), (2, count))]
    on_axis = pair[..., :3] + random.random((2, count, 1), np.float32) * pair[..., 3:6]
    return on_axis.mean(axis=0)


def capsule(values, point):
    start, axis = values[:3], values[3:6]
    along = np.clip((point - start) @ axis / (axis @ axis), 0, 1)
    nearest = np.linalg.norm(point - start - along * axis)
    return nearest - values[columns.RADIUS] - along * values[columns.TAPER]


def field(rows, sleeve, point):
    """`_distances`, written from the description of who blends with whom."""

    def smooth(a, b, k):
        h = max(k - abs(a - b), 0.0)
        return min(a, b) - h * h / (4 * k)

    body, best, chain, part = math.inf, math.inf, math.inf, None
    for values in rows:
        d, k, role = capsule(values, point), values[columns.BLEND], values[columns.ROLE]
        if role in (PALM, FOREARM):
            body = d if body == math.inf else smooth(body, d, k)
            if role == FOREARM and sleeve < 50:
                reach = point @ values[3:6] / np.linalg.norm(values[3:6])
                best = min(best, max(d - 0.055, sleeve - reach))
        elif role == ROOT:
            chain, best = d, min(best, d, smooth(body, d, k))
        else:
            chain = smooth(chain, d, k) if values[columns.PART] == part else d
            best = min(best, chain)
        part = values[columns.PART]
    return min(best, body)


# What only kernels call, as functions of Python.
@njit
def capsule_distance(rows, x, y, z):
    return kernels._capsule(kernels._axis(rows, 0), x, y, z)


@njit
def ray_gap(rows, ox, oy, oz, dx, dy, dz):
    return kernels._ray_gap(kernels._axis(rows, 0), ox, oy, oz, dx, dy, dz)


@njit
def distances(rows, sleeve, points):
    """Of at most a packet of points."""
    n = len(points)
    s = np.zeros(kernels._SCRATCH, np.float32)
    s[kernels._X : kernels._X + n] = points[:, 0]
    s[kernels._Y : kernels._Y + n] = points[:, 1]
    s[kernels._Z : kernels._Z + n] = points[:, 2]
    kernels._distances(rows, len(rows), sleeve, s, n)
    return s[kernels._DISTANCE : kernels._DISTANCE + n].copy()


def blank_places(points):
    """What `march` writes of points in squares of their own."""
    met, owners = (
        np.zeros((len(points), columns.MET_COLUMNS), np.float32),
        np.zeros((len(points), columns.OWNER_COLUMNS), np.int32),
    )
    met[:, columns.POINT : columns.POINT + 3] = points
    owners[:, columns.PIXEL] = owners[:, columns.SQUARE] = np.arange(len(points))
    return met, owners


def at_points(rows, sleeve, points):
    """Distances of at most a packet of points, normals, and nearest capsules."""
    met, owners = blank_places(points)
    all_rows = np.full((1, 1), 2 ** len(rows) - 1, np.uint32)
    kernels.find_normals(rows, sleeve, all_rows, 0, met, owners, np.array([len(points)]))
    normals = met[:, columns.NORMAL : columns.NORMAL + 3]
    return distances(rows, sleeve, points), normals, owners[:, columns.NEAREST]


@njit
def places_shared(rows, which, met, owners, capsules):
    s = np.zeros(kernels._SCRATCH, np.float32)
    s[kernels._CAPSULE : kernels._CAPSULE + len(capsules)] = capsules
    kernels._store_and_share(rows, which, 0, len(met), met, owners, s)


def light_up(rows, met, owners, ends):
    kernels.see_sky(rows, 100.0, 1.0, met, owners, ends)
    kernels.see_lamp(rows, 100.0, LAMP, met, owners, ends)


def single(*values):
    return [np.float32(value) for value in values]


@settings(deadline=None)  # the first call compiles
@given(a=POINT, b=POINT, first=st.floats(0.05, 0.4), last=st.floats(0.05, 0.4), point=POINT)
def test_capsule_distance_is_the_least_distance_to_the_balls_along_its_axis(a, b, first, last, point):
    a, b, point = np.array(a), np.array(b), np.array(point)
    # The radius is that at the nearest point of the axis: exact without taper, near where the taper is gentle.
    if np.linalg.norm(b - a) < 0.1 or abs(first - last) > 0.1 * np.linalg.norm(b - a):
        return
    along = np.linspace(0, 1, 4001)[:, None]
    balls = np.linalg.norm(point - (a + along * (b - a)), axis=1) - (first + along[:, 0] * (last - first))
    ours = capsule_distance(row(a, b, first, last)[None].astype(np.float32), *single(*point))
    assert ours == pytest.approx(balls.min(), abs=0.02)
    assert ours >= balls.min() - 1e-3
    if first == last:
        assert ours == pytest.approx(balls.min(), abs=1e-3)


@pytest.mark.parametrize("sleeve", [0.6, 100.0])
def test_the_field_of_a_hand_is_the_slow_rewrite(sleeve):
    rows, points = scene()[0].capsules.astype(np.float32), points_around(0)
    expected = [field(rows.astype(float), sleeve, point) for point in points.astype(float)]
    assert_allclose(at_points(rows, sleeve, points)[0], expected, atol=2e-6)


@settings(max_examples=40, deadline=None)
@given(kept=st.lists(st.booleans(), min_size=29, max_size=29).filter(any), sleeve=st.sampled_from([0.6, 100.0]))
def test_a_digit_without_the_capsule_before_it_begins_anew(kept, sleeve):
    """A tile knows some capsules only: those that its rays may touch."""
    rows = scene("A")[0].capsules[kept].astype(np.float32)
    points = points_between(rows, 50, seed=1)
    expected = [field(rows.astype(float), sleeve, point) for point in points.astype(float)]
    assert_allclose(at_points(rows, sleeve, points)[0], expected, atol=2e-6)


@pytest.mark.parametrize("sleeve", [0.6, 100.0])
@pytest.mark.parametrize("left_out", [[], [15, 17, 21], range(15)], ids=["whole", "some", "digits alone"])
def test_the_normal_is_the_gradient_of_the_field(left_out, sleeve):
    rows, step = np.delete(scene("B")[0].capsules, list(left_out), axis=0).astype(np.float32), 1e-5
    points, errors = np.concatenate([points_around(2)[:200], points_between(rows, 56, seed=2)]), []
    slow = rows.astype(float)
    for point, ours in zip(points.astype(float), at_points(rows, sleeve, points)[1], strict=True):
        ahead, behind = ([field(slow, sleeve, point + side * axis) for axis in np.eye(3)] for side in (step, -step))
        difference = np.array(ahead) - np.array(behind)
        errors.append(np.abs(ours - difference / np.linalg.norm(difference)).max())
    # A difference across a crease between two surfaces belongs to neither.
    assert np.mean(np.array(errors) < 1e-4) > 0.98


def test_the_nearest_capsule_is_that_of_all():
    rows, points = scene("W")[0].capsules.astype(np.float32), points_around(3)
    found = at_points(rows, 0.6, points)[2].astype(int)
    distances = np.array([[capsule(values, point) for values in rows.astype(float)] for point in points.astype(float)])
    assert_allclose(distances[np.arange(POINTS), found], distances.min(axis=1), atol=1e-6)
    assert len(set(found)) > 15


@settings(deadline=None)  # the first call compiles
@given(a=POINT, b=POINT, direction=POINT)
def test_the_gap_between_ray_and_capsule_is_the_least_along_the_ray(a, b, direction):
    a, b, direction = np.array(a), np.array(b) + np.array([0, 0, 1.2]), np.array(direction)
    if np.linalg.norm(direction) < 0.1 or np.linalg.norm(b - a) < 0.1:
        return
    direction /= np.linalg.norm(direction)
    values, eye = row(a, b, 0.1, 0.1), np.array([0.2, -0.1, 2.5])
    gap, depth = ray_gap(values[None].astype(np.float32), *single(*eye, *direction))
    brute = min(capsule(values, eye + t * direction) for t in np.linspace(0, 6, 3001))
    assert gap == pytest.approx(brute, abs=3e-3)
    assert capsule(values, eye + depth * direction) == pytest.approx(gap, abs=1e-5)


def test_a_ball_before_the_camera_covers_the_circle_that_perspective_says():
    ball = row((0, -1e-3, 0), (0, 1e-3, 0), 0.5, 0.5)[None]
    size, distance, focal = 64, 3.0, 1.5
    view = vector(View((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, distance), focal, size))
    skin = vector(Skin(*[(0.5, 0.5, 0.5)] * 5, 0.0, 0.3, 0.1, 0.0))
    hand = render_hand(ball, 100.0, view, LAMP, skin, 2, 1)
    radius = size * focal * math.tan(math.asin(0.5 / distance))
    assert hand.coverage.sum() == pytest.approx(math.pi * radius**2, rel=0.015)
    assert hand.depth.min() == pytest.approx(distance - 0.5, abs=0.02)


@njit
def first_crossings(rows, sleeve, eye, directions, near, far, step):
    """Where along each ray the field is negative first, by small steps of one size; infinite for never."""
    s = np.zeros(kernels._SCRATCH, np.float32)
    found = np.full(len(directions), np.inf)
    for i in range(len(directions)):
        t = near
        while t < far and found[i] == np.inf:
            for k in range(64):
                s[kernels._X + k] = eye[0] + (t + k * step) * directions[i, 0]
                s[kernels._Y + k] = eye[1] + (t + k * step) * directions[i, 1]
                s[kernels._Z + k] = eye[2] + (t + k * step) * directions[i, 2]
            kernels._distances(rows, len(rows), sleeve, s, 64)
            for k in range(64):
                if s[kernels._DISTANCE + k] < 0 and found[i] == np.inf:
                    found[i] = t + k * step
            t += 64 * step
    return found


@pytest.mark.parametrize(("name", "samples", "size"), [("K", 2, 24), ("S", 2, 24), ("W", 1, 64)])
def test_a_ray_ends_where_small_steps_first_meet_the_surface(name, samples, size):
    seen, _ = scene(name, size=size)
    rows, view = seen.capsules.astype(np.float32), seen.view
    covered = _hand.covered_tiles(rows, seen.sleeve, vector(view))
    most, tiles = size * size * samples**2, covered[0].size
    met, owners = np.empty((most, columns.MET_COLUMNS), np.float32), np.empty((most, columns.OWNER_COLUMNS), np.int32)
    ends, wanted = np.zeros(tiles, np.int64), np.ones((size, size), bool)
    kernels.march(rows, seen.sleeve, vector(view), covered, wanted, samples, 1, 0, tiles, met, owners, ends)

    place = (np.arange(size * samples) + 0.5) / samples / size - 0.5  # of rays, in image widths
    across, down = np.meshgrid(place, place)
    axes = np.array([view.right, view.up, view.back])
    directions = np.stack([across / view.focal, -down / view.focal, np.full_like(across, -1)], -1).reshape(-1, 3) @ axes
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    eye, step, pixel = np.array(view.eye, np.float32), 0.002, 1 / (view.focal * size)
    crossings = first_crossings(rows, seen.sleeve, eye, directions, *single(0.5, 12.0, step))

    depths = np.full(len(directions), np.inf)
    for hit in met[: ends[-1]]:
        which = int((directions @ hit[columns.DIRECTION : columns.DIRECTION + 3]).argmax())
        depths[which] = hit[columns.DEPTH]
    assert np.isfinite(depths).sum() == ends[-1], "each ray has ended once"
    both = np.isfinite(depths) & np.isfinite(crossings)
    # Rays that pass the surface within a small part of a pixel count as having met it.
    assert (np.isfinite(crossings) & ~both).mean() < 0.001
    assert (np.isfinite(depths) & ~both).sum() < 0.02 * both.sum()
    # In pixels there; small steps end up to one of them too late.
    error = (np.abs(depths[both] - crossings[both]) - step) / (pixel * depths[both])
    assert np.median(error) < 0
    assert np.quantile(error, 0.95) < 0.05


def test_light_does_not_reach_a_point_behind_a_ball_and_the_sky_is_open_far_from_it():
    ball = row((0, 0, 0), (0, 0, 1e-3), 0.3, 0.3)[None].astype(np.float32)
    places = {"behind": (0, 0, -1.0), "beside": (2.0, 0, -1.0), "on top": (0, 0, 0.301), "below": (0, 0, -0.5)}
    met, owners = blank_places(list(places.values()))
    met[:, columns.NORMAL + 2], owners[:, columns.PLACE] = 1.0, [0, 1, 0, 1]
    light_up(ball, met, owners, np.array([2, 2, 4]))
    lit, sky = (dict(zip(places, met[:, column], strict=True)) for column in (columns.LIT, columns.OPEN))
    assert lit["behind"] == 0.0
    assert lit["beside"] == 1.0
    assert sky["on top"] == pytest.approx(1.0)
    assert sky["below"] < 0.9


@pytest.mark.parametrize(
    ("depths", "capsules", "squares", "expected"),
    [
        ([1.0, 1.05, 1.0], [0, 0, 0], [0, 0, 0], [0, 0, 0]),
        ([1.0, 1.1, 1.1], [0, 0, 0], [0, 0, 0], [0, 1, 1]),
        ([1.0, 1.0, 1.0], [0, 0, 1], [0, 0, 0], [0, 0, 1]),
        ([1.0, 1.0, 1.0], [0, 0, 0], [0, 0, 1], [0, 0, 1]),
    ],
    ids=["one surface", "another depth", "another part", "another square"],
)
def test_samples_share_the_light_of_the_first_that_sees_their_surface(depths, capsules, squares, expected):
    balls = np.array([row((0, 0, 0), (0, 0, 1e-3), 0.3, 0.3), row((0, 5, 0), (0, 5, 1e-3), 0.3, 0.3, part=7)])
    balls = balls.astype(np.float32)
    met, owners = blank_places([(0, 0, -1), (2, 0, -1), (2, 0, -1)])
    met[:, columns.DEPTH], owners[:, columns.SQUARE] = depths, squares
    places_shared(balls, np.arange(2, dtype=np.int32), met, owners, np.array(capsules, np.float32))
    assert owners[:, columns.NEAREST].tolist() == capsules
    assert owners[:, columns.PLACE].tolist() == expected
    met[:, columns.NORMAL + 2] = 1.0
    light_up(balls, met, owners, np.array([3]))
    # Only the first lies in a shadow.
    assert met[:, columns.LIT].tolist() == [float(place > 0) for place in expected]


@pytest.mark.parametrize("block", [1, 2, 5])
def test_light_is_evened_out_over_as_many_pixels_as_share_it_but_not_across_parts_or_gaps_in_depth(block):
    size, random = 9, np.random.default_rng(block)
    pixels = np.flatnonzero(random.random(size * size) < 0.8) + 2 * size
    pixels = np.sort(np.append(pixels, pixels[::7]))  # of some of them more than one ray, of which the first counts
    rows = np.stack([row((0, 0, 0), (0, 1, 0), 0.1, 0.1, part=part) for part in (1, 2)]).astype(np.float32)
    met, owners = np.zeros((len(pixels), columns.MET_COLUMNS), np.float32), np.zeros((len(pixels), 4), np.int32)
    owners[:, columns.PIXEL], owners[:, columns.NEAREST] = pixels, pixels % size > 5
    met[:, columns.DEPTH] = 3.0 + 1.0 * (pixels // size > 8)
    first = np.append(True, pixels[1:] != pixels[:-1])
    light = [columns.OPEN, columns.LIT]
    met[:, light] = random.random((len(pixels), 2))
    expected = met[:, light].astype(np.float64)
    surface = np.stack([owners[:, columns.NEAREST], met[:, columns.DEPTH]], 1)
    for axis in (0, 1):  # along rows, then along columns
        along, across = (pixels % size, pixels // size)[:: 1 - 2 * axis]
        near = (abs(along[:, None] - along) <= block // 2) & (across[:, None] == across)
        near &= (surface[:, None] == surface).all(2) & (
            first & (pixels[:, None] != pixels) | np.eye(len(pixels), dtype=bool)
        )
        expected = near @ expected / near.sum(1, keepdims=True)
    kernels.soften(rows, size, block, met, owners, len(pixels))
    assert_allclose(met[:, light], expected, rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 2])
def test_pixels_are_the_same_in_whichever_band_they_are_rendered(monkeypatch, samples):
    # Where pixels share their light, it is evened out within a band.
    seen, factors = scene("L", size=60)
    given = seen.capsules, seen.sleeve, vector(seen.view), vector(seen.light), vector(skin_of(factors)), samples, 1
    at_once = render_hand(*given)
    assert at_once.coverage.mean() > 0.05
    monkeypatch.setattr(_hand, "_MOST_RAYS", 1)
    for ours, expected in zip(render_hand(*given), at_once, strict=True):
        assert_array_equal(ours, expected)


def test_roles_are_ordered_as_the_field_reads_them():
    seen, _ = scene()
    roles = seen.capsules[:, columns.ROLE]
    assert roles.tolist() == [PALM] * 12 + [FOREARM] * 3 + [ROOT, LINK] + 4 * [ROOT, LINK, LINK]
    assert_allclose(np.linalg.norm(seen.capsules[:, columns.PALMAR : columns.PALMAR + 3], axis=1), 1, atol=1e-9)
