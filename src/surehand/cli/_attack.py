"""`surehand attack`: how little noise makes a model read something else."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surehand.errors import UsageError

from ._console import Console
from ._options import CacheOption, DataArgument, ModelArgument, SeedOption, class_index
from ._verb import Outcome, verb

if TYPE_CHECKING:  # a verb is loaded for --help too, which must load no torch
    from torch import Tensor

    from surehand.data import Samples
    from surehand.models import Classifier


@verb
def attack(
    console: Console,
    model: ModelArgument,
    data: DataArgument,
    method: Annotated[str, typer.Option(help="Which attack: fgsm.")] = "fgsm",
    epsilon: Annotated[
        str | None,
        typer.Option(help="One budget, such as 8/255 or 0.03. (default: the whole curve)", show_default=False),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The class to be read instead. (default: any wrong one)", show_default=False)
    ] = None,
    images: Annotated[int, typer.Option(help="At most so many images.", min=1)] = 512,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the adversarial images here as PNG files; needs --epsilon.", show_default=False),
    ] = None,
    seed: SeedOption = 0,
    cache: CacheOption = None,
) -> Outcome:
    """Attack MODEL on the images of DATA: accuracy against epsilon, or adversarial images at one epsilon."""
    from surehand.attack import ATTACKS, parse_epsilon
    from surehand.data import external_warnings, load_external
    from surehand.models import load

    if method not in ATTACKS:
        raise UsageError(f"There is no attack {method!r}; choose from {', '.join(ATTACKS)}.")
    if out is not None and epsilon is None:
        raise UsageError("--out writes adversarial images of one budget; give it with --epsilon, for example 8/255.")
    budget = parse_epsilon(epsilon) if epsilon else None
    classifier = load(model)
    goal = None if target is None else class_index(classifier, target)
    dataset = load_external(data, classifier.size, classifier.classes, cache=cache, progress=console.progress("Read"))
    samples = dataset.all()
    if goal is not None:
        samples = samples.take((samples.labels != goal).nonzero()[0])
        if not len(samples):
            raise UsageError(f"All images are of class {target!r}: none can be turned into it. Name another --target.")
    samples = samples.some(images, seed)
    if budget is None:
        outcome = _curve(console, classifier, samples, method, goal, seed)
    else:
        outcome = _adversarial(console, classifier, samples, method, budget, goal, out, seed)
    return replace(outcome, warnings=(*external_warnings(dataset), *outcome.warnings))


def _curve(
    console: Console, classifier: "Classifier", samples: "Samples", method: str, goal: int | None, seed: int
) -> Outcome:
    from surehand.attack import ATTACKS, sweep

    images, labels = _tensors(samples)
    curve = sweep(
        classifier.model,
        images,
        labels,
        ATTACKS[method](),
        targets=_targets(samples, goal),
        seed=seed,
        ids=samples.ids,
        progress=console.progress("Attack"),
    )
    rows = list(zip(curve.epsilons.tolist(), curve.accuracy, curve.robust, strict=True))
    result = {
        "images": len(curve),
        "epsilons": curve.epsilons.tolist(),
        "accuracy": [asdict(p) for p in curve.accuracy],
        "robust": [asdict(p) for p in curve.robust],
        "forward_passes_in_all": int(curve.forward_passes.sum()),
        "backward_passes_in_all": int(curve.backward_passes.sum()),
    }
    lines = [f"{len(curve):,} images", " grey levels   accuracy   robust up to"]
    lines += [f"  {255 * e:8.0f}    {100 * a.value:7.1f} %    {100 * r.value:7.1f} %" for e, a, r in rows]
    return Outcome(result, "\n".join(lines), curve.warnings)


def _adversarial(
    console: Console,
    classifier: "Classifier",
    samples: "Samples",
    method: str,
    budget: float,
    goal: int | None,
    out: Path | None,
    seed: int,
) -> Outcome:
    from surehand.attack import ATTACKS, Threat, eight_bit, run, save_png

    threat = Threat(norm="linf", epsilon=budget)
    images, labels = _tensors(samples)
    found = run(
        classifier.model,
        images,
        labels,
        ATTACKS[method](),
        threat,
        targets=_targets(samples, goal),
        seed=seed,
        ids=samples.ids,
        progress=console.progress("Attack"),
    )
    files = eight_bit(classifier.model, images, found)
    written = []
    for i, path in enumerate(samples.paths if out is not None else ()):
        file = (out or Path()) / f"{path}.png"  # the whole name: a.jpg and a.png are two images
        save_png(files.adversarial[i], file)
        written.append(str(file))
    result = {
        "images": len(found),
        "epsilon": budget,
        "grey_levels": files.levels,
        "clean_accuracy": asdict(found.clean_accuracy),
        "adversarial_accuracy": asdict(found.adversarial_accuracy),
        "success_rate": asdict(found.success_rate),
        "success_rate_as_files": asdict(files.success_rate),
    }
    lines = [
        f"clean accuracy        {found.clean_accuracy}",
        f"adversarial accuracy  {found.adversarial_accuracy}",
        f"goal reached          {found.success_rate}",
        f"goal reached as files {files.success_rate}  (whole grey levels: {files.levels})",
    ]
    return Outcome(result, "\n".join(lines), found.warnings, tuple(written))


def _tensors(samples: "Samples") -> "tuple[Tensor, Tensor]":
    import numpy as np
    import torch

    return samples.images(np.arange(len(samples))), torch.from_numpy(samples.labels)


def _targets(samples: "Samples", goal: int | None) -> "Tensor | None":
    import torch

    return None if goal is None else torch.full((len(samples),), goal)
