"""One parallel pass that reads every file once: digest, decode, picture at cache size, difference hash, thumbnail."""

import hashlib
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt64

from surehand.errors import DataError
from surehand.processors import cores
from surehand.progress import Progress, silent

from ._decode import UndecodableError, decode, middle_square, quiet, resize
from ._layout import Layout
from ._names import listed
from ._scan_kernels import summarise

# Side of the thumbnails that the nearest-neighbour baseline compares.
THUMBNAIL = 16

CONFLICT = "same image in classes"

_FILES_A_TASK = 32


@dataclass(frozen=True)
class Quarantined:
    """A file that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What one pass over the files found; rows are the usable files, sorted by path.

    Attributes:
        paths, labels, given: as in `Layout`.
        sha256: of each file, hexadecimal.
        sizes: height and width of each upright picture, in pixels.
        dhash: 64-bit difference hash of each middle square.
        flags: remarks about each file, separated by ';': "extension", "first frame", "rotated by EXIF", "cropped".
        quarantined: the files left out.
        thumbnails: uint8 (n, 16, 16, 3), the middle squares.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: Int64[np.ndarray, " n"]
    given: tuple[str, ...]
    sha256: tuple[str, ...]
    sizes: Int32[np.ndarray, "n 2"]
    dhash: UInt64[np.ndarray, " n"]
    flags: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]
    thumbnails: UInt8[np.ndarray, "n 16 16 3"]


@dataclass(frozen=True)
class _Picture:
    sha256: str
    size: tuple[int, int]
    dhash: int
    flags: tuple[str, ...]


def scan(layout: Layout, pixels: UInt8[np.ndarray, "files size size 3"], progress: Progress = silent) -> Scan:
    """Read every file of a layout once and fill `pixels` with the usable ones, in the layout's order, without gaps.

    Args:
        layout: the files.
        pixels: one row a file, usually a memory map being written.
        progress: called as files are done.

    Returns:
        What was found; its rows are the first rows of `pixels`.

    Raises:
        DataError: not one file could be decoded.
    """
    size = pixels.shape[1]
    count = len(layout.paths)
    thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    outcomes: list[_Picture | str] = [""] * count

    def read(rows: range) -> int:
        for row in rows:
            outcomes[row] = _read(f"{layout.root}/{layout.paths[row]}", size, pixels[row], thumbnails[row])
        return len(rows)

    tasks = [range(first, min(first + _FILES_A_TASK, count)) for first in range(0, count, _FILES_A_TASK)]
    with quiet(), ThreadPoolExecutor(cores()) as pool:
        done = 0
        for finished in pool.map(read, tasks):
            done += finished
            progress(done, count, "reading images")
    _refuse_conflicts(layout, outcomes)
    kept = [row for row in range(count) if isinstance(outcomes[row], _Picture)]
    if not kept:
        raise DataError(
            f"None of the {count:,} image files in {layout.root} can be read; "
            f"the first, {layout.paths[0]}: {outcomes[0]}."
        )
    if len(kept) < count:
        for target, row in enumerate(kept):
            if target != row:
                pixels[target] = pixels[row]
    found = [picture for picture in outcomes if isinstance(picture, _Picture)]
    return Scan(
        classes=layout.classes,
        paths=tuple(layout.paths[row] for row in kept),
        labels=np.array([layout.labels[row] for row in kept], np.int64),
        given=tuple(layout.given[row] for row in kept),
        sha256=tuple(picture.sha256 for picture in found),
        sizes=np.array([picture.size for picture in found], np.int32),
        dhash=np.array([picture.dhash for picture in found], np.uint64),
        flags=tuple(";".join(picture.flags) for picture in found),
        quarantined=tuple(
            Quarantined(path, outcome)
            for path, outcome in zip(layout.paths, outcomes, strict=True)
            if isinstance(outcome, str)
        ),
        thumbnails=thumbnails[kept],
    )


def _read(path: str, size: int, pixels: np.ndarray, thumbnail: np.ndarray) -> _Picture | str:
    """Fill one row; the picture's facts, or the reason why there is none."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        decoded = decode(data, os.path.splitext(path)[1].lower())
    except UndecodableError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    square, flags = middle_square(decoded.pixels), decoded.flags
    height, width, _ = decoded.pixels.shape
    if height != width:
        flags = (*flags, "cropped")
    pixels[:] = resize(square, size)
    # Hash and thumbnail come from the full picture, so that groups and splits are the same at every cache size.
    dhash = summarise(square, thumbnail)
    return _Picture(hashlib.sha256(data).hexdigest(), (height, width), int(dhash), flags)


def _refuse_conflicts(layout: Layout, outcomes: list[_Picture | str]) -> None:
    """The same bytes under two classes: nobody can say which label is right, so none of them is used."""
    rows_of = defaultdict(list)
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, _Picture):
            rows_of[outcome.sha256].append(row)
    for rows in rows_of.values():
        classes = sorted({layout.labels[row] for row in rows})
        if len(classes) > 1:
            reason = f"{CONFLICT} {listed([layout.classes[label] for label in classes])}"
            for row in rows:
                outcomes[row] = reason
