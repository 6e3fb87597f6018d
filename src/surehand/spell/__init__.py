"""From the probabilities of held letters of the ASL manual alphabet to text, and from text to speech.

J and Z are motions, so that a still frame of them is marked as such; `space`, `del` and `nothing` are control classes.
"""

from ._letters import Letter, Reading, Rule, Spelling, advance, read_frames, read_images, to_text
from ._speech import Speech, speak

__all__ = [
    "Letter",
    "Reading",
    "Rule",
    "Speech",
    "Spelling",
    "advance",
    "read_frames",
    "read_images",
    "speak",
    "to_text",
]
