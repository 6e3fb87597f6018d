"""Forward kinematics: joint angles to bone frames of a right hand.

Hand frame: origin at the wrist, x towards the thumb, y towards the fingers, z out of the palm; right-handed. Lengths
are in palm widths. Every bone has a frame of three unit vectors: `along` the bone towards the tip, `palmar` (the side
that closes when the digit bends) and `across` = along x palmar.
"""

from dataclasses import dataclass

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
    bases = np.concatenate([proportions.thumb_base[None], proportions.knuckle])  # (5, 3)
    lengths = np.concatenate([proportions.thumb_length[None], proportions.phalanx_length])  # (5, 3)
    steps = frames[:, :, 0] * lengths[:, :, None]
    chains = np.concatenate([bases[:, None], bases[:, None] + np.cumsum(steps, axis=1)], axis=1)
    return Skeleton(joints=np.concatenate([np.zeros((1, 3)), chains.reshape(20, 3)]), frames=frames)


def _finger_frames(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """A finger bends in one plane, which abduction turns about the palm normal."""
    flexion = np.cumsum(angles[:, :3], axis=1)  # (4, 3)
    sine, cosine, zero = np.sin(flexion), np.cos(flexion), np.zeros_like(flexion)
    along = np.stack([zero, cosine, sine], axis=-1)
    palmar = np.stack([zero, -sine, cosine], axis=-1)
    across = np.stack([np.ones_like(flexion), zero, zero], axis=-1)  # along x palmar
    frames = np.stack([along, palmar, across], axis=2)  # (4, 3, 3, 3)
    turn = -angles[:, 3]
    rotation = np.zeros((4, 3, 3))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(turn)
    rotation[:, 1, 0] = np.sin(turn)
    rotation[:, 0, 1] = -rotation[:, 1, 0]
    rotation[:, 2, 2] = 1.0
    return np.einsum("fij,fbvj->fbvi", rotation, frames)


def _thumb_frames(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    azimuth, elevation, roll = angles[:3]
    along = np.array([np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])
    inward = np.array([-1.0, 0.0, 0.0])
    inward -= np.dot(inward, along) * along
    inward /= np.sqrt(np.dot(inward, inward))
    palmar = np.cos(roll) * inward + np.sin(roll) * cross(along, inward)
    flexion = np.array([0.0, angles[3], angles[3] + angles[4]])
    sine, cosine = np.sin(flexion)[:, None], np.cos(flexion)[:, None]
    turned_along = cosine * along + sine * palmar  # (3, 3)
    turned_palmar = cosine * palmar - sine * along
    across = np.broadcast_to(cross(along, palmar), (3, 3))
    return np.stack([turned_along, turned_palmar, across], axis=1)


def cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector product (3,) of two vectors (3,); `np.cross` spends ten times as long on looking at shapes."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
