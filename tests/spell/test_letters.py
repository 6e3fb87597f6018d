"""Letters from probabilities: what is spelled, what is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehand.errors import UsageError
from surehand.spell import Rule, Spelling, advance, read_frames, read_images, to_text

CLASSES = (*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "del", "nothing", "space")
RULE = Rule(smoothing=0.4, up=0.35, down=0.2, dwell=4)


def frames(*holds: tuple[str, int], probability: float = 0.9) -> np.ndarray:
    """Each class held for a number of frames, the rest of the probability spread evenly."""
    rows = []
    for name, count in holds:
        row = np.full(len(CLASSES), (1 - probability) / (len(CLASSES) - 1))
        row[CLASSES.index(name)] = probability
        rows += [row] * count
    return np.array(rows)


def spelled(*holds: tuple[str, int], rule: Rule = RULE, probability: float = 0.9) -> str:
    return read_frames(frames(*holds, probability=probability), CLASSES, rule).text


def test_held_letters_become_a_word():
    assert spelled(("C", 10), ("A", 10), ("T", 10)) == "CAT"


def test_a_letter_held_for_long_is_spelled_once():
    assert spelled(("L", 500)) == "L"


def test_release_and_reforming_doubles_a_letter():
    assert spelled(("E", 10), ("L", 10), ("nothing", 4), ("L", 10)) == "ELL"
    assert spelled(("L", 10), ("H", 3), ("L", 10)) == "LL", "a bounce through another shape, too short to be spelled"


def test_a_flicker_of_one_frame_neither_doubles_nor_spells():
    assert spelled(("L", 10), ("M", 1), ("L", 10)) == "L"


def test_doubling_needs_the_smoothed_probability_to_fall_below_down():
    raw = Rule(smoothing=1.0, up=0.35, down=0.2, dwell=2)
    weak = np.concatenate([frames(("L", 5)), frames(("L", 5), probability=0.25), frames(("L", 5))])
    weaker = np.concatenate([frames(("L", 5)), frames(("L", 5), probability=0.15), frames(("L", 5))])
    assert read_frames(weak, CLASSES, raw).text == "L"
    assert read_frames(weaker, CLASSES, raw).text == "LL"


def test_nothing_on_top_releases_a_letter_that_is_still_above_down():
    raw = Rule(smoothing=1.0, up=0.35, down=0.2, dwell=2)
    lowered = 0.65 * frames(("nothing", 2)) + 0.35 * frames(("L", 2))
    assert read_frames(np.concatenate([frames(("L", 5)), lowered, frames(("L", 5))]), CLASSES, raw).text == "LL"


def test_smoothing_is_an_exponential_average_from_the_first_frame_on():
    random = np.random.default_rng(0)
    rows, spelling, expected = random.dirichlet(np.ones(29), 6), Spelling(), None
    for row in rows:
        spelling = advance(spelling, row, CLASSES, RULE)
        expected = row if expected is None else 0.4 * row + 0.6 * expected
    np.testing.assert_allclose(spelling.smoothed, expected, rtol=1e-12)


@pytest.mark.parametrize("dwell", [1, 3, 7])
def test_a_letter_is_spelled_in_the_frame_that_completes_dwell(dwell):
    rule = Rule(smoothing=1.0, dwell=dwell)
    (letter,) = read_frames(frames(("nothing", 5), ("B", 20)), CLASSES, rule).letters
    assert (letter.name, letter.position) == ("B", 5 + dwell - 1)
    assert letter.probability == pytest.approx(0.9)
    assert spelled(("nothing", 5), ("B", dwell - 1), ("nothing", 5), rule=rule) == ""


def test_up_is_the_least_probability_that_counts():
    raw = Rule(smoothing=1.0, up=0.35)
    assert spelled(("B", 20), rule=raw, probability=0.36) == "B"
    assert spelled(("B", 20), rule=raw, probability=0.34) == ""


def test_control_classes_are_applied_and_never_typed():
    assert spelled(("H", 9), ("I", 9), ("space", 9), ("A", 9), ("nothing", 9), ("B", 9), ("del", 9)) == "HI A"
    assert to_text(("del", "del")) == ""
    assert to_text(("space", "del", "A")) == "A"


def test_nothing_is_never_spelled_however_long():
    assert read_frames(frames(("nothing", 100)), CLASSES, RULE).letters == ()


def test_no_frames_read_as_nothing():
    assert read_frames(np.zeros((0, 29)), CLASSES).text == ""


@given(
    names=st.lists(st.sampled_from([name for name in CLASSES if name != "nothing"]), max_size=8),
    probability=st.floats(0.5, 1.0),
)
def test_any_sequence_with_rests_between_is_read_letter_for_letter(names, probability):
    holds = [hold for name in names for hold in ((name, 12), ("nothing", 12))]
    reading = read_frames(frames(*holds, probability=probability) if holds else np.zeros((0, 29)), CLASSES)
    assert [letter.name for letter in reading.letters] == names
    assert reading.text == to_text(tuple(names))


@given(st.integers(0, 2**32))
def test_frame_by_frame_equals_all_at_once(seed):
    rows = np.random.default_rng(seed).dirichlet(np.full(29, 0.05), 40).repeat(3, axis=0)
    spelling = Spelling()
    for row in rows:
        spelling = advance(spelling, row, CLASSES, RULE)
    assert spelling.letters == read_frames(rows, CLASSES, RULE).letters
    assert spelling.frames == len(rows)


def test_hysteresis_reads_noisy_frames_far_better_than_every_change():
    """One-second holds at 10 frames a second; a frame is right with probability 0.93."""
    random, words = np.random.default_rng(0), ["HELLO", "ANNA", "PLANET", "QUIZ", "BOOK"] * 6
    wrong = {"rule": 0, "every change": 0}
    for word in words:
        rows = []
        for letter in word:
            for name, count in ((letter, 8), ("nothing", 3)):
                for _ in range(count):
                    seen = name if random.random() < 0.93 else CLASSES[random.integers(29)]
                    rows.append(0.7 * frames((seen, 1))[0] + 0.3 * random.dirichlet(np.full(29, 0.2)))
        changes = [row.argmax() for row in rows]
        every = to_text(tuple(CLASSES[c] for i, c in enumerate(changes) if i == 0 or c != changes[i - 1]))
        wrong["rule"] += read_frames(np.array(rows), CLASSES).text != word
        wrong["every change"] += every != word
    assert wrong["rule"] <= 0.3 * len(words)
    assert wrong["every change"] >= 0.8 * len(words)


def test_images_in_order_are_read_by_their_most_probable_class():
    reading = read_images(frames(("H", 1), ("E", 1), ("L", 2), ("O", 1), probability=0.3), CLASSES)
    assert reading.text == "HELLO"
    assert [letter.position for letter in reading.letters] == [0, 1, 2, 3, 4]
    assert reading.letters[0].probability == pytest.approx(0.3)
    assert reading.warnings == ()


def test_j_and_z_are_marked_as_motions_wherever_they_appear():
    reading = read_images(frames(("J", 1), ("A", 1), ("Z", 1)), CLASSES)
    (warning,) = reading.warnings
    assert "motions" in warning
    assert "J at 1, Z at 3" in warning
    assert read_frames(frames(("J", 10)), CLASSES).warnings != ()


def test_printed_letters_do_not_move():
    assert read_images(np.eye(2), ("J", "Z")).warnings == ()


def test_classes_must_fit_the_probabilities():
    with pytest.raises(UsageError, match="3 class names for 29"):
        read_images(frames(("A", 1)), ("A", "B", "C"))
    with pytest.raises(UsageError, match="3 class names for 29"):
        read_frames(frames(("A", 1)), ("A", "B", "C"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smoothing": 0.0}, "smoothing"),
        ({"up": 0.2, "down": 0.2}, "down < up"),
        ({"down": 0.0}, "down < up"),
        ({"up": 1.1}, "down < up"),
        ({"dwell": 0}, "dwell"),
    ],
)
def test_rules_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Rule(**settings)
