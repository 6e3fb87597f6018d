"""Everything a picture depends on, by name, and how each factor is drawn.

A factor is a pure function of (seed, class, index) or, for what belongs to the signer, of (seed, person). Each reads
uniform numbers of its own, so fixing one leaves all others as they were.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from math import exp, log
from statistics import NormalDist
from typing import Any

import numpy as np

from surehand.errors import UsageError
from surehand.randomness import uniforms

from ._handshapes import Handshapes

BACKGROUNDS = ("plain", "room", "planks", "texture", "clutter", "outdoors", "folds", "things")
HANDS = ("right", "left")
PERSONS = 1000


@dataclass(frozen=True)
class Factors:
    """The knobs of one picture. Angles in degrees, lengths in palm widths, times-average sizes near 1.

    Attributes:
        scenes: a key of `SCENES`, by whose laws the others are drawn; "any" unless it is fixed.
        person: who signs, drawn from 0 to 999; fixes the factors of the signer unless they are fixed themselves.
        hand: "right" or "left"; a left hand is the mirrored right hand, in the same light.
        tone: skin on the Monk scale, 1 (lightest) to 10, continuous.
        skin_red: relative surplus of red in the skin.
        fingers, finger_each, thumb, girth, palm, wrist: sizes times average: length of all fingers, of each finger, of
            the thumb; radius of the digits; thickness of the palm; width of the wrist.
        skin_scene: which skin texture.
        nail_paint: 0 to 1, the hue of nail polish; negative for bare nails.
        sleeve: distance from wrist to sleeve; 100 for a bare arm.
        cloth: colour of sleeve and stripes, five numbers from 0 to 1.
        variant: which way to form the letter, from 0.
        idle: for "nothing" only: whether a relaxed hand is in the picture.
        looseness: of folded fingers, 0 to 1.
        curl, spread: shared movements of the fingers, standard deviations.
        joint_noise: standard normal numbers of the 16 finger and 5 thumb angles.
        pitch, yaw, roll: the hand's rotation away from the letter's own, about the image's x, y and view axes.
        forearm_bend: added to the forearm's direction, camera frame.
        camera_distance: from the camera to the hand.
        palm_width: over image width, at most: the hand shrinks where it would not fit.
        place_x, place_y: where the hand stands within the room the frame leaves it, 0 to 1.
        light_azimuth, light_elevation: the key light's direction from the camera's axis.
        light_intensity, light_warmth, shadow_sharpness: of the key light.
        ambient, ambient_warmth, ground, fill: light of the sky, its warmth, the ground's share, a light at the camera.
        occlusion, crease: depth of the dark between fingers and in skin folds.
        back_light: the key light stands behind the hand, which is darker than its background.
        background: one of `BACKGROUNDS`.
        background_scene: which one of its kind.
        background_light: its brightness times average.
        background_blur: over image width.
        exposure: times the automatic one.
        blur, motion_blur: over image width.
        motion_angle: direction of the motion blur.
        gamma, contrast, brightness, saturation, white_red, white_blue: the camera's picture style.
        noise: standard deviation, 0 to 1.
        noise_scene: which noise.
        jpeg_quality: 1 to 95.
    """

    scenes: str
    person: int
    hand: str
    tone: float
    skin_red: float
    fingers: float
    finger_each: tuple[float, ...]
    thumb: float
    girth: float
    palm: float
    wrist: float
    skin_scene: float
    nail_paint: float
    sleeve: float
    cloth: tuple[float, ...]
    variant: int
    idle: bool
    looseness: float
    curl: float
    spread: float
    joint_noise: tuple[float, ...]
    pitch: float
    yaw: float
    roll: float
    forearm_bend: tuple[float, ...]
    camera_distance: float
    palm_width: float
    place_x: float
    place_y: float
    light_azimuth: float
    light_elevation: float
    light_intensity: float
    light_warmth: float
    shadow_sharpness: float
    ambient: float
    ambient_warmth: float
    ground: float
    fill: float
    occlusion: float
    crease: float
    back_light: bool
    background: str
    background_scene: int
    background_light: float
    background_blur: float
    exposure: float
    blur: float
    motion_blur: float
    motion_angle: float
    gamma: float
    contrast: float
    brightness: float
    saturation: float
    white_red: float
    white_blue: float
    noise: float
    noise_scene: int
    jpeg_quality: int


@dataclass(frozen=True)
class _Law:
    """A distribution: how many uniform numbers it reads, and what it makes of them."""

    numbers: int
    draw: Callable[[Sequence[float]], Any]


def _uniform(low: float, high: float) -> _Law:
    return _Law(1, lambda u: low + (high - low) * u[0])


def _log_uniform(low: float, high: float) -> _Law:
    return _Law(1, lambda u: low * exp(log(high / low) * u[0]))


_quantile = NormalDist().inv_cdf


def standard_normal(u: float) -> float:
    """The normal number that is larger than a share u of all, within 4.8 standard deviations."""
    return _quantile(min(max(u, 1e-6), 1.0 - 1e-6))


def _normal(mean: float, deviation: float) -> _Law:
    return _Law(1, lambda u: mean + deviation * standard_normal(u[0]))


def _normals(count: int, mean: float, deviation: float) -> _Law:
    return _Law(count, lambda u: tuple(mean + deviation * standard_normal(x) for x in u))


def _size(deviation: float) -> _Law:
    """A size times average; never beyond 2.5 standard deviations, so that hands stay hands."""
    return _Law(1, lambda u: 1.0 + deviation * min(max(standard_normal(u[0]), -2.5), 2.5))


def _chance(probability: float) -> _Law:
    return _Law(1, lambda u: u[0] < probability)


def _whole(count: int) -> _Law:
    return _Law(1, lambda u: int(u[0] * count))


def _choice(weights: Mapping[str, float]) -> _Law:
    names, shares = list(weights), list(weights.values())
    return _Law(1, lambda u: names[_weighted(shares, u[0])])


def _often(probability: float, then: _Law, otherwise: _Law) -> _Law:
    """One law with a probability, else another; both read the same numbers after the first."""
    return _Law(
        1 + max(then.numbers, otherwise.numbers), lambda u: (then if u[0] < probability else otherwise).draw(u[1:])
    )


def _always(value: float) -> _Law:
    return _Law(0, lambda _: value)


def _beta(a: float, b: float) -> _Law:
    """A Kumaraswamy variable (J. Hydrology 46, 1980): close to Beta(a, b), with a distribution one can invert."""
    return _Law(1, lambda u: (1.0 - (1.0 - u[0]) ** (1.0 / b)) ** (1.0 / a))


_SIGNER_LAWS: dict[str, _Law] = {
    "hand": _choice({"right": 0.7, "left": 0.3}),
    "tone": _uniform(1.0, 10.0),
    "skin_red": _normal(0.0, 0.05),
    "fingers": _size(0.05),
    "finger_each": _Law(4, lambda u: tuple(_size(0.02).draw([x]) for x in u)),
    "thumb": _size(0.05),
    "girth": _size(0.08),
    "palm": _size(0.08),
    "wrist": _size(0.08),
    "skin_scene": _uniform(0.0, 97.0),
    "nail_paint": _often(0.06, _uniform(0.0, 1.0), _always(-1.0)),
    "sleeve": _often(0.3, _uniform(0.3, 1.8), _always(100.0)),
    "cloth": _Law(5, tuple),
}

_PICTURE_LAWS: dict[str, _Law] = {
    "person": _whole(PERSONS),
    "variant": _uniform(0.0, 1.0),  # a place on the cumulated weights; `draw_factors` looks it up
    "idle": _chance(0.5),
    "looseness": _beta(1.0, 1.3),
    "curl": _normal(0.0, 1.0),
    "spread": _normal(0.0, 1.0),
    "joint_noise": _normals(21, 0.0, 1.0),
    "pitch": _normal(0.0, 18.0),
    "yaw": _normal(0.0, 25.0),
    "roll": _normal(0.0, 15.0),
    "forearm_bend": _normals(3, 0.0, 0.18),
    "camera_distance": _uniform(3.5, 8.0),
    "palm_width": _log_uniform(0.16, 0.62),
    "place_x": _uniform(0.0, 1.0),
    "place_y": _uniform(0.0, 1.0),
    "light_azimuth": _uniform(-126.0, 126.0),
    "light_elevation": _uniform(-15.0, 75.0),
    "light_intensity": _uniform(0.4, 1.9),
    "light_warmth": _uniform(-0.12, 0.14),
    "shadow_sharpness": _log_uniform(2.0, 24.0),
    "ambient": _uniform(0.14, 0.75),
    "ambient_warmth": _uniform(-0.08, 0.08),
    "ground": _uniform(0.35, 1.0),
    "fill": _uniform(0.0, 0.35),
    "occlusion": _uniform(0.7, 1.3),
    "crease": _uniform(0.15, 0.5),
    "back_light": _chance(0.17),
    "background": _choice(
        {
            "plain": 0.10,
            "room": 0.15,
            "planks": 0.06,
            "texture": 0.07,
            "clutter": 0.10,
            "outdoors": 0.08,
            "folds": 0.22,
            "things": 0.22,
        }
    ),
    "background_scene": _whole(2**31),
    "background_light": _log_uniform(0.55, 1.6),
    "background_blur": _often(0.6, _Law(1, lambda u: 0.005 - 0.011 * log(1.0 - u[0])), _always(0.0)),
    "exposure": _uniform(0.75, 1.2),
    "blur": _often(0.65, _uniform(0.002, 0.006), _uniform(0.006, 0.017)),
    "motion_blur": _often(0.08, _uniform(0.03, 0.09), _always(0.0)),
    "motion_angle": _uniform(0.0, 180.0),
    "gamma": _Law(1, lambda u: exp(0.15 * standard_normal(u[0]))),
    "contrast": _uniform(0.9, 1.7),
    "brightness": _normal(0.0, 0.05),
    "saturation": _uniform(0.75, 1.3),
    "white_red": _normal(1.01, 0.04),
    "white_blue": _normal(0.99, 0.05),
    "noise": _Law(1, lambda u: min(0.016 * abs(standard_normal(u[0])), 0.06)),
    "noise_scene": _whole(2**31),
    "jpeg_quality": _Law(1, lambda u: 45 + int(51 * u[0])),
}

# As many left hands as left-handed people; "any" has more, so that readers read both alike.
_MOSTLY_RIGHT = _choice({"right": 0.9, "left": 0.1})

# As people turn the hand that they show to a camera: hardly.
_SHOWN: dict[str, _Law] = {
    "hand": _MOSTLY_RIGHT,
    "pitch": _normal(0.0, 7.0),
    "yaw": _normal(0.0, 12.0),
    "roll": _normal(0.0, 9.0),
}

# Whose laws differ from these, reading as many numbers. "any" is what readers of photographs are taught with, and
# "shown" what makes them better in the end (docs/results.md, section 5): hands turned as people turn them, not small.
# "near", with flatter backgrounds besides, is what a small network learns from in some minutes (section 7), and
# "studio" what any network learns something from in some thousand pictures: a hand that fills the picture before a
# wall.
SCENES: dict[str, dict[str, _Law]] = {
    "any": {},
    "shown": {**_SHOWN, "palm_width": _log_uniform(0.24, 0.62)},
    "near": {
        **_SHOWN,
        "palm_width": _log_uniform(0.22, 0.62),
        "background": _choice(
            {"plain": 0.3, "room": 0.3, "planks": 0.1, "texture": 0.1, "clutter": 0.1, "outdoors": 0.1}
        ),
    },
    "studio": {
        "hand": _MOSTLY_RIGHT,
        "pitch": _normal(0.0, 8.0),
        "yaw": _normal(0.0, 10.0),
        "roll": _normal(0.0, 6.0),
        "palm_width": _log_uniform(0.38, 0.62),
        "place_x": _uniform(0.3, 0.7),
        "place_y": _uniform(0.3, 0.7),
        "back_light": _chance(0.0),
        "background": _choice({"plain": 1.0}),
        "blur": _often(1.0, _uniform(0.002, 0.006), _uniform(0.006, 0.017)),
        "motion_blur": _often(0.0, _uniform(0.03, 0.09), _always(0.0)),
        "contrast": _uniform(0.9, 1.2),
    },
}


class _Laws:
    """Laws by name, each of which reads numbers of its own out of a row."""

    def __init__(self, scenes: str, usual: Mapping[str, _Law]) -> None:
        """The usual laws, but for those that the scenes have of their own."""
        self._rows: list[tuple[str, Callable[[Sequence[float]], Any], slice]] = []
        self._numbers = 0
        for name, law in usual.items():
            law = SCENES[scenes].get(name, law)
            self._rows.append((name, law.draw, slice(self._numbers, self._numbers + law.numbers)))
            self._numbers += law.numbers

    def draw(self, key: tuple[int | str, ...], index: int) -> dict[str, Any]:
        """What each law makes of its numbers."""
        row = uniforms(*key, ids=np.array([index], np.uint64), columns=self._numbers)[0].tolist()
        return {name: draw(row[own]) for name, draw, own in self._rows}


_PICTURE_LAWS_OF = {scenes: _Laws(scenes, _PICTURE_LAWS) for scenes in SCENES}
_SIGNER_LAWS_OF = {scenes: _Laws(scenes, _SIGNER_LAWS) for scenes in SCENES}

# What a series varies by one name; every other factor is also a group of its own.
FACTOR_GROUPS: dict[str, tuple[str, ...]] = {
    "person": ("person", *_SIGNER_LAWS),
    "signer": ("person", *(name for name in _SIGNER_LAWS if name != "hand")),
    "shape": ("fingers", "finger_each", "thumb", "girth", "palm", "wrist"),
    "pose": ("variant", "looseness", "curl", "spread", "joint_noise"),
    "rotation": ("pitch", "yaw", "roll"),
    "distance": ("palm_width", "camera_distance"),
    "place": ("place_x", "place_y"),
    "light": (
        *("light_azimuth", "light_elevation", "light_intensity", "light_warmth", "shadow_sharpness"),
        *("ambient", "ambient_warmth", "ground", "fill", "back_light", "exposure"),
    ),
    "background": ("background", "background_scene", "background_light", "background_blur"),
    "sensor": (
        *("blur", "motion_blur", "motion_angle", "gamma", "contrast", "brightness", "saturation"),
        *("white_red", "white_blue", "noise", "noise_scene", "jpeg_quality"),
    ),
}

FACTOR_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Factors))


def draw_factors(
    class_name: str, shapes: Handshapes, *, seed: int, index: int, fixed: Mapping[str, Any] | None = None
) -> Factors:
    """Draw the factors of one picture.

    Args:
        class_name: one of `CLASSES`.
        shapes: says which variants there are.
        seed: of the data set.
        index: of the picture within its class.
        fixed: factors by name that are not drawn.

    Raises:
        UsageError: a name that is no factor, or a value that the factor cannot take.
    """
    variants = shapes.classes[class_name]
    _check_fixed(fixed or {}, class_name, len(variants))
    fixed = {name: _plain(name, value) for name, value in (fixed or {}).items()}
    scenes = fixed.get("scenes", "any")
    values = _PICTURE_LAWS_OF[scenes].draw((seed, "picture", class_name), index)
    values["variant"] = _weighted([variant.weight for variant in variants], values["variant"])
    if class_name != "nothing":
        values["idle"] = False
    person = fixed.get("person", values["person"])
    values |= _signer(scenes, seed, person)
    values |= fixed
    return Factors(**{"scenes": scenes, **values})


def held_while_varying(
    group: str, class_name: str, shapes: Handshapes, *, seed: int, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The factors that a series holds while one group varies: those of the class's first picture, less the group.

    Args:
        group: a name of `FACTOR_GROUPS` or a single factor.
        class_name: one of `CLASSES`.
        shapes: says which variants there are.
        seed: of the data set.
        fixed: factors by name that are held at these values instead, also where they are of the group.

    Raises:
        UsageError: no such group or factor, what `draw_factors` raises, or nothing is left to vary.
    """
    fixed = dict(fixed or {})
    names = dict.fromkeys((*FACTOR_GROUPS, *FACTOR_NAMES[1:]))  # scenes are asked for, not drawn
    if group not in names:
        raise UsageError(f"no factor or group {group!r} to vary: pass one of {', '.join(names)}")
    # Of the first picture as fixed, not as drawn: whoever fixes the person fixes the person's hand.
    base = draw_factors(class_name, shapes, seed=seed, index=0, fixed=fixed)
    free = set(FACTOR_GROUPS.get(group, (group,))) - set(fixed)
    _check_free(group, free - {"person"}, fixed)
    if free & set(_SIGNER_LAWS):
        # The person must be free, too: what belongs to the signer is drawn from the person.
        free |= {"person"} - set(fixed)
    return {name: getattr(base, name) for name in FACTOR_NAMES if name not in free}


def _check_free(group: str, free: set[str], fixed: Mapping[str, Any]) -> None:
    """Raise UsageError if what is free of a group, less the mere number of the person, is the same in all pictures."""
    if not free or group in fixed:
        raise UsageError(f"{group} cannot vary while it is fixed: vary something else, or fix less")
    if "person" in fixed and free <= set(_SIGNER_LAWS):
        raise UsageError(f"{group} cannot vary while the person is fixed: vary something else, or do not fix person")


@lru_cache(maxsize=PERSONS, typed=True)  # keys of streams differ by type
def _signer(scenes: str, seed: int, person: int) -> Mapping[str, Any]:
    """The factors of one signer, whose pictures are many."""
    return _SIGNER_LAWS_OF[scenes].draw((seed, "signer"), person)


def _weighted(weights: Sequence[float], place: float) -> int:
    """The index at a place, 0 to 1, on the cumulated weights; 0 if there are none."""
    left = place * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return max(len(weights) - 1, 0)


_WHOLE = ("person", "variant", "background_scene", "noise_scene", "jpeg_quality")
_YES_OR_NO = ("idle", "back_light")
_WORDS: dict[str, tuple[str, ...]] = {"scenes": tuple(SCENES), "hand": HANDS, "background": BACKGROUNDS}
_LENGTHS = {"finger_each": 4, "cloth": 5, "joint_noise": 21, "forearm_bend": 3}
_RANGES: dict[str, tuple[float, float]] = {
    "person": (0, 2**53),
    "tone": (1, 10),
    "fingers": (0.5, 2),
    "thumb": (0.5, 2),
    "girth": (0.5, 2),
    "palm": (0.5, 2),
    "wrist": (0.5, 2),
    "sleeve": (0.2, 100),
    "palm_width": (0.02, 1),
    "camera_distance": (2.5, 100),
    "shadow_sharpness": (0.5, 100),
    "background_scene": (0, 2**53),
    "background_light": (0, 10),
    "background_blur": (0, 1),
    "exposure": (0.01, 100),
    "blur": (0, 0.25),
    "motion_blur": (0, 0.5),
    "gamma": (0.1, 10),
    "noise": (0, 1),
    "noise_scene": (0, 2**53),
    "jpeg_quality": (1, 95),
}


def _check_fixed(fixed: Mapping[str, Any], class_name: str, variants: int) -> None:
    for name, value in fixed.items():
        if name not in FACTOR_NAMES:
            raise UsageError(f"no factor {name!r} to fix: the factors are {', '.join(FACTOR_NAMES)}")
        if name in _WORDS:
            if value not in _WORDS[name]:
                raise UsageError(f"the factor {name} must be one of {', '.join(_WORDS[name])}; got {value!r}")
            continue
        numbers = value if name in _LENGTHS else (value,)
        if not isinstance(numbers, Sequence) or len(numbers) != _LENGTHS.get(name, 1):
            raise UsageError(f"the factor {name} needs {_LENGTHS.get(name, 1)} numbers; got {value!r}")
        low, high = (0, max(variants - 1, 0)) if name == "variant" else _RANGES.get(name, (-1e6, 1e6))
        where = f" for class {class_name}, which has no others" if name == "variant" else ""
        for number in numbers:
            if not isinstance(number, int | float | np.integer | np.floating) or not low <= number <= high:
                raise UsageError(f"the factor {name} must lie in {low:g} to {high:g}{where}; got {value!r}")
            if name in _WHOLE and number != int(number):
                raise UsageError(f"the factor {name} must be a whole number; got {value!r}")


def _plain(name: str, value: Any) -> Any:
    """A value of the type with which its factor is drawn: pictures and keys depend on that, too."""
    if name in _WORDS:
        return value
    if name in _LENGTHS:
        return tuple(map(float, value))
    return bool(value) if name in _YES_OR_NO else int(value) if name in _WHOLE else float(value)
