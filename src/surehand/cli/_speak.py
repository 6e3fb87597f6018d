"""`surehand speak`: text, or images of letters in order, as speech."""

from pathlib import Path
from typing import Annotated

import typer

from ._console import Console
from ._verb import Outcome, verb


@verb
def speak(
    console: Console,
    what: Annotated[list[str], typer.Argument(help="A text, or images of letters in order.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(help="What reads the images: a model file, or reader. (default: reader)", show_default=False),
    ] = None,
    letters: Annotated[bool, typer.Option("--letters", help="Say the letters one by one.")] = False,
    out: Annotated[Path, typer.Option(help="The WAV file.")] = Path("speech.wav"),
) -> Outcome:
    """Say a text aloud, or what is spelled by images of letters: writes a WAV file with the offline voice."""
    from surehand.spell import speak as speak_

    warnings: tuple[str, ...] = ()
    text = " ".join(what)
    if model is not None or any(map(_names_image, what)):
        text, warnings = _read(model or "reader", [Path(w) for w in what])
        console.say(f"Read      {text}")
    spoken = speak_(text, out, letters=letters)
    result = {"text": text, "file": str(out), "seconds": spoken.seconds, "engine": spoken.engine}
    return Outcome(result, f"{text}: {out}, {spoken.seconds:.1f} s", warnings, (str(out),))


def _names_image(word: str) -> bool:
    suffix = Path(word).suffix.lower()
    if not suffix:
        return False
    # Imported here: it takes a second, and texts do without it.
    from surehand.data import IMAGE_SUFFIXES

    return suffix in IMAGE_SUFFIXES


def _read(model: str, images: list[Path]) -> tuple[str, tuple[str, ...]]:
    import numpy as np

    from surehand.data import read_image, to_images
    from surehand.models import load
    from surehand.spell import read_images

    classifier = load(model)
    pixels = np.stack([read_image(path, classifier.size) for path in images])
    read = read_images(classifier.probabilities(to_images(pixels)).numpy(), classifier.classes)
    return read.text, read.warnings
