"""The folder of a run: where results go, and which stages need not be done again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from surehand import __version__
from surehand.errors import DataError
from surehand.files import finite, write_whole

Result = dict[str, Any]


class RunFolder:
    """A run's folder; `path` exists once this is made.

    Attributes:
        path: of the folder.
        names: of the files that this run has written, or whose stage need not be done again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: set[str] = set()
        # What a stage being done anew wrote before, each with the record that still vouches for it.
        self._outdated: dict[str, Path] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"Could not make the run folder {path}: {error.strerror}. Choose another with --out."
            ) from error

    def file(self, name: str) -> Path:
        """The path of a file to be written in the folder, whose own folder exists."""
        path = self.path / name
        self.names.add(name)
        if record := self._outdated.get(name):
            record.unlink(missing_ok=True)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"Could not make the folder {path.parent}: {error.strerror}.") from error
        return path

    def write_json(self, name: str, value: Any) -> None:
        """Write JSON in one step: readers see the old file or the new one."""
        self.write_text(name, json.dumps(finite(value), indent=1) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write text in one step."""
        # File names need not be UTF-8; the manifest writes them alike.
        write_whole(self.file(name), text.encode("utf-8", "surrogateescape"))

    def key(self, inputs: Any) -> str:
        """A name for the inputs of a stage, under this version of Surehand."""
        return hashlib.sha256(json.dumps([__version__, inputs], sort_keys=True).encode()).hexdigest()

    def stage(self, name: str, inputs: Any, make: Callable[[], Result]) -> Result:
        """What `make()` returns, or what it returned before if inputs and version are the same and its files are there.

        Args:
            name: of the stage.
            inputs: everything the result depends on, as plain values.
            make: returns plain values; under "files" the names of the files it wrote.
        """
        key = self.key(inputs)
        record = self.path / "stages" / f"{name}.json"
        if record.exists():
            old = json.loads(record.read_text(encoding="utf-8"))
            if old["key"] == key and all((self.path / file).exists() for file in old["result"]["files"]):
                self.names.update(old["result"]["files"])
                return old["result"]
            self._outdated = dict.fromkeys(old["result"]["files"], record)
        result = finite({"files": [], **make()})
        self._outdated = {}
        self.write_json(f"stages/{name}.json", {"key": key, "result": result})
        return result


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
