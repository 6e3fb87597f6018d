"""A finished (or interrupted) run folder, read into memory: the only input of the report."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from surehand.alphabet import MOTION_LETTERS, manual_alphabet, named
from surehand.errors import DataError

from ._words import MOTION_MARK, MOTION_NOTE, printable

SCHEMA = 1
SCHEMA_FILE = Path(__file__).with_name("run.schema.json")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class ClassRow:
    """One class in `tables/classes-MODEL-SET.csv`; shares lie in [0, 1], or are nan where undefined."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """One row of `tables/reliability-MODEL-SET.csv`; all but the count lie in [0, 1]."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Epoch:
    """One line of `metrics.jsonl`; a missing number is nan."""

    model: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """A run folder: its record (`run.json`), its epochs, and where the tables and images lie."""

    folder: Path
    record: Record
    epochs: tuple[Epoch, ...]

    @property
    def data(self) -> Record:
        """What `run.json` says about the images; empty when the run stopped before."""
        return self.record.get("data") or {}

    @property
    def models(self) -> dict[str, Record]:
        """What `run.json` says about each model, in the order of training."""
        return dict(self.record.get("models") or {})

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the model's outputs."""
        return tuple(self.data.get("class_names") or ())

    @property
    def alphabet(self) -> bool:
        """Whether the classes are those of the ASL manual alphabet, which needs words of its own."""
        return manual_alphabet(self.classes)

    def label(self, name: str) -> str:
        """A class name as it is shown: a dagger marks the letters that are motions."""
        return name + MOTION_MARK if self.alphabet and named((name,), MOTION_LETTERS) else name

    @property
    def motion_note(self) -> str:
        """What the dagger means, with a space before it; empty where no class has one."""
        return f" {MOTION_MARK} {MOTION_NOTE[0].upper()}{MOTION_NOTE[1:]}." if self.alphabet else ""

    @property
    def time_note(self) -> str:
        """That other numbers may come out, where minutes were set; else empty."""
        timed = any((record.get("settings") or {}).get("minutes") for record in self.models.values())
        return "Training was limited in minutes, so another machine may come to other numbers." if timed else ""

    def sets(self, model: str) -> tuple[str, ...]:
        """The names of the evaluated sets of one model: grouped, random, then the external ones."""
        accuracy = self.models[model].get("accuracy") or {}
        own = [name for name in ("grouped", "random") if accuracy.get(name)]
        return (*own, *(accuracy.get("external") or {}))

    def confusion(self, model: str, name: str) -> tuple[tuple[str, ...], Float[np.ndarray, "k k"]] | None:
        """Counts with the truth in rows and the prediction in columns, or None where the run has no such table."""
        rows = self._table(f"confusion-{model}-{name}.csv")
        if not rows:
            return None
        header, *body = rows
        # A first column of row labels makes the table one wider than it is long.
        labelled = len(header) == len(body) + 1
        counts = np.array([[float(cell) for cell in row[labelled:]] for row in body])  # (k, k)
        return tuple(header[labelled:]), counts

    def per_class(self, model: str, name: str) -> tuple[ClassRow, ...]:
        """Precision, recall and F1 of each class, empty where the run has no such table."""
        return tuple(
            ClassRow(
                row["class"], _number(row["precision"]), _number(row["recall"]), _number(row["f1"]), int(row["support"])
            )
            for row in self._records(f"classes-{model}-{name}.csv")
        )

    def reliability(self, model: str, name: str) -> dict[str, tuple[ReliabilityBin, ...]]:
        """Bins by the column `when` ("before" and "after" temperature), empty where the run has no such table."""
        bins: dict[str, list[ReliabilityBin]] = {}
        for row in self._records(f"reliability-{model}-{name}.csv"):
            if int(row["count"]):
                low, high = _number(row["low"]), _number(row["high"])
                confidence, accuracy = _number(row["confidence"]), _number(row["accuracy"])
                found = ReliabilityBin(low, high, confidence, accuracy, int(row["count"]))
                bins.setdefault(row.get("when", "after"), []).append(found)
        return {when: tuple(rows) for when, rows in bins.items()}

    def arrays(self, relative: str | None) -> dict[str, np.ndarray] | None:
        """The arrays of an .npz file of the run folder, or None where it is missing."""
        path = self.file(relative)
        if path is None:
            return None
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}

    def file(self, relative: str | None) -> Path | None:
        """A file named in `run.json`, or None where it is missing or lies outside the run folder."""
        if not relative:
            return None
        path = (self.folder / relative).resolve()
        return path if path.is_file() and path.is_relative_to(self.folder.resolve()) else None

    def _table(self, name: str) -> list[list[str]]:
        path = self.file(f"tables/{name}")
        if path is None:
            return []
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            return [row for row in csv.reader(stream) if row]

    def _records(self, name: str) -> list[dict[str, str]]:
        rows = self._table(name)
        return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]] if rows else []


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        DataError: there is no `run.json`, or it is not one of this version.
    """
    path = folder / "run.json"
    try:
        record = _printable(json.loads(path.read_text(encoding="utf-8", errors="replace")))
    except FileNotFoundError:
        raise DataError(
            f"{folder} is not a run folder: it has no run.json. Name a folder written by `surehand run`."
        ) from None
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}. Run the audit again.") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise DataError(f"{path} is not of schema {SCHEMA}, the one this version reads. Run the audit again.")
    return Run(folder, record, _epochs(folder / "metrics.jsonl"))


def _printable(value: Any) -> Any:
    """The same JSON, where names of files that are not UTF-8 (lone surrogates) become text that can be written."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return value


def _epochs(path: Path) -> tuple[Epoch, ...]:
    if not path.is_file():
        return ()
    epochs = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # an interrupted run can end within a line
        measured = (_number(row.get(key)) for key in Epoch.__dataclass_fields__ if key not in ("model", "epoch"))
        epochs.append(Epoch(row["model"], int(row["epoch"]), *measured))
    return tuple(epochs)


def _number(value: Any) -> float:
    return float("nan") if value in (None, "") else float(value)
