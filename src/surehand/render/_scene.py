"""From factors to what the marching kernel sees: the posed hand, the camera and the light."""

from dataclasses import dataclass, replace
from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from surehand.randomness import uniforms

from ._capsules import Limb, capsules
from ._factors import Factors
from ._hand_rows import Light, Triple, View, triple
from ._handshapes import Handshapes, Proportions, Variant
from ._kinematics import Skeleton, pose

# The joint box may leave the frame by this share of the image width.
_MARGIN = 0.06
# Fingers count as folded, and so may be loose, beyond these MCP and PIP flexions (degrees).
_FOLDED = (75.0, 90.0)


@dataclass(frozen=True)
class Scene:
    """A posed hand before a camera.

    Attributes:
        skeleton: in the hand frame of a right hand.
        capsules: rows as `render_hand` takes them.
        sleeve: distance from the wrist at which a sleeve begins, palm widths; 100 for a bare arm.
        view: the camera.
        light: in the hand frame.
    """

    skeleton: Skeleton
    capsules: NDArray[np.float64]
    sleeve: float
    view: View
    light: Light


def scene_of(class_name: str, factors: Factors, shapes: Handshapes, size: int) -> Scene | None:
    """Build the scene of one picture; None when there is no hand in it (half of "nothing")."""
    if class_name == "nothing":
        if not factors.idle:
            return None
        variant = _idle_variant(factors, shapes)
    else:
        variant = shapes.classes[class_name][factors.variant]
    proportions = signer_proportions(shapes.proportions, factors)
    fingers, thumb = bend(variant, factors, shapes)
    skeleton = pose(fingers, thumb, proportions)

    rotation = _rotation(factors.pitch, factors.yaw, factors.roll) @ variant.orientation  # hand to camera
    forearm = variant.forearm + np.array(factors.forearm_bend)
    forearm = rotation.T @ (forearm / np.linalg.norm(forearm))
    limb = Limb(forearm=_in_reach(forearm), width=factors.wrist)
    mirror = np.diag([-1.0 if factors.hand == "left" else 1.0, 1.0, 1.0])
    to_camera = mirror @ rotation
    return Scene(
        skeleton=skeleton,
        capsules=capsules(skeleton, proportions, factors.palm, limb),
        sleeve=float(factors.sleeve),
        view=_view(to_camera, skeleton.joints, factors, class_name == "nothing", size),
        light=_light(to_camera, factors),
    )


def signer_proportions(average: Proportions, factors: Factors) -> Proportions:
    """The proportions of one signer."""
    each = np.array(factors.finger_each)[:, None]
    return replace(
        average,
        phalanx_length=average.phalanx_length * factors.fingers * each,
        phalanx_radius=average.phalanx_radius * factors.girth,
        metacarpal_radius=average.metacarpal_radius * np.array([1.0, 0.5 + 0.5 * factors.girth]),
        thumb_length=average.thumb_length * factors.thumb,
        thumb_radius=average.thumb_radius * np.array([1.0, *[factors.girth] * 3]),
    )


def bend(variant: Variant, factors: Factors, shapes: Handshapes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Joint angles of one picture: the variant's, loosened, curled, spread and shaken, within the limits.

    Returns:
        Degrees (4, 4) and (5,), as `pose` takes them.
    """
    noise = shapes.noise
    joint_noise = np.array(factors.joint_noise)
    fingers = variant.fingers.copy()
    folded = (fingers[:, 0] > _FOLDED[0]) & (fingers[:, 1] > _FOLDED[1])
    fingers[folded, 0] -= noise.loose_mcp * factors.looseness
    fingers[folded, 2] -= noise.loose_dip * factors.looseness
    fingers[:, :3] += noise.curl * factors.curl
    fingers[:, 3] += noise.spread * factors.spread
    fingers += noise.finger * joint_noise[:16].reshape(4, 4)
    thumb = variant.thumb + noise.thumb * joint_noise[16:]
    return _within(fingers, shapes.finger_limits), _within(thumb, shapes.thumb_limits)


def _within(angles: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(np.maximum(angles, limits[..., 0]), limits[..., 1])


def _idle_variant(factors: Factors, shapes: Handshapes) -> Variant:
    """A relaxed hand, often open, more or less upright in half of the pictures, drawn from their joint noise."""
    idle = shapes.idle
    u = uniforms(repr(factors.joint_noise), "idle", ids=np.zeros(1, np.uint64), columns=16)[0]
    curl = np.clip(0.4 * u[:4, None] + 1.3 * u[4] - 0.35, 0, 1)  # fingers curl together
    flexion = idle.fingers[:, 0] + (idle.fingers[:, 1] - idle.fingers[:, 0]) * curl  # (4, 3)
    abduction = (0.3 + 0.8 * u[14]) * idle.abduction
    thumb = idle.thumb[:, 0] + (idle.thumb[:, 1] - idle.thumb[:, 0]) * u[5:10]
    reach = np.array([120.0, 360.0, 120.0]) if u[13] < 0.5 else np.full(3, 360.0)
    turn = _rotation(*(reach * (u[10:13] - 0.5)))
    return Variant(
        weight=1.0,
        fingers=np.column_stack([flexion, abduction]),
        thumb=thumb,
        orientation=turn,
        forearm=-turn[:, 1],
    )


def _rotation(pitch: float, yaw: float, roll: float) -> NDArray[np.float64]:
    """The rotation by the vector (pitch, yaw, roll), degrees (Rodrigues)."""
    x, y, z = radians(pitch), radians(yaw), radians(roll)
    angle = sqrt(x * x + y * y + z * z)
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = x / angle, y / angle, z / angle
    s, c = sin(angle), 1 - cos(angle)
    return np.array(
        [
            [1 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y],
            [c * x * y + s * z, 1 - c * (x * x + z * z), c * y * z - s * x],
            [c * x * z - s * y, c * y * z + s * x, 1 - c * (x * x + y * y)],
        ]
    )


def _in_reach(forearm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest direction a wrist can bend to: no forearm within 70 degrees of the fingers' side."""
    limit = -0.34
    if forearm[1] <= limit:
        return forearm
    side = forearm * np.array([1.0, 0.0, 1.0])
    side = side / max(float(np.linalg.norm(side)), 1e-9) * np.sqrt(1 - limit * limit)
    return side + np.array([0.0, limit, 0.0])


def _view(
    rotation: NDArray[np.float64], joints: NDArray[np.float64], factors: Factors, anywhere: bool, size: int
) -> View:
    """Place the camera so that the joints lie where the factors want them in the frame."""
    distance, middle = factors.camera_distance, joints.sum(axis=0) / len(joints)
    seen = (joints - middle) @ rotation.T  # camera frame, (21, 3)
    flat = seen[:, :2] / (distance - seen[:, 2:])  # for focal length 1
    low, high = flat.min(axis=0).tolist(), flat.max(axis=0).tolist()
    focal = factors.palm_width * distance
    if not anywhere:
        focal = min(focal, (1 + 2 * _MARGIN) / max(high[0] - low[0], high[1] - low[1]))

    def offset(axis: int, wanted: float) -> float:
        """How far to move the hand along an image axis, at focal length 1."""
        if anywhere:
            return 1.4 * (wanted - 0.5) / focal - (low[axis] + high[axis]) / 2
        # The image of the joint box may start between -margin and 1 + margin - its size.
        room = 1 + 2 * _MARGIN - focal * (high[axis] - low[axis])
        return (-0.5 - _MARGIN + room * wanted) / focal - low[axis]

    # y runs up in the camera frame.
    to_middle = np.array([offset(0, factors.place_x), offset(1, 1 - factors.place_y), -1.0]) * distance
    right, up, back = map(triple, rotation)
    return View(right, up, back, eye=triple(middle - to_middle @ rotation), focal=float(focal), size=size)


def project(points: NDArray[np.float64], view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where points of the hand frame (n, 3) fall in the image, pixels (n, 2), and how far from the eye (n,)."""
    seen = (points - np.array(view.eye)) @ np.array([view.right, view.up, view.back]).T
    x = (0.5 + view.focal * seen[:, 0] / -seen[:, 2]) * view.size
    y = (0.5 - view.focal * seen[:, 1] / -seen[:, 2]) * view.size
    return np.stack([x, y], axis=1), np.sqrt((seen * seen).sum(axis=1))


def _light(rotation: NDArray[np.float64], factors: Factors) -> Light:
    azimuth, elevation = radians(factors.light_azimuth), radians(factors.light_elevation)
    key = np.array([sin(azimuth) * cos(elevation), sin(elevation), cos(azimuth) * cos(elevation)])
    ambient = factors.ambient
    if factors.back_light:
        key[2] = -abs(key[2]) - 0.4
        key /= sqrt(key @ key)
        ambient *= 0.45
    return Light(
        key=triple(rotation.T @ key),
        key_colour=_tinted(factors.light_intensity, factors.light_warmth),
        sky_colour=_tinted(ambient, factors.ambient_warmth),
        ground_colour=_tinted(ambient * factors.ground, factors.ambient_warmth),
        up=triple(rotation[1]),
        fill=float(factors.fill * (0.3 if factors.back_light else 1.0)),
        sharpness=float(factors.shadow_sharpness),
        occlusion=float(factors.occlusion),
    )


def _tinted(strength: float, warmth: float) -> Triple:
    """Light of a colour: more red and less blue the warmer it is."""
    return strength * (1 + warmth), strength, strength * (1 - warmth)
