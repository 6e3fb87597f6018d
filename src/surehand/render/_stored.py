"""Letters that are rendered once and kept."""

import shutil
from pathlib import Path

from surehand.errors import DataError, UsageError
from surehand.files import unfinished
from surehand.progress import Progress, silent

from ._letters import made_from, write_letters
from ._record import is_whole
from ._render import RENDERER


def stored_letters(
    home: Path, per_class: int, size: int, seed: int, *, scenes: str = "any", progress: Progress = silent
) -> Path:
    """The folder of letters of one number, size, seed and kind of scenes below `home`.

    They are rendered now unless they lie there whole. What another version of the renderer made has a folder of its
    own. A folder from which files were lost is removed and rendered anew.

    Args:
        home: the folder of all such folders; made if missing.
        per_class, size, seed, progress: as for `write_letters`.
        scenes: see `Factors`.

    Raises:
        UsageError: an argument out of range.
        DataError: the folder cannot be written, a damaged one cannot be removed, or there is no space left.
        SurehandError: a process that rendered was killed.
    """
    folder = home / f"renderer{RENDERER}-{scenes}-{per_class}x{size}px-seed{seed}"
    fixed = {"scenes": scenes}
    wanted = made_from(per_class, size, seed, fixed=fixed)
    # Asked first: what another process puts there from now on is whole, and not to be removed.
    found = folder.exists()
    if is_whole(folder, wanted):
        return folder
    if found:
        _remove(folder)
    try:
        return write_letters(folder, per_class, size, seed, fixed=fixed, progress=progress)
    except (DataError, UsageError):
        # Another process that wanted the same letters may have been faster.
        if is_whole(folder, wanted):
            return folder
        raise


def _remove(folder: Path) -> None:
    """Remove damaged letters, at once for all other processes, which may find the same damage."""
    aside = unfinished(folder)
    try:
        folder.rename(aside)
    except FileNotFoundError:  # another process was faster
        return
    except OSError as error:
        raise DataError(
            f"The letters in {folder} are damaged and could not be removed: {error.strerror or error}. "
            "Remove that folder by hand, then repeat the command."
        ) from error
    # What cannot be removed now is removed with what a killed process left.
    shutil.rmtree(aside, ignore_errors=True)
