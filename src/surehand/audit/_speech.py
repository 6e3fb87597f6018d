"""The last step from image to sound: a word spelled by held-back images, read by a model, spoken."""

import numpy as np

from surehand.alphabet import named
from surehand.data import Samples
from surehand.errors import MissingPartError
from surehand.models import load
from surehand.randomness import generator
from surehand.spell import read_images, speak

from ._folder import Result, RunFolder
from ._narrator import Narrator

WORD = "HELLO"


def speech_stage(folder: RunFolder, models: dict[str, Result], samples: Samples, tell: Narrator) -> Result | None:
    """Spell `WORD` with held-back images, one a letter, and speak what the model that validated best reads.

    Returns:
        None where a letter has no image, nothing was read that can be said, or this machine has no voice.
    """
    classifiers = {name: load(folder.path / found["file"]) for name, found in models.items()}
    best, classifier = max(classifiers.items(), key=lambda item: item[1].metadata["validation_accuracy"])
    draw, positions = generator("spell", WORD), []
    for letter in WORD:
        (name,) = named(samples.classes, letter)
        of_letter = np.flatnonzero(samples.labels == samples.classes.index(name))
        if not len(of_letter):
            return None
        positions.append(int(draw.choice(of_letter)))
    read = read_images(classifier.probabilities(samples.images(np.array(positions))).numpy(), classifier.classes)
    if not any(map(str.isalnum, read.text)):
        tell.say(f"Speak     left out: {best} read {WORD} as nothing that can be said")
        return None
    try:
        spoken = speak(read.text, folder.file("speech.wav"))
    except MissingPartError as error:
        folder.names.discard("speech.wav")  # an earlier run's, if it is there
        tell.say(f"Speak     left out: {error}")
        return None
    tell.say(f"Speak     {WORD} was read by {best} as {read.text!r}: speech.wav, {spoken.seconds:.1f} s")
    return {
        "model": best,
        "spelled": WORD,
        "images": [samples.paths[i] for i in positions],
        "text": read.text,
        "file": "speech.wav",
        "seconds": round(spoken.seconds, 3),
        "engine": spoken.engine,
    }
