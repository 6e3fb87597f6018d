"""A picture of the ground truth: part outlines, boxes and joints drawn over renderings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from surehand.files import replacing
from surehand.progress import Progress, silent

from ._kinematics import JOINTS
from ._parallel import in_parallel
from ._render import Rendering

# Parts 1 to 7, as in `Rendering.parts`, in colours that stay apart for colour-blind eyes (Okabe and Ito, 2008).
_PARTS = {
    "thumb": (230, 159, 0),
    "index": (86, 180, 233),
    "middle": (0, 158, 115),
    "ring": (240, 228, 66),
    "little finger": (204, 121, 167),
    "palm": (255, 255, 255),
    "forearm and sleeve": (150, 150, 150),
}
_INK = (20, 20, 20)
_COLOURS = np.array([_INK, *_PARTS.values()], np.uint8)
# Every rendered pixel is a square of so many: an outline runs along its edge, not over it.
_ZOOM = 2
_GAP, _LEGEND, _DISC = 4, 34, 3


def truth_sheet(
    path: str | Path,
    pictures: Sequence[tuple[str, int]] = (
        *(("A", 1), ("B", 0), ("F", 2), ("K", 1)),
        *(("L", 0), ("M", 3), ("R", 0), ("T", 2)),
        *(("V", 1), ("Y", 0), ("nothing", 3), ("space", 2)),
    ),
    *,
    columns: int = 4,
    size: int = 200,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> None:
    """Write a sheet of renderings with the outlines of their parts, their boxes and joints, and a legend.

    Args:
        path: of the PNG file.
        pictures: class and index of each.
        columns: pictures a row.
        size: of each picture in rendered pixels, drawn twice as large.
        seed: of the pictures.
        fixed: factors by name that are not drawn.
        progress: told after every picture.

    Raises:
        UsageError: what `render` raises.
        DataError: the file cannot be written.
    """
    side = size * _ZOOM + _GAP
    page = Image.new("RGB", (columns * side - _GAP, -(-len(pictures) // columns) * side + _LEGEND), "white")
    tasks = [(name, index, seed, size, fixed, None) for name, index in pictures]
    for number, rendering in enumerate(in_parallel(tasks)):
        row, column = divmod(number, columns)
        page.paste(draw_truth(rendering), (column * side, row * side))
        progress(number + 1, len(tasks), "truth")
    _draw_legend(page)
    with replacing(Path(path)) as temporary:
        page.save(temporary, "PNG", optimize=True)


def draw_truth(rendering: Rendering) -> Image.Image:
    """A rendering, twice as large, with the outlines of its parts, its box and its joints.

    An outline is drawn inside the part it belongs to, so that it ends exactly where the part does.
    """
    pixels = outlined(_zoomed(rendering.image), _zoomed(rendering.parts))
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    if rendering.box is not None:
        x0, y0, x1, y1 = (edge * _ZOOM for edge in rendering.box)
        draw.rectangle((x0 - 1, y0 - 1, x1, y1), outline=_INK)
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline="white")
    if not np.isnan(rendering.joints).any():
        for joint, ((x, y), visible) in enumerate(zip(rendering.joints * _ZOOM, rendering.visible, strict=True)):
            _draw_joint(draw, float(x), float(y), _joint_colour(joint), bool(visible))
    draw.text((6, 3), rendering.class_name, fill="white", font_size=20, stroke_width=2, stroke_fill=_INK)
    return picture


def outlined(image: UInt8[np.ndarray, "h w 3"], parts: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every pixel that touches another part in the colour of its own part; dark outside the hand.

    The dark line keeps light outlines apart from light backgrounds.
    """
    padded = np.pad(parts, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.any([neighbour != parts for neighbour in neighbours], axis=0)
    return np.where(edge[..., None], _COLOURS[parts], image)


def _zoomed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(np.repeat(pixels, _ZOOM, axis=0), _ZOOM, axis=1)


def _joint_colour(joint: int) -> tuple[int, int, int]:
    names = list(_PARTS)
    return _PARTS["palm" if joint == 0 else names[(joint - 1) // 4]]


def _draw_joint(draw: ImageDraw.ImageDraw, x: float, y: float, colour: tuple[int, int, int], visible: bool) -> None:
    """A disc where the joint is seen, a ring where something hides it."""
    for radius, line in ((_DISC + 1, _INK), (_DISC, colour)):
        box = (x - radius, y - radius, x + radius, y + radius)
        if visible:
            draw.ellipse(box, fill=line)
        else:
            draw.ellipse(box, outline=line)


def _draw_legend(page: Image.Image) -> None:
    draw = ImageDraw.Draw(page)
    left, middle = 8, page.height - _LEGEND // 2
    for name, colour in _PARTS.items():
        draw.rectangle((left, middle - 6, left + 12, middle + 6), fill=colour, outline=_INK)
        draw.text((left + 18, middle), name, fill=_INK, font_size=15, anchor="lm")
        left += int(30 + draw.textlength(name, font_size=15)) + 12
    for name, visible in ((f"one of {len(JOINTS)} joints", True), ("hidden joint", False)):
        _draw_joint(draw, left + 6, middle, _PARTS["index"], visible)
        draw.text((left + 18, middle), name, fill=_INK, font_size=15, anchor="lm")
        left += int(30 + draw.textlength(name, font_size=15)) + 12
