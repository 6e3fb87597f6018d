"""Where images come from: a folder, a zip file, Kaggle, or rendered letters; each becomes a folder to read."""

import hashlib
import lzma
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from surehand.errors import DataError, MissingPartError
from surehand.files import remove_abandoned, unfinished
from surehand.progress import Progress, silent
from surehand.render import SCENES, stored_letters

from ._layout import ignored

# Limits for archives: a file that grows more than this is no image, and no data set.
_LARGEST_RATIO = 200
_LARGEST_TOTAL = 200 * 2**30
_MOST_FILES = 5_000_000

# What zipfile raises for damaged, encrypted or unusually compressed files.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError),
    UnicodeDecodeError,  # a name in it that is not what it says
)

# How many images of each class `letters` stands for, and of which scenes (`surehand.render.SCENES`).
LETTERS_PER_CLASS, LETTERS_SCENES = 150, "studio"


def locate(source: str | Path, cache: Path, *, size: int, seed: int = 0, progress: Progress = silent) -> Path:
    """The folder of images that a source stands for, extracted, downloaded or rendered into the cache if need be.

    Args:
        source: a folder, a zip file, `kaggle:owner/name`, `letters`, `letters:N` for N images a class, or
            `letters:N:SCENES`. A folder that is called like rendered letters comes first.
        cache: the cache folder.
        size: side in pixels at which the images will be seen. Letters are rendered at it; other sources have the sizes
            they have.
        seed: for letters.
        progress: for what takes long.

    Raises:
        DataError: no such source, or one that cannot be used.
        MissingPartError: an optional package is not installed.
        UsageError: a size at which letters cannot be rendered.
    """
    text = str(source)
    if text.startswith("kaggle:"):
        kind = "kaggle"
    elif is_rendered(text):
        kind = "letters"
    elif Path(text).suffix.lower() == ".zip" and not Path(text).is_dir():
        kind = "zip"
    else:
        kind = "folder"
    return SOURCES[kind](text, cache, size, seed, progress)


def is_rendered(source: str) -> bool:
    """Whether a source stands for rendered letters: it is called so, and no folder or file is."""
    return source.partition(":")[0] == "letters" and not Path(source).exists()


def _folder(source: str, cache: Path, size: int, seed: int, progress: Progress) -> Path:
    root = Path(source).expanduser()
    if not root.is_dir():
        hint = f" Did you mean `letters`, `kaggle:{source}` or a .zip file?" if os.sep not in source else ""
        raise DataError(f"There is no folder {source}. Check the path.{hint}")
    return root


def _zip(source: str, cache: Path, size: int, seed: int, progress: Progress) -> Path:
    archive = Path(source).expanduser()
    try:
        told = archive.stat()
    except OSError:
        raise DataError(f"There is no file {source}. Check the path.") from None
    key = hashlib.sha256(repr((str(archive.resolve()), told.st_size, told.st_mtime_ns)).encode()).hexdigest()[:32]
    folder = cache / "zip" / key
    if not folder.is_dir():
        _extract(archive, folder)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    """Extract into a folder of its own, then move it to its place; refuse what archives should not hold."""
    temporary = unfinished(folder)
    try:
        with zipfile.ZipFile(archive) as opened:
            _check_archive(archive, opened.infolist())
            entries = _wanted(opened.infolist())
            total = sum(entry.file_size for entry in entries)
            folder.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(folder.parent)
            if (free := shutil.disk_usage(folder.parent).free) < total:
                raise DataError(
                    f"{archive} needs {total / 1e6:,.0f} MB in {folder.parent}, which has {free / 1e6:,.0f} MB left. "
                    "Free some space, or name another place with SUREHAND_CACHE."
                )
            temporary.mkdir(parents=True)
            for entry in entries:
                # The declared size was checked above; zipfile stops reading at it.
                opened.extract(entry, temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    except _UNREADABLE as error:
        raise DataError(f"{archive} is not a zip file that can be read: {error}.") from error
    except OSError as error:
        raise DataError(f"{archive} could not be extracted into {folder.parent}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _wanted(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The files of an archive, less those that are ignored and those below a folder that holds `.nomedia`."""
    paths = [PurePosixPath(entry.filename) for entry in entries]
    # The folder that is asked for is read, whatever it holds; that is "." here.
    passed_over = {path.parent for path in paths if path.name == ".nomedia"} - {PurePosixPath()}
    return [
        entry
        for entry, path in zip(entries, paths, strict=True)
        if not entry.is_dir() and not ignored(entry.filename) and passed_over.isdisjoint(path.parents)
    ]


def _check_archive(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise DataError(f"{archive} wants to write outside its folder ({entry.filename}); it is not extracted.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DataError(f"{archive} holds a link ({entry.filename}); it is not extracted.")
        if entry.file_size > 2**20 and entry.file_size > _LARGEST_RATIO * max(entry.compress_size, 1):
            raise DataError(f"{archive} holds {entry.filename}, which grows too much to be an image; not extracted.")
    if total > _LARGEST_TOTAL or len(entries) > _MOST_FILES:
        raise DataError(f"{archive} would grow to {total / 1e9:,.0f} GB in {len(entries):,} files; not extracted.")


def _kaggle(source: str, cache: Path, size: int, seed: int, progress: Progress) -> Path:
    name = source.removeprefix("kaggle:")
    if len(name.split("/")) not in (2, 4):
        raise DataError(f"A Kaggle data set is named kaggle:owner/name; got {source}.")
    try:
        import kagglehub
    except ImportError:
        raise MissingPartError(f"{source} needs kagglehub. Install it with: pip install 'surehand[kaggle]'") from None
    try:
        return Path(kagglehub.dataset_download(name))
    # kagglehub raises whatever its HTTP library does; the user can act on all of it in one way only.
    except Exception as error:
        raise DataError(
            f"Kaggle's data set {name} could not be downloaded: {error}. Check the name and your network, or download "
            f"it by hand from https://www.kaggle.com/datasets/{name} and pass the zip file."
        ) from error


def _letters(source: str, cache: Path, size: int, seed: int, progress: Progress) -> Path:
    per_class, scenes = letters_of(source)
    return stored_letters(cache / "letters", per_class, size, seed, scenes=scenes, progress=progress)


def letters_of(source: str) -> tuple[int, str]:
    """How many rendered letters of each class, and of which scenes, a source stands for.

    Raises:
        DataError: it is not of the form `letters`, `letters:N` or `letters:N:SCENES`.

    >>> letters_of("letters:500"), letters_of("letters:20:any")
    ((500, 'studio'), (20, 'any'))
    """
    if source == "letters":
        return LETTERS_PER_CLASS, LETTERS_SCENES
    number, colon, scenes = source.removeprefix("letters:").partition(":")
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", number):
        raise DataError(
            f"The number of rendered images a class is a whole number from 1 on, as in letters:500 or "
            f"letters:500:any; got {source}."
        )
    if colon and scenes not in SCENES:
        raise DataError(f"Letters are rendered in scenes {', '.join(SCENES)}, as in letters:500:any; got {source}.")
    return int(number), scenes or LETTERS_SCENES


SOURCES: dict[str, Callable[[str, Path, int, int, Progress], Path]] = {
    "folder": _folder,
    "zip": _zip,
    "kaggle": _kaggle,
    "letters": _letters,
}
