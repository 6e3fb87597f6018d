"""A skeleton dressed in capsules: which there are, how thick, and which of them blend into each other.

Fingers blend with the palm at their root and along themselves, never with each other: fists keep their furrows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _march_kernels as kernels
from ._handshapes import Proportions
from ._kinematics import Skeleton, cross
from ._march_kernels import FOREARM, FOREARM_PART, LINK, PALM, PALM_PART, ROOT, THUMB

# Widths of the smooth unions, palm widths.
PALM_BLEND, FOREARM_BLEND, KNUCKLE_BLEND, THUMB_BLEND, JOINT_BLEND = 0.11, 0.16, 0.08, 0.07, 0.025

NO_SLEEVE = 100.0
_FOREARM_LENGTH = 5.0
# How far along the first phalanges the skin between two fingers reaches.
_WEB_REACH = 0.30


@dataclass(frozen=True)
class Limb:
    """What lies below the hand.

    Attributes:
        forearm: unit vector (3,) from the wrist to the elbow, in the hand frame.
        width: of the wrist, relative to an average one.
        sleeve: distance from the wrist at which a sleeve begins, palm widths; `NO_SLEEVE` for a bare arm.
    """

    forearm: NDArray[np.float64]
    width: float
    sleeve: float


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
    pieces = [*_palm(skeleton, proportions, palm_thickness), *_forearm(limb), *_digits(skeleton, proportions)]
    start, axis = np.array([piece.start for piece in pieces]), np.array([piece.end - piece.start for piece in pieces])
    radius = np.array([piece.radius for piece in pieces])
    length = np.sqrt((axis * axis).sum(axis=1))
    rows = np.empty((len(pieces), kernels.COLUMNS))
    rows[:, kernels.START : kernels.START + 3] = start
    rows[:, kernels.AXIS : kernels.AXIS + 3] = axis
    rows[:, kernels.INVERSE] = 1 / length
    rows[:, kernels.RADIUS] = radius[:, 0]
    rows[:, kernels.TAPER] = radius[:, 1] - radius[:, 0]
    rows[:, kernels.BLEND] = [piece.blend for piece in pieces]
    rows[:, kernels.ROLE] = [piece.role for piece in pieces]
    rows[:, kernels.PART] = [piece.part for piece in pieces]
    rows[:, kernels.BONE] = [piece.bone for piece in pieces]
    rows[:, kernels.CENTRE : kernels.CENTRE + 3] = start + 0.5 * axis
    rows[:, kernels.REACH] = 0.5 * length + radius.max(axis=1)
    rows[:, kernels.PALMAR : kernels.PALMAR + 3] = [piece.palmar for piece in pieces]
    rows[:, kernels.ACROSS : kernels.ACROSS + 3] = [piece.across for piece in pieces]
    return rows


@dataclass(frozen=True)
class _Capsule:
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: tuple[float, float]
    blend: float
    role: int
    part: int
    palmar: NDArray[np.float64]
    across: NDArray[np.float64]
    bone: int = 0


_X, _Z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def _palm(skeleton: Skeleton, proportions: Proportions, thickness: float) -> list[_Capsule]:
    def piece(start: NDArray[np.float64], end: NDArray[np.float64], first: float, last: float) -> _Capsule:
        return _Capsule(start, end, (first * thickness, last * thickness), PALM_BLEND, PALM, PALM_PART, _Z, _X)

    chains = skeleton.chains
    metacarpals = [
        piece(base, knuckle, *radius)
        for base, knuckle, radius in zip(
            proportions.metacarpal_base, proportions.knuckle, proportions.metacarpal_radius.tolist(), strict=True
        )
    ]
    cmc, mcp = chains[0, 0], chains[0, 1]
    thumb_base, thumb_head = proportions.thumb_radius[:2].tolist()
    fillers = [
        # The ball of the little finger, and the hollow of the palm.
        piece(np.array([-0.2, 0.2, 0.07]), np.array([-0.31, 0.62, 0.05]), 0.15, 0.115),
        piece(np.array([0.16, 0.22, 0.07]), np.array([0.1, 0.5, 0.03]), 0.14, 0.1),
        # The ball of the thumb, and the skin that follows it: without these there are holes under the thumb.
        piece(cmc, mcp, thumb_base, thumb_head),
        piece(0.45 * cmc + 0.55 * mcp, np.array([0.22, 0.62, 0.02]), 0.1, 0.1),
        piece(0.25 * cmc + 0.75 * mcp, np.array([0.1, 0.5, 0.04]), 0.105, 0.1),
    ]
    reach = chains[1:, 0] + _WEB_REACH * (chains[1:, 1] - chains[1:, 0])
    webs = [piece(reach[i], reach[i + 1], 0.068, 0.068) for i in range(3)]
    return [*metacarpals, *fillers, *webs]


def _forearm(limb: Limb) -> list[_Capsule]:
    """Two bones side by side and one between them; alone the two would leave a groove in side views."""
    side = _X - np.dot(_X, limb.forearm) * limb.forearm
    side /= np.sqrt(np.dot(side, side))
    palmar = cross(side, -limb.forearm)
    elbow = _FOREARM_LENGTH * limb.forearm

    def bone(at_wrist: float, at_elbow: float, first: float, last: float) -> _Capsule:
        width = limb.width
        return _Capsule(
            at_wrist * width * side,
            elbow + at_elbow * width * side,
            (first * width, last * width),
            FOREARM_BLEND,
            FOREARM,
            FOREARM_PART,
            palmar,
            side,
        )

    return [bone(0.145, 0.19, 0.2, 0.4), bone(-0.145, -0.19, 0.2, 0.4), bone(0.0, 0.0, 0.205, 0.44)]


def _digits(skeleton: Skeleton, proportions: Proportions) -> list[_Capsule]:
    rows = []
    for digit, (chain, frames) in enumerate(zip(skeleton.chains, skeleton.frames, strict=True)):
        is_thumb = digit == 0
        radius = proportions.thumb_radius if is_thumb else proportions.phalanx_radius[digit - 1]
        # The thumb's first bone belongs to the palm.
        first = 1 if is_thumb else 0
        for bone in range(first, 3):
            role = ROOT if bone == first else LINK
            blend = (THUMB_BLEND if is_thumb else KNUCKLE_BLEND) if role == ROOT else JOINT_BLEND
            rows.append(
                _Capsule(
                    chain[bone],
                    chain[bone + 1],
                    (float(radius[bone]), float(radius[bone + 1])),
                    blend,
                    role,
                    THUMB + digit,
                    frames[bone, 1],
                    frames[bone, 2],
                    bone + 1,
                )
            )
    return rows
