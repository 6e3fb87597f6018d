"""The letters as data: joint angles, orientations, proportions and limits, read from handshapes.json and checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surehand.alphabet import CLASSES
from surehand.errors import DataError

FINGERS = ("index", "middle", "ring", "little")
FINGER_ANGLES = ("mcp_flexion", "pip_flexion", "dip_flexion", "mcp_abduction")
THUMB_ANGLES = ("cmc_azimuth", "cmc_elevation", "axial_roll", "mcp_flexion", "ip_flexion")


@dataclass(frozen=True)
class Variant:
    """One common way to form a letter with a right hand.

    Attributes:
        weight: how often it is drawn, relative to the other variants of its class.
        fingers: degrees (4, 4): index, middle, ring, little by MCP, PIP, DIP flexion and MCP abduction.
        thumb: degrees (5,): CMC azimuth and elevation, axial roll, MCP and IP flexion.
        orientation: (3, 3), columns are the hand's x, y, z axes in the camera frame; a rotation.
        forearm: unit vector (3,) from the wrist to the elbow, in the camera frame.
    """

    weight: float
    fingers: NDArray[np.float64]
    thumb: NDArray[np.float64]
    orientation: NDArray[np.float64]
    forearm: NDArray[np.float64]


@dataclass(frozen=True)
class Proportions:
    """Sizes of an average hand in palm widths; fingers in the order index, middle, ring, little.

    Attributes:
        knuckle: MCP joints (4, 3).
        metacarpal_base: (4, 3).
        metacarpal_radius: at base and head (4, 2).
        phalanx_length: proximal, middle, distal (4, 3).
        phalanx_radius: at MCP, PIP, DIP and tip (4, 4).
        thumb_base: CMC joint (3,).
        thumb_length: metacarpal, proximal, distal (3,).
        thumb_radius: at CMC, MCP, IP and tip (4,).
    """

    knuckle: NDArray[np.float64]
    metacarpal_base: NDArray[np.float64]
    metacarpal_radius: NDArray[np.float64]
    phalanx_length: NDArray[np.float64]
    phalanx_radius: NDArray[np.float64]
    thumb_base: NDArray[np.float64]
    thumb_length: NDArray[np.float64]
    thumb_radius: NDArray[np.float64]


@dataclass(frozen=True)
class Idle:
    """Ranges of a relaxed hand that signs nothing, degrees: low and high of each angle."""

    fingers: NDArray[np.float64]  # (3, 2): MCP, PIP, DIP flexion
    abduction: NDArray[np.float64]  # (4,): the mean of each finger
    thumb: NDArray[np.float64]  # (5, 2)


@dataclass(frozen=True)
class Noise:
    """How much people and repetitions differ, degrees: standard deviations and gains of shared movements."""

    finger: NDArray[np.float64]  # (4,) by angle
    thumb: NDArray[np.float64]  # (5,) by angle
    curl: NDArray[np.float64]  # (3,): MCP, PIP, DIP of all fingers together
    spread: NDArray[np.float64]  # (4,): abduction of each finger
    loose_mcp: float
    loose_dip: float


@dataclass(frozen=True)
class Handshapes:
    """Everything the renderer knows about hands and letters."""

    classes: Mapping[str, tuple[Variant, ...]]
    proportions: Proportions
    finger_limits: NDArray[np.float64]  # degrees (4, 4, 2): finger, angle, low and high
    thumb_limits: NDArray[np.float64]  # degrees (5, 2)
    noise: Noise
    idle: Idle


@cache
def default_handshapes() -> Handshapes:
    """The hand shapes that come with the package."""
    return load_handshapes(Path(__file__).with_name("handshapes.json"))


def load_handshapes(path: str | Path) -> Handshapes:
    """Read a hand-shape file and check every angle against the limits it states.

    Args:
        path: a JSON file of the form of the package's ``render/handshapes.json``.

    Raises:
        DataError: unreadable, an unknown or missing class, a wrong number of values, or an angle outside its limits;
            the message names class, joint, value and limits.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the hand shapes in {path}: {error}") from error
    try:
        return _parse(content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except KeyError as error:
        raise DataError(f"{path}: the entry {error} is missing; compare with the package's handshapes.json") from error
    except TypeError as error:
        raise DataError(f"{path}: not of the form of the package's handshapes.json ({error})") from error


def _parse(content: Mapping[str, Any]) -> Handshapes:
    limits = content["limits"]
    finger_limits = np.stack(
        [_limits(limits[finger], FINGER_ANGLES, f"limits of the {finger} finger") for finger in FINGERS]
    )
    thumb_limits = _limits(limits["thumb"], THUMB_ANGLES, "limits of the thumb")

    unknown, missing = set(content["classes"]) - set(CLASSES), set(CLASSES) - set(content["classes"])
    if unknown:
        raise DataError(f"unknown class {', '.join(sorted(unknown))}; the classes are {', '.join(CLASSES)}")
    if missing:
        raise DataError(f"class {', '.join(sorted(missing))} is missing")

    classes = {}
    for name in CLASSES:
        variants = content["classes"][name]["variants"]
        if not variants and name != "nothing":
            raise DataError(f"class {name} has no variant; give at least one")
        classes[name] = tuple(
            _variant(entry, f"class {name}, variant {number}", finger_limits, thumb_limits)
            for number, entry in enumerate(variants, 1)
        )
    noise = content["noise"]
    return Handshapes(
        classes=classes,
        proportions=_proportions(content["proportions"]),
        finger_limits=finger_limits,
        thumb_limits=thumb_limits,
        noise=Noise(
            finger=_array(noise["finger"], (4,), "noise of the fingers"),
            thumb=_array(noise["thumb"], (5,), "noise of the thumb"),
            curl=_array(noise["curl"], (3,), "shared curl"),
            spread=_array(noise["spread"], (4,), "shared spread"),
            loose_mcp=float(_array(noise["loose_mcp"], (), "loose_mcp")),
            loose_dip=float(_array(noise["loose_dip"], (), "loose_dip")),
        ),
        idle=_idle(content["idle"], finger_limits, thumb_limits),
    )


def _limits(values: Any, names: tuple[str, ...], where: str) -> NDArray[np.float64]:
    limits = _array(values, (len(names), 2), where)
    for (low, high), name in zip(limits, names, strict=True):
        if not -180 <= low <= high <= 180:
            raise DataError(
                f"{where}, {name}: low and high must rise within -180 to 180 degrees; got {low:g} to {high:g}"
            )
    return limits


def _idle(content: Mapping[str, Any], finger_limits: NDArray[np.float64], thumb_limits: NDArray[np.float64]) -> Idle:
    idle = Idle(
        fingers=_array(content["finger"], (3, 2), "idle fingers"),
        abduction=_array(content["abduction"], (4,), "idle abduction"),
        thumb=_array(content["thumb"], (5, 2), "idle thumb"),
    )
    for end in (0, 1):
        for finger, abduction, bounds in zip(FINGERS, idle.abduction, finger_limits, strict=True):
            angles = np.array([*idle.fingers[:, end], abduction])
            _check_limits(angles, bounds, FINGER_ANGLES, f"idle {finger} finger")
        _check_limits(idle.thumb[:, end], thumb_limits, THUMB_ANGLES, "idle thumb")
    return idle


def _variant(
    entry: Mapping[str, Any], where: str, finger_limits: NDArray[np.float64], thumb_limits: NDArray[np.float64]
) -> Variant:
    weight = float(_array(entry["weight"], (), f"{where}, weight"))
    if not 0 < weight < float("inf"):
        raise DataError(f"{where}: weight must be positive; got {weight}")
    fingers = np.stack([_array(entry[finger], (4,), f"{where}, {finger} finger") for finger in FINGERS])
    for finger, angles, bounds in zip(FINGERS, fingers, finger_limits, strict=True):
        _check_limits(angles, bounds, FINGER_ANGLES, f"{where}, {finger} finger")
    thumb = _array(entry["thumb"], (5,), f"{where}, thumb")
    _check_limits(thumb, thumb_limits, THUMB_ANGLES, f"{where}, thumb")
    return Variant(
        weight=weight,
        fingers=fingers,
        thumb=thumb,
        orientation=_orientation(
            _array(entry["fingers_direction"], (3,), f"{where}, fingers_direction"),
            _array(entry["palm_normal"], (3,), f"{where}, palm_normal"),
            where,
        ),
        forearm=_unit(_array(entry["forearm_direction"], (3,), f"{where}, forearm_direction"), where),
    )


def _check_limits(angles: NDArray[np.float64], limits: NDArray[np.float64], names: tuple[str, ...], where: str) -> None:
    for angle, (low, high), name in zip(angles, limits, names, strict=True):
        if not low <= angle <= high:
            raise DataError(f"{where}, {name}: {angle:g} degrees is outside the limits {low:g} to {high:g}")


def _orientation(fingers: NDArray[np.float64], normal: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """The rotation whose y is the fingers' direction and whose z is as near to the palm normal as that allows."""
    y = _unit(fingers, where)
    off = abs(float(np.dot(y, _unit(normal, where))))
    if off > 0.1:
        raise DataError(f"{where}: palm_normal must be perpendicular to fingers_direction; their cosine is {off:.2f}")
    z = _unit(normal - np.dot(normal, y) * y, where)
    return np.stack([np.cross(y, z), y, z], axis=1)


def _unit(vector: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise DataError(f"{where}: a direction has length zero")
    return vector / length


def _proportions(content: Mapping[str, Any]) -> Proportions:
    def by_finger(name: str, columns: int) -> NDArray[np.float64]:
        return np.stack(
            [_array(content[name][finger], (columns,), f"{name} of the {finger} finger") for finger in FINGERS]
        )

    proportions = Proportions(
        knuckle=by_finger("knuckle", 3),
        metacarpal_base=by_finger("metacarpal_base", 3),
        metacarpal_radius=by_finger("metacarpal_radius", 2),
        phalanx_length=by_finger("phalanx_length", 3),
        phalanx_radius=by_finger("phalanx_radius", 4),
        thumb_base=_array(content["thumb_base"], (3,), "thumb_base"),
        thumb_length=_array(content["thumb_length"], (3,), "thumb_length"),
        thumb_radius=_array(content["thumb_radius"], (4,), "thumb_radius"),
    )
    for name in ("metacarpal_radius", "phalanx_length", "phalanx_radius", "thumb_length", "thumb_radius"):
        if (getattr(proportions, name) <= 0).any():
            raise DataError(f"{name}: lengths and radii must be positive")
    return proportions


def _array(values: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float64]:
    expected = f"{' x '.join(map(str, shape))} numbers" if shape else "a number"
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: expected {expected}; got {values!r}") from error
    if array.shape != shape:
        raise DataError(f"{where}: expected {expected}; got {values!r}")
    if not np.isfinite(array).all():
        raise DataError(f"{where}: not a finite number in {values!r}")
    array.setflags(write=False)
    return array
