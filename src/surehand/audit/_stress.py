"""What a reader of letters finds hard: accuracy on rendered letters that share one value of one factor."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from surehand.data import Samples
from surehand.errors import UsageError
from surehand.intervals import Proportion
from surehand.models import Classifier
from surehand.progress import Progress, silent
from surehand.randomness import key_of
from surehand.render import CLASSES, render_many
from surehand.train import evaluate

# Factors of `surehand.render.Factors` and the values they are held at; all others are drawn as always.
STRESS: dict[str, tuple[Any, ...]] = {
    "tone": tuple(range(1, 11)),
    "hand": ("right", "left"),
    "background": ("plain", "room", "planks", "texture", "clutter"),
    "back_light": (False, True),
    "palm_width": (0.15, 0.2, 0.3, 0.4, 0.5),
    "roll": (-40, -20, 0, 20, 40),
    "yaw": (-45, -22, 0, 22, 45),
    "pitch": (-40, -20, 0, 20, 40),
    "blur": (0.0, 0.005, 0.01, 0.02, 0.04),
    "noise": (0.0, 0.02, 0.04, 0.08),
}


@dataclass(frozen=True)
class Stress:
    """Accuracy by value of one factor, every value on the same pictures but for that factor.

    Attributes:
        factor: a name in STRESS.
        values: of the factor.
        accuracy: at each value.
    """

    factor: str
    values: tuple[Any, ...]
    accuracy: tuple[Proportion, ...]

    @property
    def mean(self) -> float:
        """The mean accuracy over the values, in [0, 1]."""
        return float(np.mean([found.value for found in self.accuracy]))

    @property
    def gap(self) -> float:
        """How far the worst value lies below the mean, in [0, 1]."""
        return self.mean - min(found.value for found in self.accuracy)


def stress(
    classifier: Classifier, factor: str, *, per_class: int = 20, seed: int = 0, progress: Progress = silent
) -> Stress:
    """Measure a classifier on letters rendered at each value of a factor.

    The persons and scenes are strangers to those of the data set `letters` and to those that are rendered in training.

    Args:
        classifier: its classes are the 29 of the alphabet, in any order.
        factor: a name in STRESS.
        per_class: pictures of each class for each value, at least 1.
        seed: of the pictures.
        progress: told while letters are rendered.

    Raises:
        UsageError: unknown factor, no pictures, or classes that are not the alphabet's.
    """
    if factor not in STRESS:
        raise UsageError(f"There is no series of letters by {factor}; choose from {', '.join(STRESS)}.")
    position = {name.casefold(): i for i, name in enumerate(classifier.classes)}
    if position.keys() != {name.casefold() for name in CLASSES}:
        raise UsageError("Rendered letters can only be read by a classifier of the 29 classes of the alphabet.")
    if per_class < 1:
        raise UsageError(f"The number of pictures a class must be at least 1; got {per_class}.")
    order = np.array([position[name.casefold()] for name in CLASSES], np.int64)
    found = []
    for value in STRESS[factor]:
        pixels, labels = render_many(
            per_class * len(CLASSES),
            seed=key_of(seed, "stress") % 2**31,
            size=classifier.size,
            fixed={factor: value},
            progress=progress,
        )
        rows = np.arange(len(pixels))
        samples = Samples(
            pixels, rows, order[labels], rows.astype(np.uint64), tuple(map(str, rows)), classifier.classes
        )
        found.append(evaluate(classifier.model, samples, temperature=classifier.temperature).accuracy)
    return Stress(factor, STRESS[factor], tuple(found))
