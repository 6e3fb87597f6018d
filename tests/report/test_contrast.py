"""Text of the page has the contrast of WCAG 2.2 AA (1.4.3: 4.5 to 1) on every ground, light, dark and printed."""

import re
from pathlib import Path

import pytest

import surehand.report

CSS = (Path(surehand.report.__file__).parent / "page.css").read_text(encoding="utf-8")
GROUNDS = ("ground", "surface")
# (text, what it stands on)
PAIRS = [
    *((text, ground) for text in ("ink", "muted", "blue", "orange", "green", "purple") for ground in GROUNDS),
    *((tone, ground) for tone in ("good", "warn", "bad") for ground in (*GROUNDS, f"{tone}-soft")),
    *(("ground", tone) for tone in ("good", "warn", "bad")),
    ("ink", "soft"),
    *(("ink", f"{tone}-soft") for tone in ("good", "warn", "bad")),
]


def palettes():
    """The variables of each `:root` in the order of the file; the later ones change the first."""
    light, dark, printed = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    )
    return {"light": light, "dark": light | dark, "print": light | printed}


def luminance(colour):
    """Relative luminance, as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_21_to_1():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_text_can_be_read_on_every_ground(scheme):
    colours = palettes()[scheme]
    weak = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
