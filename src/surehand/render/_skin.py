"""Skin, nails and cloth as linear albedos."""

import colorsys
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ._factors import Factors
from ._hand_rows import Skin, triple

# Monk Skin Tone Scale (Monk, 2019; skintone.google), sRGB.
MONK_TONES = (
    "f6ede4",
    "f3e7db",
    "f7ead0",
    "eadaba",
    "d7bd96",
    "a07e56",
    "825c43",
    "604134",
    "3a312a",
    "292420",
)
# The swatches are display colours; as albedos under white light they look like plaster. By eye.
_SWATCH_TO_ALBEDO = np.array([1.0, 0.77, 0.71])


def srgb_to_linear(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the sRGB curve (IEC 61966-2-1), 0 to 1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_MONK_LINEAR = srgb_to_linear(np.array([[int(tone[i : i + 2], 16) / 255 for i in (0, 2, 4)] for tone in MONK_TONES]))


@lru_cache
def tone_albedo(tone: float) -> NDArray[np.float64]:
    """Linear albedo (3,) of the back of a hand of a Monk tone, 1 to 10; tones between two are mixed geometrically."""
    lower = min(int(tone) - 1, len(MONK_TONES) - 2)
    share = tone - 1 - lower
    albedo: NDArray[np.float64] = _MONK_LINEAR[lower] ** (1 - share) * _MONK_LINEAR[lower + 1] ** share
    albedo *= _SWATCH_TO_ALBEDO
    albedo.flags.writeable = False
    return albedo


def skin_of(factors: Factors) -> Skin:
    """Skin, nails and cloth of one signer."""
    red = factors.skin_red
    back = tone_albedo(factors.tone) * np.array([1 + red, 1 - 0.5 * red, 1 - 0.7 * red])
    # Palms have little melanin: the darker the back of a hand, the larger the difference.
    lightened = 0.26 * min(max((factors.tone - 4) / 5, 0.0), 1.0)
    palm = back * (1 - lightened) + lightened * np.array([0.52, 0.30, 0.215])
    palm = palm * np.array([1.05, 0.97, 0.97])
    if factors.nail_paint < 0:
        nail = palm * 0.85 + 0.10 * np.array([0.78, 0.55, 0.48])
    else:
        nail = np.array(colorsys.hsv_to_rgb(factors.nail_paint, 0.75, 0.55)) ** 2
    hue, saturation, value, stripe, frequency = factors.cloth
    sleeve = np.array(colorsys.hsv_to_rgb(hue, 0.6 * saturation, 0.12 + 0.8 * value)) ** 2
    striped = stripe > 0.7
    second = np.array(colorsys.hsv_to_rgb((hue + 0.4 * frequency) % 1.0, 0.4, 0.9 * (1 - 0.7 * value))) ** 2
    return Skin(
        back=triple(back),
        palm=triple(palm),
        nail=triple(nail),
        sleeve=triple(sleeve),
        stripe=triple(second),
        stripe_frequency=6.0 + 20.0 * frequency if striped else 0.0,
        crease=float(factors.crease),
        mottle=0.14,
        offset=float(factors.skin_scene),
    )
