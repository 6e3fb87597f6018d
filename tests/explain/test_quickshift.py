from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.segmentation import quickshift as reference

from surehand.errors import UsageError
from surehand.explain import kernel_size_for, quickshift
from surehand.explain._quickshift import _offsets
from surehand.explain._quickshift_kernels import nearest_denser


def same(image, kernel_size=4.0, ratio=0.2, max_dist=200.0, seed=42):
    expected = reference(image, kernel_size=kernel_size, ratio=ratio, max_dist=max_dist, rng=seed)
    return np.array_equal(quickshift(image, float(kernel_size), float(ratio), float(max_dist), seed), expected)


@pytest.mark.parametrize("shape", [(120, 120), (37, 61), (61, 37), (5, 90), (1, 7), (1, 1)])
def test_labels_equal_scikit_image_at_any_size(scene, shape):
    assert same(scene(*shape))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 1},
        {"kernel_size": 1.28},
        {"kernel_size": 6.5},
        {"ratio": 0},
        {"ratio": 1},
        {"max_dist": 6},
        {"kernel_size": 3, "ratio": 0.7, "max_dist": 9.5},
        {"seed": 7},
    ],
)
def test_labels_equal_scikit_image_for_any_arguments(scene, arguments):
    assert same(scene(56, 72), **arguments)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (90, 140, 33)])
def test_labels_equal_scikit_image_where_only_noise_breaks_ties(colour):
    assert same(np.full((50, 41, 3), colour, np.uint8))


def test_labels_equal_scikit_image_for_floats_and_below_zero(scene):
    image = scene(60, 60) / 255
    assert same(image)
    assert same(2 * image - 1)


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14), st.just(3)), elements=st.sampled_from([0, 90, 255])
    ),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([0.05, 1.0]),
    st.sampled_from([2.0, 200.0]),
)
def test_of_equally_near_parents_the_one_of_scikit_image_is_taken(image, kernel_size, ratio, max_dist):
    assert same(image, kernel_size, ratio, max_dist)


def slow_parents(density, colour, reach, max_dist):
    """Every window scanned by rows, the first of the nearest denser pixels kept."""
    height, width = density.shape
    parents = np.arange(height * width)
    for r, c in np.ndindex(height, width):
        best = np.inf
        for i, j in np.ndindex(height, width):
            if max(abs(i - r), abs(j - c)) <= reach and density[i, j] > density[r, c]:
                distance = ((colour[:, i, j] - colour[:, r, c]) ** 2).sum() + (i - r) ** 2 + (j - c) ** 2
                if distance < best:
                    best = distance
                    parents[r * width + c] = i * width + j
        if best > max_dist**2:
            parents[r * width + c] = r * width + c
    return parents


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 4), st.sampled_from([1.5, 4.0]), st.integers(0, 999))
def test_whole_number_colours_with_all_their_ties_give_the_parents_of_a_plain_scan(
    height, width, reach, max_dist, seed
):
    rng = np.random.default_rng(seed)
    density = rng.integers(0, 4, (height, width)).astype(float)
    colour = rng.integers(0, 3, (3, height, width)).astype(float)
    expected = slow_parents(density, colour, reach, max_dist)
    assert np.array_equal(nearest_denser(density, colour, _offsets(reach), max_dist), expected)


@pytest.mark.photos
@pytest.mark.parametrize("folder", ["asl-kaggle64/train", "asl-phone224/train"])
def test_labels_equal_scikit_image_on_photographs(photos, folder):
    paths = sorted((photos / folder).glob("*/*"))
    for path in paths[:: len(paths) // 5][:5]:
        image = np.asarray(Image.open(path).convert("RGB"))
        assert same(image), path
        assert same(2 * (image / 255) - 1), path


def test_labels_count_from_zero_without_a_gap(scene):
    labels = quickshift(scene(70, 50))
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


def test_calls_in_threads_do_not_mix(scene):
    images = [scene(48, 64, seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(quickshift, images))
    assert all(np.array_equal(a, quickshift(b)) for a, b in zip(threaded, images, strict=True))


def test_the_global_generator_is_left_alone(scene):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    quickshift(scene(20, 20))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_thumbnail_gets_about_as_many_superpixels_as_its_photograph(scene):
    photograph = scene(200, 200)
    thumbnail = np.asarray(Image.fromarray(photograph).resize((64, 64), Image.Resampling.BILINEAR))
    many = quickshift(photograph).max() + 1
    assert 0.5 * many < quickshift(thumbnail, kernel_size_for(64, 64)).max() + 1 < 2 * many
    assert kernel_size_for(20, 900) == 1.0


@pytest.mark.parametrize(
    ("image", "arguments", "words"),
    [
        (np.full((4, 4, 3), 200.0), {}, "Divide by 255"),
        (np.full((4, 4, 3), np.nan), {}, "floats in"),
        (np.zeros((0, 4, 3), np.uint8), {}, "at least one pixel"),
        (np.zeros((4, 4, 3)), {"kernel_size": 0.9}, "kernel_size must be at least 1"),
        (np.zeros((4, 4, 3)), {"kernel_size": float("inf")}, "kernel_size must be at least 1"),
        (np.zeros((4, 4, 3)), {"ratio": 1.5}, "ratio must lie in"),
        (np.zeros((4, 4, 3)), {"max_dist": 0.0}, "max_dist must be above 0"),
    ],
)
def test_arguments_outside_their_range_are_named(image, arguments, words):
    with pytest.raises(UsageError, match=words):
        quickshift(image, **arguments)
