"""The pictures of the documentation."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from surehand.render import render, sheet, truth_sheet
from surehand.render._truth import draw_truth, outlined


def test_a_sheet_shows_a_row_a_class(tmp_path):
    sheet(tmp_path / "sheet.png", columns=2, size=16)
    page = Image.open(tmp_path / "sheet.png")
    assert page.height == 15 * 18
    assert page.width == 2 * (60 + 2 * 18)


def test_an_outline_is_drawn_along_the_edges_of_a_part_and_nowhere_else():
    parts = np.zeros((6, 6), np.uint8)
    parts[1:5, 1:5] = 6  # a palm
    image = np.full((6, 6, 3), 90, np.uint8)
    drawn = outlined(image, parts)
    inside = np.zeros((6, 6), bool)
    inside[2:4, 2:4] = True
    corners = np.zeros((6, 6), bool)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    np.testing.assert_array_equal((drawn == 90).all(axis=2), inside | corners)
    assert (drawn[1, 1:5] == 255).all()
    assert (drawn[0, 1:5] < 50).all()
    np.testing.assert_array_equal(outlined(image, np.zeros((6, 6), np.uint8)), image)


def test_the_truth_is_drawn_where_it_is():
    rendering = render("L", seed=0, index=0, size=64, fixed={"palm_width": 0.3, "place_x": 0.5, "place_y": 0.5})
    picture = np.asarray(draw_truth(rendering)).astype(int)
    assert picture.shape == (128, 128, 3)
    x0, y0, x1, y1 = rendering.box
    # Joints may lie on the box; its corners are free.
    assert (picture[2 * y0, 2 * x0] == 255).all()
    assert (picture[2 * y1 - 1, 2 * x1 - 1] == 255).all()
    tip = rendering.joints[8] * 2  # of the index finger, in its own colour
    assert rendering.visible[8]
    assert picture[int(tip[1]), int(tip[0])].tolist() == [86, 180, 233]


def test_a_picture_without_a_hand_has_no_truth():
    empty = render("nothing", seed=0, index=0, size=64, fixed={"idle": False})
    drawn = np.asarray(draw_truth(empty))[40:]  # below the name
    np.testing.assert_array_equal(drawn, np.asarray(empty.image).repeat(2, 0).repeat(2, 1)[40:])


def test_a_truth_sheet_has_a_place_a_picture_and_a_legend(tmp_path):
    truth_sheet(tmp_path / "truth.png", [("A", 0), ("B", 1), ("nothing", 0)], columns=2, size=32)
    assert Image.open(tmp_path / "truth.png").size == (2 * 68 - 4, 2 * 68 + 34)


@pytest.mark.parametrize("arguments", [[], ["nowhere"]])
def test_the_command_wants_a_folder(arguments):
    done = subprocess.run([sys.executable, "-m", "surehand.render", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: python -m surehand.render FOLDER")
