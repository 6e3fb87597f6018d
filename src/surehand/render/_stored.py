"""Letters that are rendered once and kept."""

import shutil
from pathlib import Path

from surehand.errors import DataError, UsageError
from surehand.progress import Progress, silent

from ._letters import made_from, write_letters
from ._record import is_whole
from ._render import RENDERER


def stored_letters(home: Path, per_class: int, size: int, seed: int, *, progress: Progress = silent) -> Path:
    """The folder of letters of one number, size and seed below `home`, rendered now unless it lies there whole.

    What another version of the renderer made has a folder of its own. A folder from which files were lost is removed
    and rendered anew.

    Args:
        home: the folder of all such folders; made if missing.
        per_class, size, seed, progress: as for `write_letters`.

    Raises:
        UsageError: an argument out of range.
        DataError: the folder cannot be written, a damaged one cannot be removed, or there is no space left.
    """
    folder = home / f"renderer{RENDERER}-{per_class}x{size}px-seed{seed}"
    wanted = made_from(per_class, size, seed)
    if is_whole(folder, wanted):
        return folder
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise DataError(
            f"The letters in {folder} are damaged and could not be removed: {error.strerror or error}. "
            "Remove that folder by hand, then repeat the command."
        ) from error
    try:
        return write_letters(folder, per_class, size, seed, progress=progress)
    except (DataError, UsageError):
        # Another process that wanted the same letters may have been faster.
        if is_whole(folder, wanted):
            return folder
        raise
