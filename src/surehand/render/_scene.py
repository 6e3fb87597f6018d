"""From factors to what the marching kernel sees: the posed hand, the camera and the light."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surehand.randomness import uniforms

from ._capsules import Limb, capsules
from ._factors import Factors
from ._hand_rows import Light, View, triple
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
    return (
        np.clip(fingers, shapes.finger_limits[..., 0], shapes.finger_limits[..., 1]),
        np.clip(thumb, shapes.thumb_limits[:, 0], shapes.thumb_limits[:, 1]),
    )


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
    vector = np.radians([pitch, yaw, roll])
    angle = float(np.sqrt(vector @ vector))
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


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
    distance = factors.camera_distance
    seen = (joints - joints.mean(axis=0)) @ rotation.T  # camera frame, (21, 3)
    flat = seen[:, :2] / (distance - seen[:, 2:])  # for focal length 1
    low, high = flat.min(axis=0), flat.max(axis=0)
    focal = factors.palm_width * distance
    if not anywhere:
        focal = min(focal, (1 + 2 * _MARGIN) / float((high - low).max()))
    # The image of the joint box may start between -margin and 1 + margin - its size; y runs up in the camera frame.
    room = 1 + 2 * _MARGIN - focal * (high - low)
    wanted = np.array([factors.place_x, 1 - factors.place_y])
    if anywhere:
        middle = 1.4 * (wanted - 0.5)
        offset = middle / focal - (low + high) / 2
    else:
        offset = (-0.5 - _MARGIN + room * wanted) / focal - low
    translation = np.array([offset[0] * distance, offset[1] * distance, -distance])
    translation -= rotation @ joints.mean(axis=0)
    return View(
        right=triple(rotation[0]),
        up=triple(rotation[1]),
        back=triple(rotation[2]),
        eye=triple(-(rotation.T @ translation)),
        focal=float(focal),
        size=size,
    )


def project(points: NDArray[np.float64], view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where points of the hand frame (n, 3) fall in the image, pixels (n, 2), and how far from the eye (n,)."""
    seen = (points - np.array(view.eye)) @ np.array([view.right, view.up, view.back]).T
    x = (0.5 + view.focal * seen[:, 0] / -seen[:, 2]) * view.size
    y = (0.5 - view.focal * seen[:, 1] / -seen[:, 2]) * view.size
    return np.stack([x, y], axis=1), np.sqrt((seen * seen).sum(axis=1))


def _light(rotation: NDArray[np.float64], factors: Factors) -> Light:
    azimuth, elevation = np.radians([factors.light_azimuth, factors.light_elevation])
    key = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    ambient = factors.ambient
    if factors.back_light:
        key[2] = -abs(key[2]) - 0.4
        key /= np.linalg.norm(key)
        ambient *= 0.45
    warm = factors.light_warmth
    tint = np.array([1 + factors.ambient_warmth, 1.0, 1 - factors.ambient_warmth])
    return Light(
        key=triple(rotation.T @ key),
        key_colour=triple(factors.light_intensity * np.array([1 + warm, 1.0, 1 - warm])),
        sky_colour=triple(ambient * tint),
        ground_colour=triple(ambient * factors.ground * tint),
        up=triple(rotation[1]),
        fill=float(factors.fill * (0.3 if factors.back_light else 1.0)),
        sharpness=float(factors.shadow_sharpness),
        occlusion=float(factors.occlusion),
    )
