"""Backgrounds: rooms, planks, textures, clutter, outdoors and plain walls, at times with a person or a lamp in them.

Everything is laid out in image widths, so the same scene can be painted at any size. Colours are display
values until the picture is finished.
"""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surehand.randomness import generator

from . import _picture_kernels as kernels
from ._picture_kernels import ELLIPSE, GLOW, RECTANGLE

Vector = NDArray[np.float64]
MIDDLE = np.array([0.5, 0.5])


def background(
    kind: str, scene: int, brightness: float, blur_width: float, skin: Vector, size: int
) -> NDArray[np.float32]:
    """Paint a background.

    Args:
        kind: a key of `PAINTERS`.
        scene: which one of its kind.
        brightness: times average, in linear light.
        blur_width: standard deviation of the blur over the image width.
        skin: linear albedo (3,) of a person who may stand in the picture.
        size: pixels.

    Returns:
        Linear light, float32 (size, size, 3), about [0, 1].
    """
    dice = _Dice(generator(scene, "background", kind))
    canvas = PAINTERS[kind](dice)
    _add_extras(canvas, dice, skin)
    image = canvas.paint(size)
    if blur_width > 0:
        image = kernels.blur(image, blur_width * size)
    linear: NDArray[np.float32] = kernels.to_linear(image, brightness)
    return linear


@dataclass(frozen=True)
class _Dice:
    """The random choices of one background."""

    random: np.random.Generator

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.random.random()

    def between_log(self, low: float, high: float) -> float:
        return float(low * (high / low) ** self.random.random())

    def normal(self, deviation: float) -> float:
        return deviation * self.random.standard_normal()

    def count(self, low: int, high: int) -> int:
        """Low to high, both included."""
        return int(self.between(low, high + 1))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def place(self, margin: float = 0.0) -> Vector:
        """Somewhere in the picture, or up to a margin beside it."""
        return np.array([self.between(-margin, 1 + margin), self.between(-margin, 1 + margin)])

    def angle(self) -> float:
        return self.between(0, np.pi)

    def colour(self, grey: float = 0.55, low: float = 0.12, warm: float = 0.42) -> Vector:
        """A colour as things in rooms have it: often grey, mostly warm, seldom strong; display values (3,).

        Args:
            grey: the chance of hardly any colour.
            low: the darkest value.
            warm: the chance of a hue between red-brown and yellow.
        """
        if self.chance(0.12):  # of skin: wood, brick, sand, cardboard
            hue, value = self.between(8, 36), self.between(0.25, 0.95)
            return np.array(colorsys.hsv_to_rgb(hue / 360, self.between(0.2, 0.6), value))
        which = self.random.random()
        if which < warm:
            hue = self.between(15, 50)
        elif which < warm + 0.2:
            hue = self.between(190, 235)
        elif which < warm + 0.3:
            hue = self.between(75, 140)
        else:
            hue = self.between(0, 360)
        saturation = self.between(0, 0.14) if self.chance(grey) else 0.65 * self.random.random() ** 2
        value = low + (0.98 - low) * self.random.random() ** 0.8
        return np.array(colorsys.hsv_to_rgb(hue / 360, saturation, value))

    def green(self) -> Vector:
        """A colour of leaves and grass, from fresh to dry; display values (3,)."""
        hue = self.between(35, 130) / 360
        return np.array(colorsys.hsv_to_rgb(hue, self.between(0.15, 0.65), self.between(0.15, 0.75)))


@dataclass
class _Canvas:
    """A noise field and the forms painted over it, in order."""

    first: Vector
    second: Vector
    place: float
    frequency: float = 1.2
    stretch: float = 1.0
    angle: float = 0.0
    octaves: int = 2
    contrast: float = 1.5
    forms: list[Vector] = field(default_factory=list)

    def add(
        self,
        kind: int,
        centre: Sequence[float] | Vector,
        half: Sequence[float],
        colour: Vector,
        *,
        angle: float = 0.0,
        soft: float = 0.0,
        period: float = 0.0,
        second: Vector | None = None,
        opacity: float = 1.0,
        slope: float = 0.0,
    ) -> None:
        """Add a form.

        Args:
            kind: `RECTANGLE`, `ELLIPSE` or `GLOW`.
            centre, half: its place and half its sides, image widths.
            colour: display values (3,).
            angle: of its x axis, radians.
            soft: width of its edge, image widths.
            period, second: of stripes, image widths, and their colour.
            opacity: 0 to 1.
            slope: relative change of brightness from its middle to its edge.
        """
        form = np.zeros(kernels.COLUMNS)
        form[kernels.KIND] = kind
        form[[kernels.X, kernels.Y]] = centre
        form[[kernels.HALF_X, kernels.HALF_Y]] = half
        form[[kernels.COS, kernels.SIN]] = np.cos(angle), np.sin(angle)
        form[kernels.RED : kernels.RED + 3] = colour
        form[kernels.RED2 : kernels.RED2 + 3] = colour if second is None else second
        form[[kernels.SOFT, kernels.PERIOD, kernels.OPACITY, kernels.SLOPE]] = soft, period, opacity, slope
        self.forms.append(form)

    def half_plane(
        self,
        angle: float,
        distance: float,
        colour: Vector,
        *,
        soft: float = 0.0,
        opacity: float = 1.0,
        slope: float = 0.0,
    ) -> None:
        """Add everything beyond a line at a distance from the picture's middle."""
        centre = MIDDLE + (distance + 1.5) * _normal_to(angle)
        self.add(RECTANGLE, centre, (3.0, 1.5), colour, angle=angle, soft=soft, opacity=opacity, slope=slope)

    def paint(self, size: int) -> NDArray[np.float32]:
        image: NDArray[np.float32] = kernels.paint_field(
            size,
            *(self.first, self.second, self.frequency, self.stretch),
            *(self.angle, self.octaves, self.contrast, self.place),
        )
        if self.forms:
            kernels.paint_forms(image, np.array(self.forms))
        return image


def _normal_to(angle: float) -> Vector:
    return np.array([-np.sin(angle), np.cos(angle)])


def _plain(dice: _Dice) -> _Canvas:
    """A wall: one colour, unevenly lit."""
    wall = dice.colour(low=0.2)
    return _Canvas(wall * dice.between(0.75, 1.0), wall * dice.between(1.0, 1.2), dice.between(0, 100))


def _room(dice: _Dice) -> _Canvas:
    """A wall with what meets it: ceiling, floor, corners, doors, windows, shelves."""
    wall = dice.colour(grey=0.7, low=0.35)
    canvas = _Canvas(wall * 0.87, wall * 1.12, dice.between(0, 100))
    tilt = dice.normal(0.12)
    for _ in range(dice.count(1, 3)):
        angle = tilt + dice.count(0, 3) * np.pi / 2 + dice.normal(0.1)
        distance = dice.between(0.05, 0.6)
        near = wall * dice.between(0.6, 1.2) if dice.chance(0.65) else dice.colour(grey=0.7)
        canvas.half_plane(angle, distance, near, slope=dice.normal(0.08))
        if dice.chance(0.4):  # a skirting board, a rail
            edge = MIDDLE + distance * _normal_to(angle)
            canvas.add(RECTANGLE, edge, (3.0, dice.between(0.005, 0.03)), wall * dice.between(0.5, 1.4), angle=angle)
    for _ in range(dice.count(0, 3)):
        centre, width, height = dice.place(), dice.between(0.06, 0.35), dice.between(0.06, 0.4)
        canvas.add(RECTANGLE, centre, (width + 0.015, height + 0.015), dice.colour(grey=0.8), angle=tilt)
        if dice.chance(0.35):  # a window, at times with blinds
            light = np.array([0.93, 0.96, 1.0]) * dice.between(0.8, 1.1)
            period = dice.between(0.02, 0.07) if dice.chance(0.5) else 0.0
            dark = light * dice.between(0.5, 0.85)
            canvas.add(RECTANGLE, centre, (width, height), light, angle=tilt, period=period, second=dark)
        else:
            canvas.add(RECTANGLE, centre, (width, height), dice.colour(), angle=tilt, slope=dice.normal(0.15))
    return canvas


def _planks(dice: _Dice) -> _Canvas:
    """A wooden floor, tiles or a slatted wall, seen at an angle."""
    wood = dice.colour(grey=0.4, warm=0.85, low=0.2)
    angle = dice.angle()
    canvas = _Canvas(
        wood * 0.76,
        wood * 1.2,
        dice.between(0, 100),
        frequency=dice.between(12, 40),
        stretch=dice.between(5, 14),
        angle=angle,
        octaves=3,
        contrast=dice.between(0.7, 1.6),
    )
    along, across = np.array([np.cos(angle), np.sin(angle)]), _normal_to(angle)
    step, seam_width, shift = dice.between(0.08, 0.3), dice.between(0.002, 0.009), dice.between(0, 1)
    seam = wood * (dice.between(0.4, 0.8) if dice.chance(0.8) else 1.25)
    for number in range(-int(0.75 / step), int(0.75 / step) + 1):
        lower = MIDDLE + (number + shift) * step * across
        board = lower + 0.5 * step * across
        tone, opacity = wood * dice.between(0.75, 1.2), dice.between(0.1, 0.5)
        canvas.add(RECTANGLE, board, (2.0, 0.5 * step), tone, angle=angle, opacity=opacity)
        canvas.add(RECTANGLE, lower, (2.0, seam_width), seam, angle=angle, opacity=0.8)
        end = board + dice.between(-0.6, 0.6) * along
        canvas.add(RECTANGLE, end, (seam_width, 0.5 * step), seam, angle=angle, opacity=0.8)
    return canvas


def _texture(dice: _Dice) -> _Canvas:
    """Foliage, carpet, gravel, cloth: noise of one scale and its finer octaves."""
    first = dice.colour(grey=0.45)
    return _Canvas(
        first,
        first * dice.between(0.35, 0.8) if dice.chance(0.7) else dice.colour(),
        dice.between(0, 100),
        frequency=dice.between_log(3, 60),
        stretch=1.0 if dice.chance(0.6) else dice.between(1.5, 4),
        angle=dice.angle(),
        octaves=4,
        contrast=dice.between(0.8, 2.0),
    )


def _clutter(dice: _Dice) -> _Canvas:
    """Things lying about: many forms over a wall or a floor."""
    canvas = (_plain, _room, _planks)[dice.count(0, 2)](dice)
    for _ in range(dice.count(4, 20)):
        kind = RECTANGLE if dice.chance(0.65) else ELLIPSE
        half = dice.between_log(0.02, 0.22)
        canvas.add(
            kind,
            dice.place(0.1),
            (half, half * float(np.exp(dice.normal(0.7)))),
            dice.colour(grey=0.45),
            angle=dice.angle() if dice.chance(0.5) else dice.normal(0.1),
            soft=dice.between(0, 0.01),
            period=dice.between(0.02, 0.12) if dice.chance(0.2) else 0.0,
            second=dice.colour(),
            slope=dice.normal(0.25),
        )
    return canvas


def _outdoors(dice: _Dice) -> _Canvas:
    """Sky over ground with houses and trees between them, or nothing but leaves."""
    if dice.chance(0.4):
        green = dice.green()
        canvas = _Canvas(
            green * 0.5, green * 1.2, dice.between(0, 100), frequency=dice.between_log(5, 50), octaves=4, contrast=1.6
        )
        _add_leaves(canvas, dice, MIDDLE, 0.7)
        return canvas
    sky = np.array([dice.between(0.5, 1.0), dice.between(0.72, 1.0), 1.0]) * dice.between(0.75, 1.05)
    canvas = _Canvas(sky * 0.93, sky * 1.05, dice.between(0, 100))
    tilt, horizon = dice.normal(0.06), dice.between(-0.3, 0.4)
    for _ in range(dice.count(0, 2)):
        half = dice.between(0.08, 0.4), dice.between(0.08, 0.4)
        house = dice.colour(low=0.25)
        centre = np.array([dice.between(0, 1), 0.5 + horizon - 0.6 * half[1]])
        period = dice.between(0.05, 0.15) if dice.chance(0.5) else 0.0
        canvas.add(RECTANGLE, centre, half, house, angle=tilt, period=period, second=house * dice.between(0.6, 1.1))
    ground = dice.green() if dice.chance(0.5) else dice.colour(grey=0.7, low=0.25)
    canvas.half_plane(tilt, horizon, ground, slope=dice.normal(0.3))
    for _ in range(dice.count(0, 3)):
        foot = np.array([dice.between(0, 1), 0.5 + horizon])
        crown, reach = foot - (0.0, dice.between(0.1, 0.5)), dice.between(0.08, 0.3)
        bark = np.array([0.36, 0.29, 0.22]) * dice.between(0.4, 1.5)
        middle, half_height = (foot + crown) / 2, 0.5 * (foot[1] - crown[1])
        canvas.add(RECTANGLE, middle, (dice.between(0.01, 0.05), half_height), bark, angle=dice.normal(0.06))
        _add_leaves(canvas, dice, crown, reach)
    return canvas


def _add_leaves(canvas: _Canvas, dice: _Dice, centre: Vector, reach: float) -> None:
    """Leaves of one colour, lighter and darker, around a place."""
    green, size = dice.green(), dice.between_log(0.015, 0.06)
    for _ in range(dice.count(20, 90)):
        place = centre + reach * np.array([dice.normal(0.5), dice.normal(0.5)])
        half = size * dice.between(0.5, 1.5), size * dice.between(0.3, 1.0)
        canvas.add(ELLIPSE, place, half, green * dice.between(0.4, 1.5), angle=dice.angle(), slope=dice.normal(0.2))


PAINTERS: dict[str, Callable[[_Dice], _Canvas]] = {
    "plain": _plain,
    "room": _room,
    "planks": _planks,
    "texture": _texture,
    "clutter": _clutter,
    "outdoors": _outdoors,
}


def _add_extras(canvas: _Canvas, dice: _Dice, skin: Vector) -> None:
    """What may stand before any background: a person, bars or cables, a lamp's glow, shade from one side."""
    if dice.chance(0.2):
        _add_person(canvas, dice, skin)
    if dice.chance(0.18):
        colour, angle = dice.colour(), dice.angle()
        for _ in range(dice.count(1, 5)):
            half = (2.0, dice.between(0.006, 0.04))
            shade = colour * dice.between(0.6, 1.2)
            canvas.add(RECTANGLE, dice.place(), half, shade, angle=angle + dice.normal(0.2), slope=dice.normal(0.4))
    if dice.chance(0.25):
        reach = dice.between(0.15, 0.7)
        warm = np.array([1.0, dice.between(0.85, 1.0), dice.between(0.65, 1.0)])
        canvas.add(GLOW, dice.place(), (reach, reach), warm, opacity=dice.between(0.15, 0.8))
    if dice.chance(0.3):
        shade = np.array([0.02, 0.02, 0.03])
        angle, soft, opacity = 2 * dice.angle(), dice.between(0.2, 0.8), dice.between(0.1, 0.45)
        canvas.half_plane(angle, 0.0, shade, soft=soft, opacity=opacity)


def _add_person(canvas: _Canvas, dice: _Dice, skin: Vector) -> None:
    """Head, hair and shoulders."""
    x, y, head = dice.between(0.0, 1.0), dice.between(0.05, 0.7), dice.between(0.08, 0.24)
    shirt, hair = dice.colour(grey=0.35), np.array([0.16, 0.11, 0.08]) * dice.between(0.3, 2.5)
    face = np.clip(skin, 0.0, 1.0) ** (1 / 2.2) * dice.between(0.75, 1.05)
    stripes = dice.between(0.03, 0.1) if dice.chance(0.25) else 0.0
    soft = dice.between(0.005, 0.03)
    canvas.add(ELLIPSE, (x, y - 0.25 * head), (1.02 * head, 1.2 * head), hair, soft=soft)
    canvas.add(RECTANGLE, (x, y + 1.3 * head), (0.42 * head, 0.6 * head), face * 0.8, soft=soft)
    canvas.add(
        ELLIPSE, (x, y + 4 * head), (2.4 * head, 2.6 * head), shirt, soft=soft, period=stripes, second=shirt * 0.6
    )
    canvas.add(ELLIPSE, (x, y + 0.1 * head), (0.85 * head, 1.15 * head), face, soft=soft, slope=-0.15)
    eye, mouth = face * 0.35, face * np.array([0.85, 0.6, 0.6])
    for side in (-0.35, 0.35):
        canvas.add(ELLIPSE, (x + side * head, y), (0.13 * head, 0.08 * head), eye, soft=soft)
    canvas.add(ELLIPSE, (x, y + 0.3 * head), (0.12 * head, 0.25 * head), face * 0.88, soft=0.05 * head)
    canvas.add(ELLIPSE, (x, y + 0.68 * head), (0.3 * head, 0.08 * head), mouth, soft=soft)
