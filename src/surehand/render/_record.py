"""What a folder of letters was made from, and whether all of it is still there."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._render import RENDERER

RECORD = "letters.json"


def write_record(folder: Path, made_from: dict[str, Any]) -> None:
    """Write ``letters.json``: the renderer, what it was asked for, and a digest of the files in the folder."""
    record = {"renderer": RENDERER, **made_from, "files": _digest(folder)}
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def is_whole(folder: Path, made_from: dict[str, Any]) -> bool:
    """Whether a folder was made by this renderer from exactly this, with no file missing, added or cut short.

    Lengths are compared, not contents, at the cost of a glance at each file: bytes that changed in place, as a failing
    disk or a power failure can leave them, go unnoticed.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return bool(record == {"renderer": RENDERER, **made_from, "files": _digest(folder)})
    except (OSError, ValueError):
        return False


def _digest(folder: Path) -> str:
    """SHA-256 over path and length of every file but the record."""
    told = sorted((path, length) for path, length in _files(folder, "") if path != RECORD)
    return hashlib.sha256(json.dumps(told).encode("utf-8", "surrogatepass")).hexdigest()


def _files(folder: str | Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{prefix}{entry.name}/")
            else:
                yield f"{prefix}{entry.name}", entry.stat().st_size
