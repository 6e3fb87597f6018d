"""Text to speech, offline: a WAV file with the voice that is on this machine."""

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from surehand.errors import MissingPartError, UsageError
from surehand.files import write_whole

_PEAK = 10 ** (-1 / 20)  # of full scale: one decibel below
_PAUSE_SECONDS = {"letter": 0.08, "word": 0.4}


@dataclass(frozen=True)
class Speech:
    """Spoken text.

    Attributes:
        path: the WAV file, 16 bits, one channel.
        text: what was said.
        seconds: how long it takes.
        engine: name and version of the voice.
        sample_rate: in Hz.
    """

    path: Path
    text: str
    seconds: float
    engine: str
    sample_rate: int


@runtime_checkable
class Voice(Protocol):
    """What can say a text."""

    name: str
    sample_rate: int

    def say(self, text: str) -> Float[np.ndarray, " samples"]:
        """Samples in [-1, 1]; the same for the same text."""


class Hibari:
    """The neural English voice inside the package hibari-tts (Apache-2.0). It is young: nothing else here names it."""

    def __init__(self) -> None:
        import hibari

        # The voice "heart" lies in the package; any other would be downloaded.
        self._voice = hibari.Hibari(voice="heart", threads=1)
        self.name = f"hibari {hibari.__version__}"
        self.sample_rate = int(hibari.SAMPLE_RATE)

    def say(self, text: str) -> Float[np.ndarray, " samples"]:
        """Speech at 24 kHz."""
        return self._voice(text, seed=0)


class Espeak:
    """The program espeak-ng, where it is installed."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.name = "espeak-ng"
        self.sample_rate = 22_050

    def say(self, text: str) -> Float[np.ndarray, " samples"]:
        """Speech at 22.05 kHz."""
        # By standard input: a text that begins with a hyphen is no option.
        done = subprocess.run(
            [self._program, "-v", "en-us", "--stdin", "--stdout"], input=text.encode(), capture_output=True, check=False
        )
        if done.returncode != 0:
            reason = done.stderr.decode(errors="replace").strip()
            raise MissingPartError(f"{self._program} failed: {reason}. Reinstall espeak-ng, or install hibari-tts.")
        with wave.open(io.BytesIO(done.stdout)) as sound:
            return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768


def speak(text: str, path: str | Path, letters: bool = False) -> Speech:
    """Say a text aloud into a WAV file; nothing leaves the machine, and the same text gives the same bytes.

    Args:
        text: English words; capitals are no matter: HELLO is said as the word.
        path: of the WAV file, which appears whole or not at all.
        letters: say the names of the letters and digits one by one instead, for codes and names.

    Raises:
        UsageError: nothing in the text can be said.
        MissingPartError: this machine has no voice.
        DataError: the file cannot be written.
    """
    if not any(character.isalnum() for character in text):
        raise UsageError(f"There is nothing to say in {text!r}: give a text with letters or digits.")
    voice = find_voice()
    samples = _spell_aloud(voice, text) if letters else voice.say(text)
    peak = float(np.abs(samples).max(initial=0))
    if peak == 0:
        raise UsageError(f"The voice {voice.name} can say nothing in {text!r}; it speaks English in Latin letters.")
    path = Path(path)
    write_whole(path, _to_wav(samples * (_PEAK / peak), voice.sample_rate))
    return Speech(path, text, len(samples) / voice.sample_rate, voice.name, voice.sample_rate)


@cache
def find_voice() -> Voice:
    """The best voice of this machine, loaded once a process.

    Raises:
        MissingPartError: there is none.
    """
    try:
        return Hibari()
    except ImportError:
        program = shutil.which("espeak-ng")
    if program is None:
        raise MissingPartError("This machine has no voice: pip install hibari-tts, or install the program espeak-ng.")
    return Espeak(program)


def _spell_aloud(voice: Voice, text: str) -> Float[np.ndarray, " samples"]:
    """The name of each letter and digit, with a pause after it and a longer one after a word."""
    pauses = {name: np.zeros(int(seconds * voice.sample_rate), np.float32) for name, seconds in _PAUSE_SECONDS.items()}
    parts = []
    for word in text.split():
        for character in filter(str.isalnum, word):
            # Alone and with a full stop: within a sentence, A would be the article.
            parts += [voice.say(f"{character.upper()}."), pauses["letter"]]
        parts.append(pauses["word"])
    return np.concatenate(parts)


def _to_wav(samples: Float[np.ndarray, " samples"], sample_rate: int) -> bytes:
    """16-bit PCM, one channel; samples in [-1, 1]."""
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return content.getvalue()
