"""Find the classes and the given split in a folder of images, in every usual shape.

class/...                                class folders, images at any depth below
train/class/...  valid/class/...         a given split: train, val, test and their usual other spellings
name_train/name_train/class/...          folders that hold nothing but one folder are seen through
name_test/A_test.jpg                     flat files that carry their class in their name: kept aside as "external"

A folder that holds a file `.nomedia` is passed over with everything below it, as it is by galleries of pictures.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from surehand.errors import DataError

from ._decode import IMAGE_SUFFIXES
from ._names import listed, normalised, ordered

_SPLIT_NAME = re.compile(r"(?:^|.*[_\-. ])(train|training|val|valid|validation|test|testing)$", re.IGNORECASE)

# What a given part is called here: a given test set is as far from training as its makers saw to it.
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "grouped",
    "testing": "grouped",
}

_IGNORED = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})

# A_test.jpg, A0001_test.jpg, A1.jpg: the class, a number, a word. A class may be a number itself.
_PART_WORD = re.compile(r"[_\- ](?:test|testing|val|valid|validation)$", re.IGNORECASE)
_NUMBER = re.compile(r"[_\- ]?\d+$")


@dataclass(frozen=True)
class Layout:
    """The image files of a source, sorted by path, with what their place says about them.

    Attributes:
        root: the folder.
        classes: names in the order of their labels.
        paths: relative to root, '/'-separated.
        labels: index into classes, one a path.
        given: the split the folders give each file, or "" where the choice is ours.
        stamps: (size in bytes, time of last change in ns), to notice changes without reading.
    """

    root: Path
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    given: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _File:
    path: str
    size: int
    changed: int


@dataclass(frozen=True)
class _Found:
    file: _File
    name: str  # of the class
    given: str


def find_layout(root: Path, fewest: int = 2) -> Layout:
    """List a folder's images, classes and given split; nothing is read or written.

    Args:
        root: the folder.
        fewest: classes that there must be.

    Raises:
        DataError: no such folder, no images, no class folders, fewer classes than asked for, or parts with different
            classes.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Check the path.")
    root = Path(os.path.abspath(root))
    found = _find(root)
    if not found:
        raise DataError(f"{root} holds no images. Surehand reads {listed(sorted(IMAGE_SUFFIXES))}.")
    # The training part's spelling is the class's name.
    spelling = {normalised(item.name): item.name for item in sorted(found, key=lambda item: item.given == "")}
    classes = ordered(set(spelling.values()))
    if len(classes) < fewest:
        raise DataError(
            f"{root} has one class only, {classes[0]}; a classifier needs at least two. "
            "If this folder is itself a class, pass its parent."
        )
    index = {normalised(name): i for i, name in enumerate(classes)}
    found.sort(key=lambda item: item.file.path)
    return Layout(
        root=root,
        classes=classes,
        paths=tuple(item.file.path for item in found),
        labels=tuple(index[normalised(item.name)] for item in found),
        given=tuple(item.given for item in found),
        stamps=tuple((item.file.size, item.file.changed) for item in found),
    )


def ignored(path: str) -> bool:
    """Whether a name, or a name on the way to it, is hidden or left behind by an operating system."""
    return any((name.startswith(".") and name != "..") or name.lower() in _IGNORED for name in path.split("/"))


def _find(root: Path) -> list[_Found]:
    top = _see_through(root)
    folders = _folders(top)
    parts = {folder: _SPLITS[match[1].lower()] for folder in folders if (match := _SPLIT_NAME.match(folder.name))}
    training = [folder for folder, split in parts.items() if split == "train"]
    if not training or len(set(parts.values())) < 2 or (_holds_images(training[0]) and len(parts) < len(folders)):
        found = _class_folders(root, top, given="")
        if not found and _holds_images(top):
            raise DataError(
                f"{top} holds images but no class folders. "
                f"Make one folder a class, named after it, and move its images there: {top.name}/A/1.jpg."
            )
        return found
    found = []
    names: dict[str, set[str]] = {}
    flat: list[tuple[Path, list[_File]]] = []
    for folder, split in parts.items():
        inside = _see_through(folder)
        if of_part := _class_folders(root, inside, given="" if split == "train" else split):
            found += of_part
            names[folder.name] = {item.name for item in of_part}
        elif split == "train":
            raise DataError(f"{inside} holds no class folders with images. Make one folder a class, named after it.")
        elif images := _images(root, inside):
            flat.append((inside, images))
    _same_classes(root, names)
    known = {normalised(name): name for part in names.values() for name in part}
    for inside, images in flat:
        found += _flat_files(inside, images, known)
    return found


def _class_folders(root: Path, top: Path, given: str) -> list[_Found]:
    found = []
    names: dict[str, str] = {}
    for folder in _folders(top):
        files = _images(root, folder, deep=True)
        found += [_Found(file, folder.name, given) for file in files]
        if files and (other := names.setdefault(normalised(folder.name), folder.name)) != folder.name:
            raise DataError(f"{top} has two folders for one class: {other} and {folder.name}. Merge or rename one.")
    return found


def _flat_files(folder: Path, files: list[_File], known: dict[str, str]) -> list[_Found]:
    """Files such as A_test.jpg. So few and so alike to the training images that they measure nothing: kept aside."""
    found, unknown = [], []
    for file in files:
        stem = Path(file.path).stem
        word = _PART_WORD.sub("", stem)
        tries = (stem, word, _NUMBER.sub("", word))
        name = next((known[key] for text in tries if (key := normalised(text)) in known), None)
        if name is None:
            unknown.append(Path(file.path).name)
        else:
            found.append(_Found(file, name, "external"))
    if unknown:
        raise DataError(
            f"{folder} holds images outside class folders whose names tell no class: {listed(unknown, 5)}. "
            "Put them into class folders, or name them like A_test.jpg."
        )
    return found


def _same_classes(root: Path, names: dict[str, set[str]]) -> None:
    everything = {normalised(name): name for part in names.values() for name in part}
    missing = {
        part: sorted(everything[key] for key in everything.keys() - {normalised(name) for name in own})
        for part, own in names.items()
    }
    differences = "; ".join(f"{part} lacks {listed(lacks)}" for part, lacks in missing.items() if lacks)
    if differences:
        raise DataError(f"The parts of {root} have different classes: {differences}. Give every part the same folders.")


def _see_through(folder: Path) -> Path:
    """Follow folders that hold one folder and nothing else, down to where there is a choice or the class folders.

    A folder whose only folder holds images directly is a set with one class, and is not seen through, unless both have
    one name, as in archives that were packed twice.
    """
    seen = {os.path.realpath(folder)}
    while True:
        folders = _folders(folder)
        if len(folders) != 1 or _holds_images(folder):
            return folder
        if _holds_images(folders[0]) and folders[0].name != folder.name:
            return folder
        real = os.path.realpath(folders[0])
        if real in seen:
            return folder
        seen.add(real)
        folder = folders[0]


def _holds_images(folder: Path) -> bool:
    return any(_is_image(entry.name) for entry in _entries(folder) if not _is_folder(entry))


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _images(root: Path, folder: Path, *, deep: bool = False) -> list[_File]:
    """The image files of a folder, of all folders below it if `deep`."""
    files = []
    for entry in _walk(folder, set()) if deep else (e for e in _entries(folder) if not _is_folder(e)):
        if not _is_image(entry.name):
            continue
        try:
            told = entry.stat()
            size, changed = told.st_size, told.st_mtime_ns
        except OSError:  # a link to nowhere: listed, and found unreadable later
            size, changed = 0, 0
        path = entry.path.removeprefix(str(root)).lstrip(os.sep).replace(os.sep, "/")
        files.append(_File(path, size, changed))
    return files


def _walk(folder: Path | str, ancestors: set[str]) -> Iterator[os.DirEntry[str]]:
    """Files below a folder; a link back to a folder on the way here is not followed."""
    real = os.path.realpath(folder)
    if real in ancestors:
        return
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _walk(entry.path, ancestors | {real})
        else:
            yield entry


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What a folder holds, by name, without hidden files, leftovers of operating systems and `.nomedia` folders."""
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if not ignored(entry.name) and not _unwanted(entry)]
    except OSError as error:
        raise DataError(f"{folder} could not be read: {error.strerror}. Check its permissions.") from None
    return sorted(kept, key=lambda entry: entry.name)


def _unwanted(entry: os.DirEntry[str]) -> bool:
    return _is_folder(entry) and os.path.exists(os.path.join(entry.path, ".nomedia"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: a file that cannot be read
        return False


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
