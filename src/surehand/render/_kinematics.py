"""Forward kinematics: joint angles to bone frames of a right hand.

Hand frame: origin at the wrist, x towards the thumb, y towards the fingers, z out of the palm; right-handed. Lengths
are in palm widths. Every bone has a frame of three unit vectors: `along` the bone towards the tip, `palmar` (the side
that closes when the digit bends) and `across` = along x palmar.
"""

from dataclasses import dataclass
from math import cos, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from ._handshapes import Proportions

# Rows of `Skeleton.joints`, in the order that hand-landmark data sets use.
JOINTS = (
    "wrist",
    *(f"thumb_{joint}" for joint in ("cmc", "mcp", "ip", "tip")),
    *(
        f"{finger}_{joint}"
        for finger in ("index", "middle", "ring", "little")
        for joint in ("mcp", "pip", "dip", "tip")
    ),
)


@dataclass(frozen=True)
class Skeleton:
    """Bones of one hand in the hand frame; digits in the order thumb, index, middle, ring, little.

    The thumb's three bones are metacarpal, proximal and distal; the fingers' are proximal, middle and distal.

    Attributes:
        joints: (21, 3), rows named by `JOINTS`.
        frames: (5, 3, 3, 3): digit, bone, vector (along, palmar, across), coordinate; orthonormal, right-handed.
    """

    joints: NDArray[np.float64]
    frames: NDArray[np.float64]

    @property
    def chains(self) -> NDArray[np.float64]:
        """The four joints of each digit from base to tip, (5, 4, 3)."""
        return self.joints[1:].reshape(5, 4, 3)


def pose(fingers: NDArray[np.float64], thumb: NDArray[np.float64], proportions: Proportions) -> Skeleton:
    """Bend a hand.

    Args:
        fingers: degrees (4, 4), columns MCP, PIP, DIP flexion and MCP abduction, which leads a straight finger
            towards the thumb.
        thumb: degrees (5,): CMC azimuth (0 along the palm, 90 out sideways) and elevation out of the palm, axial roll
            (0 bends across the palm, 90 bends towards palmar), MCP and IP flexion.
        proportions: of the person.

    Returns:
        The skeleton, in the hand frame.
    """
    finger_frames = _finger_frames(np.radians(fingers))  # (4, 3, 3, 3)
    thumb_frames = _thumb_frames(np.radians(thumb))  # (3, 3, 3)
    frames = np.concatenate([thumb_frames[None], finger_frames])  # (5, 3, 3, 3)
    joints = np.zeros((21, 3))
    chains = joints[1:].reshape(5, 4, 3)
    chains[0, 0], chains[1:, 0] = proportions.thumb_base, proportions.knuckle
    lengths = np.concatenate([proportions.thumb_length[None], proportions.phalanx_length])  # (5, 3)
    chains[:, 1:] = frames[:, :, 0] * lengths[:, :, None]
    np.cumsum(chains, axis=1, out=chains)
    return Skeleton(joints=joints, frames=frames)


def _finger_frames(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """A finger bends in one plane, which abduction turns about the palm normal."""
    flexion, turn = np.cumsum(angles[:, :3], axis=1), -angles[:, 3:]  # (4, 3) and (4, 1)
    sine, cosine, turn_sine, turn_cosine = np.sin(flexion), np.cos(flexion), np.sin(turn), np.cos(turn)
    frames = np.empty((4, 3, 3, 3))
    frames[:, :, 0, 0], frames[:, :, 0, 1], frames[:, :, 0, 2] = -turn_sine * cosine, turn_cosine * cosine, sine
    frames[:, :, 1, 0], frames[:, :, 1, 1], frames[:, :, 1, 2] = turn_sine * sine, -turn_cosine * sine, cosine
    frames[:, :, 2, 0], frames[:, :, 2, 1], frames[:, :, 2, 2] = turn_cosine, turn_sine, 0.0
    return frames


def _thumb_frames(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    azimuth, elevation, roll, first, second = angles.tolist()
    along = np.array([sin(azimuth) * cos(elevation), cos(azimuth) * cos(elevation), sin(elevation)])
    inward = along * along[0]
    inward[0] -= 1.0
    inward /= sqrt(np.dot(inward, inward))
    palmar = cos(roll) * inward + sin(roll) * cross(along, inward)
    bent = (0.0, first, first + second)
    cosine, sine = np.array([[cos(flexion)] for flexion in bent]), np.array([[sin(flexion)] for flexion in bent])
    frames = np.empty((3, 3, 3))
    frames[:, 0] = cosine * along + sine * palmar
    frames[:, 1] = cosine * palmar - sine * along
    frames[:, 2] = cross(along, palmar)
    return frames


def cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector product (3,) of two vectors (3,); `np.cross` spends ten times as long on looking at shapes."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
