"""How good a classifier is on labelled images: accuracy with its interval, classes, confusions, calibration."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import nn

from surehand.data import Samples
from surehand.errors import DataError
from surehand.intervals import Proportion, proportion
from surehand.models import evaluating
from surehand.progress import Progress, silent

BINS = 15


@dataclass(frozen=True)
class ClassScore:
    """One class: shares in [0, 1], nan where there is nothing to divide by; support is its images."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Confusion:
    """`count` images of class `truth` were read as `prediction`: the `share` of that class."""

    truth: str
    prediction: str
    count: int
    share: float


@dataclass(frozen=True)
class Bin:
    """Images whose confidence lies in (low, high]: mean confidence, accuracy (nan if none), and how many."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Evaluation:
    """Predictions on a set, image by image; everything else is derived from them.

    Attributes:
        logits: float32 (n, k).
        labels: the truth, int64 (n,).
        paths: of the images.
        classes: the k names.
        temperature: divides the logits before softmax; does not change any prediction.
    """

    logits: Float[ndarray, "n k"]
    labels: Int64[ndarray, " n"]
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    temperature: float = 1.0

    @cached_property
    def predictions(self) -> Int64[ndarray, " n"]:
        """The class with the largest logit."""
        return self.logits.argmax(1)

    @cached_property
    def probabilities(self) -> Float[ndarray, "n k"]:
        """Softmax of the logits over the temperature."""
        return _softmax(self.logits / self.temperature)

    @cached_property
    def accuracy(self) -> Proportion:
        """The share of right predictions with its exact 95 % interval."""
        return proportion(int((self.predictions == self.labels).sum()), len(self.labels))

    def accuracy_without(self, names: tuple[str, ...]) -> Proportion:
        """The accuracy on images whose true class is none of `names`."""
        left_out = [i for i, name in enumerate(self.classes) if name in names]
        kept = ~np.isin(self.labels, left_out)
        return proportion(int((self.predictions == self.labels)[kept].sum()), int(kept.sum()))

    @cached_property
    def confusion(self) -> Int64[ndarray, "k k"]:
        """How many images of each true class (row) were read as each class (column)."""
        return confusion_matrix(self.labels, self.predictions, len(self.classes))

    @cached_property
    def class_scores(self) -> tuple[ClassScore, ...]:
        """Precision, recall and F1 of each class."""
        right, support = self.confusion.diagonal(), self.confusion.sum(1)
        with np.errstate(invalid="ignore"):
            precision, recall = right / self.confusion.sum(0), right / support
            f1 = 2 * right / (self.confusion.sum(0) + support)
        rows = zip(self.classes, precision, recall, f1, support, strict=True)
        return tuple(ClassScore(name, float(p), float(r), float(f), int(n)) for name, p, r, f, n in rows)

    def most_confused(self, most: int = 10) -> tuple[Confusion, ...]:
        """The most frequent mistakes, largest count first."""
        mistakes = self.confusion - np.diag(self.confusion.diagonal())
        order = np.argsort(-mistakes, axis=None, kind="stable")[:most]
        pairs = [(i // len(self.classes), i % len(self.classes)) for i in order.tolist()]
        support = self.confusion.sum(1)
        return tuple(
            Confusion(self.classes[t], self.classes[p], int(mistakes[t, p]), float(mistakes[t, p] / support[t]))
            for t, p in pairs
            if mistakes[t, p] > 0
        )

    def reliability(self, bins: int = BINS) -> tuple[Bin, ...]:
        """Confidence against accuracy in bins of equal width (Guo et al., ICML 2017)."""
        return reliability(self.probabilities, self.labels, bins)

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy, weighted by bin size."""
        return expected_calibration_error(self.reliability())


def confusion_matrix(labels: Int64[ndarray, " n"], predictions: Int64[ndarray, " n"], k: int) -> Int64[ndarray, "k k"]:
    """Count predictions (columns) by true class (rows)."""
    return np.bincount(labels * k + predictions, minlength=k * k).reshape(k, k)


def predict(
    model: nn.Module, samples: Samples, *, batch: int = 64, progress: Progress = silent
) -> Float[ndarray, "n k"]:
    """The logits of every image, each computed once in strict float32; the model is left as it was.

    Raises:
        DataError: there are no images.
    """
    if len(samples) == 0:
        raise DataError("There are no images to evaluate on. Check the split, or give a larger set.")
    parts: list[ndarray] = []
    # Contiguous or channels-last is as training left the weights; on processors batches beyond 64 only cost memory.
    with evaluating(model), torch.inference_mode(), torch.autocast("cpu", enabled=False):
        for start in range(0, len(samples), batch):
            positions = np.arange(start, min(start + batch, len(samples)))
            parts.append(model(samples.images(positions)).numpy())
            progress(int(positions[-1]) + 1, len(samples))
    return np.concatenate(parts)


def evaluate(
    model: nn.Module, samples: Samples, *, temperature: float = 1.0, progress: Progress = silent
) -> Evaluation:
    """Predict every image of a set.

    Args:
        model: images float32 (n, 3, h, w) in [0, 1] -> logits (n, k).
        samples: labelled images of the model's classes and size.
        temperature: from `fit_temperature` on a validation set.
        progress: told after each batch.

    Raises:
        DataError: the set is empty.
    """
    logits = predict(model, samples, progress=progress)
    return Evaluation(logits, samples.labels, samples.paths, samples.classes, temperature)


def fit_temperature(logits: Float[ndarray, "n k"], labels: Int64[ndarray, " n"]) -> float:
    """The temperature that minimises the cross-entropy (Guo et al., ICML 2017), in [1/20, 20].

    The cross-entropy is convex in 1/temperature, so bisection on its slope finds the one minimum.
    """
    z = logits.astype(np.float64)
    true = z[np.arange(len(z)), labels]

    def slope(inverse: float) -> float:
        """d/d(inverse) of mean logsumexp(inverse z) - inverse z_true."""
        return float(((_softmax(z * inverse) * z).sum(1) - true).mean())

    low, high = 1 / 20, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def reliability(
    probabilities: Float[ndarray, "n k"], labels: Int64[ndarray, " n"], bins: int = BINS
) -> tuple[Bin, ...]:
    """The bins of a reliability diagram; see `Evaluation.reliability`."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    result = []
    for i in range(bins):
        inside = which == i
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (float("nan"),) * 2
        result.append(Bin(i / bins, (i + 1) / bins, *means, count))
    return tuple(result)


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """The gap between confidence and accuracy, averaged over images."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins if b.count) / total


def _softmax(logits: Float[ndarray, "n k"]) -> Float[ndarray, "n k"]:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)
