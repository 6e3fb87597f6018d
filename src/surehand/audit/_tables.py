"""The tables of a run folder: the numbers behind every figure, as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from surehand.attack import RobustnessCurve
from surehand.train import Evaluation, confusion_matrix

from ._folder import RunFolder


def write_evaluation(folder: RunFolder, model: str, name: str, evaluation: Evaluation) -> list[str]:
    """Confusion, per-class scores, reliability before and after temperature, and every prediction; their names."""
    raw = Evaluation(evaluation.logits, evaluation.labels, evaluation.paths, evaluation.classes)
    bins = [(when, *astuple(b)) for when, e in (("before", raw), ("after", evaluation)) for b in e.reliability()]
    confidence = evaluation.probabilities.max(1)
    predictions = (
        (path, evaluation.classes[truth], evaluation.classes[said], f"{sure:.6f}")
        for path, truth, said, sure in zip(
            evaluation.paths, evaluation.labels, evaluation.predictions, confidence, strict=True
        )
    )
    return [
        _confusion(folder, f"confusion-{model}-{name}", evaluation.classes, evaluation.confusion),
        _write(
            folder,
            f"classes-{model}-{name}",
            ("class", "precision", "recall", "f1", "support"),
            map(astuple, evaluation.class_scores),
        ),
        _write(
            folder,
            f"reliability-{model}-{name}",
            ("when", "low", "high", "confidence", "accuracy", "count"),
            bins,
        ),
        _write(folder, f"predictions-{model}-{name}", ("path", "truth", "prediction", "probability"), predictions),
    ]


def write_batch(folder: RunFolder, model: str, evaluation: Evaluation, rows: Int64[ndarray, " b"]) -> str:
    """The confusion of one batch, as the original system showed it."""
    counts = confusion_matrix(evaluation.labels[rows], evaluation.predictions[rows], len(evaluation.classes))
    return _confusion(folder, f"confusion-{model}-batch", evaluation.classes, counts)


def write_curve(folder: RunFolder, model: str, curve: RobustnessCurve) -> str:
    """Accuracy at each epsilon and robust accuracy up to it, with their intervals."""
    rows = (
        (f"{epsilon:.8f}", f"{255 * epsilon:.3f}", at.value, at.low, at.high, up_to.value, up_to.low, up_to.high, at.n)
        for epsilon, at, up_to in zip(curve.epsilons, curve.accuracy, curve.robust, strict=True)
    )
    header = ("epsilon", "grey_levels", "accuracy", "low", "high", "robust", "robust_low", "robust_high", "images")
    return _write(folder, f"fgsm-{model}", header, rows)


def _confusion(folder: RunFolder, name: str, classes: tuple[str, ...], counts: Int64[ndarray, "k k"]) -> str:
    return _write(folder, name, classes, counts.tolist())


def _write(folder: RunFolder, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if _missing(cell) else cell for cell in row] for row in rows])
    folder.write_text(f"tables/{name}.csv", text.getvalue())
    return f"tables/{name}.csv"


def _missing(cell: Any) -> bool:
    return isinstance(cell, float) and bool(np.isnan(cell))
