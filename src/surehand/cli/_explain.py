"""`surehand explain`: why a model reads an image as it does."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._console import Console
from ._options import ModelArgument, SeedOption, class_index
from ._verb import Outcome, verb


@verb
def explain(
    console: Console,
    model: ModelArgument,
    image: Annotated[Path, typer.Argument(help="A photograph.", show_default=False)],
    method: Annotated[str, typer.Option(help="Which method: lime.")] = "lime",
    recipe: Annotated[
        str, typer.Option(help="original (150 perturbations) or lime (as the lime package, 1000).")
    ] = "original",
    target: Annotated[str, typer.Option(help="The class to explain; top is what the model says.")] = "top",
    against: Annotated[
        str | None, typer.Option(help="Explain why the target rather than this class.", show_default=False)
    ] = None,
    perturbations: Annotated[
        int | None, typer.Option(help="How many. (default: the recipe's)", show_default=False)
    ] = None,
    size: Annotated[
        int, typer.Option(help="Height and width at which the image is cut into superpixels.", min=16, max=2048)
    ] = 200,
    out: Annotated[Path, typer.Option(help="Where the figure and the arrays go.")] = Path("explanation"),
    seed: SeedOption = 0,
) -> Outcome:
    """Explain what MODEL reads in IMAGE: superpixels, perturbations, weights, coefficients, result."""
    from surehand import report
    from surehand.alphabet import motion_warnings
    from surehand.data import read_image, to_images
    from surehand.explain import explain as explain_
    from surehand.explain import kernel_size_for
    from surehand.models import load

    classifier = load(model)
    # As `predict` reads it: cut at another size and brought to the model's, the image may be read otherwise.
    (read,) = classifier.probabilities(to_images(read_image(image, classifier.size)[None])).numpy()
    options: dict[str, Any] = {"recipe": recipe, "kernel_size": kernel_size_for(size, size)} | (
        {"perturbations": perturbations} if perturbations is not None else {}
    )
    (found,) = explain_(
        classifier.calibrated,
        to_images(read_image(image, size)[None]),
        method,
        int(read.argmax()) if target == "top" else class_index(classifier, target),
        None if against is None else class_index(classifier, against),
        seed,
        model_size=classifier.size,
        progress=console.progress("Explain"),
        **options,
    )
    arrays = out / f"{image.stem}-{method}.npz"
    found.save(arrays)
    name, sure = classifier.classes[found.target], float(found.probabilities[found.target])
    figures = report.write_explanation(arrays, name, found.top(), out, against)
    result = {
        "target": name,
        "probability": sure,
        "superpixels": int(found.segments.max()) + 1,
        "perturbations": len(found.masks),
        "r2": found.r2,
        "top": list(found.top()),
        "coefficients": found.coefficients.tolist(),
    }
    text = f"{name} {100 * sure:.1f} %, {result['superpixels']} superpixels, R2 {found.r2:.2f}\n{figures[-1]}"
    warnings = [*found.warnings]
    if (cut := int(found.probabilities.argmax())) != read.argmax():
        warnings.append(
            f"{image} is read as {classifier.classes[int(read.argmax())]}, but as {classifier.classes[cut]} when it is "
            f"brought to {size} pixels first, where superpixels are cut; give another --size."
        )
    warnings += motion_warnings([(name, f"{name} in {image}")], classifier.classes)
    return Outcome(result, text, tuple(warnings), (str(arrays), *map(str, figures)))
