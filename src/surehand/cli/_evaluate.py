"""`surehand evaluate`: how good a model is on labelled images, or on rendered letters of one kind after another."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from surehand.errors import UsageError

from ._console import Console
from ._options import CacheOption, DataArgument, ModelArgument
from ._verb import Outcome, verb


@verb
def evaluate(
    console: Console,
    model: ModelArgument,
    data: DataArgument,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="With letters:N as DATA: N letters a class, of any scenes, at each value of tone, hand, background, "
            "back_light, palm_width, roll, yaw, pitch, blur or noise. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    cache: CacheOption = None,
) -> Outcome:
    """Accuracy of MODEL on all images of DATA, with its exact interval, classes, confusions and calibration."""
    from surehand.alphabet import motion_warnings
    from surehand.data import external_warnings, load_external
    from surehand.models import load
    from surehand.train import evaluate as evaluate_

    if by and cache is not None:
        raise UsageError("--by keeps no images, so --cache has nothing to do; leave one of them out.")
    classifier = load(model)
    if by:
        return _by_factor(console, classifier, data, by)
    dataset = load_external(data, classifier.size, classifier.classes, cache=cache, progress=console.progress("Read"))
    found = evaluate_(
        classifier.model, dataset.all(), temperature=classifier.temperature, progress=console.progress("Evaluate")
    )
    result = {
        "accuracy": asdict(found.accuracy),
        "ece": found.ece,
        "classes": [asdict(c) for c in found.class_scores],
        "confused": [asdict(c) for c in found.most_confused()],
        "quarantined": [{"path": q.path, "reason": q.reason} for q in dataset.manifest.quarantined],
    }
    lines = [f"accuracy  {found.accuracy}", f"calibration error  {100 * found.ece:.1f} %"]
    lines += [f"  {c.truth} read as {c.prediction}: {c.count} ({100 * c.share:.0f} %)" for c in found.most_confused(5)]
    measured = ((c.name, f"images of {c.name}: {c.support:,}") for c in found.class_scores if c.support)
    return Outcome(
        result, "\n".join(lines), (*external_warnings(dataset), *motion_warnings(measured, classifier.classes))
    )


def _by_factor(console: Console, classifier: Any, data: str, factors: list[str]) -> Outcome:
    from surehand.audit import STRESS, stress
    from surehand.data import letters_of

    if data.partition(":")[0] != "letters":
        raise UsageError(f"--by renders letters of its own: give letters or letters:N as DATA; got {data}.")
    per_class, scenes = letters_of(data)
    if data.count(":") == 2 and scenes != "any":
        raise UsageError(f"--by renders letters of any scenes: give letters:{per_class} as DATA; got {data}.")
    for factor in factors:
        if factor not in STRESS:
            raise UsageError(f"There is no series of letters by {factor}; choose from {', '.join(STRESS)}.")
    result, lines = {}, []
    for factor in factors:
        found = stress(classifier, factor, per_class=per_class, progress=console.progress("Read"))
        values = [{"at": v, **asdict(a)} for v, a in zip(found.values, found.accuracy, strict=True)]
        result[factor] = {"mean": found.mean, "gap": found.gap, "values": values}
        lines.append(f"{factor}: mean {100 * found.mean:.1f} %, the worst {100 * found.gap:.1f} points below it")
        lines += [f"  {v!s:>8}  {accuracy}" for v, accuracy in zip(found.values, found.accuracy, strict=True)]
    return Outcome({"by": result}, "\n".join(lines))
