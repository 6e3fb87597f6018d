"""A skeleton dressed in capsules: which there are, how thick, and which of them blend into each other.

Fingers blend with the palm at their root and along themselves, never with each other: fists keep their furrows.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from . import _hand_rows as columns
from ._hand_rows import FOREARM, FOREARM_PART, LINK, PALM, PALM_PART, ROOT, THUMB
from ._handshapes import Proportions
from ._kinematics import Skeleton, cross

# Widths of the smooth unions, palm widths.
PALM_BLEND, FOREARM_BLEND, KNUCKLE_BLEND, THUMB_BLEND, JOINT_BLEND = 0.11, 0.16, 0.08, 0.07, 0.025

_FOREARM_LENGTH = 5.0
# Of its three bones: how far aside their ends lie, and their radii there.
_AT_WRIST, _AT_ELBOW = np.array([[0.145], [-0.145], [0.0]]), np.array([[0.19], [-0.19], [0.0]])
_FOREARM_RADIUS = np.array([(0.2, 0.4), (0.2, 0.4), (0.205, 0.44)])
_X = np.array([1.0, 0.0, 0.0])
# How far along the first phalanges the skin between two fingers reaches.
_WEB_REACH = 0.30


@dataclass(frozen=True)
class Limb:
    """What lies below the hand.

    Attributes:
        forearm: unit vector (3,) from the wrist to the elbow, in the hand frame.
        width: of the wrist, relative to an average one.
    """

    forearm: NDArray[np.float64]
    width: float


# The rows of a hand, and what is the same in every hand.
_METACARPALS, _BALLS, _WEBS, _FOREARM, _DIGITS = slice(4), slice(4, 9), slice(9, 12), slice(12, 15), slice(15, 29)
_PALM_ROWS = slice(12)
# Of the balls: the little finger's, the hollow of the palm, the thumb's, and the skin that follows the thumb: without
# that there are holes under it.
_THUMB_BALL, _SKIN = 6, slice(7, 9)
_ALONG_THUMB = np.array([[0.55], [0.75]])
# And their columns of vectors.
_START, _AXIS = slice(columns.START, columns.START + 3), slice(columns.AXIS, columns.AXIS + 3)
_CENTRE = slice(columns.CENTRE, columns.CENTRE + 3)
_PALMAR, _ACROSS = slice(columns.PALMAR, columns.PALMAR + 3), slice(columns.ACROSS, columns.ACROSS + 3)
_SIDES = slice(columns.PALMAR, columns.ACROSS + 3)
assert columns.ACROSS == columns.PALMAR + 3, "the skeleton's vectors are laid out in the same order"


def _common() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows, ends (29, 3) and radii (29, 2) as far as they are the same in every hand."""
    rows, end, radius = np.zeros((29, columns.COLUMNS)), np.zeros((29, 3)), np.zeros((29, 2))
    digit, bone = np.array([(digit, bone) for digit in range(5) for bone in range(3) if digit or bone]).T
    root = (bone == 0) | (digit == 0) & (bone == 1)
    rows[_PALM_ROWS, [columns.BLEND, columns.ROLE, columns.PART]] = PALM_BLEND, PALM, PALM_PART
    rows[_FOREARM, [columns.BLEND, columns.ROLE, columns.PART]] = FOREARM_BLEND, FOREARM, FOREARM_PART
    rows[_DIGITS, columns.BLEND] = np.where(root, np.where(digit == 0, THUMB_BLEND, KNUCKLE_BLEND), JOINT_BLEND)
    rows[_DIGITS, columns.ROLE], rows[_DIGITS, columns.PART] = np.where(root, ROOT, LINK), THUMB + digit
    rows[_DIGITS, columns.BONE] = bone + 1
    rows[_PALM_ROWS, _PALMAR], rows[_PALM_ROWS, _ACROSS] = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
    rows[4:6, _START] = (-0.2, 0.2, 0.07), (0.16, 0.22, 0.07)
    end[_BALLS] = (-0.31, 0.62, 0.05), (0.1, 0.5, 0.03), (0.0, 0.0, 0.0), (0.22, 0.62, 0.02), (0.1, 0.5, 0.04)
    radius[_BALLS] = (0.15, 0.115), (0.14, 0.1), (0.0, 0.0), (0.1, 0.1), (0.105, 0.1)
    radius[_WEBS], radius[_FOREARM] = 0.068, _FOREARM_RADIUS
    return rows, end, radius


_ROWS, _ENDS, _RADII = _common()


def capsules(skeleton: Skeleton, proportions: Proportions, palm_thickness: float, limb: Limb) -> NDArray[np.float64]:
    """Capsules of one right hand with its forearm, in the hand frame.

    Args:
        skeleton: the posed bones.
        proportions: the person's.
        palm_thickness: relative to an average palm.
        limb: forearm and sleeve.

    Returns:
        Rows (29, COLUMNS) as `render_hand` takes them: 12 of the palm, 3 of the forearm, 14 of the digits.
    """
    rows, end, radius = _ROWS.copy(), _ENDS.copy(), _RADII.copy()
    start = rows[:, _START]
    _set_palm(start, end, radius, skeleton, proportions)
    radius[_PALM_ROWS] *= palm_thickness
    rows[_FOREARM, _PALMAR], rows[_FOREARM, _ACROSS] = _set_forearm(start, end, radius, limb)
    # Of each digit three bones between four joints, in the order of the rows; the thumb's first bone is of the palm.
    chains, by_digit = skeleton.chains, np.concatenate([proportions.thumb_radius[None], proportions.phalanx_radius])
    start[_DIGITS], end[_DIGITS] = chains[:, :3].reshape(15, 3)[1:], chains[:, 1:].reshape(15, 3)[1:]
    radius[_DIGITS, 0], radius[_DIGITS, 1] = by_digit[:, :3].ravel()[1:], by_digit[:, 1:].ravel()[1:]
    rows[_DIGITS, _SIDES] = skeleton.frames.reshape(15, 9)[1:, 3:]

    axis = end - start
    length = np.sqrt((axis * axis).sum(axis=1))
    rows[:, _AXIS], rows[:, columns.INVERSE] = axis, 1 / length
    rows[:, columns.RADIUS], rows[:, columns.TAPER] = radius[:, 0], radius[:, 1] - radius[:, 0]
    rows[:, _CENTRE], rows[:, columns.REACH] = start + 0.5 * axis, 0.5 * length + np.maximum(radius[:, 0], radius[:, 1])
    return rows


Ends = NDArray[np.float64]  # (29, 3)


def _set_palm(
    start: Ends, end: Ends, radius: NDArray[np.float64], skeleton: Skeleton, proportions: Proportions
) -> None:
    """Metacarpals, the balls between them, and the skin between the fingers."""
    chains = skeleton.chains
    start[_METACARPALS], end[_METACARPALS] = proportions.metacarpal_base, proportions.knuckle
    radius[_METACARPALS] = proportions.metacarpal_radius
    cmc, mcp = chains[0, 0], chains[0, 1]
    start[_THUMB_BALL], end[_THUMB_BALL], radius[_THUMB_BALL] = cmc, mcp, proportions.thumb_radius[:2]
    start[_SKIN] = cmc + _ALONG_THUMB * (mcp - cmc)
    reach = chains[1:, 0] + _WEB_REACH * (chains[1:, 1] - chains[1:, 0])
    start[_WEBS], end[_WEBS] = reach[:3], reach[1:]


def _set_forearm(
    start: Ends, end: Ends, radius: NDArray[np.float64], limb: Limb
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two bones side by side and one between them, as the two alone would leave a groove in side views.

    Returns:
        Unit vectors (3,) out of the palmar side and across.
    """
    side = _X - limb.forearm[0] * limb.forearm
    side /= sqrt(np.dot(side, side))
    start[_FOREARM] = limb.width * _AT_WRIST * side
    end[_FOREARM] = _FOREARM_LENGTH * limb.forearm + limb.width * _AT_ELBOW * side
    radius[_FOREARM] *= limb.width
    return cross(side, -limb.forearm), side
