import numpy as np
import pytest

from surehand.errors import DataError, UsageError
from surehand.explain import grid_segments, quickshift
from surehand.explain._superpixels import check_segments, superpixel_means


def test_means_are_truncated_to_whole_grey_levels_one_superpixel_at_a_time(scene):
    image = scene(40, 50)
    segments = quickshift(image, 2.0)
    expected = image.copy()
    for s in np.unique(segments):
        expected[segments == s] = [np.mean(image[segments == s][:, c]) for c in range(3)]
    assert np.array_equal(superpixel_means(image, segments), expected)


def test_a_grid_has_all_its_labels_and_cells_of_nearly_equal_size():
    grid = grid_segments(17, 23, 4, 5)
    counts = np.bincount(grid.ravel())
    assert len(counts) == 20
    assert counts.min() >= 4 * 4
    assert counts.max() <= 5 * 5


@pytest.mark.parametrize("rows", [0, 18])
def test_a_grid_finer_than_pixels_is_refused(rows):
    with pytest.raises(UsageError, match="cannot have"):
        grid_segments(17, 23, rows, 5)


@pytest.mark.parametrize(
    ("segments", "error", "words"),
    [
        (np.array([[1, 2, 3]]), UsageError, "0 to S-1"),
        (np.array([[0, 1, 3]]), UsageError, "0 to S-1"),
        (np.array([[-1, 0, 1]]), UsageError, "0 to S-1"),
        (np.array([[0], [1], [2]]), UsageError, "height and width"),
        (np.array([[0, 1, 1]]), DataError, "2 superpixel"),
    ],
)
def test_segments_that_cannot_be_explained_are_refused(segments, error, words):
    with pytest.raises(error, match=words):
        check_segments(segments, (1, 3))
