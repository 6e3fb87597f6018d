"""The last step from image to sound: a word spelled by held-back images, read by a model, spoken."""

import numpy as np

from surehand.data import Samples
from surehand.errors import MissingPartError
from surehand.models import Classifier
from surehand.randomness import generator
from surehand.spell import read_images, speak

from ._folder import Result, RunFolder
from ._narrator import Narrator

WORD = "HELLO"


def speech_stage(folder: RunFolder, classifier: Classifier, samples: Samples, tell: Narrator) -> Result | None:
    """Spell `WORD` with held-back images, one a letter, and speak what the classifier reads.

    Returns:
        None where this machine has no voice.
    """
    draw = generator("spell", WORD)
    positions = []
    for letter in WORD:
        of_letter = np.flatnonzero(samples.labels == samples.classes.index(letter))
        if not len(of_letter):
            return None
        positions.append(int(draw.choice(of_letter)))
    read = read_images(classifier.probabilities(samples.images(np.array(positions))).numpy(), classifier.classes)
    try:
        spoken = speak(read.text, folder.file("speech.wav"))
    except MissingPartError as error:
        tell.say(f"Speak     left out: {error}")
        return None
    tell.say(f"Speak     {WORD} was read as {read.text!r}: speech.wav, {spoken.seconds:.1f} s")
    return {
        "spelled": WORD,
        "images": [samples.paths[i] for i in positions],
        "text": read.text,
        "file": "speech.wav",
        "seconds": round(spoken.seconds, 3),
        "engine": spoken.engine,
    }
