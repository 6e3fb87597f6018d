"""What the kernels of the hand are given and hand on: capsules and places as rows; a view, a light, a skin as vectors.

The disk cache of numba notices changes only of the file that a kernel stands in: remove `__pycache__` after changing a
number here.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What a capsule is to its neighbours.
PALM, FOREARM, ROOT, LINK = 0, 1, 2, 3
# What a pixel shows.
BACKGROUND, THUMB, PALM_PART, FOREARM_PART = 0, 1, 6, 7

# Columns of a capsule's row; vectors take three. Rows are sorted by role: palm, forearm, then digit by digit.
START = 0  # of the axis
AXIS = 3  # from start to end
INVERSE = 6  # 1 / length of the axis
RADIUS = 7  # at the start
TAPER = 8  # radius at the end less radius at the start
BLEND = 9  # width of the smooth union with what the capsule grows from
ROLE = 10
PART = 11
BONE = 12  # 0 none, 1 first, 2 second, 3 last bone of a digit
CENTRE = 13  # of a ball around the capsule
REACH = 16  # its radius
PALMAR = 17  # unit vector out of the palmar side
ACROSS = 20  # unit vector
COLUMNS = 23

# Columns of a place where a ray met the surface.
POINT = 0
NORMAL = 3
DIRECTION = 6  # of the ray
DEPTH = 9  # on the ray
OPEN = 10  # share of the sky that the place sees
LIT = 11  # share of the key light that reaches it
MET_COLUMNS = 12
# And its whole numbers: row x size + column of the pixel, the square of pixels that may share their light, the nearest
# capsule, and the place of the tile whose light it has.
PIXEL, SQUARE, NEAREST, PLACE = 0, 1, 2, 3
OWNER_COLUMNS = 4

Triple = tuple[float, float, float]


def triple(vector: NDArray[np.float64]) -> Triple:
    """Three plain numbers."""
    x, y, z = vector.tolist()
    return x, y, z


# These are handed to the kernels as vectors: numba's disk cache cannot be read once a class that it names is gone.
class View(NamedTuple):
    """A pinhole camera that looks along its own -z."""

    right: Triple  # the camera's axes in the hand frame; left-handed for a left hand
    up: Triple
    back: Triple
    eye: Triple  # in the hand frame
    focal: float  # in image widths
    size: int  # pixels


RIGHT, UP, BACK, EYE, FOCAL, SIZE = 0, 3, 6, 9, 12, 13


class Light(NamedTuple):
    """One key light, a sky and a ground, and a weak light at the camera; directions in the hand frame."""

    key: Triple  # unit vector towards the light
    key_colour: Triple
    sky_colour: Triple
    ground_colour: Triple
    up: Triple
    fill: float
    sharpness: float  # of the shadow's edge
    occlusion: float


KEY, KEY_COLOUR, SKY_COLOUR, GROUND_COLOUR, SKYWARD, FILL, SHARPNESS, OCCLUSION = 0, 3, 6, 9, 12, 15, 16, 17


class Skin(NamedTuple):
    """Linear albedos and the strength of fine structure."""

    back: Triple
    palm: Triple
    nail: Triple
    sleeve: Triple
    stripe: Triple
    stripe_frequency: float
    crease: float
    mottle: float
    offset: float  # where in the noise field this person's skin lies


HAND_BACK, HAND_PALM, NAIL, SLEEVE, STRIPE, STRIPE_FREQUENCY, CREASE, MOTTLE, OFFSET = 0, 3, 6, 9, 12, 15, 16, 17, 18


def vector(values: View | Light | Skin) -> NDArray[np.float64]:
    """The numbers of a view, a light or a skin side by side, at the places named above."""
    numbers: list[float] = []
    for value in values:
        numbers += value if isinstance(value, tuple) else (value,)
    return np.array(numbers, np.float64)
