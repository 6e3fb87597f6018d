# ruff: noqa: RUF001 (phonemes look like other letters)
"""Spoken text: a real voice, offline, the same every time."""

import os
import socket
import stat
import string
import sys
import wave

import numpy as np
import pytest

from surehand.errors import DataError, MissingPartError, UsageError
from surehand.spell import _speech, speak


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("speaking touched the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    _speech.find_voice.cache_clear()
    yield
    _speech.find_voice.cache_clear()


def samples_of(path) -> np.ndarray:
    with wave.open(str(path)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32767


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("HELLO", 0.7, 1.3), ("Nice to meet you, Anna.", 1.4, 2.6), ("A", 0.3, 0.8), ("1234", 1.2, 3.5)],
)
def test_a_text_takes_as_long_as_a_person_needs(text, low, high, tmp_path):
    assert low < speak(text, tmp_path / "speech.wav").seconds < high


def test_wav_file_is_valid_and_says_what_the_result_says(tmp_path):
    speech = speak("HELLO", tmp_path / "speech.wav")
    with wave.open(str(speech.path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 24_000)
        assert sound.getnframes() / 24_000 == speech.seconds
    assert speech.sample_rate == 24_000
    assert speech.engine.startswith("hibari ")
    assert os.listdir(tmp_path) == ["speech.wav"]


def test_speech_is_loud_but_not_clipped(tmp_path):
    samples = samples_of(speak("HELLO", tmp_path / "speech.wav").path)
    assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert (samples**2).mean() ** 0.5 > 0.05


def test_same_text_gives_the_same_bytes(tmp_path):
    one, two = (speak("HELLO", tmp_path / name).path.read_bytes() for name in ("one.wav", "two.wav"))
    _speech.find_voice.cache_clear()
    again = speak("HELLO", tmp_path / "again.wav").path.read_bytes()
    assert one == two == again
    assert one != speak("HALLO", tmp_path / "other.wav").path.read_bytes()


def test_a_word_in_capitals_is_said_as_the_word(tmp_path):
    one, two = (speak(text, tmp_path / "speech.wav").seconds for text in ("HELLO", "hello"))
    assert one == two


def test_letters_are_said_one_by_one_and_take_longer_than_the_word(tmp_path):
    word, letters = (speak("HELLO", tmp_path / "speech.wav", letters=choice).seconds for choice in (False, True))
    assert letters > 2 * word


def test_letter_by_letter_each_character_has_its_name():
    """In the phonemes of the voice; within a sentence, A would be the article."""
    names = (
        "ˈA bˈi sˈi dˈi ˈi ˈɛf ʤˈi ˈAʧ ˈI ʤˈA kˈA ˈɛl ˈɛm ˈɛn ˈO pˈi kjˈu ˈɑɹ ˈɛs tˈi jˈu vˈi dˈʌbᵊlju ˈɛks wˈI zˈi "
        "zˈɪɹO wˈʌn tˈu θɹˈi fˈɔɹ fˈIv sˈɪks sˈɛvən ˈAt nˈIn"
    )
    voice, said = _speech.Hibari(), []

    class Recorder:
        name, sample_rate = "recorder", 24_000

        def say(self, text):
            said.append(text)
            return np.ones(1, np.float32)

    _speech._spell_aloud(Recorder(), string.ascii_lowercase + " - " + string.digits)
    phonemes = [voice._voice.phonemize(text)[0].rstrip(".") for text in said]
    assert " ".join(phonemes) == names


@pytest.mark.parametrize("text", ["", "   ", "...", "!?"])
@pytest.mark.parametrize("letters", [False, True])
def test_texts_without_letters_are_refused(text, letters, tmp_path):
    with pytest.raises(UsageError, match="nothing to say"):
        speak(text, tmp_path / "speech.wav", letters=letters)
    assert os.listdir(tmp_path) == []


def test_texts_the_voice_cannot_say_are_refused(tmp_path):
    with pytest.raises(UsageError, match="can say nothing"):
        speak("日本", tmp_path / "speech.wav")


def test_failing_to_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = speak("yes", tmp_path / "speech.wav").path
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        speak("no", path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["speech.wav"]


# --- without hibari


@pytest.fixture
def without_hibari(monkeypatch):
    monkeypatch.setitem(sys.modules, "hibari", None)


def install_espeak(folder, monkeypatch, program: str) -> None:
    path = folder / "espeak-ng"
    path.write_text(f"#!{sys.executable}\n{program}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


ESPEAK = """
import array, struct, sys
text = sys.stdin.read()
assert sys.argv[1:] == ["-v", "en-us", "--stdin", "--stdout"] and text == "-f yes", (sys.argv, text)
data = array.array("h", [0, 8192, -16384] * 7350).tobytes()
# A stream's length is unknown when its header is written; espeak-ng says 0x7ffff000.
head = b"RIFF" + struct.pack("<I", 0x7ffff024) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
sys.stdout.buffer.write(head + b"data" + struct.pack("<I", 0x7ffff000) + data)
"""


def test_espeak_is_the_second_voice(without_hibari, tmp_path, monkeypatch):
    install_espeak(tmp_path, monkeypatch, ESPEAK)
    speech = speak("-f yes", tmp_path / "speech.wav")
    assert (speech.engine, speech.sample_rate, speech.seconds) == ("espeak-ng", 22_050, 1.0)
    assert samples_of(speech.path)[2] == pytest.approx(-(10 ** (-1 / 20)), abs=1e-3)


def test_espeak_that_fails_says_why(without_hibari, tmp_path, monkeypatch):
    install_espeak(tmp_path, monkeypatch, "import sys; sys.exit('no voice en-us')")
    with pytest.raises(MissingPartError, match="no voice en-us"):
        speak("yes", tmp_path / "speech.wav")


def test_without_any_voice_the_error_says_what_to_install(without_hibari, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPartError, match="pip install hibari-tts, or install the program espeak-ng"):
        speak("yes", tmp_path / "speech.wav")
