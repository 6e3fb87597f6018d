"""A made-up run folder in exactly the form that the audit writes; its numbers mean nothing."""

import csv
import json
from pathlib import Path
from string import ascii_uppercase
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from surehand.intervals import proportion
from surehand.report import verdict

ALPHABET = (*ascii_uppercase, "del", "nothing", "space")
SHAPES = ("circle", "cross", "square", "triangle")
SIDE = 24


def share(value, n):
    found = proportion(round(value * n), n)
    return {"value": found.value, "low": found.low, "high": found.high, "n": n}


def model_record(name, classes, grouped):
    epsilons = [level / 255 for level in (0, 1, 2, 4, 8, 16)]
    accuracy = [grouped * fall for fall in (1.0, 0.83, 0.59, 0.31, 0.12, 0.13)]
    accuracies = {
        "random": share(0.941, 870),
        "grouped": share(grouped, 870),
        "external": {"world": share(0.105, 435), "phone": share(0.063, 435)},
    }
    return {
        "parameters": 551853,
        "file": f"model/{name}.safetensors",
        "seconds": 217.4,
        "epochs": 7,
        "stopped_because": "patience",
        "settings": {"batch": 128, "learning_rate": 0.001, "schedule": "one-cycle"},
        "probe": {"dtype": "bfloat16", "memory_format": "channels_last"},
        "accuracy": accuracies,
        "accuracy_without_motion_letters": accuracies if classes == ALPHABET else None,
        "confused": {
            "grouped": [
                {"truth": classes[1], "prediction": classes[2], "count": 19, "share": 0.633},
                {"truth": classes[0], "prediction": classes[3], "count": 7, "share": 0.233},
            ],
            "random": [{"truth": classes[2], "prediction": classes[1], "count": 5, "share": 0.167}],
            "world": [{"truth": classes[3], "prediction": classes[0], "count": 29, "share": 0.967}],
            "phone": [],
        },
        "calibration": {
            "ece": 0.0431,
            "ece_before": 0.0977,
            "temperature": 1.372,
            "external": {"world": 0.318, "phone": 0.087},
        },
        "fgsm": {
            "epsilons": epsilons,
            "accuracy": accuracy,
            "robust": list(np.minimum.accumulate(accuracy)),
            "low": [value * 0.94 for value in accuracy],
            "high": [value * 1.05 for value in accuracy],
            "images": 512,
            "forward_passes": 6,
            "backward_passes": 1,
            "warnings": ["2 of 512 images were decided by a hair."],
            "examples": [
                {
                    "truth": classes[i],
                    "clean_prediction": classes[i],
                    "clean_probability": 0.981,
                    "adversarial_prediction": classes[i + 1],
                    "adversarial_probability": 0.774,
                    "epsilon": 4 / 255,
                    **{part: f"examples/{name}-{i}-{part}.png" for part in ("clean", "noise", "adversarial")},
                }
                for i in range(2)
            ],
        },
        "lime": {
            "recipe": "original",
            "superpixels": 9,
            "perturbations": 40,
            "r2": 0.812,
            "top": [4, 1, 8, 3],
            "target": classes[0],
            "warnings": ["The superpixels are larger than what they show."],
            "probability": 0.981,
            "arrays": f"explain/{name}-lime.npz",
        },
    }


def run_record(classes=SHAPES, models=("cnn", "darknet53")):
    record = {
        "schema": 1,
        "status": "complete",
        "name": "made-up",
        "seed": 0,
        "command": "surehand run PICTURES --models cnn,darknet53",
        "started": "2026-11-23T07:29:01+00:00",
        "seconds": 431.2,
        "versions": {"surehand": "0.1.0", "torch": "2.13.0"},
        "machine": {"system": "Linux", "processor": "a processor", "threads": 2, "memory_gb": 8},
        "data": {
            "source": "PICTURES",
            "images": 17400,
            "classes": len(classes),
            "class_names": list(classes),
            "quarantined": 3,
            "quarantine": [{"path": f"{classes[0]}/broken{i}.jpg", "reason": "truncated"} for i in range(3)],
            "counts": dict.fromkeys(classes, 600),
            "splits": {"train": 13021, "validation": 1447, "grouped": 870, "random": 870, "margin": 1192},
            "groups": 213,
            "leak_rate": 0.847,
            "leak_rate_grouped": 0.0,
            "nearest_neighbour": {"random": 0.935, "grouped": 0.437},
            "duplicates": {"exact": 5, "near": 12345},
            "warnings": ["Class sizes differ."],
        },
        "external": {
            "world": {"source": "WORLD", "images": 435, "missing_classes": []},
            "phone": {
                "source": "PHONE",
                "images": 436,
                "missing_classes": [classes[3]],
                "warnings": ["PHONE lacks a class."],
                "known_images": 0,
            },
        },
        "models": {name: model_record(name, classes, 0.71 + 0.08 * i) for i, name in enumerate(models)},
        "speech": {"spelled": "HELLO", "text": "HXLLO", "file": "speech.wav", "seconds": 1.13},
        "artifacts": [
            {"path": "run.json", "kind": "document"},
            {"path": "metrics.jsonl", "kind": "document"},
            *({"path": f"model/{name}.safetensors", "kind": "model"} for name in models),
        ],
    }
    record["verdict"] = verdict(record)
    return record


def write_table(path, header, rows):
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def write_tables(folder, model, classes, sets, rng):
    k = len(classes)
    for name in sets:
        counts = rng.integers(0, 3, (k, k)) + np.diag(rng.integers(5, 30, k))
        write_table(folder / f"tables/confusion-{model}-{name}.csv", classes, counts.tolist())
        recall = np.diag(counts) / counts.sum(axis=1)
        rows = [(c, 0.81, r, 0.8, int(s)) for c, r, s in zip(classes, recall, counts.sum(axis=1), strict=True)]
        write_table(
            folder / f"tables/classes-{model}-{name}.csv", ("class", "precision", "recall", "f1", "support"), rows
        )
        bins = [
            (when, i / 5, (i + 1) / 5, i / 5 + 0.1, (i / 5 + 0.1) * fit, 10 * i)
            for when, fit in (("before", 0.7), ("after", 0.95))
            for i in range(5)
        ]
        header = ("when", "low", "high", "confidence", "accuracy", "count")
        write_table(folder / f"tables/reliability-{model}-{name}.csv", header, bins)


def write_images(folder, record, rng):
    for directory in ("examples", "sheets"):
        (folder / directory).mkdir(exist_ok=True)
    paths = ["sheets/train.png", "sheets/augmented.png"]
    for model in record["models"].values():
        paths += [example[part] for example in model["fgsm"]["examples"] for part in ("clean", "noise", "adversarial")]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / path)


def write_explanation(path, classes, rng):
    path.parent.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:SIDE, :SIDE] // (SIDE // 3)
    masks = rng.integers(0, 2, (40, 9)).astype(bool)
    header = {"format": "surehand explanation 1", "kind": "SegmentExplanation", "target": 0, "r2": 0.83}
    header["options"] = {"segmentation": "quickshift"}
    np.savez_compressed(
        path,
        header=np.array(json.dumps(header)),
        image=rng.random((3, SIDE, SIDE), dtype=np.float32),
        hidden=np.full((3, SIDE, SIDE), 0.5, dtype=np.float32),
        segments=(3 * rows + columns).astype(np.int64),
        masks=masks,
        weights=np.exp(-((1 - np.sqrt(masks.mean(axis=1))) ** 2) / 0.125),
        predictions=rng.random((40, len(classes)), dtype=np.float32),
        coefficients=np.linspace(-0.1, 0.3, 9)[[3, 7, 1, 5, 8, 0, 2, 4, 6]],
        standard_errors=np.full(9, 0.02),
    )


def write_run(folder: Path, record, sets=("grouped", "random", "world", "phone", "batch"), seed=0):
    """Write the run folder of a record, with everything the record names."""
    rng = np.random.default_rng(seed)
    classes = record["data"]["class_names"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "config.toml").write_text('models = ["cnn"]\n', encoding="utf-8")
    (folder / "speech.wav").write_bytes(b"RIFF")
    epochs = [
        {
            "model": model,
            "epoch": epoch,
            "train_loss": 3 / epoch,
            "validation_loss": 3.3 / epoch,
            "validation_accuracy": 1 - 0.9 / epoch,
            "learning_rate": 0.001,
            "images_per_second": 5120.0,
            "seconds": 3.1,
        }
        for model in record["models"]
        for epoch in range(1, 8)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in epochs), encoding="utf-8")
    write_images(folder, record, rng)
    for model, measured in record["models"].items():
        write_tables(folder, model, classes, sets, rng)
        write_explanation(folder / measured["lime"]["arrays"], classes, rng)
    return folder


@pytest.fixture(scope="session")
def made_up():
    """The builders above, for fixtures that write a folder once for many tests."""
    return SimpleNamespace(alphabet=ALPHABET, record=run_record, write=write_run)


@pytest.fixture
def record():
    return run_record()


@pytest.fixture
def alphabet_record():
    return run_record(ALPHABET)
