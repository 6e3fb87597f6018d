"""Files that appear whole or not at all, and numbers that JSON can hold."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from secrets import token_hex
from typing import Any

from surehand.errors import DataError

_ABANDONED_AFTER = 3600.0  # seconds


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour to write, which takes the place of `path` when the with-block ends well.

    The folder is made if it is missing.

    Neither a reader nor a failure ever meets half a file; one that was there before stays until the new one is whole
    and on the disk.

    Raises:
        DataError: the file cannot be written: no permission, disk full.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("r+b") as file:  # Windows syncs only what can be written
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"Could not write {path}: {error.strerror or error}. What was there is unchanged; "
            "free some space or name another place, then repeat the command."
        ) from error


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file by way of `replacing`; returns its path.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def unfinished(folder: Path) -> Path:
    """A hidden neighbour for a folder in the making or in removal; see `remove_abandoned`."""
    return folder.with_name(f".{folder.name}.unfinished-{token_hex(4)}")


def remove_abandoned(parent: Path, name: str = "*") -> None:
    """Remove what killed processes left: unfinished folders in which nothing was written for an hour.

    Args:
        parent: of the finished folder.
        name: of the finished folder, as `Path.glob` takes it; all by default.
    """
    for left in parent.glob(f".{name}.unfinished-????????"):
        try:
            touched = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
        except OSError:  # another process is finishing or removing it
            continue
        if time.time() - touched > _ABANDONED_AFTER:
            shutil.rmtree(left, ignore_errors=True)


def finite(value: Any) -> Any:
    """Plain values with None in place of numbers that JSON has no word for.

    >>> finite({"loss": float("nan"), "epochs": [1, 2.5, float("inf")]})
    {'loss': None, 'epochs': [1, 2.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
