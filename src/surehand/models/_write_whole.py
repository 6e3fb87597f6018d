"""Files that appear whole or not at all."""

import os
from pathlib import Path
from secrets import token_hex

from surehand.errors import ConfigurationError


def write_whole(content: bytes, path: Path) -> None:
    """Write a file by way of a temporary neighbour, so that neither a reader nor a failure ever meets half of it.

    Raises:
        ConfigurationError: the file cannot be written; one that was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"Could not write {path}: {error.strerror or error}. Nothing was changed.") from error
