"""The manifest: one row an image, with everything that decides what it is used for."""

import csv
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from surehand.errors import DataError
from surehand.files import replacing

from ._scan import Quarantined

_COLUMNS = ("path", "class", "split", "group", "height", "width", "dhash", "sha256", "flags", "reason")


@dataclass(frozen=True)
class Manifest:
    """The images of a set; rows are sorted by path.

    Attributes:
        root: the folder the paths are relative to.
        source: what the user named: a folder, a zip file, `kaggle:owner/name`, `letters:500`.
        classes: names in the order of the labels.
        paths: '/'-separated, relative to root.
        labels: index into classes.
        sha256: of each file, hexadecimal.
        sizes: height and width of each picture in pixels.
        dhash: 64-bit difference hash.
        groups: images of one group stay on one side of the split.
        splits: "train", "validation", "grouped" (whole held-back groups), "random" (random frames of training groups),
            "margin" (unused: a near twin is on the other side) or "external".
        flags: remarks about each file, separated by ';'.
        quarantined: files left out, with reasons.
    """

    root: Path
    source: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: Int64[np.ndarray, " n"]
    sha256: tuple[str, ...]
    sizes: Int32[np.ndarray, "n 2"]
    dhash: UInt64[np.ndarray, " n"]
    groups: Int64[np.ndarray, " n"]
    splits: tuple[str, ...]
    flags: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def ids(self) -> UInt64[np.ndarray, " n"]:
        """Sample ids: the first 8 bytes of each SHA-256, big-endian."""
        return sample_ids(self.sha256)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over classes, file digests, labels and splits: names the data set and its split, wherever it lies."""
        rows = sorted(zip(self.sha256, (self.classes[i] for i in self.labels), self.splits, strict=True))
        return hashlib.sha256(
            json.dumps([self.classes, rows], ensure_ascii=False).encode("utf-8", "surrogatepass")
        ).hexdigest()

    def rows(self, split: str) -> Int64[np.ndarray, " m"]:
        """The rows of one split, in order."""
        return np.flatnonzero(np.array(self.splits, "U10") == split)


def sample_ids(sha256: tuple[str, ...]) -> UInt64[np.ndarray, " n"]:
    """The first 8 bytes of each digest as big-endian integers.

    >>> sample_ids(("00000000000000ff" + 48 * "0",))
    array([255], dtype=uint64)
    """
    return np.array([int(digest[:16], 16) for digest in sha256], np.uint64)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as CSV (UTF-8): a first line of JSON after '#', a header, one row an image, used or not.

    Raises:
        DataError: it cannot be written.
    """
    head = {"root": str(manifest.root), "source": manifest.source, "classes": manifest.classes}
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        file.write("# " + json.dumps(head) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row, name in enumerate(manifest.paths):
            height, width = manifest.sizes[row]
            writer.writerow(
                (
                    name,
                    manifest.classes[manifest.labels[row]],
                    manifest.splits[row],
                    manifest.groups[row],
                    height,
                    width,
                    f"{manifest.dhash[row]:016x}",
                    manifest.sha256[row],
                    manifest.flags[row],
                    "",
                )
            )
        for item in manifest.quarantined:
            writer.writerow((item.path, *[""] * (len(_COLUMNS) - 2), item.reason))


def read_manifest(path: Path) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises:
        DataError: no such file, or not a manifest.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            head = json.loads(file.readline().removeprefix("# "))
            reader = csv.reader(file)
            if tuple(next(reader)) != _COLUMNS:
                raise ValueError("other columns")
            lines = list(reader)
        used = [dict(zip(_COLUMNS, line, strict=True)) for line in lines if line[2]]
        index = {name: i for i, name in enumerate(head["classes"])}
        return Manifest(
            root=Path(head["root"]),
            source=head["source"],
            classes=tuple(head["classes"]),
            paths=tuple(line["path"] for line in used),
            labels=np.array([index[line["class"]] for line in used], np.int64),
            sha256=tuple(line["sha256"] for line in used),
            sizes=np.array([(int(line["height"]), int(line["width"])) for line in used], np.int32).reshape(-1, 2),
            dhash=np.array([int(line["dhash"], 16) for line in used], np.uint64),
            groups=np.array([int(line["group"]) for line in used], np.int64),
            splits=tuple(line["split"] for line in used),
            flags=tuple(line["flags"] for line in used),
            quarantined=tuple(Quarantined(line[0], line[-1]) for line in lines if not line[2]),
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError, StopIteration, csv.Error) as error:
        raise DataError(f"{path} is not a manifest that Surehand wrote: {error}.") from error
