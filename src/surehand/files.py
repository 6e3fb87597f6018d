"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from surehand.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour to write, which takes the place of `path` when the with-block ends well.

    Neither a reader nor a failure ever meets half a file; one that was there before stays until the new one is whole
    and on the disk.

    Raises:
        DataError: the file cannot be written: no such folder, no permission, disk full.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"Could not write {path}: {error.strerror or error}. Nothing was changed there.") from error


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file by way of `replacing`; returns its path."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path
