"""Painted backgrounds: forms cover what they should and are lit as the solids they stand for."""

import colorsys

import numpy as np
import pytest

from surehand.randomness import generator
from surehand.render import BACKGROUNDS
from surehand.render import _picture_kernels as kernels
from surehand.render._background import PAINTERS, background
from surehand.render._canvas import Canvas, Dice, Noise
from surehand.render._things import _solids, _tubes

SIZE = 256
BLACK, WHITE = np.zeros(3), np.ones(3)
SKIN = np.array([0.5, 0.35, 0.25])
FROM_THE_RIGHT = np.array([0.8, 0.0, 0.6, 0.2])


def painted(kind: int, half: tuple[float, float], angle: float = 0.0, round: float = 0.0) -> np.ndarray:
    """A white form in the middle of a black picture, lit from the right; one channel (SIZE, SIZE)."""
    form = np.zeros((1, kernels.COLUMNS))
    form[0, [kernels.KIND, kernels.X, kernels.Y, kernels.OPACITY]] = kind, 0.5, 0.5, 1.0
    form[0, [kernels.COS, kernels.SIN]] = np.cos(angle), np.sin(angle)
    form[0, [kernels.HALF_X, kernels.HALF_Y]] = half
    form[0, kernels.RED : kernels.RED + 3] = 1.0
    form[0, kernels.ROUND] = round
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    kernels.paint_forms(image, form, FROM_THE_RIGHT)
    return image[:, :, 0]


@pytest.mark.parametrize("angle", [0.0, 0.7])
@pytest.mark.parametrize(
    ("kind", "half", "area"),
    [
        (kernels.RECTANGLE, (0.3, 0.1), 0.6 * 0.2),
        (kernels.ELLIPSE, (0.3, 0.1), np.pi * 0.3 * 0.1),
        (kernels.CAPSULE, (0.3, 0.1), 0.4 * 0.2 + np.pi * 0.1**2),
        (kernels.RING, (0.3, 0.3), np.pi * 0.3**2 * (1 - 0.64**2)),
    ],
)
def test_a_form_covers_the_area_of_its_outline(kind, half, area, angle):
    assert painted(kind, half, angle).mean() == pytest.approx(area, rel=0.02)


def test_a_ball_is_lit_as_lambert_says():
    ball = painted(kernels.ELLIPSE, (0.4, 0.4), round=1.0)
    row, column = SIZE // 2, SIZE // 2 + SIZE // 5
    x, y = ((np.array([column, row]) + 0.5) / SIZE - 0.5) / 0.4
    normal = np.array([x, y, np.sqrt(1 - x * x - y * y)])
    assert ball[row, column] == pytest.approx(0.2 + 0.8 * 1.45 * normal @ FROM_THE_RIGHT[:3], rel=1e-5)
    assert ball[row, SIZE // 2 - SIZE // 5] < 0.5 * ball[row, column]


@pytest.mark.parametrize("kind", [kernels.RECTANGLE, kernels.ELLIPSE, kernels.RING, kernels.CAPSULE])
def test_nothing_is_brighter_than_what_faces_the_lamp(kind):
    small = (0.02, 0.02)  # most of it edge
    flat, solid = painted(kind, small, angle=np.pi / 4), painted(kind, small, angle=np.pi / 4, round=1.0)
    assert solid.max() > 0
    assert (solid <= flat * (0.2 + 0.8 * 1.45) + 1e-5).all()


@pytest.mark.parametrize("kind", [kernels.ELLIPSE, kernels.RING])
def test_round_forms_look_the_same_however_they_are_turned(kind):
    turned = painted(kind, (0.4, 0.4), angle=1.1, round=1.0)
    np.testing.assert_allclose(turned, painted(kind, (0.4, 0.4), round=1.0), atol=1e-4)


def test_a_turned_rod_is_lit_from_where_the_lamp_is():
    upright = painted(kernels.CAPSULE, (0.4, 0.1), angle=np.pi / 2, round=1.0)
    left, right = SIZE // 2 - SIZE // 20, SIZE // 2 + SIZE // 20
    assert upright[SIZE // 2, right] > 2 * upright[SIZE // 2, left]


def test_noise_goes_through_the_palette_and_hard_edges_leave_nothing_between():
    palette = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [1.0, 0.0, 0.0]])
    red = Canvas(palette, Noise(3.0, 6.0), contrast=2.2, edge=200.0).paint(SIZE)[:, :, 0]
    near = np.abs(red[:, :, None] - palette[:, 0]).min(2) < 1e-3
    assert near.mean() > 0.95
    assert all((np.abs(red - value) < 1e-3).mean() > 0.05 for value in palette[:, 0])


def test_a_relief_without_depth_leaves_a_surface_that_faces_the_camera():
    image = np.ones((32, 32, 3), np.float32)
    kernels.shade_relief(image, Noise(5.0, 4.0, angle=0.3, octaves=3, warp=2.0).over(33, 32), 0.0, 0.0, FROM_THE_RIGHT)
    np.testing.assert_allclose(image, 0.2 + 0.8 * 1.45 * 0.6, rtol=1e-6)


def test_a_relief_is_bright_where_it_rises_away_from_the_lamp():
    image = np.ones((SIZE, SIZE, 3), np.float32)
    heights = Noise(5.0, 4.0, octaves=1).over(SIZE + 1, SIZE)
    kernels.shade_relief(image, heights, 0.2, 0.0, FROM_THE_RIGHT)
    rising = np.diff(heights, axis=1)[:-1]
    assert np.corrcoef(rising.ravel(), image[:, :, 0].ravel())[0, 1] < -0.8


def test_a_crease_folds_the_relief_at_its_middle():
    image, size = np.ones((64, 64, 3), np.float32), 64
    field = Noise(5.0, 4.0, octaves=1).over(size + 1, size)
    kernels.shade_relief(image, field, 0.2, 1.0, FROM_THE_RIGHT)
    heights = np.abs(2 * field - 1)
    slope_x, slope_y = np.diff(heights, axis=1)[:-1], np.diff(heights, axis=0)[:, :-1]
    normal = np.stack([-slope_x, -slope_y, np.full_like(slope_x, 1 / (0.2 * size))], 2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    expected = 0.2 + 0.8 * 1.45 * np.maximum(normal @ FROM_THE_RIGHT[:3], 0)
    np.testing.assert_allclose(image[:, :, 0], expected, atol=1e-4)


def lattice(i: int, j: int) -> float:
    h = ((i * 73856093) ^ (j * 19349663)) & 0xFFFFFFFF
    for shift, factor in ((15, 668265263), (13, 374761393)):
        h = (h ^ (h >> shift)) * factor & 0xFFFFFFFF
    return ((h ^ (h >> 16)) >> 8) / 2**24


def value_noise(x: float, y: float) -> float:
    """A smooth step between the numbers of the lattice around a place, along x and then along y."""
    i, j = int(np.floor(x)), int(np.floor(y))
    (u, v) = ((t - np.floor(t)) ** 2 * (3 - 2 * (t - np.floor(t))) for t in (x, y))
    upper, lower = ((1 - u) * lattice(i, row) + u * lattice(i + 1, row) for row in (j, j + 1))
    return (1 - v) * upper + v * lower


@pytest.mark.parametrize("warp", [0.0, 1.3])
def test_a_noise_field_is_the_slow_rewrite(warp):
    noise, size = Noise(-7.4, frequency=5.0, stretch=2.5, angle=0.6, octaves=3, warp=warp), 48
    field = noise.over(size, size)
    assert field.dtype == np.float32
    along = np.array([np.cos(noise.angle), np.sin(noise.angle)])
    for row, column in np.random.default_rng(0).integers(0, size, (40, 2)):
        place = (np.array([column, row]) + 0.5) / size - 0.5
        x = place @ along * noise.frequency / noise.stretch + noise.place
        y = place @ [-along[1], along[0]] * noise.frequency + 0.37 * noise.place
        away = value_noise(0.6 * x + 31.7, 0.6 * y) - 0.5, value_noise(0.6 * x, 0.6 * y + 57.3) - 0.5
        x, y = x + warp * away[0], y + warp * away[1]
        octaves = [0.55**k * value_noise(2**k * x + 17.3 * k, 2**k * y - 9.1 * k) for k in range(noise.octaves)]
        assert field[row, column] == pytest.approx(sum(octaves) / (1 + 0.55 + 0.55**2), abs=1e-4)


@pytest.mark.parametrize("noise", [Noise(800.0, 60.0, octaves=1), Noise(3.0, 40.0, stretch=6.0, octaves=5, warp=2.0)])
def test_noise_fills_the_numbers_from_0_to_1(noise):
    field = noise.over(SIZE, SIZE)
    assert field.min() >= 0
    assert field.max() <= 1
    assert field.mean() == pytest.approx(0.5, abs=0.03)
    assert np.ptp(field) > 0.6


def test_a_larger_square_of_noise_goes_on_where_the_smaller_one_ends():
    noise = Noise(5.0, 4.0, angle=0.3, octaves=3, warp=2.0)
    np.testing.assert_array_equal(noise.over(65, 64)[:64, :64], noise.over(64, 64))


def test_rough_forms_keep_their_outline():
    form = np.zeros((1, kernels.COLUMNS))
    form[0, [kernels.X, kernels.Y, kernels.OPACITY, kernels.COS]] = 0.5, 0.5, 1.0, 1.0
    form[0, [kernels.HALF_X, kernels.HALF_Y, kernels.ROUGH, kernels.FINENESS]] = 0.3, 0.2, 0.5, 20.0
    form[0, kernels.RED : kernels.RED + 3] = 1.0
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    kernels.paint_forms(image, form, FROM_THE_RIGHT)
    np.testing.assert_array_equal(image[:, :, 0] > 0, painted(kernels.RECTANGLE, (0.3, 0.2)) > 0)
    assert image[image > 0].std() > 0.05


def test_a_warp_moves_the_noise():
    palette = np.array([BLACK, WHITE])
    still, moved = (Canvas(palette, Noise(5.0, 4.0, warp=warp)).paint(64) for warp in (0.0, 2.0))
    assert np.corrcoef(still.ravel(), moved.ravel())[0, 1] < 0.9


def test_tubes_hang_together_and_rods_are_longer_than_thick():
    for number in range(20):
        dice = Dice(generator("tubes", number), like_skin=0.0)
        tubes, solids = _tubes(dice, dice.palette()), _solids(dice, dice.palette())
        along = tubes[:, [kernels.COS, kernels.SIN]] * (tubes[:, [kernels.HALF_X]] - tubes[:, [kernels.HALF_Y]])
        centres = tubes[:, [kernels.X, kernels.Y]]
        jumps = np.linalg.norm((centres + along)[:-1] - (centres - along)[1:], axis=1)
        # From the end of one tube of a bundle to the beginning of the next it is farther.
        copies = len(tubes) // int(np.argmax([*(jumps > 1e-9), True]) + 1)
        assert (jumps > 1e-9).sum() == copies - 1 < 5
        rods = solids[solids[:, kernels.KIND] == kernels.CAPSULE]
        assert (rods[:, kernels.HALF_X] >= rods[:, kernels.HALF_Y]).all()


def test_the_backgrounds_are_those_that_can_be_painted():
    assert tuple(PAINTERS) == BACKGROUNDS


@pytest.mark.parametrize("scene", [7, 8, 9])
@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_background_is_the_same_scene_at_any_size(kind, scene):
    small, large = (background(kind, scene, 1.0, 0.0, SKIN, size) for size in (48, 192))
    reduced = large.reshape(48, 4, 48, 4, 3).mean((1, 3))
    assert np.corrcoef(small.ravel(), reduced.ravel())[0, 1] > 0.8
    assert small.dtype == np.float32
    assert np.isfinite(small).all()


def test_dice_like_skin_know_no_other_colours():
    dice = Dice(generator("warm"), like_skin=1.0)
    colours = np.array([*(dice.colour() for _ in range(200)), *dice.palette()])
    hues, saturations, _ = np.array([colorsys.rgb_to_hsv(*colour) for colour in colours]).T
    assert (((360 * hues + 180) % 360 - 180) > -8.01).all()
    assert (((360 * hues + 180) % 360 - 180) < 45.01).all()
    assert saturations.min() > 0.149
