"""A data set ready to train on: manifest, pictures in memory-mapped bytes, and views of its splits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt64
from torch import Tensor

from surehand.errors import UsageError
from surehand.progress import Progress, silent
from surehand.randomness import uniforms

from ._augment import to_images
from ._cache import cache_folder, cached_scan
from ._groups import Groups, group
from ._layout import find_layout
from ._manifest import Manifest, sample_ids
from ._names import matched
from ._scan import Scan
from ._sources import locate
from ._split import SPLITS, split

# Of rendered letters that are measured on: far from the small numbers that people give to what they train on.
_EXTERNAL_SEED = 2**31 - 1


class Stacked:
    """Arrays of pictures one after the other, read by row as if they were one, never copied together.

    Args:
        parts: uint8 (n_i, h, w, 3), all of one size.
    """

    def __init__(self, parts: Sequence["UInt8[np.ndarray, '_ h w 3'] | Stacked"]) -> None:
        self.parts = tuple(parts)
        self.starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        self.shape: tuple[int, ...] = (int(self.starts[-1]), *parts[0].shape[1:])

    def __getitem__(self, rows: Int64[np.ndarray, " b"]) -> UInt8[np.ndarray, "b h w 3"]:
        """The pictures in these rows of the whole."""
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for part, start, end in zip(self.parts, self.starts[:-1], self.starts[1:], strict=True):
            here = np.flatnonzero((rows >= start) & (rows < end))
            found[here] = part[rows[here] - start]
        return found


@dataclass(frozen=True)
class Samples:
    """Some images of a set, by position 0 to len - 1.

    Attributes:
        pixels: pictures of the whole set, uint8 RGB, usually a memory map.
        rows: which of them these are.
        labels: true classes, in [0, k).
        ids: sample ids: the first 8 bytes of each file's SHA-256, or the numbers of letters rendered while training.
        paths: of the files, relative to the set's root.
        classes: names of the classes.
    """

    pixels: UInt8[np.ndarray, "n h w 3"] | Stacked
    rows: Int64[np.ndarray, " m"]
    labels: Int64[np.ndarray, " m"]
    ids: UInt64[np.ndarray, " m"]
    paths: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def pixels_of(self, positions: Int64[np.ndarray, " b"]) -> UInt8[np.ndarray, "b h w 3"]:
        """The pictures at these positions, as bytes."""
        return self.pixels[self.rows[positions]]

    def images(self, positions: Int64[np.ndarray, " b"]) -> Float32[Tensor, "b 3 h w"]:
        """The pictures at these positions, as float32 in [0, 1], channels_last."""
        return to_images(self.pixels_of(positions))

    def take(self, positions: Int64[np.ndarray, " b"]) -> "Samples":
        """Only these positions, in this order."""
        return replace(
            self,
            rows=self.rows[positions],
            labels=self.labels[positions],
            ids=self.ids[positions],
            paths=tuple(self.paths[i] for i in positions),
        )

    def some(self, most: int, seed: int = 0) -> "Samples":
        """At most so many, in order: those whose ids draw the smallest numbers, whatever else is in the set."""
        numbers = uniforms(seed, "some", ids=self.ids, columns=1)[:, 0]
        return self.take(np.sort(np.argsort(numbers, kind="stable")[:most]))


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples of one size and the same classes, one after the other.

    Raises:
        UsageError: they differ in size or classes.
    """
    kinds = {(part.pixels.shape[1:], part.classes) for part in parts}
    if len(kinds) != 1:
        raise UsageError(f"Only images of one size and the same classes can be joined; got {len(kinds)} kinds.")
    pixels = Stacked([part.pixels for part in parts])
    return Samples(
        pixels=pixels,
        rows=np.concatenate([part.rows + start for part, start in zip(parts, pixels.starts, strict=False)]),
        labels=np.concatenate([part.labels for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        paths=tuple(path for part in parts for path in part.paths),
        classes=parts[0].classes,
    )


@dataclass(frozen=True)
class Dataset:
    """A set of images.

    Attributes:
        manifest: what each image is and what it is for.
        pixels: one picture a row of the manifest, uint8 RGB.
        thumbnails: the same at 16 x 16.
        size: side of the pictures in pixels.
    """

    manifest: Manifest
    pixels: UInt8[np.ndarray, "n size size 3"]
    thumbnails: UInt8[np.ndarray, "n 16 16 3"]
    size: int

    def samples(self, split: str) -> Samples:
        """The images of one split; may be none.

        Raises:
            UsageError: no split has this name.
        """
        if split not in SPLITS:
            raise UsageError(f"split must be one of {', '.join(SPLITS)}; got {split}")
        return self.all().take(self.manifest.rows(split))

    def all(self) -> Samples:
        """Every image of the set."""
        manifest = self.manifest
        rows = np.arange(len(manifest))
        return Samples(self.pixels, rows, manifest.labels, manifest.ids, manifest.paths, manifest.classes)


def load(
    source: str | Path,
    size: int,
    *,
    cache: Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Dataset:
    """Index, group, split and decode a set of images, once: the second call reads the cache.

    Nothing is written to the user's folder.

    Args:
        source: a folder, a zip file, `kaggle:owner/name`, `letters`, `letters:N` for N rendered images a class,
            or `letters:N:SCENES`.
        size: side of the pictures in pixels; letters are rendered at it, from 16 to 2048.
        cache: where to keep decoded pictures; see `cache_folder`.
        seed: chooses which groups are held back; names the rendered letters.
        progress: called while images are read.

    Raises:
        DataError: the source cannot be used; the message says why.
        MissingPartError: an optional package is not installed.
        UsageError: a size below 8, or one at which letters cannot be rendered.
    """
    root, found, pixels = _open(source, size, cache, seed, progress)
    ids = sample_ids(found.sha256)
    groups = group(found.paths, found.labels, ids, found.dhash)
    splits = split(groups, found.labels, ids, found.dhash, found.given, seed)
    return Dataset(_manifest(root, source, found, groups, splits), pixels, found.thumbnails, size)


def load_external(
    source: str | Path,
    size: int,
    classes: tuple[str, ...],
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Dataset:
    """A set to measure a model on: never trained on, its classes matched by name to the model's.

    Classes of the model that the set lacks are allowed; `external_warnings` reports them.

    Args:
        source, size, cache, progress: as for `load`. Rendered letters show other persons than those of `load`.
        classes: the model's class names; labels count in their order.

    Raises:
        DataError: a class the model does not know, or a source that cannot be used.
        MissingPartError: an optional package is not installed.
        UsageError: a size below 8, or one at which letters cannot be rendered.
    """
    root, found, pixels = _open(source, size, cache, _EXTERNAL_SEED, progress, fewest=1)
    known = np.array(matched(found.classes, classes, str(source)), np.int64)
    found = replace(found, classes=tuple(classes), labels=known[found.labels])
    groups = group(found.paths, found.labels, sample_ids(found.sha256), found.dhash)
    splits = ("external",) * len(found.paths)
    return Dataset(_manifest(root, source, found, groups, splits), pixels, found.thumbnails, size)


def _open(
    source: str | Path, size: int, cache: Path | None, seed: int, progress: Progress, fewest: int = 2
) -> tuple[Path, Scan, UInt8[np.ndarray, "n size size 3"]]:
    if size < 8:
        raise UsageError(f"size is the side of the pictures in pixels and must be at least 8; got {size}")
    folder = cache_folder(cache)
    layout = find_layout(locate(source, folder, size=size, seed=seed, progress=progress), fewest)
    found, pixels = cached_scan(layout, size, folder, progress)
    return layout.root, found, pixels


def _manifest(root: Path, source: str | Path, found: Scan, groups: Groups, splits: tuple[str, ...]) -> Manifest:
    return Manifest(
        root=root,
        source=str(source),
        classes=found.classes,
        paths=found.paths,
        labels=found.labels,
        sha256=found.sha256,
        sizes=found.sizes,
        dhash=found.dhash,
        groups=groups.of,
        splits=splits,
        flags=found.flags,
        quarantined=found.quarantined,
    )
