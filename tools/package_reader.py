"""Put a reader trained on rendered letters into the package, as the classifier called `reader`.

    python tools/package_reader.py runs/NAME/model/reader.safetensors --trained-by "COMMAND" --temperature-from DATA ...

Weights are rounded to float16. The temperature is fitted on images of DATA, all together; without DATA it stays as
trained. It changes no prediction, only how sure the reader says it is.
"""

import argparse
import sys
from dataclasses import replace

import numpy as np

from surehand.data import load_external
from surehand.models import find_classifier, load, packaged_folder, save
from surehand.train import fit_temperature, predict

IMAGES = 2900  # of each source, at most


def main() -> None:
    """Read, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--trained-by", required=True, help="the commands, from the first weights on")
    parser.add_argument("--temperature-from", nargs="*", default=[], help="folders of labelled images, or letters")
    arguments = parser.parse_args()
    classifier = load(arguments.model)
    if not str(classifier.metadata.get("data", "")).startswith("letters"):
        sys.exit(f"{arguments.model} was trained on {classifier.metadata.get('data')}, not on rendered letters alone.")
    target = packaged_folder() / "reader.safetensors"
    target.parent.mkdir(exist_ok=True)
    save(classifier, target, half=True)
    classifier = load(target)  # as rounded
    if arguments.temperature_from:
        logits, labels = [], []
        for source in arguments.temperature_from:
            samples = load_external(source, classifier.size, classifier.classes).all().some(IMAGES)
            logits.append(predict(classifier.model, samples))
            labels.append(samples.labels)
        classifier = replace(classifier, temperature=fit_temperature(np.concatenate(logits), np.concatenate(labels)))
    metadata = classifier.metadata | {
        "data": "letters rendered by surehand; no photograph",
        "data_licence": "Apache-2.0",
        "trained_by": arguments.trained_by,
        "temperature_from": [source.rstrip("/").split("/")[-2:] for source in arguments.temperature_from],
    }
    save(replace(classifier, metadata=metadata), target, half=True)
    print(f"{find_classifier('reader')}: temperature {classifier.temperature:.3f}")


if __name__ == "__main__":
    main()
