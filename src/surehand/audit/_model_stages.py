"""What is done to each model: train, evaluate, attack, explain. Each stage returns the plain values of `run.json`."""

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch

from surehand import __version__
from surehand.alphabet import CONTROL_CLASSES, MOTION_LETTERS, manual_alphabet, named
from surehand.attack import FGSM, AttackResult, EightBit, Threat, eight_bit, grey_levels, save_png, sweep
from surehand.attack import run as run_attack
from surehand.data import Dataset, Samples, is_rendered, read_image, to_images
from surehand.errors import ConfigurationError, DataError
from surehand.explain import explain, grid_segments
from surehand.files import finite
from surehand.models import Classifier, save
from surehand.randomness import generator
from surehand.train import Epoch, Evaluation, Settings, Step, beyond_settings, evaluate, fit_temperature, predict, train

from ._folder import Result, RunFolder
from ._narrator import Narrator
from ._settings import AuditSettings
from ._tables import write_batch, write_curve, write_evaluation

ORIGINAL_BATCH = 128
EXAMPLES = 4
# LIME's superpixels depend on resolution; the original system's photographs had 200 pixels.
EXPLAINED_SIZE = 200
_LETTERS_LICENCE = "Apache-2.0"


def train_stage(
    folder: RunFolder,
    name: str,
    dataset: Dataset,
    settings: Settings,
    cache: Path | None,
    metrics: list[str],
    tell: Narrator,
) -> Result:
    """Train, fit the temperature on the validation images, write `model/NAME.safetensors`; `metrics` grows by lines."""
    images, validation = dataset.samples("train"), dataset.samples("validation")
    progress, beyond = (
        tell.progress(f"Train {name}"),
        beyond_settings(name, len(images.classes), dataset.size, settings),
    )
    history: list[dict[str, Any]] = []

    def on_step(step: Step) -> None:
        accuracy = "" if step.accuracy is None else f", validation {100 * step.accuracy:.1f} %"
        rate, left = f"{step.images_per_second:,.0f} images/s", f"{step.seconds_left:.0f} s left in it"
        text = f"epoch {step.epoch}/{step.epochs}, {rate}, {left}{accuracy}"
        progress(step.done, step.total, text)  # the epochs of fresh letters differ in length

    def on_epoch(epoch: Epoch) -> None:
        history.append({"model": name, **epoch.to_dict()})
        _write_metrics(folder, metrics, history)
        tell.say(
            f"Train     {name} {epoch.epoch}/{settings.epochs}: loss {epoch.train_loss:.3f}, validation "
            f"{100 * epoch.validation_accuracy:.1f} %, {epoch.images_per_second:,.0f} images/s, {epoch.seconds:.0f} s"
        )

    def make() -> Result:
        # Named by its inputs: a checkpoint of other settings is not gone on with.
        training = folder.file(f"training/{name}-{folder.key(inputs)[:12]}/checkpoint.safetensors").parent
        result = train(
            name,
            images,
            validation,
            settings,
            folder=training,
            cache=cache,
            progress=tell.progress("Render"),
            on_choice=lambda choice: tell.say(f"Probe     {name}: {choice}"),
            on_step=on_step,
            on_epoch=on_epoch,
        )
        if not result.best_epoch:
            raise ConfigurationError(
                f"Training {name} diverged: {result.stopped_because}. Give a smaller --learning-rate."
            )
        logits = predict(result.model, validation)
        temperature = fit_temperature(logits, validation.labels)
        metadata = {
            "data": dataset.manifest.source,
            "data_digest": dataset.manifest.digest,
            "data_licence": _licence(dataset.manifest.source, beyond["start_metadata"]),
            "seed": settings.seed,
            "surehand": __version__,
            "validation_accuracy": float((logits.argmax(1) == validation.labels).mean()),
            "training": {
                "epochs": len(result.history),
                "fresh": settings.fresh,
                "stay": settings.stay,
                "scenes": settings.scenes,
                "keep": settings.keep,
                **beyond,
            },
        }
        file = f"model/{name}.safetensors"
        classifier = Classifier(result.model, name, images.classes, dataset.size, temperature, metadata)
        save(classifier, folder.file(file))
        tell.say(f"Train     {name} stopped: {result.stopped_because}")
        return {
            "files": [file],
            "parameters": sum(p.numel() for p in result.model.parameters()),
            "file": file,
            "seconds": round(result.seconds, 1),
            "epochs": len(result.history),
            "best_epoch": result.best_epoch,
            "stopped_because": result.stopped_because,
            "settings": settings.to_dict(),
            "probe": result.choice.to_dict(),
            "history": history,
        }

    inputs = [dataset.manifest.digest, dataset.size, replace(settings, devices=1).to_dict(), beyond]
    result = folder.stage(f"train-{name}", inputs, make)
    checkpoints = folder.path / "training"
    for checkpoint in checkpoints.glob(f"{name}-*"):
        rmtree(checkpoint, ignore_errors=True)
    with suppress(OSError):  # there is none, or another model's is in it
        checkpoints.rmdir()
    _write_metrics(folder, metrics, result["history"])
    metrics += [json.dumps(finite(line)) for line in result["history"]]
    return {key: value for key, value in result.items() if key != "history"}


def _licence(source: str, start: dict[str, Any] | None) -> str:
    """Of what a classifier learned from, its start's metadata included; only of our own letters is it known."""
    ours = is_rendered(source) and (start is None or start.get("data_licence") == _LETTERS_LICENCE)
    return _LETTERS_LICENCE if ours else "not stated"


def evaluate_stage(
    folder: RunFolder, name: str, classifier: Classifier, identity: str, sets: dict[str, Samples], tell: Narrator
) -> Result:
    """Accuracy on every set with exact intervals, confusions, calibration; and their tables."""

    def make() -> Result:
        files: list[str] = []
        found: dict[str, Evaluation] = {}
        for set_name, samples in sets.items():
            progress = tell.progress(f"Evaluate {name} on {set_name}")
            found[set_name] = evaluate(classifier.model, samples, temperature=classifier.temperature, progress=progress)
            files += write_evaluation(folder, name, set_name, found[set_name])
        grouped = found["grouped"]
        batch = generator("batch of 128").permutation(len(grouped.labels))[:ORIGINAL_BATCH]
        files.append(write_batch(folder, name, grouped, batch))
        uncalibrated = replace(grouped, temperature=1.0)
        return {
            "files": files,
            "accuracy": _by_set({set_name: asdict(e.accuracy) for set_name, e in found.items()}),
            "accuracy_without_motion_letters": _without_motion_letters(found),
            "confused": {set_name: [asdict(c) for c in e.most_confused()] for set_name, e in found.items()},
            "never_recognised": {
                set_name: [score.name for score in e.class_scores if score.support and not score.recall]
                for set_name, e in found.items()
            },
            "calibration": {
                "ece": grouped.ece,
                "ece_before": uncalibrated.ece,
                "temperature": classifier.temperature,
                "external": {s: found[s].ece for s in found if s not in ("grouped", "random")},
            },
        }

    inputs = [identity, {set_name: _identity(samples) for set_name, samples in sets.items()}]
    result = folder.stage(f"evaluate-{name}", inputs, make)
    accuracy = result["accuracy"]
    shown = {"random": accuracy["random"], "grouped": accuracy["grouped"], **accuracy["external"]}
    text = ", ".join(f"{s} {100 * a['value']:.1f} %" for s, a in shown.items())
    tell.say(f"Evaluate  {name}: {text}")
    return result


def attack_stage(
    folder: RunFolder,
    name: str,
    classifier: Classifier,
    identity: str,
    samples: Samples,
    settings: AuditSettings,
    tell: Narrator,
) -> Result:
    """The FGSM curve on held-back images, and a few adversarial images as files."""

    def make() -> Result:
        chosen = samples.some(settings.attack_images, settings.seed)
        positions = np.arange(len(chosen))
        images, labels = chosen.images(positions), torch.from_numpy(chosen.labels)
        progress = tell.progress(f"Attack {name}")
        curve = sweep(classifier.model, images, labels, seed=settings.seed, ids=chosen.ids, progress=progress)
        examples = _examples(folder, name, classifier, chosen.some(128), settings.seed)
        return {
            "files": [
                write_curve(folder, name, curve),
                *(e[k] for e in examples for k in ("clean", "noise", "adversarial")),
            ],
            "epsilons": curve.epsilons.tolist(),
            "accuracy": [p.value for p in curve.accuracy],
            "robust": [p.value for p in curve.robust],
            "low": [p.low for p in curve.accuracy],
            "high": [p.high for p in curve.accuracy],
            "images": len(chosen),
            # What an image costs; the first few cost one more, by which the model is seen to repeat itself.
            "forward_passes": int(np.median(curve.forward_passes)),
            "backward_passes": int(np.median(curve.backward_passes)),
            "warnings": list(curve.warnings),
            "examples": examples,
        }

    result = folder.stage(f"attack-{name}", [identity, _identity(samples), settings.attack_images, settings.seed], make)
    at_eight = next(a for e, a in zip(result["epsilons"], result["robust"], strict=True) if e >= 8 / 255)
    clean = result["robust"][0]
    tell.say(f"Attack    {name}: {100 * clean:.1f} % clean, {100 * at_eight:.1f} % robust up to 8 grey levels (FGSM)")
    return result


def explain_stage(
    folder: RunFolder,
    name: str,
    classifier: Classifier,
    identity: str,
    dataset: Dataset,
    settings: AuditSettings,
    tell: Narrator,
) -> Result:
    """LIME, as the original system does it, of one held-back image that is read rightly."""
    samples = dataset.samples("grouped")

    def make() -> Result:
        position = _typical(classifier, samples)
        image = to_images(read_image(dataset.manifest.root / samples.paths[position], EXPLAINED_SIZE)[None])
        progress, notes = tell.progress(f"Explain {name}"), []
        options: dict[str, Any] = {
            "seed": settings.seed,
            "model_size": classifier.size,
            "recipe": "original",
            "progress": progress,
            # As it is read: cut at another size and brought to the model's, it may be read otherwise.
            "target": int(classifier.probabilities(samples.images(np.array([position]))).argmax()),
        }
        try:
            (found,) = explain(classifier.calibrated, image, "lime", **options)
        except DataError:  # an image of one colour
            notes.append("Quickshift finds no superpixels in this image; an 8 x 8 grid takes their place.")
            grid = grid_segments(EXPLAINED_SIZE, EXPLAINED_SIZE, 8, 8)[None]
            (found,) = explain(classifier.calibrated, image, "lime", segments=grid, **options)
        arrays = f"explain/{name}-lime.npz"
        found.save(folder.file(arrays))
        return {
            "files": [arrays],
            "recipe": "original",
            "image": samples.paths[position],
            "truth": samples.classes[int(samples.labels[position])],
            "target": samples.classes[found.target],
            "probability": float(found.probabilities[found.target]),
            "superpixels": int(found.segments.max()) + 1,
            "perturbations": len(found.masks),
            "r2": found.r2,
            "top": list(found.top()),
            "warnings": [*notes, *found.warnings],
            "arrays": arrays,
        }

    result = folder.stage(f"explain-{name}", [identity, _identity(samples), settings.seed], make)
    tell.say(
        f"Explain   {name}: {result['superpixels']} superpixels of a {result['target']}, R2 {result['r2']:.2f} (LIME)"
    )
    return result


def _examples(folder: RunFolder, name: str, classifier: Classifier, chosen: Samples, seed: int) -> list[Result]:
    """Up to EXAMPLES images that a small budget turns, judged again as the PNG files they become."""
    images, labels = chosen.images(np.arange(len(chosen))), torch.from_numpy(chosen.labels)
    for levels in (2, 4, 8, 16, 32, 64):
        threat = Threat(norm="linf", epsilon=levels / 255)
        result = run_attack(classifier.model, images, labels, FGSM(), threat, seed=seed, ids=chosen.ids)
        files = eight_bit(classifier.model, images, result)
        turned = np.flatnonzero(files.success & (files.clean_prediction == result.labels))
        _, first_of_class = np.unique(result.labels[turned], return_index=True)
        if len(first_of_class) >= EXAMPLES:
            break
    # Of different classes, from all over the alphabet.
    spread = np.linspace(0, len(first_of_class) - 1, min(EXAMPLES, len(first_of_class))).astype(int)
    shown = enumerate(turned[first_of_class[spread]].tolist(), 1)
    return [_example(folder, name, number, classifier, files, result, i) for number, i in shown]


def _example(
    folder: RunFolder, name: str, number: int, classifier: Classifier, files: EightBit, result: AttackResult, i: int
) -> Result:
    clean, adversarial = files.clean[i], files.adversarial[i]
    levels = grey_levels(result.threat.epsilon)
    noise = adversarial.astype(np.float32) - clean
    pictures = {
        "clean": clean,
        "noise": np.rint(127.5 + noise * (127.5 / levels)).astype(np.uint8),
        "adversarial": adversarial,
    }
    names = {kind: f"examples/{name}-{number}-{kind}.png" for kind in pictures}
    for kind, picture in pictures.items():
        save_png(picture, folder.file(names[kind]))
    sure = classifier.probabilities(to_images(np.stack([clean, adversarial]))).numpy()
    before, after = int(files.clean_prediction[i]), int(files.prediction[i])
    return {
        "truth": classifier.classes[int(result.labels[i])],
        "clean_prediction": classifier.classes[before],
        "clean_probability": float(sure[0, before]),
        "adversarial_prediction": classifier.classes[after],
        "adversarial_probability": float(sure[1, after]),
        "epsilon": result.threat.epsilon,
        **names,
    }


def _typical(classifier: Classifier, samples: Samples) -> int:
    """The rightly read image of median confidence, of a letter if classes are letters; without one, the first image."""
    found = evaluate(classifier.model, samples.some(512, 0), temperature=classifier.temperature)
    controls = named(found.classes, CONTROL_CLASSES) if manual_alphabet(found.classes) else ()
    letter = np.array([name not in controls for name in found.classes])[found.labels]
    right = np.flatnonzero((found.predictions == found.labels) & letter)
    if not len(right):
        return 0
    confidence = found.probabilities[right].max(1)
    path = found.paths[int(right[np.argsort(confidence, kind="stable")[len(right) // 2]])]
    return samples.paths.index(path)


def _by_set(values: dict[str, Any]) -> Result:
    own = {name: values.pop(name) for name in ("random", "grouped")}
    return {**own, "external": values}


def _without_motion_letters(found: dict[str, Evaluation]) -> Result | None:
    classes = found["grouped"].classes
    if not manual_alphabet(classes):
        return None
    motions = named(classes, MOTION_LETTERS)
    return _by_set({name: asdict(e.accuracy_without(motions)) for name, e in found.items()})


def _write_metrics(folder: RunFolder, lines: list[str], history: list[dict[str, Any]]) -> None:
    folder.write_text(
        "metrics.jsonl", "".join(f"{line}\n" for line in [*lines, *(json.dumps(finite(line)) for line in history)])
    )


def _identity(samples: Samples) -> list[Any]:
    return [list(samples.paths), samples.ids.tolist(), samples.labels.tolist()]
