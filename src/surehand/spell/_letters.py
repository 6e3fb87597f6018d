"""From the probabilities of held letters to literal text: smoothing, hysteresis, control classes."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from surehand.alphabet import CONTROL_CLASSES, motion_warnings, normalised
from surehand.errors import UsageError

DELETE, NOTHING, SPACE = CONTROL_CLASSES


@dataclass(frozen=True)
class Rule:
    """When a held letter counts as spelled.

    The thresholds are for calibrated probabilities: a raw 0.9 would mean something else for every model. The defaults
    were the best in a simulation of one-second holds at 10 frames a second.

    Attributes:
        smoothing: weight of the newest frame in the exponential average, in (0, 1]; 1 means no smoothing.
        up: smoothed probability from which a letter is a candidate.
        down: smoothed probability below which a spelled letter is released and may be spelled again; below `up`.
        dwell: consecutive frames for which a candidate must hold to be spelled.
    """

    smoothing: float = 0.4
    up: float = 0.35
    down: float = 0.20
    dwell: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.smoothing <= 1:
            raise UsageError(f"smoothing must lie in (0, 1]; got {self.smoothing}.")
        if not 0 < self.down < self.up <= 1:
            raise UsageError(f"down and up must satisfy 0 < down < up <= 1; got {self.down} and {self.up}.")
        if self.dwell < 1:
            raise UsageError(f"dwell must be at least one frame; got {self.dwell}.")


@dataclass(frozen=True)
class Letter:
    """One class that was spelled.

    Attributes:
        name: of the class; control classes included.
        position: the frame in which it was spelled, or the image it was read from, from 0.
        probability: of the class at that frame (smoothed) or image, in [0, 1].
    """

    name: str
    position: int
    probability: float


@dataclass(frozen=True)
class Reading:
    """What was spelled.

    Attributes:
        text: literal; control classes applied.
        letters: every class that was spelled, in order, control classes included.
        warnings: what a reader of the text should know.
    """

    text: str
    letters: tuple[Letter, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Spelling:
    """Where spelling stands between two frames.

    Attributes:
        frames: seen so far.
        smoothed: exponential average of the probabilities, (k,); None before the first frame.
        candidate: position of the class that is being held, if any.
        held: consecutive frames for which it has been.
        locked: position of the class spelled last, until it is released.
        letters: spelled so far.
    """

    frames: int = 0
    smoothed: Float[np.ndarray, " k"] | None = None
    candidate: int | None = None
    held: int = 0
    locked: int | None = None
    letters: tuple[Letter, ...] = ()


def read_frames(probabilities: Float[np.ndarray, "t k"], classes: tuple[str, ...], rule: Rule = Rule()) -> Reading:
    """Read what is spelled before a camera.

    A letter is spelled once while it is held; released and formed again, as signers double a letter, once more.

    Args:
        probabilities: frames in order, rows in [0, 1], calibrated.
        classes: names of the k classes.
        rule: when a held letter counts.
    """
    spelling = Spelling()
    for frame in probabilities:
        spelling = advance(spelling, frame, classes, rule)
    return _reading(spelling.letters, classes)


def read_images(probabilities: Float[np.ndarray, "n k"], classes: tuple[str, ...]) -> Reading:
    """Read images that show one letter each, in order: the most probable class of each.

    Args:
        probabilities: a row an image, in [0, 1].
        classes: names of the k classes.
    """
    _check_classes(probabilities, classes)
    best = probabilities.argmax(1)
    letters = (Letter(classes[c], i, float(probabilities[i, c])) for i, c in enumerate(best))
    return _reading(tuple(letters), classes)


def advance(
    spelling: Spelling, probabilities: Float[np.ndarray, " k"], classes: tuple[str, ...], rule: Rule
) -> Spelling:
    """One more frame: the state after it."""
    _check_classes(probabilities, classes)
    before = probabilities if spelling.smoothed is None else spelling.smoothed
    smoothed = before + rule.smoothing * (probabilities - before)  # (k,)
    best = int(smoothed.argmax())
    nothing = normalised(classes[best]) == NOTHING

    locked = spelling.locked
    if locked is not None and (smoothed[locked] < rule.down or nothing):
        locked = None

    candidate = best if smoothed[best] >= rule.up and best != locked and not nothing else None
    held = 0 if candidate is None else spelling.held + 1 if candidate == spelling.candidate else 1
    state = replace(
        spelling, frames=spelling.frames + 1, smoothed=smoothed, candidate=candidate, held=held, locked=locked
    )
    if candidate is None or held < rule.dwell:
        return state
    letter = Letter(classes[candidate], spelling.frames, float(smoothed[candidate]))
    return replace(state, candidate=None, held=0, locked=candidate, letters=(*spelling.letters, letter))


def to_text(names: tuple[str, ...]) -> str:
    """Names of classes to literal text: `space` is a blank, `del` removes the last character, `nothing` is nothing.

    >>> to_text(("H", "J", "del", "I", "nothing", "space", "A"))
    'HI A'
    """
    text = ""
    for name in names:
        key = normalised(name)
        if key == DELETE:
            text = text[:-1]
        elif key == SPACE:
            text += " "
        elif key != NOTHING:
            text += name
    return text


def _reading(letters: tuple[Letter, ...], classes: tuple[str, ...]) -> Reading:
    text = to_text(tuple(letter.name for letter in letters))
    read = ((letter.name, f"{letter.name} at {letter.position + 1}") for letter in letters)
    return Reading(text, letters, motion_warnings(read, classes))


def _check_classes(probabilities: Float[np.ndarray, "... k"], classes: tuple[str, ...]) -> None:
    if probabilities.shape[-1] != len(classes):
        raise UsageError(f"There are {len(classes)} class names for {probabilities.shape[-1]} probabilities.")
