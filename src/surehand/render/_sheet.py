"""A contact sheet: one labelled row of pictures a class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from surehand.alphabet import CLASSES
from surehand.files import replacing
from surehand.progress import Progress, silent

from ._parallel import in_parallel

_LABEL_WIDTH, _GAP = 60, 2


def sheet(
    path: str | Path,
    *,
    columns: int = 8,
    size: int = 84,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> None:
    """Write a labelled sheet of `columns` pictures of every class, two classes side by side.

    Args:
        path: of the PNG file.
        columns: pictures a class.
        size: of each picture in pixels.
        seed: of the pictures.
        fixed: factors by name that are not drawn.
        progress: told after every picture.

    Raises:
        UsageError: what `render` raises.
        DataError: the file cannot be written.
    """
    rows = -(-len(CLASSES) // 2)
    width = _LABEL_WIDTH + columns * (size + _GAP)
    page = Image.new("RGB", (2 * width, rows * (size + _GAP)), "white")
    draw = ImageDraw.Draw(page)
    tasks = [(name, index, seed, size, fixed, None) for name in CLASSES for index in range(columns)]
    for number, rendering in enumerate(in_parallel(tasks)):
        place, column = divmod(number, columns)
        left, top = (place // rows) * width, (place % rows) * (size + _GAP)
        if column == 0:
            draw.text((left + 4, top + size // 2 - 8), rendering.class_name, fill="black", font_size=15)
        page.paste(Image.fromarray(np.asarray(rendering.image)), (left + _LABEL_WIDTH + column * (size + _GAP), top))
        progress(number + 1, len(tasks), "sheet")
    # A palette halves the size of the noisy pictures; dithering hides it.
    palette = page.quantize(256)
    sheet = page.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    with replacing(Path(path)) as temporary:
        sheet.save(temporary, "PNG", optimize=True)
