"""The decode-once cache: uint8 pictures as a memory map in the user's cache folder, checksummed and written atomically.

One folder a set and size: `pixels.npy`, `thumbnails.npy` and `scan.json` (what the scan found, and checksums). The key
is a digest of the source's path, of every file's path, size and time of change, of the picture size and of the version
of the decoding rules: a changed source has another key, and no file needs to be read to find that out.
"""

import errno
import hashlib
import json
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from surehand.errors import DataError
from surehand.files import remove_abandoned, unfinished
from surehand.processors import cores
from surehand.progress import Progress, silent

from ._decode import RULES_VERSION
from ._layout import Layout
from ._scan import THUMBNAIL, Quarantined, Scan, scan

_VERSION = 1
_PIECE = 1 << 24  # bytes hashed by one thread at a time
_ARRAYS = ("pixels.npy", "thumbnails.npy")


def cache_folder(cache: Path | None = None) -> Path:
    """Where caches lie: the argument, else SUREHAND_CACHE, else `surehand` in the user's cache folder."""
    if cache is not None:
        return Path(cache)
    if named := os.environ.get("SUREHAND_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "surehand"


def cached_scan(
    layout: Layout, size: int, cache: Path, progress: Progress = silent
) -> tuple[Scan, UInt8[np.ndarray, "n size size 3"]]:
    """The scan of a layout and its pictures, from the cache, or made now.

    Returns:
        The scan, and one picture a row of it, memory-mapped and read-only.

    Raises:
        DataError: the cache cannot be written, or no file can be decoded.
    """
    folder = cache / "data" / _key(layout, size)
    found = _read(folder, size)
    if found is None:
        _write(layout, size, folder, progress)
        found = _read(folder, size)
        if found is None:
            raise DataError(f"The cache {folder} does not hold what was just written to it. Check this disk.")
    return found


def _key(layout: Layout, size: int) -> str:
    told = [_VERSION, RULES_VERSION, size, os.path.realpath(layout.root), layout.paths, layout.given, layout.stamps]
    return hashlib.sha256(json.dumps(told).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _write(layout: Layout, size: int, folder: Path, progress: Progress) -> None:
    """Scan into a folder of its own, then move that to its place: readers see all of a cache or none."""
    count = len(layout.paths)
    need = count * (size * size + THUMBNAIL * THUMBNAIL) * 3 + count * 512
    temporary = unfinished(folder)
    try:
        temporary.mkdir(parents=True)
        remove_abandoned(folder.parent)
        pixels = _create_array(temporary / "pixels.npy", (count, size, size, 3))
        found = scan(layout, pixels, progress)
        pixels.flush()
        del pixels
        _shorten_array(temporary / "pixels.npy", (len(found.paths), size, size, 3))
        np.save(temporary / "thumbnails.npy", found.thumbnails)
        (temporary / "scan.json").write_text(_to_text(found, temporary))
        for file in temporary.iterdir():
            _sync(file)
        # A folder cannot replace another that holds files, so what is there and damaged goes first.
        if _read(folder, size) is None:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            temporary.rename(folder)
        except OSError:
            if _read(folder, size) is None:  # else another process was faster
                raise
        _sync(folder.parent)
    except OSError as error:
        raise DataError(
            f"The cache {folder} could not be written: {error.strerror or error}. It needs {need / 1e6:,.0f} MB. "
            "Free some space, or name another place with SUREHAND_CACHE."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(folder: Path, size: int) -> tuple[Scan, UInt8[np.ndarray, "n size size 3"]] | None:
    """What a cache folder holds, or None if it is missing, incomplete or damaged."""
    try:
        checksum, text = (folder / "scan.json").read_text().split("\n", 1)
        if checksum != hashlib.sha256(text.encode()).hexdigest():
            return None
        body = json.loads(text)
        if body["checksums"] != {name: _checksum(folder / name) for name in _ARRAYS}:
            return None
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        found = Scan(
            classes=tuple(body["classes"]),
            paths=tuple(body["paths"]),
            labels=np.array(body["labels"], np.int64),
            given=tuple(body["given"]),
            sha256=tuple(body["sha256"]),
            sizes=np.array(body["sizes"], np.int32).reshape(-1, 2),
            dhash=np.array(body["dhash"], np.uint64),
            flags=tuple(body["flags"]),
            quarantined=tuple(Quarantined(path, reason) for path, reason in body["quarantined"]),
            thumbnails=np.load(folder / "thumbnails.npy"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (found, pixels) if pixels.shape == (len(found.paths), size, size, 3) else None


def _to_text(found: Scan, folder: Path) -> str:
    """The scan as JSON below its own checksum; the arrays lie beside it and are named by theirs."""
    body = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "thumbnails"}
    body |= {name: value.tolist() for name, value in body.items() if isinstance(value, np.ndarray)}
    body["quarantined"] = [(item.path, item.reason) for item in found.quarantined]
    body["checksums"] = {name: _checksum(folder / name) for name in _ARRAYS}
    text = json.dumps(body)
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _create_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new .npy file as a memory map, its disk space reserved: a full disk is an error here, not a crash later."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, _header(shape))
        length = file.tell() + math.prod(shape)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, length)
        else:  # macOS, Windows
            if shutil.disk_usage(path.parent).free < length:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.truncate(length)
    return np.lib.format.open_memmap(path, "r+")


def _shorten_array(path: Path, shape: tuple[int, ...]) -> None:
    """Cut a .npy file to a smaller first axis; its header keeps its length, for numpy leaves room for 21 digits."""
    with path.open("r+b") as file:
        np.lib.format.write_array_header_1_0(file, _header(shape))
        file.truncate(file.tell() + math.prod(shape))


def _header(shape: tuple[int, ...]) -> dict[str, object]:
    return {"descr": "|u1", "fortran_order": False, "shape": shape}


def _checksum(path: Path) -> str:
    """SHA-256 over the SHA-256 of each piece of a file, so that several threads can share the work."""
    pieces = range(0, path.stat().st_size, _PIECE)

    def digest(start: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return hashlib.sha256(file.read(_PIECE)).digest()

    with ThreadPoolExecutor(cores()) as pool:
        return hashlib.sha256(b"".join(pool.map(digest, pieces))).hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders; it writes what they hold by itself
    # Windows syncs only what can be written.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
