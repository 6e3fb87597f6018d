"""Forward kinematics against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from surehand.render._handshapes import default_handshapes
from surehand.render._kinematics import JOINTS, pose

SHAPES = default_handshapes()
PROPORTIONS = SHAPES.proportions
STRAIGHT, FLAT_THUMB = np.zeros((4, 4)), np.zeros(5)


def angles_within(limits):
    return st.tuples(*(st.floats(float(low), float(high)) for low, high in limits.reshape(-1, 2)))


def test_a_straight_finger_is_as_long_as_its_bones_and_points_along_y():
    chains = pose(STRAIGHT, FLAT_THUMB, PROPORTIONS).chains
    reach = chains[1:, 3] - chains[1:, 0]
    assert_allclose(reach, np.outer(PROPORTIONS.phalanx_length.sum(axis=1), [0, 1, 0]), atol=1e-12)


def test_a_finger_bent_by_right_angles_goes_out_of_the_palm_then_back_then_in():
    fingers = STRAIGHT.copy()
    fingers[:, :3] = 90
    chains = pose(fingers, FLAT_THUMB, PROPORTIONS).chains[1:]
    first, second, third = PROPORTIONS.phalanx_length.T
    expected = np.stack([np.zeros(4), -second, first - third], axis=1)
    assert_allclose(chains[:, 3] - chains[:, 0], expected, atol=1e-12)


def test_positive_abduction_leads_a_straight_finger_towards_the_thumb():
    fingers = STRAIGHT.copy()
    fingers[:, 3] = 30
    chains = pose(fingers, FLAT_THUMB, PROPORTIONS).chains[1:]
    direction = (chains[:, 3] - chains[:, 0]) / PROPORTIONS.phalanx_length.sum(axis=1, keepdims=True)
    assert_allclose(direction, np.tile([0.5, np.sqrt(0.75), 0], (4, 1)), atol=1e-12)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"), [(0, 0, (0, 1, 0)), (90, 0, (1, 0, 0)), (0, 90, (0, 0, 1))]
)
def test_a_straight_thumb_points_where_azimuth_and_elevation_say(azimuth, elevation, direction):
    thumb = np.array([azimuth - 1e-9 if azimuth else 0, elevation, 0, 0, 0], float)
    chain = pose(STRAIGHT, thumb, PROPORTIONS).chains[0]
    assert_allclose(chain[3] - chain[0], PROPORTIONS.thumb_length.sum() * np.array(direction), atol=1e-6)


def test_a_thumb_bends_across_the_palm_without_roll_and_out_of_it_with_a_quarter_turn():
    for roll, bent in ((0, (-1, 0, 0)), (90, (0, 0, 1))):
        skeleton = pose(STRAIGHT, np.array([0, 0, roll, 90, 0], float), PROPORTIONS)
        assert_allclose(skeleton.frames[0, 2, 0], bent, atol=1e-12)


@settings(deadline=None)
@given(fingers=angles_within(SHAPES.finger_limits), thumb=angles_within(SHAPES.thumb_limits))
def test_every_bone_has_a_right_handed_orthonormal_frame_and_its_own_length(fingers, thumb):
    skeleton = pose(np.array(fingers).reshape(4, 4), np.array(thumb), PROPORTIONS)
    frames = skeleton.frames.reshape(15, 3, 3)
    assert_allclose(frames @ frames.transpose(0, 2, 1), np.tile(np.eye(3), (15, 1, 1)), atol=1e-12)
    along, palmar, across = frames.transpose(1, 0, 2)
    assert_allclose(np.cross(along, palmar), across, atol=1e-12)
    lengths = np.linalg.norm(np.diff(skeleton.chains, axis=1), axis=2)
    assert_allclose(lengths, np.vstack([PROPORTIONS.thumb_length, PROPORTIONS.phalanx_length]), atol=1e-12)
    assert_allclose(np.diff(skeleton.chains, axis=1) / lengths[..., None], skeleton.frames[:, :, 0], atol=1e-12)


def test_in_a_fist_the_fingertips_touch_the_palm():
    variant = SHAPES.classes["S"][0]
    tips = pose(variant.fingers, variant.thumb, PROPORTIONS).chains[1:, 3]
    assert (np.abs(tips[:, 2] - 0.15) < 0.15).all()
    assert ((tips[:, 1] > 0.45) & (tips[:, 1] < 1.0)).all()


def test_joints_are_named_once_each():
    assert len(JOINTS) == len(set(JOINTS)) == 21
    assert JOINTS[0] == "wrist"
    assert JOINTS[8] == "index_tip"
