"""The distance field and the rays against slow rewrites."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from surehand.render import _march_kernels as kernels
from surehand.render._factors import draw_factors
from surehand.render._handshapes import default_handshapes
from surehand.render._march_kernels import FOREARM, LINK, PALM, ROOT
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of

SHAPES = default_handshapes()
PLACE = st.floats(-1.0, 1.0)
POINT = st.tuples(PLACE, PLACE, PLACE)


def row(start, end, first, last, role=PALM, blend=1e-6, part=6):
    start, end = np.array(start, float), np.array(end, float)
    length = np.linalg.norm(end - start)
    values = np.zeros(kernels.COLUMNS)
    values[kernels.START : kernels.START + 3] = start
    values[kernels.AXIS : kernels.AXIS + 3] = end - start
    values[kernels.INVERSE], values[kernels.RADIUS], values[kernels.TAPER] = 1 / length, first, last - first
    values[kernels.BLEND], values[kernels.ROLE], values[kernels.PART] = blend, role, part
    values[kernels.CENTRE : kernels.CENTRE + 3] = (start + end) / 2
    values[kernels.REACH] = length / 2 + max(first, last)
    values[kernels.PALMAR : kernels.PALMAR + 3], values[kernels.ACROSS : kernels.ACROSS + 3] = (0, 0, 1), (1, 0, 0)
    return values


def scene(name="K", index=1, size=48, **fixed):
    factors = draw_factors(name, SHAPES, seed=3, index=index, fixed=fixed)
    return scene_of(name, factors, SHAPES, size), factors


def field(rows, sleeve, point):
    """`_distance`, written from the description of who blends with whom."""

    def smooth(a, b, k):
        h = max(k - abs(a - b), 0.0)
        return min(a, b) - h * h / (4 * k)

    def capsule(values):
        start, axis = values[:3], values[3:6]
        along = np.clip((point - start) @ axis / (axis @ axis), 0, 1)
        nearest = np.linalg.norm(point - start - along * axis)
        return nearest - values[kernels.RADIUS] - along * values[kernels.TAPER]

    body, best, chain = math.inf, math.inf, math.inf
    for values in rows:
        d, k, role = capsule(values), values[kernels.BLEND], values[kernels.ROLE]
        if role in (PALM, FOREARM):
            body = d if body == math.inf else smooth(body, d, k)
            if role == FOREARM:
                reach = point @ values[3:6] / np.linalg.norm(values[3:6])
                best = min(best, max(d - 0.055, sleeve - reach))
        elif role == ROOT:
            chain, best = d, min(best, d, smooth(body, d, k))
        else:
            chain = smooth(chain, d, k)
            best = min(best, chain)
    return min(best, body)


@settings(deadline=None)  # the first call compiles
@given(a=POINT, b=POINT, first=st.floats(0.05, 0.4), last=st.floats(0.05, 0.4), point=POINT)
def test_capsule_distance_is_the_least_distance_to_the_balls_along_its_axis(a, b, first, last, point):
    a, b, point = np.array(a), np.array(b), np.array(point)
    # The radius is that at the nearest point of the axis: exact without taper, near where the taper is gentle.
    if np.linalg.norm(b - a) < 0.1 or abs(first - last) > 0.1 * np.linalg.norm(b - a):
        return
    along = np.linspace(0, 1, 4001)[:, None]
    balls = np.linalg.norm(point - (a + along * (b - a)), axis=1) - (first + along[:, 0] * (last - first))
    ours = kernels._capsule(row(a, b, first, last)[None], 0, *point)
    assert ours == pytest.approx(balls.min(), abs=0.02)
    assert ours >= balls.min() - 1e-3
    if first == last:
        assert ours == pytest.approx(balls.min(), abs=1e-3)


def test_the_field_of_a_hand_is_the_slow_rewrite():
    seen, _ = scene(sleeve=0.6)
    for point in np.random.default_rng(0).uniform((-0.8, -1.5, -0.6), (0.8, 1.8, 0.8), (300, 3)):
        ours = kernels._distance(seen.capsules, len(seen.capsules), 0.6, *point)
        assert ours == pytest.approx(field(seen.capsules, 0.6, point), abs=1e-12)


def test_the_normal_is_the_gradient_of_the_field():
    seen, _ = scene("W", sleeve=0.6)
    count, step = len(seen.capsules), 1e-5
    errors = []
    for point in np.random.default_rng(1).uniform((-0.8, -1.5, -0.6), (0.8, 1.8, 0.8), (300, 3)):
        difference = [
            kernels._distance(seen.capsules, count, 0.6, *(point + step * axis))
            - kernels._distance(seen.capsules, count, 0.6, *(point - step * axis))
            for axis in np.eye(3)
        ]
        expected = np.array(difference) / np.linalg.norm(difference)
        errors.append(np.abs(np.array(kernels._normal(seen.capsules, count, 0.6, *point)) - expected).max())
    # A difference across a crease between two surfaces belongs to neither.
    assert np.mean(np.array(errors) < 1e-4) > 0.98


@settings(deadline=None)  # the first call compiles
@given(a=POINT, b=POINT, direction=POINT)
def test_the_gap_between_ray_and_capsule_is_the_least_along_the_ray(a, b, direction):
    a, b, direction = np.array(a), np.array(b) + np.array([0, 0, 1.2]), np.array(direction)
    if np.linalg.norm(direction) < 0.1 or np.linalg.norm(b - a) < 0.1:
        return
    direction /= np.linalg.norm(direction)
    rows, eye = row(a, b, 0.1, 0.1)[None], np.array([0.2, -0.1, 2.5])
    gap, depth = kernels._ray_gap(rows, 0, *eye, *direction)
    steps = np.linspace(0, 6, 3001)
    brute = min(kernels._capsule(rows, 0, *(eye + t * direction)) for t in steps)
    assert gap == pytest.approx(brute, abs=3e-3)
    assert kernels._capsule(rows, 0, *(eye + depth * direction)) == pytest.approx(gap, abs=1e-9)


@settings(max_examples=6, deadline=None)
@given(index=st.integers(0, 50))
def test_skipping_capsules_that_a_pixel_cannot_see_changes_nothing(index):
    """Every pixel again with all capsules from the eye on: the parts must be the same but for grazing rays."""
    seen, factors = scene("F", index, size=24)
    view = kernels.vector(seen.view)
    _, coverage, parts, _ = kernels.render_hand(
        seen.capsules, seen.sleeve, view, kernels.vector(seen.light), kernels.vector(skin_of(factors)), 2, 1
    )
    hits = np.zeros((24, 24))
    for r in range(24):
        for c in range(24):
            for s in range(4):
                ray = kernels._direction(view, c + (s % 2 + 0.5) / 2, r + (s // 2 + 0.5) / 2)
                t = kernels._march(seen.capsules, len(seen.capsules), seen.sleeve, view, *ray, 0.01, 40.0)
                hits[r, c] += t >= 0
    assert np.abs(coverage - hits / 4).mean() < 0.004
    assert ((parts > 0) == (hits >= 2)).mean() > 0.99


def test_a_ball_before_the_camera_covers_the_circle_that_perspective_says():
    ball = row((0, -1e-3, 0), (0, 1e-3, 0), 0.5, 0.5)[None]
    size, distance, focal = 64, 3.0, 1.5
    view = kernels.View((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, distance), focal, size)
    light = kernels.Light((0, 0, 1), *[(1, 1, 1)] * 3, (0, 1, 0), 0.0, 8.0, 1.0)
    skin = kernels.Skin(*[(0.5, 0.5, 0.5)] * 5, 0.0, 0.3, 0.1, 0.0)
    _, coverage, _, depth = kernels.render_hand(
        ball, 100.0, kernels.vector(view), kernels.vector(light), kernels.vector(skin), 2, 1
    )
    radius = size * focal * math.tan(math.asin(0.5 / distance))
    assert coverage.sum() == pytest.approx(math.pi * radius**2, rel=0.015)
    assert depth.min() == pytest.approx(distance - 0.5, abs=0.02)


def test_light_does_not_reach_a_point_behind_a_ball_and_the_sky_is_open_far_from_it():
    ball = row((0, 0, 0), (0, 0, 1e-3), 0.3, 0.3)[None]
    nearby = np.empty((32, kernels.COLUMNS))
    light = kernels.vector(kernels.Light((0, 0, 1), *[(1, 1, 1)] * 3, (0, 1, 0), 0.0, 8.0, 1.0))
    assert kernels._lit(ball, 100.0, nearby, light, 0, 0, -1.0, 0, 0, 1) == 0.0
    assert kernels._lit(ball, 100.0, nearby, light, 2.0, 0, -1.0, 0, 0, 1) == 1.0
    assert kernels._occlusion(ball, 100.0, nearby, 0, 0, 0.301, 0, 0, 1, 1.0) == pytest.approx(1.0)
    assert kernels._occlusion(ball, 100.0, nearby, 0, 0, -0.5, 0, 0, 1, 1.0) < 0.9


def test_roles_are_ordered_as_the_field_reads_them():
    seen, _ = scene()
    roles = seen.capsules[:, kernels.ROLE]
    assert roles.tolist() == [PALM] * 12 + [FOREARM] * 3 + [ROOT, LINK] + 4 * [ROOT, LINK, LINK]
    assert_allclose(np.linalg.norm(seen.capsules[:, kernels.PALMAR : kernels.PALMAR + 3], axis=1), 1, atol=1e-9)
