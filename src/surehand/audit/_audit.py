"""The whole audit: images in, a run folder out. Read top-down, it is what `surehand run` does."""

import json
import os
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from surehand import __version__, report
from surehand.alphabet import manual_alphabet
from surehand.data import (
    Dataset,
    Samples,
    check,
    external_warnings,
    known_from,
    load,
    load_external,
    sheet,
    write_manifest,
)
from surehand.errors import DataError
from surehand.models import load as load_classifier

from ._folder import Result, RunFolder, sha256
from ._model_stages import attack_stage, evaluate_stage, explain_stage, train_stage
from ._narrator import Narrator, Silent
from ._settings import AuditSettings
from ._speech import speech_stage

LIBRARIES = ("torch", "numpy", "pillow", "numba", "lightning-fabric", "safetensors", "matplotlib")


def audit(
    settings: AuditSettings,
    path: Path,
    *,
    command: str = "",
    cache: Path | None = None,
    narrator: Narrator | None = None,
) -> dict[str, Any]:
    """Index, check, split, train, evaluate, attack, explain, speak and report; stages already done are not repeated.

    Args:
        settings: what to audit.
        path: the run folder; made if missing, gone on with if it holds an earlier run.
        command: what the user typed, for the report.
        cache: where decoded images are kept; the user's cache folder by default.
        narrator: told what happens.

    Returns:
        What `run.json` holds.

    Raises:
        SurehandError: something the user can mend; finished stages stay in the folder.
        KeyboardInterrupt: after Ctrl-C; the same call goes on where this one stopped.
    """
    tell, started = narrator or Silent(), monotonic()
    # What is wrong with settings or names is told before anything is written: an earlier run may lie in the folder.
    for name in settings.models:
        settings.for_model(name)
    folder = RunFolder(path)
    dataset = _load(settings, cache, tell)
    external = _load_external(settings, dataset, cache, tell)
    folder.write_text("config.toml", settings.to_toml())
    record, before = _header(settings, path, command), _seconds_before(folder)

    def publish(status: str) -> None:
        record["status"], record["seconds"] = status, round(before + monotonic() - started, 1)
        record["artifacts"] = _artifacts(folder)
        folder.write_json("run.json", record)

    publish("running")
    try:
        record["data"] = _data(settings, folder, dataset, tell)
        record["external"] = _external(settings, external, dataset, tell)
        publish("running")
        metrics: list[str] = []
        sets = {name: found.all() for name, found in external.items()}
        for name in settings.models:
            record["models"][name] = _model(name, settings, folder, dataset, sets, cache, metrics, tell)
            publish("running")
        if manual_alphabet(dataset.manifest.classes):
            record["speech"] = speech_stage(folder, record["models"], dataset.samples("grouped"), tell)
        record["verdict"] = report.verdict({**record, "status": "complete"})
        publish("complete")
        tell.say("Report    figures and page")
        folder.names.update(file.relative_to(path).as_posix() for file in report.write_report(path))
        publish("complete")
    except KeyboardInterrupt:
        publish("interrupted")
        raise
    except BaseException:
        publish("failed")
        raise
    return record


def train_model(
    settings: AuditSettings, path: Path, *, cache: Path | None = None, narrator: Narrator | None = None
) -> Result:
    """Only train, and save, the first of the settings' models; the folder can be gone on with, also by `audit`.

    Returns:
        What `run.json` holds of a model's training.
    """
    tell, name = narrator or Silent(), settings.models[0]
    training = settings.for_model(name)
    # As in `audit`, before anything is written.
    dataset = _load(settings, cache, tell)
    folder = RunFolder(path)
    return _without_files(train_stage(folder, name, dataset, training, cache, [], tell))


def _load(settings: AuditSettings, cache: Path | None, tell: Narrator) -> Dataset:
    """The data set, once it is sure that there is something to train on and to test with."""
    dataset = load(settings.source, settings.size, seed=settings.seed, cache=cache, progress=tell.progress("Read"))
    for part in ("train", "validation", "grouped", "random"):
        if not len(dataset.manifest.rows(part)):
            raise DataError(
                f"{settings.source} is too small: no image could be set aside for the part called {part!r}. "
                "Add images, to about ten a class that are not all alike."
            )
    if len(np.unique(dataset.manifest.labels)) < 2:
        raise DataError(f"Only one class of {settings.source} has images that can be read; two are needed at least.")
    return dataset


def _load_external(settings: AuditSettings, dataset: Dataset, cache: Path | None, tell: Narrator) -> dict[str, Dataset]:
    classes = dataset.manifest.classes
    return {
        name: load_external(source, settings.size, classes, cache=cache, progress=tell.progress(f"Read {name}"))
        for name, source in settings.external.items()
    }


def _data(settings: AuditSettings, folder: RunFolder, dataset: Dataset, tell: Narrator) -> Result:
    found = check(dataset)
    manifest = dataset.manifest
    write_manifest(manifest, folder.file("manifest.csv"))

    augmentation = settings.for_model(settings.models[0]).augmentation

    def sheets() -> Result:
        training, names = dataset.samples("train"), ("sheets/train.png", "sheets/augmented.png")
        sheet(training, folder.file(names[0]))
        sheet(training, folder.file(names[1]), augmentation=augmentation, seed=settings.seed)
        return {"files": list(names)}

    folder.stage("sheets", [manifest.digest, settings.size, settings.seed, asdict(augmentation)], sheets)
    data = found.to_dict()
    tell.say(f"Data      {data['images']:,} images in {data['classes']} classes, {data['quarantined']} quarantined")
    tell.say("Split     " + ", ".join(f"{name} {n:,}" for name, n in data["splits"].items() if n))
    tell.say(f"Leak      {found.leak_random} of a random split; {found.leak_grouped} of this one")
    tell.say(f"Thumbs    nearest neighbour: random {found.nearest_random}; grouped {found.nearest_grouped}")
    return data


def _external(settings: AuditSettings, sets: dict[str, Dataset], dataset: Dataset, tell: Narrator) -> Result:
    found = {}
    for name, loaded in sets.items():
        present, known = set(loaded.manifest.labels.tolist()), known_from(loaded, dataset)
        found[name] = {
            "source": settings.external[name],
            "images": len(loaded.manifest),
            "missing_classes": [c for i, c in enumerate(dataset.manifest.classes) if i not in present],
            "known_images": known.copies,
            "near_images": known.twins,
            "warnings": list(external_warnings(loaded, known)),
        }
        tell.say(f"External  {name}: {len(loaded.manifest):,} images, never trained on")
    return found


def _model(
    name: str,
    settings: AuditSettings,
    folder: RunFolder,
    dataset: Dataset,
    external: dict[str, Samples],
    cache: Path | None,
    metrics: list[str],
    tell: Narrator,
) -> Result:
    """Everything about one model; `metrics` grows by its epochs."""
    trained = train_stage(folder, name, dataset, settings.for_model(name), cache, metrics, tell)
    file = folder.path / trained["file"]
    classifier, identity = load_classifier(file), sha256(file)
    # The layout that images come in.
    classifier.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    sets = {"grouped": dataset.samples("grouped"), "random": dataset.samples("random"), **external}
    evaluated = evaluate_stage(folder, name, classifier, identity, sets, tell)
    attacked = attack_stage(folder, name, classifier, identity, sets["grouped"], settings, tell)
    explained = explain_stage(folder, name, classifier, identity, dataset, settings, tell)
    own = {**_without_files(trained), **_without_files(evaluated)}
    return {**own, "fgsm": _without_files(attacked), "lime": _without_files(explained)}


def _header(settings: AuditSettings, path: Path, command: str) -> Result:
    versions = {"surehand": __version__, "python": platform.python_version(), **{n: version(n) for n in LIBRARIES}}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
    return {
        "schema": report.SCHEMA,
        "status": "running",
        "name": path.resolve().name,
        "seed": settings.seed,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "versions": versions,
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "memory_gb": round(memory, 1) if memory else None,
        },
        "settings": {**asdict(replace(settings, training={})), "models": list(settings.models)},
        "verdict": None,
        "data": {},
        "external": {},
        "models": {},
        "speech": None,
        "artifacts": [],
    }


def _seconds_before(folder: RunFolder) -> float:
    """What earlier calls have spent on this folder."""
    try:
        return float(json.loads((folder.path / "run.json").read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _artifacts(folder: RunFolder) -> list[dict[str, str]]:
    """What this run has written or kept, but the bookkeeping of stages, with its kind.

    Files that an earlier run left in the folder, with other models or sets, are not this one's.
    """
    kinds = {
        ".safetensors": "model",
        ".csv": "table",
        ".png": "image",
        ".svg": "figure",
        ".wav": "speech",
        ".npz": "arrays",
    }
    names = [n for n in sorted(folder.names) if not n.startswith(("stages/", "training/"))]
    there = [n for n in names if (folder.path / n).is_file()]
    return [{"path": n, "kind": kinds.get(Path(n).suffix, "document")} for n in there]


def _without_files(result: Result) -> Result:
    """What a stage found, without the list of its files, which only stages need."""
    return {key: value for key, value in result.items() if key != "files"}
