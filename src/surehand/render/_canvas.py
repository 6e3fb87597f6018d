"""What backgrounds are made of: dice that decide, and a canvas of noise with forms painted over it.

Everything is laid out in image widths, so that the same scene can be painted at any size. Colours are display values.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cos, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from . import _picture_kernels as kernels
from ._factors import standard_normal
from ._picture_kernels import RECTANGLE

Vector = NDArray[np.float64]
MIDDLE = np.array([0.5, 0.5])


class Dice:
    """The random choices of one background.

    Args:
        random: their source.
        like_skin: the chance that things have colours that skin may have in some light; leaves, sky and panes keep
            their own.
    """

    # So many numbers are drawn at once: one by one they take ten times as long.
    _AT_ONCE = 128

    def __init__(self, random: np.random.Generator, like_skin: float) -> None:
        self.random = random
        self._numbers: list[float] = []
        self.like_skin = self.chance(like_skin)

    def number(self) -> float:
        """A uniform number in [0, 1)."""
        if not self._numbers:
            self._numbers = self.random.random(self._AT_ONCE).tolist()
        return self._numbers.pop()

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.number()

    def between_log(self, low: float, high: float) -> float:
        return float(low * (high / low) ** self.number())

    def normal(self, deviation: float) -> float:
        return deviation * standard_normal(self.number())

    def count(self, low: int, high: int) -> int:
        """Low to high, both included."""
        return int(self.between(low, high + 1))

    def chance(self, probability: float) -> bool:
        return self.number() < probability

    def place(self, margin: float = 0.0) -> Vector:
        """Somewhere in the picture, or up to a margin beside it."""
        return np.array([self.between(-margin, 1 + margin), self.between(-margin, 1 + margin)])

    def angle(self) -> float:
        return self.between(0, np.pi)

    def light(self) -> Vector:
        """A lamp's direction (x, y, z), z towards the camera, and the share of light from everywhere."""
        x, y, z = self.normal(1.0), self.normal(1.0), abs(self.normal(1.0)) + 0.4
        length = sqrt(x * x + y * y + z * z)
        return np.array([x / length, y / length, z / length, self.between(0.1, 0.6)])

    def colour(self, grey: float = 0.55, low: float = 0.12, warm: float = 0.42) -> Vector:
        """A colour as things in rooms have it: often grey, mostly warm, seldom strong; display values (3,).

        With `like_skin` hues go from red to yellow, and neither `grey` nor `warm` counts.

        Args:
            grey: the chance of hardly any colour.
            low: the darkest value.
            warm: the chance of a hue between red-brown and yellow.
        """
        if self.like_skin:
            hue, saturation = self.between(-8, 45) % 360, self.between(0.15, 0.9)
            return np.array(colorsys.hsv_to_rgb(hue / 360, saturation, self.between(low, 1.0)))
        if self.chance(0.12):  # of skin: wood, brick, sand, cardboard
            hue, value = self.between(8, 36), self.between(0.25, 0.95)
            return np.array(colorsys.hsv_to_rgb(hue / 360, self.between(0.2, 0.6), value))
        which = self.number()
        if which < warm:
            hue = self.between(15, 50)
        elif which < warm + 0.2:
            hue = self.between(190, 235)
        elif which < warm + 0.3:
            hue = self.between(75, 140)
        else:
            hue = self.between(0, 360)
        saturation = self.between(0, 0.14) if self.chance(grey) else 0.65 * self.number() ** 2
        value = low + (0.98 - low) * self.number() ** 0.8
        return np.array(colorsys.hsv_to_rgb(hue / 360, saturation, value))

    def strong_colour(self) -> Vector:
        """A colour as clothes, toys and packages have it: any hue, often strong; display values (3,)."""
        if self.like_skin or self.chance(0.4):
            return self.colour(low=0.08)
        hsv = self.between(0, 1), self.between(0, 0.75), self.between(0.08, 0.95)
        return np.array(colorsys.hsv_to_rgb(*hsv))

    def palette(self) -> NDArray[np.float64]:
        """A few colours (n, 3), 2 to 6 of them."""
        return np.array([self.strong_colour() for _ in range(self.count(2, 6))])

    def green(self) -> Vector:
        """A colour of leaves and grass, from fresh to dry; display values (3,)."""
        hue = self.between(35, 130) / 360
        return np.array(colorsys.hsv_to_rgb(hue, self.between(0.15, 0.65), self.between(0.15, 0.75)))


@dataclass(frozen=True)
class Noise:
    """Noise of the plane: grain of `frequency`, longer by `stretch` along `angle`, see `noise_field`."""

    place: float
    frequency: float = 1.2
    stretch: float = 1.0
    angle: float = 0.0
    octaves: int = 2
    warp: float = 0.0

    def over(self, side: int, size: int) -> NDArray[np.float32]:
        """Its values (side, side) in [0, 1], in an image of `size` pixels."""
        field: NDArray[np.float32] = kernels.noise_field(
            *(side, size, self.frequency, self.stretch, self.angle, self.octaves, self.warp, self.place)
        )
        return field


@dataclass(frozen=True)
class Relief:
    """An uneven surface, as `shade_relief` takes it."""

    noise: Noise
    depth: float
    crease: float


@dataclass
class Canvas:
    """A noise field and the forms painted over it, in order.

    Attributes:
        palette: colours (n, 3) that the noise goes through.
        noise: what mixes them.
        contrast, edge: see `paint_field`.
        relief: the surface, if it is uneven.
        light: what relief and solid forms are lit by, see `Dice.light`.
        forms: rows for `paint_forms`, in blocks (n, COLUMNS) of arrays or lists.
    """

    palette: NDArray[np.float64]
    noise: Noise
    contrast: float = 1.5
    edge: float = 1.0
    relief: Relief | None = None
    light: Vector = field(default_factory=lambda: np.array([0.0, 0.0, 1.0, 0.5]))
    forms: list[NDArray[np.float64] | list[list[float]]] = field(default_factory=list)

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
        """Add a flat form.

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
        first, other = colour.tolist(), (colour if second is None else second).tolist()
        form = [
            kind,
            *centre,
            cos(angle),
            sin(angle),
            *half,
            *first,
            soft,
            period,
            *other,
            opacity,
            slope,
            0.0,
            0.0,
            0.0,
        ]
        self.forms.append([form])

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
        centre = MIDDLE + (distance + 1.5) * normal_to(angle)
        self.add(RECTANGLE, centre, (3.0, 1.5), colour, angle=angle, soft=soft, opacity=opacity, slope=slope)

    def paint(self, size: int) -> NDArray[np.float32]:
        """Paint it: display values (size, size, 3)."""
        image: NDArray[np.float32] = kernels.paint_field(
            self.noise.over(size, size), self.palette, self.contrast, self.edge
        )
        if self.relief is not None:
            heights = self.relief.noise.over(size + 1, size)
            kernels.shade_relief(image, heights, self.relief.depth, self.relief.crease, self.light)
        if self.forms:
            kernels.paint_forms(image, np.concatenate(self.forms), self.light)
        return image


def normal_to(angle: float) -> Vector:
    """The unit vector (2,) across a direction."""
    return np.array([-sin(angle), cos(angle)])
