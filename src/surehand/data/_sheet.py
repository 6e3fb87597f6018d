"""Contact sheets: a labelled grid of images, as they are or as training sees them."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from surehand.errors import DataError, UsageError
from surehand.files import replacing

from ._augment import Augmentation, augment
from ._dataset import Samples

_GAP = 2
_TEXT = 13  # pixels


def sheet(
    samples: Samples, path: Path, *, columns: int = 12, augmentation: Augmentation | None = None, seed: int = 0
) -> None:
    """Write a PNG with one row a class: images spread evenly over the class's files.

    Args:
        samples: what to show; classes without images have no row.
        path: of the PNG.
        columns: images a class.
        augmentation: how to alter them, as in epoch 0 of a training with this seed; None shows them as they are.

    Raises:
        DataError: no images, or the file cannot be written.
        UsageError: columns < 1.
    """
    if columns < 1:
        raise UsageError(f"columns must be at least 1; got {columns}")
    if len(samples) == 0:
        raise DataError("There are no images to show.")
    labels = np.unique(samples.labels)
    chosen = {int(label): _spread(np.flatnonzero(samples.labels == label), columns) for label in labels}
    height, width = samples.pixels.shape[1:3]
    scale = max(1, round(64 / width))  # small pictures are enlarged to be seen
    font = ImageFont.load_default(_TEXT)
    margin = max(int(font.getlength(samples.classes[label])) for label in chosen) + 3 * _GAP
    grid = Image.new(
        "RGB",
        (margin + columns * (width * scale + _GAP), len(chosen) * (height * scale + _GAP) + _GAP),
        "white",
    )
    draw = ImageDraw.Draw(grid)
    for row, (label, positions) in enumerate(chosen.items()):
        top = _GAP + row * (height * scale + _GAP)
        draw.text((_GAP, top + (height * scale - _TEXT) // 2), samples.classes[label], "black", font)
        for column, pixels in enumerate(_pictures(samples, positions, augmentation, seed)):
            picture = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST)
            grid.paste(picture, (margin + column * (width * scale + _GAP), top))
    with replacing(path) as temporary:
        grid.save(temporary, "PNG")


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, evenly spread, first and last included."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


def _pictures(
    samples: Samples, positions: np.ndarray, augmentation: Augmentation | None, seed: int
) -> UInt8[np.ndarray, "b h w 3"]:
    pixels = samples.pixels_of(positions)
    if augmentation is None:
        return pixels
    images = augment(pixels, samples.ids[positions], seed=seed, epoch=0, augmentation=augmentation)
    return (images.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
