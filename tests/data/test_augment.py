"""The compiled pass against slow rewrites, its random numbers, and what it must not do."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surehand.data import Augmentation, apply_augmentation, augment, draw_augmentation, to_images
from surehand.data._augment import Drawn
from surehand.errors import UsageError

STRONG = Augmentation(
    rotation=40,
    shift=0.3,
    zoom=(0.5, 2),
    flip=True,
    brightness=0.3,
    contrast=0.5,
    saturation=0.9,
    channel_gain=0.3,
    erasing=0.5,
    hue=60,
    grey=0.3,
    stretch=1.3,
)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 13, 17, 3), np.uint8)


@pytest.fixture(scope="module")
def ids(pixels) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2**63, len(pixels), np.uint64)


def slowly(image: np.ndarray, drawn: Drawn, n: int) -> np.ndarray:
    """One image, pixel by pixel, in float64, from the docstring of `Drawn`."""
    height, width, _ = image.shape
    out = np.zeros((height, width, 3))
    for y, x in itertools.product(range(height), range(width)):
        sx, sy = drawn.affine[n].astype(float) @ (x, y, 1)
        sx, sy = min(max(sx, 0), width - 1), min(max(sy, 0), height - 1)
        value = np.zeros(3)
        for cy, cx in itertools.product((int(sy), int(sy) + 1), (int(sx), int(sx) + 1)):
            weight = (1 - abs(sy - cy)) * (1 - abs(sx - cx))
            value += weight * image[min(cy, height - 1), min(cx, width - 1)] / 255
        out[y, x] = np.clip(drawn.colour[n].astype(float) @ (*value, 1), 0, 1)
    top, bottom, left, right = drawn.hole[n]
    out[top:bottom, left:right] = drawn.fill[n]
    return out


def test_the_kernel_is_the_slow_one(pixels, ids):
    drawn = draw_augmentation(STRONG, ids, seed=3, epoch=2, height=13, width=17)
    found = augment(pixels, ids, seed=3, epoch=2, augmentation=STRONG)
    for n in range(12):
        np.testing.assert_allclose(found[n].permute(1, 2, 0).numpy(), slowly(pixels[n], drawn, n), atol=2e-3)


@pytest.mark.parametrize("augmentation", [STRONG, Augmentation(), Augmentation.none()])
def test_torch_operations_give_the_kernels_result(pixels, ids, augmentation):
    kernel = augment(pixels, ids, seed=0, epoch=1, augmentation=augmentation)
    tensor = augment(torch.from_numpy(pixels), ids, seed=0, epoch=1, augmentation=augmentation)
    assert (kernel - tensor).abs().max() < 2e-3
    assert (kernel - tensor).abs().mean() < 1e-4
    assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_no_augmentation_is_plain_conversion_exactly(pixels, ids):
    expected = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    assert torch.equal(augment(pixels, ids, seed=0, epoch=0, augmentation=Augmentation.none()), expected)
    assert torch.equal(to_images(pixels), expected)


def test_every_byte_is_divided_by_255():
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    assert torch.equal(to_images(every).permute(0, 2, 3, 1).reshape(-1)[::3], torch.arange(256) / 255)


def test_results_are_channels_last_float32_in_range(pixels, ids):
    images = augment(pixels, ids, seed=0, epoch=0, augmentation=STRONG)
    assert images.shape == (40, 3, 13, 17)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.min() >= 0
    assert images.max() <= 1


def test_an_image_depends_on_its_own_id_and_pixels_alone(pixels, ids):
    whole = augment(pixels, ids, seed=0, epoch=0, augmentation=STRONG)
    order = np.random.default_rng(2).permutation(len(ids))[:11]
    assert torch.equal(augment(pixels[order], ids[order], seed=0, epoch=0, augmentation=STRONG), whole[order])


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}])
def test_seed_and_epoch_change_every_image(pixels, ids, other):
    first = augment(pixels, ids, seed=0, epoch=0, augmentation=Augmentation())
    second = augment(pixels, ids, **{"seed": 0, "epoch": 0, **other}, augmentation=Augmentation())
    assert ((first - second).abs().amax((1, 2, 3)) > 0.01).all()


def test_no_global_generator_is_touched(pixels, ids):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    augment(pixels, ids, seed=0, epoch=0, augmentation=STRONG)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("threads", [2, 3, 64])
def test_any_number_of_threads_makes_the_same_images(pixels, ids, threads):
    drawn = draw_augmentation(STRONG, ids, seed=0, epoch=0, height=13, width=17)
    found = apply_augmentation(pixels, drawn, threads=threads)
    assert torch.equal(found, augment(pixels, ids, seed=0, epoch=0, augmentation=STRONG))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_drawing_for_many_is_drawing_for_each(pixels, ids):
    whole = draw_augmentation(STRONG, ids, seed=0, epoch=0, height=13, width=17)
    some = draw_augmentation(STRONG, ids[5:9], seed=0, epoch=0, height=13, width=17)
    assert torch.equal(apply_augmentation(pixels[5:9], whole[5:9]), apply_augmentation(pixels[5:9], some))


def test_a_sliced_memory_map_is_read_right(pixels, ids):
    other_order = np.asfortranarray(pixels)
    assert torch.equal(
        augment(other_order, ids, seed=0, epoch=0, augmentation=STRONG),
        augment(pixels, ids, seed=0, epoch=0, augmentation=STRONG),
    )


# Each range by itself: what it does, and that the others do nothing.


def only(**options) -> Augmentation:
    return Augmentation(**{**vars(Augmentation.none()), **options})


def drawn(augmentation: Augmentation, count: int = 4000, side: int = 21) -> Drawn:
    return draw_augmentation(augmentation, np.arange(count, dtype=np.uint64), seed=0, epoch=0, height=side, width=side)


def test_rotation_turns_about_the_middle_within_its_range():
    affine = drawn(only(rotation=30)).affine.astype(float)
    np.testing.assert_allclose(affine @ (10, 10, 1), np.broadcast_to((10, 10), (4000, 2)), atol=1e-5)
    angles = np.degrees(np.arctan2(affine[:, 0, 1], affine[:, 0, 0]))
    assert -30 <= angles.min() < -29.5
    assert 29.5 < angles.max() <= 30
    assert abs(angles.mean()) < 1
    np.testing.assert_allclose(np.linalg.det(affine[:, :, :2]), 1, atol=1e-5)


def test_stretch_lengthens_along_any_direction_and_shortens_across():
    linear = drawn(only(stretch=1.25)).affine[:, :, :2].astype(float)
    np.testing.assert_allclose(linear, linear.transpose(0, 2, 1), atol=1e-6)  # it does not turn
    np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-5)
    shorter, longer = np.linalg.eigvalsh(linear).T
    np.testing.assert_allclose(shorter * longer, 1, atol=1e-5)
    assert 1.24 < longer.max() <= 1.25 + 1e-6
    # The most lengthened direction is any: its double angle has no mean.
    along = np.linalg.eigh(linear)[1][:, :, 1] @ (1, 1j)
    assert abs((along**2).mean()) < 0.05


def test_shift_moves_by_a_share_of_the_side():
    affine = drawn(only(shift=0.25), side=20).affine
    np.testing.assert_allclose(affine[:, :, :2], np.broadcast_to(np.eye(2), (4000, 2, 2)), atol=1e-6)
    assert 4.95 < abs(affine[:, :, 2]).max() <= 5
    assert abs(np.corrcoef(affine[:, 0, 2], affine[:, 1, 2])[0, 1]) < 0.05


def test_zoom_magnifies_within_its_range():
    affine = drawn(only(zoom=(0.5, 2))).affine
    zoom = 1 / affine[:, 0, 0]
    assert 0.5 <= zoom.min() < 0.505
    assert 1.98 < zoom.max() <= 2.0001
    assert abs(np.log(zoom).mean()) < 0.03


def test_flip_mirrors_half_of_the_images():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 9, 9, 3), np.uint8)
    images = augment(pixels, np.arange(200, dtype=np.uint64), seed=0, epoch=0, augmentation=only(flip=True))
    plain = to_images(pixels)
    mirrored = ((images - plain.flip(3)).abs() < 1e-6).all(3).all(2).all(1)
    same = ((images - plain).abs() < 1e-6).all(3).all(2).all(1)
    assert (mirrored ^ same).all()
    assert 70 < mirrored.sum() < 130


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "channel_gain"])
def test_each_colour_range_does_what_it_says(name):
    colour = drawn(only(**{name: 0.2})).colour.astype(float)
    grey, luma = np.array([0.5, 0.5, 0.5, 1]), np.array([0.299, 0.587, 0.114])
    if name == "brightness":  # all channels up or down by up to 0.2
        added = colour @ grey - 0.5
        assert 0.19 < added.max() <= 0.2 + 1e-6
        np.testing.assert_allclose(np.ptp(added, axis=1), 0, atol=1e-6)
    elif name == "contrast":  # mid-grey stays
        np.testing.assert_allclose(colour @ grey, 0.5, atol=1e-6)
        factor = (colour @ (0.6, 0.6, 0.6, 1))[:, 0] * 10 - 5
        assert 0.8 <= factor.min() < 0.81
        assert 1.19 < factor.max() <= 1.2001
    elif name == "saturation":  # grey and luma stay
        np.testing.assert_allclose(colour @ grey, 0.5, atol=1e-6)
        np.testing.assert_allclose((colour @ (0.9, 0.2, 0.4, 1)) @ luma, luma @ (0.9, 0.2, 0.4), atol=1e-6)
        assert colour[:, 0, 1].std() > 0.01
    else:  # each channel by itself
        gains = np.stack([colour[:, k, k] for k in range(3)])
        assert (abs(np.corrcoef(gains) - np.eye(3)) < 0.05).all()
        assert 0.8 <= gains.min() < 0.81
        assert colour[:, 0, 1].any() is np.False_


def test_hue_turns_the_colour_plane_of_ntsc_within_its_range():
    colour = drawn(only(hue=30)).colour.astype(float)
    luma = np.array([0.299, 0.587, 0.114])
    to_iq = np.array([[0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    np.testing.assert_allclose(colour @ (0.5, 0.5, 0.5, 1), 0.5, atol=1e-6)  # grey stays
    red = np.array([0.9, 0.2, 0.4])
    turned = colour @ (*red, 1)
    np.testing.assert_allclose(turned @ luma, luma @ red, atol=1e-4)  # brightness stays
    before, after = complex(*(to_iq @ red)), (turned @ to_iq.T) @ (1, 1j)
    np.testing.assert_allclose(abs(after), abs(before), atol=1e-6)  # colourfulness stays
    angles = np.degrees(np.angle(after / before))
    assert -30.01 < angles.min() < -29.5
    assert 29.5 < angles.max() < 30.01
    assert abs(angles.mean()) < 1


def test_grey_takes_the_colour_of_its_share_of_images():
    colour = drawn(only(grey=0.25)).colour.astype(float)
    without = abs(colour - [0.299, 0.587, 0.114, 0]).max((1, 2)) < 1e-6
    assert abs(without.mean() - 0.25) < 0.03
    np.testing.assert_allclose(colour[~without], np.broadcast_to(np.eye(3, 4), (sum(~without), 3, 4)), atol=1e-6)


def test_erasing_takes_2_to_20_percent_of_its_share_of_images_at_most():
    top, bottom, left, right = drawn(only(erasing=0.4), side=64).hole.T
    areas = (bottom - top) * (right - left) / 64**2
    assert abs((areas > 0).mean() - 0.4) < 0.03
    assert areas[areas > 0].min() > 0.015
    assert areas.max() < 0.22
    assert (top >= 0).all()
    assert (bottom <= 64).all()
    assert (left >= 0).all()
    assert (right <= 64).all()


def test_the_draws_are_independent_of_each_other():
    found = drawn(dataclasses.replace(STRONG, erasing=1))
    determinant = np.linalg.det(found.affine[:, :, :2].astype(float))
    moved = found.affine.astype(float) @ (10, 10, 1) - 10
    angle = np.arctan2(-found.affine[:, 1, 0], found.affine[:, 1, 1])
    row = found.hole.astype(float)
    drawn_numbers = [np.sign(determinant), abs(determinant), *moved.T, angle, row[:, 0], row[:, 2], *found.fill.T]
    correlation = np.corrcoef(np.array(drawn_numbers))
    assert abs(correlation - np.eye(len(correlation))).max() < 0.06


def test_turning_one_range_off_leaves_the_other_draws_alone():
    full, without = drawn(Augmentation()), drawn(Augmentation(rotation=0, shift=0, zoom=(1, 1)))
    np.testing.assert_array_equal(full.colour, without.colour)
    np.testing.assert_array_equal(full.hole, without.hole)


def test_what_comes_from_outside_repeats_the_edge():
    pixels = np.zeros((50, 16, 16, 3), np.uint8)
    pixels[:, :, 0] = 200
    images = augment(pixels, np.arange(50, dtype=np.uint64), seed=0, epoch=0, augmentation=only(shift=0.5))
    affine = drawn(only(shift=0.5), 50, 16).affine
    to_the_right = affine[:, 0, 2] < -3  # the source lies left of the frame for the first columns
    assert torch.allclose(images[to_the_right][:, :, :, :3], torch.tensor(200 / 255))


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": -1},
        {"rotation": 181},
        {"shift": 10},
        {"brightness": -0.1},
        {"erasing": 2},
        {"hue": 190},
        {"grey": -0.5},
        {"stretch": 0.9},
        {"stretch": float("inf")},
        {"zoom": (0, 1)},
        {"zoom": (2, 1)},
        {"zoom": (1, float("inf"))},
    ],
)
def test_values_out_of_range_are_refused_by_name(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        Augmentation(**options)


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 10**9),
    st.floats(0, 180),
    st.floats(0, 1),
    st.floats(0.01, 1),
    st.integers(2, 9),
    st.integers(2, 9),
)
@settings(max_examples=60, deadline=None)
def test_any_draw_stays_in_range_and_inside_the_image(sample, seed, rotation, share, smallest, height, width):
    augmentation = Augmentation(
        rotation, share, (smallest, 1 / smallest), True, *[share] * 5, rotation, share, 1 / smallest
    )
    pixels = np.full((1, height, width, 3), 255, np.uint8)
    images = augment(pixels, np.array([sample], np.uint64), seed=seed, epoch=0, augmentation=augmentation)
    assert torch.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1
