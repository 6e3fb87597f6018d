"""What a reader of letters finds hard: accuracy on rendered letters that share one value of one factor."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from surehand.alphabet import manual_alphabet, normalised
from surehand.data import to_images
from surehand.errors import UsageError
from surehand.intervals import Proportion, proportion
from surehand.models import Classifier
from surehand.progress import Progress, silent
from surehand.randomness import key_of
from surehand.render import BACKGROUNDS, CLASSES, HANDS, render_many

# Factors of `surehand.render.Factors` and the values they are held at; all others are drawn as always.
STRESS: dict[str, tuple[Any, ...]] = {
    "tone": tuple(range(1, 11)),
    "hand": HANDS,
    "background": BACKGROUNDS,
    "back_light": (False, True),
    "palm_width": (0.15, 0.2, 0.3, 0.4, 0.5),
    "roll": (-40, -20, 0, 20, 40),
    "yaw": (-45, -22, 0, 22, 45),
    "pitch": (-40, -20, 0, 20, 40),
    "blur": (0.0, 0.005, 0.01, 0.02, 0.04),
    "noise": (0.0, 0.02, 0.04, 0.08),
}

_AT_ONCE = 256  # pictures in memory


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
    if not manual_alphabet(classifier.classes):
        raise UsageError("Rendered letters can only be read by a classifier of the 29 classes of the alphabet.")
    if per_class < 1:
        raise UsageError(f"The number of pictures a class must be at least 1; got {per_class}.")
    position = {normalised(name): i for i, name in enumerate(classifier.classes)}
    order = np.array([position[normalised(name)] for name in CLASSES], np.int64)
    numbers, values = np.arange(per_class * len(CLASSES)), STRESS[factor]
    found = []
    for done, value in enumerate(values):
        right = 0
        for some in np.array_split(numbers, -(-len(numbers) // _AT_ONCE)):
            pixels, labels = render_many(
                some.tolist(), seed=key_of(seed, "stress") % 2**31, size=classifier.size, fixed={factor: value}
            )
            predictions = classifier.probabilities(to_images(pixels)).argmax(1).numpy()
            right += int((predictions == order[labels]).sum())
            progress(done * len(numbers) + int(some[-1]) + 1, len(values) * len(numbers), f"{factor} {value}")
        found.append(proportion(right, len(numbers)))
    return Stress(factor, values, tuple(found))
