"""Pictures and the truth about them."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from surehand.errors import UsageError
from surehand.render import CLASSES, FACTOR_GROUPS, JOINTS, render, render_many
from surehand.render import _hand_rows as columns
from surehand.render._factors import draw_factors
from surehand.render._handshapes import default_handshapes
from surehand.render._scene import _idle_variant, project, scene_of

SIZE = 48
SAMPLE = [(name, index) for name in CLASSES for index in range(3)]


@pytest.fixture(scope="module")
def renderings():
    return [render(name, seed=11, index=index, size=SIZE) for name, index in SAMPLE]


def test_class_and_shapes_are_as_asked(renderings):
    for (name, _), rendering in zip(SAMPLE, renderings, strict=True):
        assert rendering.class_name == name
        assert rendering.image.shape == (SIZE, SIZE, 3)
        assert rendering.image.dtype == np.uint8
        assert rendering.mask.shape == rendering.parts.shape == (SIZE, SIZE)


def test_the_mask_is_where_the_hand_is_nearest_and_the_box_its_bounds(renderings):
    for rendering in renderings:
        assert_array_equal(rendering.mask, (rendering.parts >= 1) & (rendering.parts <= 6))
        if rendering.box is None:
            assert not rendering.mask.any()
            continue
        x0, y0, x1, y1 = rendering.box
        inside = rendering.mask[y0:y1, x0:x1]
        assert inside.sum() == rendering.mask.sum()
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_every_sign_shows_a_hand_and_nothing_an_idle_one_at_most(renderings):
    signs = [r for r in renderings if r.class_name != "nothing"]
    assert all(r.mask.sum() > 20 for r in signs)
    empty = [render("nothing", seed=1, index=i, size=16, fixed={"idle": False}) for i in range(3)]
    assert all(r.box is None and not r.mask.any() and np.isnan(r.joints).all() for r in empty)
    assert render(
        "nothing", seed=1, index=0, size=SIZE, fixed={"idle": True, "place_x": 0.5, "place_y": 0.5}
    ).mask.any()


def test_visible_joints_lie_on_their_own_digit_or_the_palm(renderings):
    seen = 0
    for rendering in renderings:
        for joint in np.flatnonzero(rendering.visible):
            x, y = rendering.joints[joint]
            part = rendering.parts[int(y), int(x)]
            assert part in {0: (6, 7), 1: (1, 6), 2: (1, 6)}.get(joint, (1 + (joint - 1) // 4, 6))
            seen += 1
    # Fists hide about half of theirs.
    assert seen > 0.4 * 21 * len(renderings)


def test_joints_of_signs_stay_near_the_frame(renderings):
    for rendering in renderings:
        if rendering.class_name != "nothing":
            assert (rendering.joints > -0.12 * SIZE).all()
            assert (rendering.joints < 1.12 * SIZE).all()


def test_fingers_that_a_letter_raises_are_seen():
    raised = {"B": (2, 3, 4, 5), "D": (2,), "I": (5,), "L": (1, 2), "V": (2, 3), "W": (2, 3, 4), "Y": (1, 5)}
    still = dict.fromkeys(FACTOR_GROUPS["rotation"], 0.0)
    for name, fingers in raised.items():
        shown = render(
            name, seed=0, index=0, size=64, fixed={**still, "palm_width": 0.3, "place_x": 0.5, "place_y": 0.5}
        )
        tips = [4 * finger for finger in fingers]
        assert shown.visible[tips].all(), name
        assert all((shown.parts == finger).sum() > 15 for finger in fingers), name


def test_the_same_arguments_give_the_same_bytes_for_any_workers_order_and_batch():
    numbers = list(range(40, 64))
    one, labels = render_many(numbers, seed=5, size=32, workers=1)
    two, _ = render_many(numbers, seed=5, size=32, workers=2)
    assert_array_equal(one, two)
    assert labels.tolist() == [number % 29 for number in numbers]
    order = list(range(len(numbers)))
    random.Random(0).shuffle(order)
    shuffled, _ = render_many([numbers[i] for i in order], seed=5, size=32)
    assert_array_equal(shuffled, one[order])
    alone = render(CLASSES[numbers[3] % 29], seed=5, index=numbers[3] // 29, size=32)
    assert_array_equal(alone.image, one[3])
    assert alone.image.flags.writeable, "it is the caller's to draw on"
    counted, _ = render_many(3, seed=5, size=32)
    assert_array_equal(counted, render_many([0, 1, 2], seed=5, size=32)[0])
    twice, _ = render_many([41, 40, 41], seed=5, size=32, workers=3)
    assert_array_equal(twice, one[[1, 0, 1]])


def test_another_process_renders_the_same_bytes():
    code = "import sys; from surehand.render import render_many; sys.stdout.buffer.write(render_many(29, seed=5)[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == render_many(29, seed=5)[0].tobytes()


def silhouette(scene, size):
    """Where some ball on some bone's axis hides the centre of a pixel: `render_hand`'s outline without its blending."""
    rows, view = scene.capsules, scene.view
    steps = np.linspace(0, 1, 200)[:, None, None]
    balls = rows[:, columns.START : columns.START + 3] + steps * rows[:, columns.AXIS : columns.AXIS + 3]
    radius = (rows[:, columns.RADIUS] + steps[..., 0] * rows[:, columns.TAPER]).ravel()
    seen = (balls.reshape(-1, 3) - np.array(view.eye)) @ np.array([view.right, view.up, view.back]).T
    ticks = (np.arange(size) + 0.5) / size - 0.5
    rays = np.stack(np.broadcast_arrays(ticks[None] / view.focal, -ticks[:, None] / view.focal, -1.0), axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays @ seen.T  # (size, size, balls)
    return ((along > 0) & ((seen**2).sum(axis=1) - along**2 < radius**2)).any(axis=-1)


@pytest.mark.parametrize("name", ["A", "L", "W", "Y"])
@pytest.mark.parametrize("hand", ["right", "left"])
def test_the_parts_cover_the_hand_to_the_pixel(name, hand):
    """Blending only adds, and only where bones meet."""
    fixed = {"hand": hand, "sleeve": 100.0, "place_x": 0.5, "place_y": 0.5}
    shown = render(name, seed=7, index=1, size=SIZE, fixed=fixed)
    slow = silhouette(scene_of(name, shown.factors, default_handshapes(), SIZE), SIZE)
    covered = shown.parts > 0
    # A pixel counts as covered from half of it on, not by its centre.
    near = slow.copy()
    for axis in (0, 1):
        near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
    assert (slow & ~covered).sum() <= 0.01 * slow.sum()
    assert (covered & ~near).sum() <= 0.01 * slow.sum()


def test_a_left_hand_is_the_mirrored_right_hand():
    right = render("F", seed=2, index=4, size=64, fixed={"hand": "right", "place_x": 0.5, "palm_width": 0.3})
    shapes = default_handshapes()
    scenes = {
        hand: scene_of("F", replace(right.factors, hand=hand, place_x=0.5), shapes, 64) for hand in ("right", "left")
    }
    # The same bones in the same hand frame; the camera's x axis turned round, its place shifted to keep the frame.
    assert_array_equal(scenes["left"].skeleton.joints, scenes["right"].skeleton.joints)
    assert_array_equal(scenes["left"].view.up, scenes["right"].view.up)
    assert_array_equal(scenes["left"].view.right, -np.array(scenes["right"].view.right))
    joints = {hand: project(scene.skeleton.joints, scene.view)[0] for hand, scene in scenes.items()}
    np.testing.assert_allclose(64 - joints["left"][:, 0], joints["right"][:, 0], atol=1e-6)
    np.testing.assert_allclose(joints["left"][:, 1], joints["right"][:, 1], atol=1e-6)
    left = render("F", seed=2, index=4, size=64, fixed={"hand": "left", "place_x": 0.5, "palm_width": 0.3})
    assert (left.parts[:, ::-1] == right.parts).mean() > 0.995


def test_dark_tones_make_darker_hands_and_leave_the_geometry():
    pictures = {tone: render("B", seed=4, index=2, fixed={"tone": tone, "background": "plain"}) for tone in (2, 9)}
    assert_array_equal(pictures[2].parts, pictures[9].parts)
    brightness = {tone: picture.image[picture.mask].mean() for tone, picture in pictures.items()}
    assert brightness[9] < 0.75 * brightness[2]


def test_the_truth_is_the_same_at_every_size():
    small, large = (render("Y", seed=0, index=1, size=size) for size in (64, 192))
    np.testing.assert_allclose(large.joints, 3 * small.joints, atol=1e-6)
    assert (large.parts[1::3, 1::3] == small.parts).mean() > 0.97
    difference = large.image.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3)) - small.image
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "AA"}, "no class 'AA'"),
        ({"name": "29"}, "no class '29'"),
        ({"size": 15}, "size must lie in 16 to 2048 pixels; got 15"),
        ({"size": 2049}, "got 2049"),
        ({"index": -1}, "index counts pictures from 0; got -1"),
        ({"fixed": {"tone": 0}}, "tone must lie in 1 to 10"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        render(**({"name": "A", "seed": 0, "index": 0} | arguments))


def test_no_pictures_and_no_workers_are_refused():
    with pytest.raises(UsageError, match="no pictures asked for"):
        render_many(0, seed=0)
    with pytest.raises(UsageError, match="no pictures asked for"):
        render_many([], seed=0)
    with pytest.raises(UsageError, match="workers must be at least 1"):
        render_many(2, seed=0, workers=-1)


def test_joint_names_match_the_rows(renderings):
    assert renderings[0].joints.shape == (len(JOINTS), 2)


def test_idle_hands_are_seen_from_all_sides():
    shapes = default_handshapes()
    draws = [
        draw_factors("nothing", shapes, seed=3, index=i, fixed={"idle": True, "pitch": 0.0, "yaw": 0.0, "roll": 0.0})
        for i in range(200)
    ]
    turns = np.array([_idle_variant(factors, shapes).orientation for factors in draws])
    for axis in (turns[:, 1, 1], turns[:, 2, 2]):  # fingers up or down; palm or back towards the camera
        assert axis.min() < -0.9
        assert axis.max() > 0.9
    assert (turns[:, 1, 1] > 0.5).mean() > 0.45, "upright more often than a quarter, as any turn would have it"
