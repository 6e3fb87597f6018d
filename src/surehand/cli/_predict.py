"""`surehand predict`: what a model reads in photographs."""

from pathlib import Path
from typing import Annotated

import typer

from ._console import Console
from ._options import ModelArgument
from ._verb import Outcome, verb


@verb
def predict(
    console: Console,
    model: ModelArgument,
    images: Annotated[list[Path], typer.Argument(help="Photographs.", show_default=False)],
    top: Annotated[int, typer.Option(help="How many classes to list.", min=1)] = 3,
) -> Outcome:
    """What MODEL reads in each image, and how sure it is."""
    import numpy as np

    from surehand.alphabet import motion_warnings
    from surehand.data import read_image, to_images
    from surehand.models import load

    classifier = load(model)
    result, lines = [], []
    for path in images:
        (sure,) = classifier.probabilities(to_images(read_image(path, classifier.size)[None])).numpy()
        order = np.argsort(-sure, kind="stable")[:top].tolist()
        readings = [{"class": classifier.classes[i], "probability": float(sure[i])} for i in order]
        result.append({"image": str(path), "prediction": readings[0]["class"], "top": readings})
        lines.append(f"{path}  " + "  ".join(f"{r['class']} {100 * r['probability']:.1f} %" for r in readings))
    warnings = motion_warnings(((found["prediction"], found["image"]) for found in result), classifier.classes)
    return Outcome({"images": result}, "\n".join(lines), warnings)
