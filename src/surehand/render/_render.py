"""One letter, one picture, and everything that is true about it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import radians
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy.typing import NDArray
from PIL import Image

from surehand.alphabet import CLASSES
from surehand.errors import UsageError

from ._background import background
from ._factors import Factors, draw_factors
from ._hand import Hand, render_hand
from ._hand_rows import FOREARM_PART, PALM_PART, vector
from ._handshapes import Handshapes, default_handshapes
from ._march_kernels import TILE
from ._picture_kernels import blur, cover_with, linear_to_srgb, picture_style, smear, total_luminance
from ._scene import Scene, project, scene_of
from ._skin import skin_of, tone_albedo

# The version of the pictures: raise it whenever the same seed gives other pictures, so that no cache shows old ones.
RENDERER = 18

SMALLEST, LARGEST = 16, 2048
# Below this size four rays are sent through every pixel, above only where the picture changes.
_ALL_FOUR_RAYS_BELOW = 96
# Shadow and occlusion are soft: this many places along a side are enough.
_LIGHT_RESOLUTION = 96
# Light falls on hands and backgrounds alike, and a camera's exposure evens out the rest: mean linear light is pulled
# towards these targets, by these powers of what is missing.
_HAND_TARGET, _HAND_POWER = 0.40, 0.45
_FRAME_TARGET, _FRAME_POWER = 0.25, 0.55
# Where tone curves are tabulated.
_TONES = np.linspace(0.0, 1.0, 257)
# How dark a hand is before the light, times that.
_BACK_LIT = 0.42
# A joint is hidden when what is seen on its ray lies further before it than flesh is thick, palm widths.
_FLESH = 0.30


def _own_parts() -> NDArray[np.bool_]:
    """Whether a joint (21) may lie in a part (8): its digit; for the thumb's base and the knuckles the palm, too."""
    own = np.zeros((21, FOREARM_PART + 1), bool)
    own[0, [PALM_PART, FOREARM_PART]] = True
    own[1:, 1:6] = np.repeat(np.eye(5, dtype=bool), 4, axis=0)
    own[[1, 2, 5, 9, 13, 17], PALM_PART] = True
    return own


_OWN_PARTS = _own_parts()


@dataclass(frozen=True)
class Rendering:
    """A picture of one class and its ground truth. Labels are of the hand before blur and noise.

    Attributes:
        image: uint8 (h, w, 3), RGB.
        class_name: one of `CLASSES`.
        mask: bool (h, w): at least half of the pixel is covered, most of it by the hand without its forearm.
        parts: uint8 (h, w): 0 none, 1 thumb, 2 index, 3 middle, 4 ring, 5 little finger, 6 palm, 7 forearm and sleeve.
        box: x0, y0, x1, y1 of the mask in pixels, x1 and y1 exclusive; None without a visible hand.
        joints: float (21, 2), x and y in pixels, rows named by `JOINTS`; nan without a hand.
        visible: bool (21,): whether the joint lies in the frame with its own digit or palm seen before it; for the
            wrist also the forearm.
        factors: what was drawn.
    """

    image: UInt8[np.ndarray, "h w 3"]
    class_name: str
    mask: Bool[np.ndarray, "h w"]
    parts: UInt8[np.ndarray, "h w"]
    box: tuple[int, int, int, int] | None
    joints: Float64[np.ndarray, "21 2"]
    visible: Bool[np.ndarray, "21"]
    factors: Factors


def render(
    name: str,
    *,
    seed: int,
    index: int,
    size: int = 64,
    fixed: Mapping[str, Any] | None = None,
    shapes: Handshapes | None = None,
) -> Rendering:
    """Render one picture of a class: a pure function of its arguments.

    Args:
        name: one of `CLASSES`.
        seed: of the data set.
        index: of the picture within its class, from 0.
        size: of the square picture in pixels, 16 to 2048.
        fixed: factors by name (see `Factors`) that are not drawn.
        shapes: hand shapes from `load_handshapes`; the package's own by default.

    Raises:
        UsageError: an unknown class or factor, a negative index, a size outside 16 to 2048.

    >>> rendering = render("L", seed=0, index=3, size=32)
    >>> rendering.image.shape, bool(rendering.mask.any())
    ((32, 32, 3), True)
    """
    factors, scene, hand, image = _taken(name, seed, index, size, fixed, shapes)
    parts: NDArray[np.uint8] = np.zeros((size, size), np.uint8)
    joints, visible = np.full((21, 2), np.nan), np.zeros(21, bool)
    if scene is not None and hand is not None:
        parts = hand.parts
        joints, visible = _joints(scene, parts, hand.depth)
    mask = (parts > 0) & (parts != FOREARM_PART)
    return Rendering(image, name, mask, parts, _box(mask), joints, visible, factors)


def render_image(
    name: str,
    *,
    seed: int,
    index: int,
    size: int = 64,
    fixed: Mapping[str, Any] | None = None,
    shapes: Handshapes | None = None,
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """The image of `render` alone, for whoever has no use for its truth."""
    return _taken(name, seed, index, size, fixed, shapes)[-1]


def _taken(
    name: str, seed: int, index: int, size: int, fixed: Mapping[str, Any] | None, shapes: Handshapes | None
) -> tuple[Factors, Scene | None, Hand | None, NDArray[np.uint8]]:
    """What is drawn, posed and rendered for a picture, and the picture."""
    if name not in CLASSES:
        raise UsageError(f"no class {name!r}: pass one of {', '.join(CLASSES)}")
    check_size(size)
    if index < 0:
        raise UsageError(f"index counts pictures from 0; got {index}")
    shapes = shapes or default_handshapes()
    factors = draw_factors(name, shapes, seed=seed, index=index, fixed=fixed)
    scene = scene_of(name, factors, shapes, size)
    hand = None if scene is None else _hand_of(scene, factors, size)
    light = background_of(factors, size)
    if factors.back_light:
        # Behind a hand in back light it is bright.
        light = light * np.float32(1.3) + np.float32(0.25)
    if hand is not None:
        cover_with(light, hand.colour, hand.coverage, _hand_gain(hand, factors))
    return factors, scene, hand, photograph(light, factors)


def background_of(factors: Factors, size: int) -> Float32[np.ndarray, "{size} {size} 3"]:
    """What stands behind a hand, in linear light, about [0, 1]."""
    return background(
        factors.background,
        factors.background_scene,
        factors.background_light,
        factors.background_blur,
        tone_albedo(factors.tone),
        size,
    )


def check_size(size: int) -> None:
    """Raise UsageError unless pictures of this size can be rendered."""
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"size must lie in {SMALLEST} to {LARGEST} pixels; got {size}")


def _hand_of(scene: Scene, factors: Factors, size: int) -> Hand:
    samples, block = (2, 1) if size < _ALL_FOUR_RAYS_BELOW else (1, min(round(size / _LIGHT_RESOLUTION), TILE))
    view, light, skin = vector(scene.view), vector(scene.light), vector(skin_of(factors))
    return render_hand(scene.capsules, scene.sleeve, view, light, skin, samples, block)


def _hand_gain(hand: Hand, factors: Factors) -> float:
    """How much brighter than modelled the hand is lit."""
    mean = total_luminance(hand.colour) / max(float(hand.coverage.sum()), 1.0)
    gain = (_HAND_TARGET / max(mean, 0.005)) ** _HAND_POWER
    return gain * (_BACK_LIT if factors.back_light else 1.0)


def _frame_gain(light: NDArray[np.float32], factors: Factors) -> float:
    """The camera's automatic exposure."""
    mean = total_luminance(light) / (light.shape[0] * light.shape[1])
    return float(factors.exposure * (_FRAME_TARGET / max(mean, 0.005)) ** _FRAME_POWER)


def photograph(light: NDArray[np.float32], factors: Factors) -> NDArray[np.uint8]:
    """Lens, sensor, picture style and JPEG file."""
    size = light.shape[0]
    image = np.empty_like(light)
    linear_to_srgb(light.ravel(), _frame_gain(light, factors), image.ravel())
    image = blur(image, factors.blur * size)
    if factors.motion_blur > 0:
        image = smear(image, factors.motion_blur * size, radians(factors.motion_angle))
    pixels = picture_style(
        image,
        _TONES**factors.gamma,
        factors.contrast,
        factors.brightness,
        factors.saturation,
        factors.white_red,
        factors.white_blue,
        factors.noise,
        int(factors.noise_scene),
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=factors.jpeg_quality)
    # For a small image, to open a file takes longer than to decode it.
    decoded = Image.frombytes("RGB", (size, size), file.getvalue(), "jpeg", "RGB", "")
    return np.frombuffer(bytearray(decoded.tobytes()), np.uint8).reshape(size, size, 3)


def _joints(
    scene: Scene, parts: NDArray[np.uint8], depth: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    points, distance = project(scene.skeleton.joints, scene.view)
    size = parts.shape[0]
    inside = ((points >= 0) & (points < size)).all(axis=1)
    column, row = np.where(inside[:, None], points, 0).astype(np.int64).T
    own = _OWN_PARTS[np.arange(21), parts[row, column]]
    return points, inside & own & (depth[row, column] > distance - _FLESH)


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def picture_of(number: int) -> tuple[str, int]:
    """Class and index of the n-th picture of an endless set that goes through all classes in turn.

    >>> picture_of(0), picture_of(30)
    (('A', 0), ('B', 1))
    """
    return CLASSES[number % len(CLASSES)], number // len(CLASSES)
