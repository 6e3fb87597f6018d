"""How the package's reader got its temperature: fitted on photographs that are made foreign on purpose.

    python -m benchmarks.models.calibrate_reader TRAINED --photos DIR --out reader.safetensors

TRAINED is a classifier file, trained on rendered letters alone. A temperature is fitted on every third frame of each of
the two training folders in DIR (see docs/photographs.md), turned, moved, lit and erased over wider ranges than
training images: one fitted on photographs as they are would promise strangers what only these signers get. The larger
of the two is taken, which promises the least, and never one below 1: two signers are too few to make a reader surer
than training left it. It changes no reading. The file is written in float16.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks._photographs import SETS, sets_in
from surehand.data import Augmentation, augment, load_external
from surehand.errors import ConfigurationError
from surehand.models import evaluating, load, save
from surehand.train import expected_calibration_error, fit_temperature, reliability

FITTED_ON = ("kaggle", "phone-train")
EVERY = 3
LETTERS_ALONE, LETTERS_LICENCE = "letters rendered by surehand; no photograph", "Apache-2.0"
FOREIGN = Augmentation(
    rotation=20.0,
    shift=0.15,
    zoom=(0.7, 1.2),
    brightness=0.25,
    contrast=0.5,
    saturation=0.5,
    channel_gain=0.2,
    erasing=0.3,
)


def main() -> None:
    """Fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of the sets of photographs")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        classifier = load(arguments.trained)
    except ConfigurationError as error:
        parser.error(str(error))
    if classifier.metadata.get("data_licence") != LETTERS_LICENCE:
        parser.error(f"{arguments.trained} was not trained on rendered letters alone; name one that was")
    sets, found = sets_in(arguments.photos), {}
    if missing := [name for name in FITTED_ON if name not in sets]:
        parser.error(f"{arguments.photos} lacks {' and '.join(SETS[name] for name in missing)}")
    for name in FITTED_ON:
        samples = load_external(sets[name], classifier.size, classifier.classes).all()
        chosen = np.arange(0, len(samples), EVERY)
        logits = []
        with evaluating(classifier.model), torch.inference_mode():
            for rows in np.array_split(chosen, -(-len(chosen) // 64)):
                images = augment(samples.pixels_of(rows), samples.ids[rows], seed=0, epoch=0, augmentation=FOREIGN)
                logits.append(classifier.model(images).numpy())
        found[name] = np.concatenate(logits), samples.labels[chosen]
    temperatures = {name: fit_temperature(*read) for name, read in found.items()}
    temperature = max(1.0, *temperatures.values())
    for name, (logits, labels) in found.items():
        accuracy = float((logits.argmax(1) == labels).mean())
        scaled = torch.from_numpy(logits / temperature).softmax(1).numpy()
        error = expected_calibration_error(reliability(scaled, labels))
        print(
            f"{name}, made foreign: {100 * accuracy:.1f} % of {len(labels):,}; its own temperature "
            f"{temperatures[name]:.3f}; calibration error {100 * error:.1f} %"
        )
    print(f"temperature {temperature:.3f}")
    metadata = classifier.metadata | {
        "data": LETTERS_ALONE,
        "temperature_from": "python -m benchmarks.models.calibrate_reader",
    }
    save(replace(classifier, temperature=temperature, metadata=metadata), arguments.out, half=True)


if __name__ == "__main__":
    main()
