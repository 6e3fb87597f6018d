"""Hands that packets of rays meet, against hands that rays meet one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from surehand.render import CLASSES
from surehand.render import _march_kernels as packets
from surehand.render._factors import draw_factors
from surehand.render._hand import Hand, covered_tiles, render_hand
from surehand.render._hand_rows import COLUMNS, LIT, MET_COLUMNS, OCCLUSION, OPEN, OWNER_COLUMNS, SIZE, vector
from surehand.render._handshapes import default_handshapes
from surehand.render._scene import scene_of
from surehand.render._skin import skin_of

SHAPES = default_handshapes()


@pytest.fixture(scope="module")
def one_by_one():
    """`render_hand`, by rays that begin at the eye and know all capsules."""
    from ray_kernels import _pixel

    @njit
    def render(rows, sleeve_at, view, light, skin, samples):
        size = int(view[SIZE])
        colour, coverage = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
        parts, depth = np.zeros((size, size), np.uint8), np.zeros((size, size), np.float32)
        nearby, shared = np.empty((len(rows), COLUMNS)), np.empty(4)
        for row in range(size):
            for column in range(size):
                shared[0] = -1.0
                red, green, blue, coverage[row, column], depth[row, column], parts[row, column] = _pixel(
                    *(rows, sleeve_at, view, light, skin, samples, row, column),
                    *(0.01, 40.0, rows, len(rows), nearby, shared),
                )
                colour[row, column, 0], colour[row, column, 1], colour[row, column, 2] = red, green, blue
        return colour, coverage, parts, depth

    return lambda *given: Hand(*render(*given))


def given_hand(name, index, size, **fixed):
    """What `render_hand` takes, up to the number of samples."""
    factors = draw_factors(name, SHAPES, seed=9, index=index, fixed=fixed)
    seen = scene_of(name, factors, SHAPES, size)
    return seen.capsules, seen.sleeve, vector(seen.view), vector(seen.light), vector(skin_of(factors))


def assert_same(ours, expected):
    """Rays that graze the surface may miss it, and a surface is met somewhat before it is reached."""
    assert expected.coverage.mean() > 0.05
    assert np.abs(ours.coverage - expected.coverage).mean() < 2e-4
    assert (ours.parts != expected.parts).mean() < 1e-3
    assert np.abs(ours.colour - expected.colour).mean() < 5e-4
    both = np.isfinite(ours.depth) & np.isfinite(expected.depth)
    assert np.abs(ours.depth[both] - expected.depth[both]).mean() < 2e-3


@pytest.mark.parametrize("sleeve", [0.6, 100.0])
@pytest.mark.parametrize("name", ["A", "F", "L", "W"])
def test_hands_are_those_of_rays_one_by_one(one_by_one, name, sleeve):
    given = given_hand(name, 1, 64, sleeve=sleeve, palm_width=0.3)
    assert_same(render_hand(*given, 2, 1), one_by_one(*given, 2))


@pytest.mark.parametrize("name", ["A", "L", "Y"])
def test_light_at_a_place_is_that_of_rays_one_by_one(name):
    from ray_kernels import _lit, _occlusion

    @njit
    def light_at(rows, sleeve_at, light, met, expected):
        nearby = np.empty((len(rows), COLUMNS))
        for h in range(len(met)):
            place = met[h, 0], met[h, 1], met[h, 2], met[h, 3], met[h, 4], met[h, 5]
            expected[h, 0] = _occlusion(rows, sleeve_at, nearby, *place, light[OCCLUSION])
            expected[h, 1] = _lit(rows, sleeve_at, nearby, light, *place)

    rows, sleeve_at, view, light, _ = given_hand(name, 0, 64, palm_width=0.3)
    singles, places = rows.astype(np.float32), 64 * 64
    met, owners = np.empty((places, MET_COLUMNS), np.float32), np.empty((places, OWNER_COLUMNS), np.int32)
    covered, wanted, ends = covered_tiles(singles, sleeve_at, view), np.ones((64, 64), np.bool_), np.zeros(64, np.int64)
    packets.march(singles, sleeve_at, view, covered, wanted, 1, 1, 0, 64, met, owners, ends)
    met = met[: ends[-1]]
    packets.find_normals(singles, sleeve_at, covered[0], 0, met, owners, ends)
    packets.see_sky(singles, sleeve_at, light[OCCLUSION], met, owners, ends)
    packets.see_lamp(singles, sleeve_at, light, met, owners, ends)
    expected = np.empty((len(met), 2))
    light_at(rows, sleeve_at, light, met.astype(float), expected)
    np.testing.assert_allclose(met[:, OPEN], expected[:, 0], atol=1e-5)
    difference = np.abs(met[:, LIT] - expected[:, 1])
    assert np.ptp(expected[:, 1]) > 0.9, "some in the light, some in the shade"
    assert difference.mean() < 1e-3
    assert (difference > 0.05).mean() < 0.01


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from([name for name in CLASSES if name != "nothing"]), index=st.integers(0, 50))
def test_skipping_capsules_that_a_tile_cannot_see_changes_nothing(one_by_one, name, index):
    """At the smallest size, where a tile is a quarter of the picture, and rays of one tile go far apart.

    Whether a ray meets what it passes within the tolerance depends on where it came from, so some may differ.
    """
    given = given_hand(name, index, 16)
    ours, expected = render_hand(*given, 2, 1), one_by_one(*given, 2)
    assert (ours.coverage != expected.coverage).sum() <= 6
    assert abs(ours.coverage - expected.coverage).sum() <= 2
    assert (ours.parts != expected.parts).sum() <= 4


def test_of_single_rays_only_those_where_the_picture_changes_become_four(one_by_one):
    given = given_hand("K", 1, 64, sleeve=0.6, palm_width=0.3)
    one, four = one_by_one(*given, 1), one_by_one(*given, 2)
    changes, depth = np.zeros((64, 64), bool), np.where(one.parts > 0, one.depth, 0)
    for found, part, far in ((changes, one.parts, depth), (changes.T, one.parts.T, depth.T)):
        differ = (part[1:] != part[:-1]) | (np.abs(far[1:] - far[:-1]) > 0.08)
        found[1:] |= differ
        found[:-1] |= differ
    assert 0.02 < changes.mean() < 0.3
    for values, better in zip(one, four, strict=True):
        values[changes] = better[changes]
    assert_same(render_hand(*given, 1, 1), one)
